/* Places that are claimed for servers which do not exist yet: prepared, not decided (compute/build/hold.h). */
#pragma once

#include "schema/db.h"

struct hold {
    struct uuid server;
    struct uuid host; /* its provider */
    const char *project_id;
    const char *sizing; /* the text of the plan */
    int64_t expires_us;
};

/* E_CONFLICT: the server has one. */
MUST_CHECK enum err hold_insert(struct db *db, const struct hold *hold);
/* Locked until the transaction ends. E_NOT_FOUND. */
MUST_CHECK enum err hold_get_locked(struct db *db, struct arena *arena, const struct uuid *server, struct hold *out);
/* As it stands. E_NOT_FOUND. */
MUST_CHECK enum err hold_get(struct db *db, struct arena *arena, const struct uuid *server, struct hold *out);
MUST_CHECK enum err hold_delete(struct db *db, const struct uuid *server);
/* The first of those that have expired, not locked by anybody else, locked. E_NOT_FOUND. */
MUST_CHECK enum err hold_next_expired(struct db *db, struct arena *arena, struct hold *out);
MUST_CHECK enum err hold_count(struct db *db, int64_t *out);

/* Places of one kind. */
struct hold_sum {
    const char *sizing;
    int64_t count;
};
struct hold_sums {
    const struct hold_sum *items;
    size_t count;
};
/* What is held for a project now. */
MUST_CHECK enum err hold_sums_of(struct db *db, struct arena *arena, const char *project_id, struct hold_sums *out);
