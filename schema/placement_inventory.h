/* Rows of inventories, resource classes and traits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/placement_provider.h"

struct inventory_row {
    int64_t provider_id;
    int64_t class_id;
    const char *resource_class;
    int64_t total;
    int64_t reserved;
    int64_t min_unit;
    int64_t max_unit;
    int64_t step_size;
    double allocation_ratio;
    int64_t used; /* sum of allocations, kept by triggers (migration 0014) */
    int64_t updated_us;
};

struct inventory_rows {
    const struct inventory_row *items; /* by provider, then class */
    size_t count;
};

/* With what is used of each. */
MUST_CHECK enum err inventory_rows_get(struct db *db, struct arena *arena, const int64_t *provider_ids, size_t count,
                                       struct inventory_rows *out);
MUST_CHECK enum err inventory_rows_all(struct db *db, struct arena *arena, struct inventory_rows *out);
/* Providers and all their inventories, both locked until the transaction ends: the providers in the order of their ids, whoever
 * writes inventories or allocations locks them first. Providers have `id`, `uuid` and `generation`, nothing else; inventories no
 * `updated_us`. Those that do not exist are left out. */
MUST_CHECK enum err stock_lock(struct db *db, struct arena *arena, const int64_t *provider_ids, size_t count,
                               struct provider_rows *out_providers, struct inventory_rows *out);
/* The same for one provider by its uuid, whose generation is raised by one: that is the lock. */
MUST_CHECK enum err stock_take(struct db *db, struct arena *arena, const struct uuid *provider, struct provider_rows *out_providers,
                               struct inventory_rows *out);
/* Makes or changes the row (provider_id, class_id). */
MUST_CHECK enum err inventory_put(struct db *db, const struct inventory_row *row);
MUST_CHECK enum err inventory_remove(struct db *db, int64_t provider_id, int64_t class_id);

/* Resource classes and traits are alike: a table of names. */
enum name_table { NAMES_CLASS, NAMES_TRAIT };

MUST_CHECK enum err names_all(struct db *db, struct arena *arena, enum name_table table, struct name_rows *out); /* by id */
/* Unknown names are left out. */
MUST_CHECK enum err names_find(struct db *db, struct arena *arena, enum name_table table, const char *const *names, size_t count,
                               struct name_rows *out);
MUST_CHECK enum err names_insert(struct db *db, enum name_table table, const char *name); /* E_CONFLICT */
MUST_CHECK enum err names_rename(struct db *db, enum name_table table, int64_t id, const char *name);
MUST_CHECK enum err names_remove(struct db *db, enum name_table table, int64_t id);
/* Inventories of a class, providers with a trait. */
MUST_CHECK enum err names_used(struct db *db, enum name_table table, int64_t id, bool *out);
/* Traits that some provider has. */
MUST_CHECK enum err names_associated(struct db *db, struct arena *arena, struct name_rows *out);
/* The standard names (schema/data) that are missing. */
MUST_CHECK enum err names_sync(struct db *db, enum name_table table);
