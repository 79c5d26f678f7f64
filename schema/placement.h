/* Rows of Placement's tables. What the writes mean, and in which order locks are taken, is compute/placement's. */
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
};

struct provider_rows {
    const struct provider_row *items;
    size_t count;
};

struct inventory_row {
    int64_t provider_id;
    const char *resource_class;
    int64_t total;
    int64_t reserved;
    int64_t min_unit;
    int64_t max_unit;
    int64_t step_size;
    double allocation_ratio;
    int64_t used; /* sum of allocations */
};

struct inventory_rows {
    const struct inventory_row *items;
    size_t count;
};

/* Makes the (root) provider or renames it. */
MUST_CHECK enum err provider_put(struct db *db, const struct uuid *uuid, const char *name);
MUST_CHECK enum err provider_delete(struct db *db, const struct uuid *uuid);
/* The named providers, by id; _lock holds their rows until the transaction ends. Unknown ones are left out. */
MUST_CHECK enum err provider_rows_get(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count,
                                      struct provider_rows *out);
MUST_CHECK enum err provider_rows_lock(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count,
                                       struct provider_rows *out);
MUST_CHECK enum err provider_rows_all(struct db *db, struct arena *arena, struct provider_rows *out);
/* Compare-and-swap of the generation; E_RETRY when somebody was faster. */
MUST_CHECK enum err provider_bump(struct db *db, int64_t id, int64_t generation);

/* Inventories with what is used of them. `provider_id` 0 = of all providers, ordered by provider. */
MUST_CHECK enum err inventory_rows_get(struct db *db, struct arena *arena, int64_t provider_id, struct inventory_rows *out);
MUST_CHECK enum err inventory_put(struct db *db, const struct inventory_row *row);

/* The consumer's id, made when it is new (generation 0); E_CONFLICT never: an existing one is taken. */
MUST_CHECK enum err consumer_ensure(struct db *db, const struct uuid *uuid, const char *project_id, const char *user_id,
                                    const char *type, int64_t *out_id);
/* 0 when unknown. */
MUST_CHECK enum err consumer_find(struct db *db, const struct uuid *uuid, int64_t *out_id);
MUST_CHECK enum err consumer_bump(struct db *db, int64_t id);
MUST_CHECK enum err consumer_delete(struct db *db, int64_t id);

MUST_CHECK enum err allocation_insert(struct db *db, int64_t consumer_id, int64_t provider_id, const char *resource_class,
                                      int64_t used);
MUST_CHECK enum err allocation_delete_all(struct db *db, int64_t consumer_id);
/* Providers on which the consumer holds something, by id, locked until the transaction ends. */
MUST_CHECK enum err allocation_providers(struct db *db, struct arena *arena, const struct uuid *consumer,
                                         struct provider_rows *out);
