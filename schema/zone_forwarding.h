/*
 * Forwarding records: a server that was born here and lives in another zone now (DESIGN section 5, step 1). Written by what moves
 * servers between zones, kept until the server is deleted and forgotten (zones/forwarding_sweep.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"

/* `*out_found` false: there is none. Else `*out_zone` is the uuid of the zone that owns it. */
MUST_CHECK enum err zone_forwarding_get(struct db *db, const struct uuid *server, struct uuid *out_zone, bool *out_found);
/* One of the servers has such a record. */
MUST_CHECK enum err zone_forwarding_any(struct db *db, const struct uuid *servers, size_t count, bool *out);
/* A second record takes the place of the first. */
MUST_CHECK enum err zone_forwarding_put(struct db *db, const struct uuid *server, const struct uuid *zone);
/* None: OK. */
MUST_CHECK enum err zone_forwarding_delete(struct db *db, const struct uuid *server);

struct zone_forwarding {
    struct uuid server;
    struct uuid zone; /* the owner */
    int64_t created_us;
};

struct zone_forwardings {
    const struct zone_forwarding *items;
    size_t count;
};

/* At most `most` of those that are older than `keep_s`, in the order of the servers' uuids, behind `after`. */
MUST_CHECK enum err zone_forwarding_list(struct db *db, struct arena *arena, int64_t keep_s, const struct uuid *after, size_t most,
                                         struct zone_forwardings *out);
/* This one, not another that took its place meanwhile; none: OK. */
MUST_CHECK enum err zone_forwarding_forget(struct db *db, const struct zone_forwarding *record);

/* Of these servers those of which nothing is left here: no row, or one that was deleted more than `keep_s` ago; no record of
 * another owner, unless there is such a row; no task, no place that is held. */
MUST_CHECK enum err zone_forwarding_forgotten(struct db *db, struct arena *arena, int64_t keep_s, const struct uuids *servers,
                                              struct uuids *out);
