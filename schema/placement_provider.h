/* Rows of providers, their traits and aggregates. What writes mean, and the order of locks, is compute/placement's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

struct provider_row {
    int64_t id;
    struct uuid uuid;
    const char *name;
    int64_t generation;
    int64_t parent_id; /* 0: a root */
    int64_t root_id;
    struct uuid parent;
    struct uuid root;
    int64_t updated_us;
};

struct provider_rows {
    struct provider_row *items; /* by id */
    size_t count;
};

/* The named providers; unknown ones are left out. */
MUST_CHECK enum err provider_rows_get(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count,
                                      struct provider_rows *out);
MUST_CHECK enum err provider_rows_by_id(struct db *db, struct arena *arena, const int64_t *ids, size_t count,
                                        struct provider_rows *out);
/* Their ids alone, in no order. */
MUST_CHECK enum err provider_ids_find(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count,
                                      const int64_t **out, size_t *out_count);
MUST_CHECK enum err provider_rows_all(struct db *db, struct arena *arena, struct provider_rows *out);
/* Locks the rows in the order of their ids until the transaction ends, and reads them anew: who held the lock may have moved them
 * to another tree. E_RETRY when one is gone. */
MUST_CHECK enum err provider_rows_lock(struct db *db, struct arena *arena, struct provider_rows *rows);

/* E_CONFLICT: uuid or name are taken. `parent_id` 0: a root. */
MUST_CHECK enum err provider_insert(struct db *db, const struct uuid *uuid, const char *name, int64_t parent_id, int64_t root_id,
                                    int64_t *out_id);
MUST_CHECK enum err provider_set_name(struct db *db, int64_t id, const char *name);
MUST_CHECK enum err provider_set_parent(struct db *db, int64_t id, int64_t parent_id);
MUST_CHECK enum err provider_set_root(struct db *db, struct arena *arena, const int64_t *ids, size_t count, int64_t root_id);
MUST_CHECK enum err provider_taken(struct db *db, const struct uuid *uuid, const char *name, bool *out_uuid, bool *out_name);
/* Ids of the provider and all below it. */
MUST_CHECK enum err provider_subtree(struct db *db, struct arena *arena, int64_t id, const int64_t **out, size_t *out_count);
MUST_CHECK enum err provider_children(struct db *db, int64_t id, bool *out);
MUST_CHECK enum err provider_allocated(struct db *db, int64_t id, bool *out);
/* With inventories, traits and aggregates. */
MUST_CHECK enum err provider_remove(struct db *db, int64_t id);
/* Plus one. E_RETRY when the row was not locked and somebody was faster. */
MUST_CHECK enum err provider_bump(struct db *db, int64_t id, int64_t generation);
/* The same for several locked rows. */
MUST_CHECK enum err providers_bump(struct db *db, struct arena *arena, const int64_t *ids, size_t count);

struct uuid_rows {
    const struct uuid *items;
    size_t count;
};

MUST_CHECK enum err provider_aggregates(struct db *db, struct arena *arena, int64_t id, struct uuid_rows *out);
/* Makes those aggregates that do not exist. */
MUST_CHECK enum err provider_aggregates_replace(struct db *db, struct arena *arena, int64_t id, const struct uuid *uuids,
                                                size_t count);

struct name_row {
    int64_t id;
    const char *name;
    int64_t updated_us;
};

struct name_rows {
    const struct name_row *items;
    size_t count;
};

/* By name. */
MUST_CHECK enum err provider_traits(struct db *db, struct arena *arena, int64_t id, struct name_rows *out);
MUST_CHECK enum err provider_traits_replace(struct db *db, struct arena *arena, int64_t id, const int64_t *trait_ids, size_t count);

/* Those that any provider has, by name; `updated_us` is not told. Kept in memory as long as no provider's traits change. */
MUST_CHECK enum err provider_traits_present(struct db *db, struct arena *arena, struct name_rows *out);

/* A provider's aggregates, or traits, for a filter: pairs by provider. */
struct provider_pair {
    int64_t provider_id;
    int64_t other_id;
};

struct provider_pairs {
    const struct provider_pair *items;
    size_t count;
};

/* Which providers have one of the named traits (or are in one of the aggregates): `other_id` is the index in the list. */
MUST_CHECK enum err providers_with_traits(struct db *db, struct arena *arena, const char *const *names, size_t count,
                                          struct provider_pairs *out);
MUST_CHECK enum err providers_in_aggregates(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count,
                                            struct provider_pairs *out);
