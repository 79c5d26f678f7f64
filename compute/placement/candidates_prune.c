/*
 * What a root's tree must have to be worth reading; see candidates_inside.h.
 *
 * For each thing wanted: some provider of the tree can give it, or one that can is in an aggregate of some provider that shares.
 * For each set of traits of the group "": some provider has one. All that is necessary, none of it sufficient: the search decides.
 */
#include <string.h>

#include "compute/placement/candidates_inside.h"

typedef bool gives_f(const struct sharer *sharer, size_t what, const struct want *want);

static bool gives_item(const struct sharer *sharer, size_t what, const struct want *want)
{
    (void)want;
    return sharer->gives[what];
}

static bool gives_trait(const struct sharer *sharer, size_t what, const struct want *want)
{
    return (fit_trait_sets(want->loose, sharer->member) >> what & 1) != 0;
}

/* The aggregates of those who share `what`. */
static struct id_list sharing_aggregates(struct arena *arena, const struct want *want, const struct forest *forest, gives_f *gives,
                                         size_t what)
{
    size_t most = 0;
    for (size_t i = 0; i < forest->sharer_count; i++)
        most += forest->sharers[i].member->row->aggregates.count;
    int64_t *items = arena_alloc(arena, (most + 1) * sizeof(*items));
    struct id_list list = {items, 0};
    for (size_t i = 0; i < forest->sharer_count; i++) {
        const struct id_list *aggregates = &forest->sharers[i].member->row->aggregates;
        for (size_t j = 0; gives(&forest->sharers[i], what, want) && j < aggregates->count; j++) {
            size_t at = 0;
            while (at < list.count && items[at] < aggregates->items[j])
                at++;
            if (at < list.count && items[at] == aggregates->items[j])
                continue;
            memmove(&items[at + 1], &items[at], (list.count - at) * sizeof(*items));
            items[at] = aggregates->items[j];
            list.count++;
        }
    }
    return list;
}

static struct tree_condition item_condition(struct arena *arena, const struct want *want, const struct forest *forest,
                                            size_t number)
{
    const struct want_item *item = &want->items[number];
    const struct want_group *group = item->group;
    return (struct tree_condition){
        .amounts = item->amounts,
        .amount_count = item->amount_count,
        .traits = group->traits,
        .trait_set_count = group->one_provider ? group->trait_set_count : 0,
        .forbidden_traits = group->forbidden_traits,
        .aggregates = group->aggregates,
        .aggregate_set_count = group->aggregate_set_count,
        .forbidden_aggregates = group->forbidden_aggregates,
        .root_counts = !group->one_provider,
        .root_id = group->root_id,
        .sharing_aggregates = sharing_aggregates(arena, want, forest, gives_item, number),
    };
}

static struct tree_condition trait_condition(struct arena *arena, const struct want *want, const struct forest *forest, size_t set)
{
    return (struct tree_condition){
        .traits = &want->loose->traits[set],
        .trait_set_count = 1,
        .sharing_aggregates = sharing_aggregates(arena, want, forest, gives_trait, set),
    };
}

void prune_conditions(struct arena *arena, const struct want *want, const struct forest *forest, struct root_search *out)
{
    const size_t set_count = want->loose ? want->loose->trait_set_count : 0;
    struct tree_condition *conditions = arena_alloc(arena, (want->item_count + set_count + 1) * sizeof(*conditions));
    size_t count = 0;
    for (size_t i = 0; i < set_count; i++)
        conditions[count++] = trait_condition(arena, want, forest, i);
    for (size_t i = 0; i < want->item_count; i++) {
        conditions[count] = item_condition(arena, want, forest, i);
        if (conditions[count].root_id && conditions[count].sharing_aggregates.count == 0)
            out->root_id = conditions[count].root_id;
        count++;
    }
    out->conditions = conditions;
    out->condition_count = count;
    out->root_traits = want->root_traits;
    out->root_trait_set_count = want->root_trait_set_count;
    out->root_forbidden_traits = want->root_forbidden_traits;
}
