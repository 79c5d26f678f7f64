/* Requests for allocation candidates, written as query strings. */
#pragma once

#include "tests/unit/placement/test_candidates_world.h"

/* A request that can be built in any order. All of it is in the arena. */
struct lab_request {
    struct arena *arena;
    struct lab *lab;
    struct candidates_group *groups;
    size_t group_count;
    struct candidates_request request;
};

#define LAB_LIST 64

static inline struct candidates_group *lab_group(struct lab_request *out, const char *suffix)
{
    for (size_t i = 0; i < out->group_count; i++) {
        if (strcmp(out->groups[i].suffix, suffix) == 0)
            return &out->groups[i];
    }
    struct candidates_group *group = &out->groups[out->group_count++];
    *group = (struct candidates_group){.suffix = suffix};
    return group;
}

static inline size_t lab_split(struct arena *arena, const char *value, const char **words)
{
    size_t count = 0;
    for (const char *at = value; *at;) {
        const size_t length = strcspn(at, ",");
        words[count++] = arena_strndup(arena, at, length);
        at += length + (at[length] == ',');
    }
    return count;
}

static inline void lab_add_resources(struct lab_request *out, struct candidates_group *group, const char *value)
{
    const char *words[LAB_LIST];
    const size_t count = lab_split(out->arena, value, words);
    struct resource_amount *amounts = arena_alloc(out->arena, (count + 1) * sizeof(*amounts));
    for (size_t i = 0; i < count; i++) {
        const size_t name = strcspn(words[i], ":");
        amounts[i] = (struct resource_amount){arena_strndup(out->arena, words[i], name), strtoll(words[i] + name + 1, NULL, 10)};
    }
    group->query.resources = (struct placement_resources){amounts, count};
}

static inline void lab_add_names(struct arena *arena, struct placement_names *names, const char *const *words, size_t count)
{
    const char **items = arena_alloc(arena, (names->count + count + 1) * sizeof(*items));
    for (size_t i = 0; i < names->count; i++)
        items[i] = names->items[i];
    for (size_t i = 0; i < count; i++)
        items[names->count + i] = words[i];
    *names = (struct placement_names){items, names->count + count};
}

static inline void lab_add_trait_set(struct arena *arena, struct placement_trait_filter *filter, const char *const *words,
                                     size_t count)
{
    struct placement_names *sets = arena_alloc(arena, (filter->required_count + 1) * sizeof(*sets));
    for (size_t i = 0; i < filter->required_count; i++)
        sets[i] = filter->required[i];
    lab_add_names(arena, &sets[filter->required_count], words, count);
    filter->required = sets;
    filter->required_count++;
}

static inline void lab_add_traits(struct arena *arena, struct placement_trait_filter *filter, const char *value)
{
    const char *words[LAB_LIST];
    if (str_starts(value, "in:")) {
        lab_add_trait_set(arena, filter, words, lab_split(arena, value + 3, words));
        return;
    }
    const size_t count = lab_split(arena, value, words);
    for (size_t i = 0; i < count; i++) {
        const char *name = words[i] + 1;
        if (words[i][0] == '!')
            lab_add_names(arena, &filter->forbidden, &name, 1);
        else
            lab_add_trait_set(arena, filter, &words[i], 1);
    }
}

static inline struct placement_uuids lab_aggregate_list(struct arena *arena, const char *value)
{
    const char *words[LAB_LIST];
    const size_t count = lab_split(arena, value, words);
    struct uuid *uuids = arena_alloc(arena, (count + 1) * sizeof(*uuids));
    for (size_t i = 0; i < count; i++)
        uuids[i] = lab_uuid(0xbb, lab_number(lab_aggregates, LAB_AGGREGATES, words[i], strlen(words[i])) & 0xff);
    return (struct placement_uuids){uuids, count};
}

/* "g0", "in:g0,g1", "!g0", "!in:g0,g1"; a name that is not in the table is an aggregate that does not exist. */
static inline void lab_add_aggregates(struct arena *arena, struct placement_aggregate_filter *filter, const char *value)
{
    const bool is_forbidden = value[0] == '!';
    const char *names = value + is_forbidden;
    const struct placement_uuids list = lab_aggregate_list(arena, str_starts(names, "in:") ? names + 3 : names);
    if (is_forbidden) {
        assert_int_equal(filter->forbidden.count, 0);
        filter->forbidden = list;
        return;
    }
    struct placement_uuids *sets = arena_alloc(arena, (filter->required_count + 1) * sizeof(*sets));
    for (size_t i = 0; i < filter->required_count; i++)
        sets[i] = filter->required[i];
    sets[filter->required_count++] = list;
    filter->required = sets;
}

static inline void lab_add_subtree(struct lab_request *out, const char *value)
{
    const char **words = arena_alloc(out->arena, LAB_LIST * sizeof(*words));
    const size_t count = lab_split(out->arena, value, words);
    struct candidates_subtree *subtrees = arena_alloc(out->arena, (out->request.same_subtree_count + 1) * sizeof(*subtrees));
    for (size_t i = 0; i < out->request.same_subtree_count; i++)
        subtrees[i] = out->request.same_subtrees[i];
    subtrees[out->request.same_subtree_count++] = (struct candidates_subtree){words, count};
    out->request.same_subtrees = subtrees;
}

static inline void lab_add_tree(struct lab_request *out, struct candidates_group *group, const char *value)
{
    struct uuid *uuid = arena_alloc(out->arena, sizeof(*uuid));
    const struct lab_provider *provider = lab_find(out->lab, value);
    *uuid = provider ? provider->uuid : lab_uuid(0xcc, 0);
    group->query.in_tree = uuid;
}

static inline void lab_add_parameter(struct lab_request *out, const char *key, const char *value)
{
    static const char *const prefixes[] = {"resources", "required", "member_of", "in_tree"};
    if (strcmp(key, "limit") == 0)
        out->request.limit = (size_t)strtoll(value, NULL, 10);
    else if (strcmp(key, "group_policy") == 0)
        out->request.group_policy = strcmp(value, "isolate") == 0 ? GROUP_POLICY_ISOLATE : GROUP_POLICY_NONE;
    else if (strcmp(key, "root_required") == 0)
        lab_add_traits(out->arena, &out->request.root_required, value);
    else if (strcmp(key, "same_subtree") == 0)
        lab_add_subtree(out, value);
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (!str_starts(key, prefixes[i]))
            continue;
        struct candidates_group *group = lab_group(out, key + strlen(prefixes[i]));
        if (i == 0)
            lab_add_resources(out, group, value);
        else if (i == 1)
            lab_add_traits(out->arena, &group->query.traits, value);
        else if (i == 2)
            lab_add_aggregates(out->arena, &group->query.aggregates, value);
        else
            lab_add_tree(out, group, value);
    }
}

/* Aggregates and providers go by the names of this file. */
static inline struct candidates_request lab_parse(struct arena *arena, struct lab *lab, const char *query)
{
    struct lab_request out = {.arena = arena, .lab = lab};
    out.groups = arena_alloc(arena, LAB_LIST * sizeof(*out.groups));
    out.request = (struct candidates_request){.nested_aware = true, .all_classes = true, .want_traits = true};
    for (const char *at = query; *at;) {
        const size_t length = strcspn(at, "&");
        const size_t key = strcspn(at, "=");
        lab_add_parameter(&out, arena_strndup(arena, at, key), arena_strndup(arena, at + key + 1, length - key - 1));
        at += length + (at[length] == '&');
    }
    out.request.groups = out.groups;
    out.request.group_count = out.group_count;
    return out.request;
}
