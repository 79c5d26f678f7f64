/* The directories of the children as they last told them, so that a restarted zone knows whose an id is while a child is silent. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"
#include "schema/zone.h"

struct zone_directory_row {
    int64_t zone_id;
    struct uuid uuid;
    const char *path;
    const char *state;
    bool untagged;
};

struct zone_directory_rows {
    const struct zone_directory_row *items;
    size_t count;
};

/* A zone that is in no child's directory any more. */
struct zone_departed_row {
    struct uuid uuid;
    const char *path; /* from this zone, when it was last seen */
};

struct zone_departed_rows {
    const struct zone_departed_row *items;
    size_t count;
};

/* Of all children, by child and path. */
MUST_CHECK enum err zone_directory_list(struct db *db, struct arena *arena, struct zone_directory_rows *out);
/* Puts these rows in the place of all rows of that child, in one transaction. E_NOT_FOUND: the child is gone. */
MUST_CHECK enum err zone_directory_replace(struct db *db, int64_t zone_id, const struct zone_directory_row *rows, size_t count);

/* Those that left within the last ten minutes: as long as that is remembered, their ids are not "not found". A zone that is moved
 * to another parent is on its way for a moment. */
MUST_CHECK enum err zone_departed_list(struct db *db, struct arena *arena, struct zone_departed_rows *out);
/* All that the child told, and the child itself, leave the tree; before its row is deleted. */
MUST_CHECK enum err zone_departed_add(struct db *db, int64_t zone_id);
/* As zone_departed_add, for a child that has another parent now: its row stays, disabled with that error (ZONE_REHOMED …), and so
 * does what it told, for the day it comes back. E_NOT_FOUND: the row is not as it was read. */
MUST_CHECK enum err zone_departed_rehomed(struct db *db, const struct zone_row *child, const char *error);
/* Those that are in a directory again are not away, and old ones are forgotten. */
MUST_CHECK enum err zone_departed_tidy(struct db *db);
