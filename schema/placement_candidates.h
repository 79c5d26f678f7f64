/*
 * What allocation candidates read of Placement's tables: ids for names, roots whose trees may fit, trees with all that is known of
 * their providers. Reads only, no locks. What the conditions mean is compute/placement/candidates*.
 *
 * The number of statements does not depend on the number of providers, and each reads only what it was asked for: lists of ids go
 * in as one JSON value, and what belongs to one provider comes back in one row.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/placement_provider.h"

struct id_list {
    const int64_t *items;
    size_t count;
};

/* The names of ids, by id; `updated_us` is not read. */
MUST_CHECK enum err class_names_get(struct db *db, struct arena *arena, const struct id_list *ids, struct name_rows *out);
MUST_CHECK enum err trait_names_get(struct db *db, struct arena *arena, const struct id_list *ids, struct name_rows *out);

/* The ids of those aggregates that exist. */
MUST_CHECK enum err aggregate_ids_find(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count,
                                       struct id_list *out);
/* The root of the provider's tree; 0 when there is no such provider. */
MUST_CHECK enum err provider_root_find(struct db *db, const struct uuid *uuid, int64_t *out);
/* Roots of the trees in which some provider has the trait, by id. */
MUST_CHECK enum err trait_roots_find(struct db *db, struct arena *arena, int64_t trait_id, struct id_list *out);

struct class_amount {
    int64_t class_id;
    int64_t amount;
};

/* True of a tree of which one provider has room for all amounts, all traits (one of each set), none of the forbidden ones, and is
 * in the aggregates; or of which some provider is in one of `sharing_aggregates`. */
struct tree_condition {
    const struct class_amount *amounts;
    size_t amount_count;
    const struct id_list *traits;
    size_t trait_set_count;
    struct id_list forbidden_traits;
    const struct id_list *aggregates;
    size_t aggregate_set_count;
    struct id_list forbidden_aggregates;
    bool root_counts; /* the root being in (all or a forbidden one of) the aggregates is the same as the provider being so */
    int64_t root_id;  /* 0: any tree */
    struct id_list sharing_aggregates;
};

struct root_search {
    int64_t after; /* after < id <= up_to */
    int64_t up_to;
    size_t limit;
    int64_t root_id; /* 0: any */
    const struct id_list *root_traits;
    size_t root_trait_set_count;
    struct id_list root_forbidden_traits;
    const struct tree_condition *conditions;
    size_t condition_count;
};

/* The first roots that meet all conditions, by id. */
MUST_CHECK enum err tree_roots_find(struct db *db, struct arena *arena, const struct root_search *search, struct id_list *out);
MUST_CHECK enum err tree_roots_last(struct db *db, int64_t *out); /* greatest id of a root; 0: there is none */

struct provider_stock {
    int64_t class_id;
    int64_t capacity; /* (total - reserved) * ratio, truncated */
    int64_t min_unit;
    int64_t max_unit;
    int64_t step_size;
    int64_t used;
};

struct tree_provider {
    int64_t id;
    struct uuid uuid;
    int64_t parent_id; /* 0: a root */
    int64_t root_id;
    const struct provider_stock *stocks; /* by class */
    size_t stock_count;
    struct id_list traits; /* ascending */
    struct id_list aggregates;
};

struct tree_providers {
    struct tree_provider *items; /* by root, then id */
    size_t count;
};

/* What of a provider is read besides its inventories. */
struct tree_details {
    bool traits;
    bool aggregates;
};

/* All providers of the trees of these roots. */
MUST_CHECK enum err trees_load(struct db *db, struct arena *arena, const struct id_list *roots, struct tree_details details,
                               struct tree_providers *out);
