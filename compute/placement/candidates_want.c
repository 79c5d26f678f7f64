/* The request with ids instead of names; see candidates_inside.h. */
#include <string.h>

#include "compute/placement/candidates_inside.h"
#include "compute/placement/inside.h"
#include "gateway/base/text.h"

struct name_set {
    const char **items;
    size_t count;
    size_t capacity;
};

static void add_name(struct arena *arena, struct name_set *set, const char *name)
{
    if (set->count == set->capacity) {
        const size_t capacity = 2 * set->capacity + 16;
        const char **items = arena_alloc(arena, capacity * sizeof(*items));
        if (set->count > 0)
            memcpy(items, set->items, set->count * sizeof(*items));
        set->items = items;
        set->capacity = capacity;
    }
    set->items[set->count++] = name;
}

static enum err find_classes(struct db *db, struct arena *arena, const struct candidates_request *request, struct name_rows *out)
{
    struct name_set names = {0};
    for (size_t i = 0; i < request->group_count; i++) {
        const struct placement_resources *resources = &request->groups[i].query.resources;
        for (size_t j = 0; j < resources->count; j++)
            add_name(arena, &names, resources->items[j].resource_class);
    }
    TRY(names_find(db, arena, NAMES_CLASS, names.items, names.count, out));
    for (size_t i = 0; i < names.count; i++) {
        if (!name_find(out, names.items[i]))
            return fail(E_INVALID, "Invalid resource class in resources parameter: No such resource class %s.", names.items[i]);
    }
    return OK;
}

static void add_traits(struct arena *arena, struct name_set *names, const struct placement_trait_filter *filter)
{
    for (size_t i = 0; i < filter->required_count; i++) {
        for (size_t j = 0; j < filter->required[i].count; j++)
            add_name(arena, names, filter->required[i].items[j]);
    }
    for (size_t i = 0; i < filter->forbidden.count; i++)
        add_name(arena, names, filter->forbidden.items[i]);
}

static enum err fail_traits(const struct name_set *names, const struct name_rows *known)
{
    CLEANUP(text_clear) struct text missing = {0};
    for (size_t i = 0; i < names->count; i++) {
        if (!name_find(known, names->items[i]))
            text_add_format(&missing, "%s%s", missing.length > 0 ? ", " : "", names->items[i]);
    }
    return missing.length > 0 ? fail(E_INVALID, "No such trait(s): %s.", text_str(&missing)) : OK;
}

static enum err find_traits(struct db *db, struct arena *arena, const struct candidates_request *request, struct want *want,
                            struct name_rows *out)
{
    struct name_set names = {0};
    for (size_t i = 0; i < request->group_count; i++)
        add_traits(arena, &names, &request->groups[i].query.traits);
    add_traits(arena, &names, &request->root_required);
    want->has_traits = names.count > 0;
    add_name(arena, &names, SHARING_TRAIT);
    TRY(names_find(db, arena, NAMES_TRAIT, names.items, names.count, out));
    const struct name_row *sharing = name_find(out, SHARING_TRAIT);
    want->sharing_trait = sharing ? sharing->id : 0;
    names.count--;
    return fail_traits(&names, out);
}

static struct id_list to_ids(struct arena *arena, const struct placement_names *names, const struct name_rows *known)
{
    int64_t *items = arena_alloc(arena, (names->count + 1) * sizeof(*items));
    for (size_t i = 0; i < names->count; i++)
        items[i] = name_find(known, names->items[i])->id;
    return (struct id_list){items, names->count};
}

static const struct id_list *to_id_sets(struct arena *arena, const struct placement_trait_filter *filter,
                                        const struct name_rows *known)
{
    struct id_list *sets = arena_alloc(arena, (filter->required_count + 1) * sizeof(*sets));
    for (size_t i = 0; i < filter->required_count; i++)
        sets[i] = to_ids(arena, &filter->required[i], known);
    return sets;
}

static enum err resolve_aggregates(struct db *db, struct arena *arena, const struct placement_aggregate_filter *filter,
                                   struct want *want, struct want_group *group)
{
    struct id_list *sets = arena_alloc(arena, (filter->required_count + 1) * sizeof(*sets));
    for (size_t i = 0; i < filter->required_count; i++) {
        TRY(aggregate_ids_find(db, arena, filter->required[i].items, filter->required[i].count, &sets[i]));
        want->impossible = want->impossible || sets[i].count == 0;
    }
    group->aggregates = sets;
    group->aggregate_set_count = filter->required_count;
    if (filter->forbidden.count > 0)
        TRY(aggregate_ids_find(db, arena, filter->forbidden.items, filter->forbidden.count, &group->forbidden_aggregates));
    want->has_aggregates = want->has_aggregates || filter->required_count > 0 || filter->forbidden.count > 0;
    return OK;
}

static enum err resolve_tree(struct db *db, const struct uuid *in_tree, struct want *want, struct want_group *group)
{
    if (!in_tree)
        return OK;
    TRY(provider_root_find(db, in_tree, &group->root_id));
    group->in_tree = true;
    want->impossible = want->impossible || group->root_id == 0;
    return OK;
}

static const struct class_amount *to_amounts(struct arena *arena, const struct placement_resources *resources,
                                             const struct name_rows *classes)
{
    struct class_amount *amounts = arena_alloc(arena, (resources->count + 1) * sizeof(*amounts));
    for (size_t i = 0; i < resources->count; i++)
        amounts[i] = (struct class_amount){name_find(classes, resources->items[i].resource_class)->id, resources->items[i].amount};
    return amounts;
}

static enum err resolve_groups(struct db *db, struct arena *arena, const struct name_rows *traits, struct want *want)
{
    const struct candidates_request *request = want->request;
    struct want_group *groups = arena_alloc(arena, (request->group_count + 1) * sizeof(*groups));
    for (size_t i = 0; i < request->group_count; i++) {
        const struct placement_query *query = &request->groups[i].query;
        groups[i].suffix = request->groups[i].suffix;
        groups[i].one_provider = groups[i].suffix[0] != '\0';
        groups[i].amounts = to_amounts(arena, &query->resources, &want->classes);
        groups[i].amount_count = query->resources.count;
        groups[i].traits = to_id_sets(arena, &query->traits, traits);
        groups[i].trait_set_count = query->traits.required_count;
        groups[i].forbidden_traits = to_ids(arena, &query->traits.forbidden, traits);
        TRY(resolve_aggregates(db, arena, &query->aggregates, want, &groups[i]));
        TRY(resolve_tree(db, query->in_tree, want, &groups[i]));
        if (!groups[i].one_provider)
            want->loose = &groups[i];
    }
    want->groups = groups;
    want->group_count = request->group_count;
    return OK;
}

static void add_item(struct want *want, size_t group, const struct class_amount *amounts, size_t count)
{
    want->items[want->item_count++] = (struct want_item){&want->groups[group], group, amounts, count};
}

static enum err make_items(struct arena *arena, struct want *want)
{
    want->items = arena_alloc(arena, ITEMS_MOST * sizeof(*want->items));
    for (size_t i = 0; i < want->group_count; i++) {
        const struct want_group *group = &want->groups[i];
        const size_t count = group->one_provider ? 1 : group->amount_count;
        if (want->item_count + count > ITEMS_MOST)
            return fail(E_INVALID, "At most %d resource classes and groups may be requested at once.", ITEMS_MOST);
        if (group->one_provider)
            add_item(want, i, group->amounts, group->amount_count);
        for (size_t j = 0; !group->one_provider && j < group->amount_count; j++)
            add_item(want, i, &group->amounts[j], 1);
    }
    return OK;
}

static enum err find_suffix(const struct candidates_request *request, const char *suffix, uint64_t *mask)
{
    for (size_t i = 0; suffix[0] != '\0' && i < request->group_count; i++) {
        if (strcmp(request->groups[i].suffix, suffix) == 0) {
            *mask |= UINT64_C(1) << i;
            return OK;
        }
    }
    return fail(E_INVALID, "Real suffixes should be specified in `same_subtree`: '%s' not found.", suffix);
}

static enum err resolve_subtrees(struct arena *arena, struct want *want)
{
    const struct candidates_request *request = want->request;
    uint64_t *masks = arena_alloc(arena, (request->same_subtree_count + 1) * sizeof(*masks));
    for (size_t i = 0; i < request->same_subtree_count; i++) {
        for (size_t j = 0; j < request->same_subtrees[i].count; j++)
            TRY(find_suffix(request, request->same_subtrees[i].suffixes[j], &masks[i]));
    }
    want->subtrees = masks;
    return OK;
}

static enum err check_shape(const struct candidates_request *request)
{
    if (request->group_count == 0)
        return fail(E_INVALID, "At least one request group (`resources` or `resources{$S}`) is required.");
    if (request->group_count > GROUPS_MOST)
        return fail(E_INVALID, "At most %d request groups are supported.", GROUPS_MOST);
    for (size_t i = 0; i < request->group_count; i++) {
        const struct placement_query *query = &request->groups[i].query;
        if (request->groups[i].suffix[0] == '\0' && query->resources.count == 0)
            return fail(E_INVALID, "The request group without a suffix must specify resources.");
        if (query->traits.required_count > GROUPS_MOST)
            return fail(E_INVALID, "At most %d required traits are supported in one request group.", GROUPS_MOST);
    }
    return OK;
}

enum err want_resolve(struct db *db, struct arena *arena, const struct candidates_request *request, struct want *out)
{
    struct name_rows traits;
    struct want want = {.request = request};
    TRY(check_shape(request));
    TRY(find_classes(db, arena, request, &want.classes));
    TRY(find_traits(db, arena, request, &want, &traits));
    TRY(resolve_groups(db, arena, &traits, &want));
    TRY(make_items(arena, &want));
    TRY(resolve_subtrees(arena, &want));
    want.root_traits = to_id_sets(arena, &request->root_required, &traits);
    want.root_trait_set_count = request->root_required.required_count;
    want.root_forbidden_traits = to_ids(arena, &request->root_required.forbidden, &traits);
    *out = want;
    return OK;
}
