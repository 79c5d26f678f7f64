/*
 * Inventories of providers (spec placement.md 3) and usages (5). Every change raises the provider's generation by one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compute/placement/problem.h"
#include "compute/placement/provider.h"
#include "schema/db.h"

struct placement_inventory {
    const char *resource_class;
    int64_t total;
    int64_t reserved;
    int64_t min_unit;
    int64_t max_unit;
    int64_t step_size;
    double allocation_ratio;
    int64_t updated_us; /* read only */
};

struct placement_inventories {
    const struct placement_inventory *items;
    size_t count;
};

/* How a change is judged. */
struct placement_inventory_rules {
    const int64_t *generation;  /* NULL: not checked */
    bool reserved_may_be_total; /* from 1.26 */
};

/* E_NOT_FOUND UNKNOWN_PROVIDER. */
MUST_CHECK enum err placement_inventories_get(struct db *db, struct arena *arena, const struct uuid *uuid,
                                              struct placement_provider *out_provider, struct placement_inventories *out);
/*
 * Changes. E_NOT_FOUND UNKNOWN_PROVIDER, UNKNOWN_CLASS; E_INVALID CAPACITY; E_CONFLICT CONCURRENT_UPDATE. Besides:
 * add: E_CONFLICT CONCURRENT_UPDATE also when the class is there already. set: what is not named goes, E_CONFLICT INVENTORY_IN_USE.
 * update: E_NOT_FOUND NO_INVENTORY. delete: E_NOT_FOUND NO_INVENTORY, E_CONFLICT INVENTORY_IN_USE.
 * A total below what is used is allowed.
 */
MUST_CHECK enum err placement_inventory_add(struct db *db, struct arena *arena, const struct uuid *uuid,
                                            const struct placement_inventory *inventory,
                                            const struct placement_inventory_rules *rules, struct placement_provider *out_provider);
MUST_CHECK enum err placement_inventories_set(struct db *db, struct arena *arena, const struct uuid *uuid,
                                              const struct placement_inventory *inventories, size_t count,
                                              const struct placement_inventory_rules *rules,
                                              struct placement_provider *out_provider);
MUST_CHECK enum err placement_inventory_update(struct db *db, struct arena *arena, const struct uuid *uuid,
                                               const struct placement_inventory *inventory,
                                               const struct placement_inventory_rules *rules,
                                               struct placement_provider *out_provider);
MUST_CHECK enum err placement_inventory_delete(struct db *db, struct arena *arena, const struct uuid *uuid,
                                               const char *resource_class);

struct placement_usage {
    const char *consumer_type; /* "all", "unknown", or its name; NULL where types were not asked for */
    const char *resource_class;
    int64_t used;
    int64_t consumer_count; /* of the type, the same in all its rows */
};

struct placement_usages {
    const struct placement_usage *items;
    size_t count;
};

/* A row for each class in the provider's inventory, 0 too. E_NOT_FOUND UNKNOWN_PROVIDER. */
MUST_CHECK enum err placement_usages_of_provider(struct db *db, struct arena *arena, const struct uuid *uuid,
                                                 struct placement_provider *out_provider, struct placement_usages *out);

struct placement_usage_query {
    const char *project_id;
    const char *user_id;       /* NULL: of all its users */
    bool by_type;              /* from 1.38 */
    const char *consumer_type; /* NULL: each type apart; "all": together; "unknown": those without; or a name */
};

/* By type, then class. */
MUST_CHECK enum err placement_usages_get(struct db *db, struct arena *arena, const struct placement_usage_query *query,
                                         struct placement_usages *out);
