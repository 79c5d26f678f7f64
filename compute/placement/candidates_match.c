/*
 * Whether groups can have a provider of their own each (group policy isolate); see candidates_inside.h.
 *
 * Thirteen groups on twelve providers are 12! ways to find out that it cannot be; a matching of groups to providers (Kuhn's
 * augmenting paths) tells at once. It looks at nothing else: room and the other rules are the search's.
 */
#include "compute/placement/candidates_inside.h"

struct matching {
    const struct level *levels;
    size_t count;
    const struct member *given[ITEMS_MOST]; /* NULL: nothing yet */
    bool is_asked[ITEMS_MOST];              /* in this attempt */
};

/* The level that has the provider, or `count`. */
static size_t find_holder(const struct matching *matching, const struct member *member)
{
    size_t i = 0;
    while (i < matching->count && matching->given[i] != member)
        i++;
    return i;
}

/* Gives the level a provider: a free one, or one whose holder can take another. */
static bool give_one(struct matching *matching, size_t number)
{
    const struct level *level = &matching->levels[number];
    matching->is_asked[number] = true;
    for (size_t i = 0; i < level->count; i++) {
        const size_t holder = find_holder(matching, level->members[i]);
        if (holder < matching->count && (matching->is_asked[holder] || !give_one(matching, holder)))
            continue;
        matching->given[number] = level->members[i];
        return true;
    }
    return false;
}

bool match_groups(const struct level *levels, size_t count)
{
    struct matching matching = {.levels = levels, .count = count};
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            matching.is_asked[j] = false;
        if (levels[i].item->group->one_provider && !give_one(&matching, i))
            return false;
    }
    return true;
}
