/*
 * One anchor: all combinations of providers that give everything wanted, one at a time; see candidates_inside.h.
 *
 * Depth first, one level per item, those with the fewest choices first. A partial combination that breaks a rule is not continued:
 * room (amounts of one class from one provider are added up), group policy, one provider per tree for those who know no trees,
 * traits of the group "" and same_subtree (each looks ahead at what deeper levels could still bring). Nothing is stored but where
 * the search stands, so it can be left and taken up again.
 */
#include <string.h>

#include "compute/placement/candidates_inside.h"

static void add_choice(struct level *level, const struct member *member)
{
    level->members[level->count++] = member;
}

static struct level choose(struct arena *arena, const struct want *want, struct tree *tree, size_t number,
                           const struct reach *reach)
{
    struct level level = {.item = &want->items[number]};
    level.members = arena_alloc(arena, (tree->count + reach->count) * sizeof(*level.members));
    for (size_t i = 0; i < tree->count; i++) {
        if (fit_local(level.item, &tree->members[i]))
            add_choice(&level, &tree->members[i]);
    }
    for (size_t i = 0; i < reach->count && fit_sharing_with(level.item, tree->root); i++) {
        if (reach->items[i]->gives[number])
            add_choice(&level, reach->items[i]->member);
    }
    return level;
}

/* Keeps the order of items among those with as many choices. */
static void insert_level(struct level *levels, size_t count, const struct level *level)
{
    size_t at = count;
    while (at > 0 && levels[at - 1].count > level->count)
        at--;
    memmove(&levels[at + 1], &levels[at], (count - at) * sizeof(*levels));
    levels[at] = *level;
}

static bool is_loose(const struct level *level)
{
    return !level->item->group->one_provider;
}

static uint64_t all_sets(const struct want *want)
{
    const size_t count = want->loose ? want->loose->trait_set_count : 0;
    return count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

static uint64_t sets_possible(const struct want *want, const struct level *level)
{
    uint64_t met = 0;
    for (size_t i = 0; is_loose(level) && i < level->count; i++)
        met |= fit_trait_sets(want->loose, level->members[i]);
    return met;
}

static bool look_ahead(const struct want *want, struct level *levels)
{
    uint64_t later = 0;
    if (all_sets(want) == 0)
        return true;
    for (size_t i = want->item_count; i-- > 0;) {
        levels[i].later = later;
        later |= sets_possible(want, &levels[i]);
    }
    return later == all_sets(want);
}

bool anchor_open(struct arena *arena, const struct want *want, const struct forest *forest, struct tree *tree, struct anchor *out)
{
    if (!fit_root(want, tree->root))
        return false;
    const struct reach reach = forest_reach(forest, tree);
    struct level *levels = arena_alloc(arena, (want->item_count + 1) * sizeof(*levels));
    for (size_t i = 0; i < want->item_count; i++) {
        const struct level level = choose(arena, want, tree, i, &reach);
        if (level.count == 0)
            return false;
        insert_level(levels, i, &level);
    }
    const bool isolate = want->request->group_policy == GROUP_POLICY_ISOLATE;
    if (!look_ahead(want, levels) || (isolate && !match_groups(levels, want->item_count)))
        return false;
    *out = (struct anchor){.want = want, .tree = tree, .levels = levels};
    return true;
}

static const struct member *chosen(const struct level *level)
{
    return level->members[level->at];
}

static bool keeps_apart(const struct anchor *anchor, size_t depth)
{
    const struct candidates_request *request = anchor->want->request;
    const struct level *level = &anchor->levels[depth];
    const struct member *member = chosen(level);
    for (size_t i = 0; i < depth; i++) {
        const struct level *other = &anchor->levels[i];
        const bool is_same = chosen(other) == member;
        if (is_same && request->group_policy == GROUP_POLICY_ISOLATE && !is_loose(level) && !is_loose(other))
            return false;
        if (!is_same && !request->nested_aware && chosen(other)->tree == member->tree)
            return false;
    }
    return true;
}

/* What lower levels take of the class from the provider. */
static int64_t taken(const struct anchor *anchor, size_t depth, const struct member *member, int64_t class_id)
{
    int64_t sum = 0;
    for (size_t i = 0; i < depth; i++) {
        const struct level *other = &anchor->levels[i];
        for (size_t j = 0; chosen(other) == member && j < other->item->amount_count; j++) {
            if (other->item->amounts[j].class_id == class_id)
                sum += other->item->amounts[j].amount;
        }
    }
    return sum;
}

static bool has_room(const struct anchor *anchor, size_t depth)
{
    const struct level *level = &anchor->levels[depth];
    const struct member *member = chosen(level);
    for (size_t i = 0; i < level->item->amount_count; i++) {
        const struct class_amount *amount = &level->item->amounts[i];
        const int64_t before = taken(anchor, depth, member, amount->class_id);
        if (before == 0)
            continue; /* it fits alone */
        const struct provider_stock *stock = member_stock(member, amount->class_id);
        if (before + amount->amount > stock->max_unit || before + amount->amount > stock->capacity - stock->used)
            return false;
    }
    return true;
}

static bool meets_traits(const struct anchor *anchor, size_t depth)
{
    struct level *level = &anchor->levels[depth];
    const uint64_t all = all_sets(anchor->want);
    if (all == 0)
        return true;
    level->met = depth > 0 ? anchor->levels[depth - 1].met : 0;
    if (is_loose(level))
        level->met |= fit_trait_sets(anchor->want->loose, chosen(level));
    return (level->met | level->later) == all;
}

static bool is_above(const struct member *above, const struct member *member)
{
    while (member && member != above)
        member = member->parent;
    return member != NULL;
}

static bool is_in_subtree_group(const struct level *level, uint64_t subtree)
{
    return (subtree >> level->item->group_number & 1) != 0;
}

static bool is_choice(const struct level *level, const struct member *member)
{
    for (size_t i = 0; i < level->count; i++) {
        if (level->members[i] == member)
            return true;
    }
    return false;
}

/* `top` is above all that are chosen, and is one of them or may still become one. */
static bool can_be_top(const struct anchor *anchor, size_t depth, uint64_t subtree, const struct member *top)
{
    bool is_one = false;
    for (size_t i = 0; i < anchor->want->item_count; i++) {
        const struct level *level = &anchor->levels[i];
        if (!is_in_subtree_group(level, subtree))
            continue;
        if (i <= depth && !is_above(top, chosen(level)))
            return false;
        is_one = is_one || (i <= depth ? chosen(level) == top : is_choice(level, top));
    }
    return is_one;
}

static bool keeps_subtrees(const struct anchor *anchor, size_t depth)
{
    const struct level *level = &anchor->levels[depth];
    for (size_t i = 0; i < anchor->want->request->same_subtree_count; i++) {
        const uint64_t subtree = anchor->want->subtrees[i];
        if (!is_in_subtree_group(level, subtree))
            continue;
        const struct member *top = chosen(level);
        while (top && !can_be_top(anchor, depth, subtree, top))
            top = top->parent;
        if (!top)
            return false;
    }
    return true;
}

static bool is_allowed(const struct anchor *anchor, size_t depth)
{
    return keeps_apart(anchor, depth) && has_room(anchor, depth) && meets_traits(anchor, depth) && keeps_subtrees(anchor, depth);
}

static void give(const struct anchor *anchor, const struct member **out)
{
    for (size_t i = 0; i < anchor->want->item_count; i++)
        out[anchor->levels[i].item - anchor->want->items] = chosen(&anchor->levels[i]);
}

/* One level up; false at the top. */
static bool go_up(struct anchor *anchor)
{
    anchor->levels[anchor->depth].at = 0;
    if (anchor->depth == 0)
        return false;
    anchor->levels[--anchor->depth].at++;
    return true;
}

enum turn anchor_turn(struct anchor *anchor, size_t *steps, const struct member **out)
{
    for (; *steps > 0; (*steps)--) {
        struct level *level = &anchor->levels[anchor->depth];
        if (level->at == level->count) {
            if (!go_up(anchor))
                return TURN_OVER;
        } else if (!is_allowed(anchor, anchor->depth)) {
            level->at++;
        } else if (anchor->depth + 1 < anchor->want->item_count) {
            anchor->depth++;
        } else {
            give(anchor, out);
            level->at++;
            return TURN_FOUND;
        }
    }
    return TURN_LATER;
}
