/* Children of kind nova: how to log in at their Keystone, and whose projects there are whose here. Sealing is zones/'s business. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"

/* A project of this tree and the one that stands for it there. */
struct zone_nova_project {
    const char *local;  /* an id */
    const char *remote; /* an id (32 hex digits) or a name */
};

struct zone_nova_row {
    int64_t zone_id;
    const char *identity_url; /* without version and slash at the end */
    const char *username;
    const char *user_domain; /* a name */
    const uint8_t *password; /* sealed */
    size_t password_length;
    const char *project_domain; /* a name */
    const char *region;         /* NULL: any */
    bool read_only;
    const struct zone_nova_project *projects; /* by local id */
    size_t project_count;
};

struct zone_nova_rows {
    const struct zone_nova_row *items;
    size_t count;
};

MUST_CHECK enum err zone_nova_list(struct db *db, struct arena *arena, struct zone_nova_rows *out);
/* Adds or replaces the row and its projects, in one transaction (or the one that is open). E_CONFLICT: two projects have one
 * counterpart, or the zone is gone. */
MUST_CHECK enum err zone_nova_put(struct db *db, const struct zone_nova_row *row);
/* The first good login: the uuid by which this tree knows the zone, and its compute endpoint; later the endpoint when it moved.
 * E_NOT_FOUND. */
MUST_CHECK enum err zone_nova_joined(struct db *db, int64_t zone_id, const struct uuid *uuid, const char *endpoint);
