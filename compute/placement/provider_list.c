/* The list of providers with its filters; see provider.h. All rows are read in a few statements and judged here: a filter says
 * something about one provider alone, but for aggregates of a root, which span its tree in candidates only. */
#include <string.h>

#include "compute/placement/inside.h"
#include "gateway/base/text.h"
#include "schema/placement_inventory.h"

/* What is known of the providers for the filters asked. */
struct knowledge {
    const struct placement_query *query;
    struct provider_rows rows;
    struct inventory_rows inventories;
    struct provider_pairs *required_traits;
    struct provider_pairs forbidden_traits;
    struct provider_pairs *required_aggregates;
    struct provider_pairs forbidden_aggregates;
    int64_t root_id; /* of in_tree; 0: unknown */
};

static enum err check_names(struct db *db, struct arena *arena, enum name_table table, const char *const *names, size_t count)
{
    CLEANUP(text_clear) struct text unknown = {0};
    struct name_rows rows;
    if (count == 0)
        return OK;
    TRY(names_find(db, arena, table, names, count, &rows));
    for (size_t i = 0; i < count; i++) {
        if (!name_find(&rows, names[i]))
            text_add_format(&unknown, "%s%s", unknown.length ? ", " : "", names[i]);
    }
    if (!unknown.length)
        return OK;
    if (table == NAMES_CLASS)
        return fail_placement(E_NOT_FOUND, PROBLEM_UNKNOWN_CLASS, "No such resource class %s.", text_str(&unknown));
    return fail_placement(E_NOT_FOUND, PROBLEM_UNKNOWN_TRAIT, "No such trait(s): %s.", text_str(&unknown));
}

static enum err check_query(struct db *db, struct arena *arena, const struct placement_query *query)
{
    const char **classes = arena_alloc(arena, (query->resources.count + 1) * sizeof(*classes));
    size_t count = query->traits.forbidden.count;
    for (size_t i = 0; i < query->resources.count; i++)
        classes[i] = query->resources.items[i].resource_class;
    TRY(check_names(db, arena, NAMES_CLASS, classes, query->resources.count));
    for (size_t i = 0; i < query->traits.required_count; i++)
        count += query->traits.required[i].count;
    const char **traits = arena_alloc(arena, (count + 1) * sizeof(*traits));
    size_t used = 0;
    for (size_t i = 0; i < query->traits.required_count; i++) {
        for (size_t j = 0; j < query->traits.required[i].count; j++)
            traits[used++] = query->traits.required[i].items[j];
    }
    for (size_t i = 0; i < query->traits.forbidden.count; i++)
        traits[used++] = query->traits.forbidden.items[i];
    return check_names(db, arena, NAMES_TRAIT, traits, used);
}

static enum err learn_labels(struct db *db, struct arena *arena, struct knowledge *known)
{
    const struct placement_query *query = known->query;
    known->required_traits = arena_alloc(arena, (query->traits.required_count + 1) * sizeof(*known->required_traits));
    known->required_aggregates = arena_alloc(arena, (query->aggregates.required_count + 1) * sizeof(*known->required_aggregates));
    for (size_t i = 0; i < query->traits.required_count; i++)
        TRY(providers_with_traits(db, arena, query->traits.required[i].items, query->traits.required[i].count,
                                  &known->required_traits[i]));
    for (size_t i = 0; i < query->aggregates.required_count; i++)
        TRY(providers_in_aggregates(db, arena, query->aggregates.required[i].items, query->aggregates.required[i].count,
                                    &known->required_aggregates[i]));
    if (query->traits.forbidden.count)
        TRY(providers_with_traits(db, arena, query->traits.forbidden.items, query->traits.forbidden.count,
                                  &known->forbidden_traits));
    if (query->aggregates.forbidden.count)
        TRY(providers_in_aggregates(db, arena, query->aggregates.forbidden.items, query->aggregates.forbidden.count,
                                    &known->forbidden_aggregates));
    return OK;
}

static enum err learn_rows(struct db *db, struct arena *arena, const struct placement_provider_filter *filter,
                           struct knowledge *known)
{
    struct provider_rows tree;
    if (filter->uuid)
        TRY(provider_rows_get(db, arena, filter->uuid, 1, &known->rows));
    else
        TRY(provider_rows_all(db, arena, &known->rows));
    if (known->query->resources.count)
        TRY(inventory_rows_all(db, arena, &known->inventories));
    if (!known->query->in_tree)
        return OK;
    TRY(provider_rows_get(db, arena, known->query->in_tree, 1, &tree));
    known->root_id = tree.count ? tree.items[0].root_id : 0;
    return OK;
}

static bool is_in(const struct provider_pairs *pairs, int64_t id)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (pairs->items[i].provider_id == id)
            return true;
    }
    return false;
}

static bool has_labels(const struct knowledge *known, int64_t id)
{
    for (size_t i = 0; i < known->query->traits.required_count; i++) {
        if (!is_in(&known->required_traits[i], id))
            return false;
    }
    for (size_t i = 0; i < known->query->aggregates.required_count; i++) {
        if (!is_in(&known->required_aggregates[i], id))
            return false;
    }
    return !is_in(&known->forbidden_traits, id) && !is_in(&known->forbidden_aggregates, id);
}

static bool has_room(const struct knowledge *known, int64_t id)
{
    for (size_t i = 0; i < known->query->resources.count; i++) {
        const struct resource_amount *want = &known->query->resources.items[i];
        const struct inventory_row *row = inventory_find(&known->inventories, id, want->resource_class);
        if (!row || !inventory_allows(row, want->amount) || !inventory_has_room(row, want->amount))
            return false;
    }
    return true;
}

enum err placement_provider_list(struct db *db, struct arena *arena, const struct placement_provider_filter *filter,
                                 struct placement_providers *out)
{
    struct knowledge known = {.query = &filter->query};
    size_t used = 0;
    placement_problem_set(PROBLEM_NONE);
    TRY(check_query(db, arena, &filter->query));
    TRY(learn_rows(db, arena, filter, &known));
    TRY(learn_labels(db, arena, &known));
    struct placement_provider *items = arena_alloc(arena, (known.rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < known.rows.count; i++) {
        const struct provider_row *row = &known.rows.items[i];
        const bool in_tree = !filter->query.in_tree || (known.root_id && row->root_id == known.root_id);
        const bool named = !filter->name || strcmp(filter->name, row->name) == 0;
        if (in_tree && named && has_labels(&known, row->id) && has_room(&known, row->id))
            items[used++] = provider_from_row(row);
    }
    *out = (struct placement_providers){items, used};
    return OK;
}
