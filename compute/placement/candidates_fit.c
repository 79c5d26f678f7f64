/*
 * Who can give what: one provider against one thing wanted; see candidates_inside.h and spec placement.md 6.2.
 *
 * Aggregates: for the group "" a root in the aggregates counts for its whole tree, and a root in a forbidden one forbids it; who
 * shares must be in them himself. For a group with a suffix only the provider itself counts.
 */
#include "compute/placement/candidates_inside.h"
#include "compute/placement/inside.h"

bool ids_have(const struct id_list *ids, int64_t id)
{
    size_t low = 0;
    size_t high = ids->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (ids->items[middle] == id)
            return true;
        if (ids->items[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool has_any(const struct id_list *has, const struct id_list *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        if (ids_have(has, wanted->items[i]))
            return true;
    }
    return false;
}

static bool has_one_of_each(const struct id_list *has, const struct id_list *sets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!has_any(has, &sets[i]))
            return false;
    }
    return true;
}

const struct provider_stock *member_stock(const struct member *member, int64_t class_id)
{
    for (size_t i = 0; i < member->row->stock_count; i++) {
        if (member->row->stocks[i].class_id == class_id)
            return &member->row->stocks[i];
    }
    return NULL;
}

static bool has_room(const struct class_amount *amount, const struct member *member)
{
    const struct provider_stock *stock = member_stock(member, amount->class_id);
    return stock && units_allow(amount->amount, stock->min_unit, stock->max_unit, stock->step_size) &&
           amount->amount <= stock->capacity - stock->used;
}

bool fit_alone(const struct want_item *item, const struct member *member)
{
    const struct want_group *group = item->group;
    if (group->in_tree && group->root_id != member->tree->root_id)
        return false;
    for (size_t i = 0; i < item->amount_count; i++) {
        if (!has_room(&item->amounts[i], member))
            return false;
    }
    if (has_any(&member->row->traits, &group->forbidden_traits))
        return false;
    return !group->one_provider || has_one_of_each(&member->row->traits, group->traits, group->trait_set_count);
}

static bool is_in_aggregates(const struct want_group *group, const struct member *member)
{
    return has_one_of_each(&member->row->aggregates, group->aggregates, group->aggregate_set_count);
}

static bool is_in_forbidden(const struct want_group *group, const struct member *member)
{
    return has_any(&member->row->aggregates, &group->forbidden_aggregates);
}

bool fit_local(const struct want_item *item, const struct member *member)
{
    const struct want_group *group = item->group;
    const struct member *root = member->tree->root;
    if (!fit_alone(item, member) || is_in_forbidden(group, member))
        return false;
    if (group->one_provider)
        return is_in_aggregates(group, member);
    return (is_in_aggregates(group, member) || is_in_aggregates(group, root)) && !is_in_forbidden(group, root);
}

bool fit_sharing(const struct want_item *item, const struct member *member)
{
    const struct want_group *group = item->group;
    if (group->in_tree && !group->one_provider) /* the whole group is to be in that tree */
        return false;
    return fit_alone(item, member) && !is_in_forbidden(group, member) && is_in_aggregates(group, member);
}

bool fit_sharing_with(const struct want_item *item, const struct member *root)
{
    return item->group->one_provider || !is_in_forbidden(item->group, root);
}

bool fit_root(const struct want *want, const struct member *root)
{
    return has_one_of_each(&root->row->traits, want->root_traits, want->root_trait_set_count) &&
           !has_any(&root->row->traits, &want->root_forbidden_traits);
}

uint64_t fit_trait_sets(const struct want_group *group, const struct member *member)
{
    uint64_t met = 0;
    for (size_t i = 0; i < group->trait_set_count; i++) {
        if (has_any(&member->row->traits, &group->traits[i]))
            met |= UINT64_C(1) << i;
    }
    return met;
}
