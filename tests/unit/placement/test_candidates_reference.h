/*
 * A reference for allocation candidates that is slow and plain: for each root all ways to choose a provider for each thing wanted,
 * all rules looked at anew for each.
 */
#pragma once

#include "tests/unit/placement/test_candidates.h"

#define REFERENCE_MOST 20000

/* A thing wanted, in the reference's own words. */
struct thing {
    const struct candidates_group *group;
    size_t group_number;
    const struct resource_amount *amounts;
    size_t count;
};

struct reference {
    struct lab *lab;
    struct arena *arena;
    const struct candidates_request *request;
    struct thing things[16];
    int thing_count;
    int anchor;
    int chosen[16];
    const char **found;
    size_t found_count;
};

static inline bool has_trait(const struct lab_provider *provider, const char *name)
{
    return provider->traits >> lab_number(lab_traits, LAB_TRAITS, name, strlen(name)) & 1;
}

static inline bool has_any_trait(const struct lab_provider *provider, const struct placement_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (has_trait(provider, names->items[i]))
            return true;
    }
    return false;
}

static inline bool is_in_any(const struct lab_provider *provider, const struct placement_uuids *aggregates)
{
    for (size_t i = 0; i < aggregates->count; i++) {
        for (int j = 0; j < LAB_AGGREGATES; j++) {
            const struct uuid uuid = lab_uuid(0xbb, j);
            if (uuid_equal(&aggregates->items[i], &uuid) && (provider->aggregates >> j & 1))
                return true;
        }
    }
    return false;
}

static inline bool is_in_all(const struct lab_provider *provider, const struct placement_aggregate_filter *filter)
{
    for (size_t i = 0; i < filter->required_count; i++) {
        if (!is_in_any(provider, &filter->required[i]))
            return false;
    }
    return true;
}

static inline bool has_room(const struct lab_provider *provider, const char *class, int64_t amount)
{
    const struct lab_stock *stock = &provider->stocks[lab_class(class, strlen(class))];
    return stock->total > 0 && (double)(stock->used + amount) <= (double)(stock->total - stock->reserved) * stock->ratio &&
           amount >= stock->min_unit && amount <= stock->max_unit && amount % stock->step_size == 0;
}

static inline bool shares_with(const struct lab *lab, const struct lab_provider *provider, int anchor)
{
    for (int i = 0; has_trait(provider, "MISC_SHARES_VIA_AGGREGATE") && i < lab->count; i++) {
        if (lab->providers[i].root == anchor && (lab->providers[i].aggregates & provider->aggregates))
            return true;
    }
    return false;
}

static inline bool aggregates_allow(const struct reference *reference, const struct thing *thing,
                                    const struct lab_provider *provider, bool is_local)
{
    const struct placement_aggregate_filter *filter = &thing->group->query.aggregates;
    const struct lab_provider *anchor = &reference->lab->providers[reference->anchor];
    const bool is_in = is_in_all(provider, filter);
    const bool is_out = is_in_any(provider, &filter->forbidden);
    if (thing->group->suffix[0])
        return is_in && !is_out;
    return (is_in || (is_local && is_in_all(anchor, filter))) && !is_out && !is_in_any(anchor, &filter->forbidden);
}

static inline bool can_give(const struct reference *reference, const struct thing *thing, int number)
{
    struct lab *lab = reference->lab;
    const struct placement_query *query = &thing->group->query;
    const struct lab_provider *provider = &lab->providers[number];
    const bool is_local = provider->root == reference->anchor;
    if (!is_local && (!shares_with(lab, provider, reference->anchor) || (query->in_tree && !thing->group->suffix[0])))
        return false;
    if (query->in_tree) {
        const struct lab_provider *in_tree = lab_find_uuid(lab, query->in_tree);
        if (!in_tree || in_tree->root != provider->root)
            return false;
    }
    for (size_t i = 0; i < thing->count; i++) {
        if (!has_room(provider, thing->amounts[i].resource_class, thing->amounts[i].amount))
            return false;
    }
    for (size_t i = 0; thing->group->suffix[0] && i < query->traits.required_count; i++) {
        if (!has_any_trait(provider, &query->traits.required[i]))
            return false;
    }
    return !has_any_trait(provider, &query->traits.forbidden) && aggregates_allow(reference, thing, provider, is_local);
}

/* The group "": each set of traits is met by one of those that give. */
static inline bool traits_are_met(const struct reference *reference)
{
    for (int i = 0; i < reference->thing_count; i++) {
        const struct placement_trait_filter *filter = &reference->things[i].group->query.traits;
        for (size_t set = 0; set < filter->required_count; set++) {
            bool met = false;
            for (int j = 0; j < reference->thing_count; j++) {
                if (reference->things[j].group == reference->things[i].group)
                    met = met || has_any_trait(&reference->lab->providers[reference->chosen[j]], &filter->required[set]);
            }
            if (!met)
                return false;
        }
    }
    return true;
}

static inline bool policy_is_kept(const struct reference *reference)
{
    for (int i = 0; i < reference->thing_count; i++) {
        for (int j = 0; j < i; j++) {
            const int a = reference->chosen[i];
            const int b = reference->chosen[j];
            const bool both_suffixed = reference->things[i].group->suffix[0] && reference->things[j].group->suffix[0];
            if (reference->request->group_policy == GROUP_POLICY_ISOLATE && both_suffixed && a == b)
                return false;
            if (!reference->request->nested_aware && a != b &&
                reference->lab->providers[a].root == reference->lab->providers[b].root)
                return false;
        }
    }
    return true;
}

static inline bool is_above(const struct lab *lab, int above, int number)
{
    while (number >= 0 && number != above)
        number = lab->providers[number].parent;
    return number >= 0;
}

static inline bool is_in_subtree(const struct candidates_subtree *subtree, const char *suffix)
{
    for (size_t i = 0; i < subtree->count; i++) {
        if (strcmp(subtree->suffixes[i], suffix) == 0)
            return true;
    }
    return false;
}

static inline bool subtree_is_kept(const struct reference *reference, const struct candidates_subtree *subtree)
{
    for (int i = 0; i < reference->thing_count; i++) {
        if (!is_in_subtree(subtree, reference->things[i].group->suffix))
            continue;
        bool is_top = true;
        for (int j = 0; j < reference->thing_count; j++) {
            if (is_in_subtree(subtree, reference->things[j].group->suffix))
                is_top = is_top && is_above(reference->lab, reference->chosen[i], reference->chosen[j]);
        }
        if (is_top)
            return true;
    }
    return false;
}

static inline bool subtrees_are_kept(const struct reference *reference)
{
    for (size_t i = 0; i < reference->request->same_subtree_count; i++) {
        if (!subtree_is_kept(reference, &reference->request->same_subtrees[i]))
            return false;
    }
    return true;
}

static inline int64_t sum_of(const struct reference *reference, int provider, const char *class)
{
    int64_t sum = 0;
    for (int i = 0; i < reference->thing_count; i++) {
        for (size_t j = 0; j < reference->things[i].count && reference->chosen[i] == provider; j++) {
            if (strcmp(reference->things[i].amounts[j].resource_class, class) == 0)
                sum += reference->things[i].amounts[j].amount;
        }
    }
    return sum;
}

static inline bool sums_fit(const struct reference *reference)
{
    for (int i = 0; i < reference->lab->count; i++) {
        for (int j = 0; j < LAB_CLASSES; j++) {
            const struct lab_stock *stock = &reference->lab->providers[i].stocks[j];
            const int64_t sum = sum_of(reference, i, lab_classes[j]);
            if (sum > 0 &&
                (sum > stock->max_unit || (double)(stock->used + sum) > (double)(stock->total - stock->reserved) * stock->ratio))
                return false;
        }
    }
    return true;
}

/* The same text as lab_print's, from the choice. */
static inline const char *describe(const struct reference *reference)
{
    struct candidate_allocation allocations[64];
    struct candidate_mapping mappings[16] = {{0}};
    const struct uuid *providers[16][16];
    size_t count = 0;
    for (int i = 0; i < reference->lab->count; i++) {
        for (int j = 0; j < LAB_CLASSES; j++) {
            const int64_t sum = sum_of(reference, i, lab_classes[j]);
            if (sum > 0)
                allocations[count++] = (struct candidate_allocation){&reference->lab->providers[i].uuid, lab_classes[j], sum};
        }
    }
    for (int i = 0; i < reference->thing_count; i++) {
        struct candidate_mapping *mapping = &mappings[reference->things[i].group_number];
        const struct uuid *uuid = &reference->lab->providers[reference->chosen[i]].uuid;
        bool is_there = false;
        for (size_t j = 0; j < mapping->provider_count; j++)
            is_there = is_there || mapping->providers[j] == uuid;
        mapping->suffix = reference->things[i].group->suffix;
        mapping->providers = providers[reference->things[i].group_number];
        if (!is_there)
            providers[reference->things[i].group_number][mapping->provider_count++] = uuid;
    }
    const struct candidate candidate = {allocations, count, mappings, reference->request->group_count};
    return lab_print(reference->arena, reference->lab, &candidate);
}

static inline void try_from(struct reference *reference, int depth)
{
    if (depth == reference->thing_count) {
        if (traits_are_met(reference) && policy_is_kept(reference) && subtrees_are_kept(reference) && sums_fit(reference)) {
            assert_true(reference->found_count < REFERENCE_MOST);
            reference->found[reference->found_count++] = describe(reference);
        }
        return;
    }
    for (int i = 0; i < reference->lab->count; i++) {
        reference->chosen[depth] = i;
        if (can_give(reference, &reference->things[depth], i))
            try_from(reference, depth + 1);
    }
}

static inline bool anchor_is_allowed(const struct reference *reference, int number)
{
    const struct lab_provider *root = &reference->lab->providers[number];
    const struct placement_trait_filter *filter = &reference->request->root_required;
    if (root->parent >= 0 || has_any_trait(root, &filter->forbidden))
        return false;
    for (size_t i = 0; i < filter->required_count; i++) {
        if (!has_any_trait(root, &filter->required[i]))
            return false;
    }
    return true;
}

static inline void list_things(struct reference *reference)
{
    for (size_t i = 0; i < reference->request->group_count; i++) {
        const struct candidates_group *group = &reference->request->groups[i];
        const struct placement_resources *resources = &group->query.resources;
        if (group->suffix[0])
            reference->things[reference->thing_count++] = (struct thing){group, i, resources->items, resources->count};
        for (size_t j = 0; !group->suffix[0] && j < resources->count; j++)
            reference->things[reference->thing_count++] = (struct thing){group, i, &resources->items[j], 1};
    }
}

/* Sorted, each once. */
static inline void find_all(struct reference *reference)
{
    reference->found = arena_alloc(reference->arena, REFERENCE_MOST * sizeof(*reference->found));
    list_things(reference);
    for (int i = 0; i < reference->lab->count; i++) {
        reference->anchor = i;
        if (anchor_is_allowed(reference, i))
            try_from(reference, 0);
    }
    qsort(reference->found, reference->found_count, sizeof(*reference->found), lab_compare_texts);
    size_t kept = 0;
    for (size_t i = 0; i < reference->found_count; i++) {
        if (kept == 0 || strcmp(reference->found[kept - 1], reference->found[i]) != 0)
            reference->found[kept++] = reference->found[i];
    }
    reference->found_count = kept;
}
