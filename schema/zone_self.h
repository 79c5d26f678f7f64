/*
 * Who this zone is, as its database says: one row. The key file says who we are too; the two must agree.
 * Incarnation grows when the zone's past is broken (a restored backup): neighbours see it and ask anew.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"

struct zone_self {
    struct uuid uuid;
    const char *name; /* in the arena */
    int64_t incarnation;
    int64_t created_us;
};

/* Reads the row, or makes it from `uuid` (of the key file) and `name` (of the configuration). A changed name is stored. E_INVALID:
 * the database belongs to another zone. */
MUST_CHECK enum err zone_self_open(struct db *db, struct arena *arena, const struct uuid *uuid, const char *name,
                                   struct zone_self *out);

/* As above without making or changing anything. E_NOT_FOUND: the zone was never started. */
MUST_CHECK enum err zone_self_get(struct db *db, struct arena *arena, struct zone_self *out);

/* The database was restored from a backup: raises the incarnation by one. Until it is reconciled the zone does not say "not found"
 * about ids of its own. */
MUST_CHECK enum err zone_self_renew(struct db *db, int64_t *out_incarnation);
/* False: it was restored, and has not been compared with the hypervisors yet. */
MUST_CHECK enum err zone_self_is_reconciled(struct db *db, bool *out);
/* What was restored as this incarnation agrees with the hypervisors. A later one, restored meanwhile, does not. */
MUST_CHECK enum err zone_self_reconciled(struct db *db, int64_t incarnation);
