/*
 * See groups.h. Parameters are read in the order in which they stand; a group begins with its first parameter. The checks follow
 * Placement's order, so that the same mistake is named first.
 */
#include "gateway/api/placement/groups.h"

#include <string.h>

#include "gateway/api/placement/parameters.h"

#define GROUPS_MOST         256
#define SUFFIX_MOST         64
#define FORBIDDEN_SINCE     22
#define ALL_CLASSES_SINCE   27
#define NESTED_SINCE        29
#define WORD_SUFFIXES_SINCE 33
#define SAME_SUBTREE_SINCE  36
#define TRAITS_SINCE        17
#define WORD_CHARACTERS     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

struct reading {
    struct request *request;
    struct candidates_group groups[GROUPS_MOST];
    size_t count;
    struct candidates_subtree *subtrees;
    size_t subtree_count;
};

typedef enum err read_parameter_f(struct request *request, struct candidates_group *group, const char *value);

static enum err read_resources(struct request *request, struct candidates_group *group, const char *value)
{
    return parameters_resources(request, value, &group->query.resources);
}

static enum err read_required(struct request *request, struct candidates_group *group, const char *value)
{
    (void)value;
    return parameters_required(request, group->suffix, &group->query.traits);
}

static enum err read_member_of(struct request *request, struct candidates_group *group, const char *value)
{
    (void)value;
    return parameters_member_of(request, group->suffix, &group->query.aggregates);
}

static enum err read_in_tree(struct request *request, struct candidates_group *group, const char *value)
{
    return parameters_in_tree(request, value, &group->query.in_tree);
}

static const struct group_parameter {
    const char *name;
    read_parameter_f *read;
} group_parameters[] = {
    {"resources", read_resources}, {"required", read_required}, {"member_of", read_member_of}, {"in_tree", read_in_tree}};

static bool is_suffix(const struct request *request, const char *text)
{
    const size_t length = strlen(text);
    if (!length)
        return true;
    if (placement_at_least(request, WORD_SUFFIXES_SINCE))
        return length <= SUFFIX_MOST && strspn(text, WORD_CHARACTERS) == length;
    return *text != '0' && strspn(text, "0123456789") == length;
}

static const struct group_parameter *find_parameter(const struct request *request, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(group_parameters); i++) {
        const struct group_parameter *parameter = &group_parameters[i];
        if (str_starts(name, parameter->name) && is_suffix(request, name + strlen(parameter->name)))
            return parameter;
    }
    return NULL;
}

static const struct candidates_group *find_group(const struct reading *reading, const char *suffix)
{
    for (size_t i = 0; i < reading->count; i++)
        if (strcmp(reading->groups[i].suffix, suffix) == 0)
            return &reading->groups[i];
    return NULL;
}

static enum err take_group(struct reading *reading, const char *suffix, struct candidates_group **out)
{
    *out = (struct candidates_group *)find_group(reading, suffix);
    if (*out)
        return OK;
    if (reading->count == GROUPS_MOST)
        return fail(E_INVALID, "Invalid query string parameters: there are more than %d request groups.", GROUPS_MOST);
    *out = &reading->groups[reading->count++];
    **out = (struct candidates_group){.suffix = suffix};
    return OK;
}

static enum err read_groups(struct reading *reading)
{
    struct request *request = reading->request;
    for (size_t i = 0; i < request->query.count; i++) {
        const struct http_pair *pair = &request->query.items[i];
        const struct group_parameter *parameter = find_parameter(request, pair->name);
        struct candidates_group *group = NULL;
        if (!parameter)
            continue;
        TRY(take_group(reading, pair->name + strlen(parameter->name), &group));
        TRY(parameter->read(request, group, pair->value));
    }
    return OK;
}

static bool has_resources(const struct candidates_group *group)
{
    return group->query.resources.count > 0;
}

static bool has_required(const struct candidates_group *group)
{
    return group->query.traits.required_count > 0;
}

static bool has_member_of(const struct candidates_group *group)
{
    return group->query.aggregates.required_count || group->query.aggregates.forbidden.count;
}

/* "required, required1": groups without resources that have the other thing. */
static const char *list_orphans(const struct reading *reading, const char *name, bool (*has)(const struct candidates_group *group))
{
    CLEANUP(text_clear) struct text list = {0};
    for (size_t i = 0; i < reading->count; i++)
        if (has(&reading->groups[i]) && !has_resources(&reading->groups[i]))
            text_add_format(&list, "%s%s%s", list.length ? ", " : "", name, reading->groups[i].suffix);
    return list.length ? arena_strdup(reading->request->arena, text_str(&list)) : NULL;
}

static bool always(const struct candidates_group *group)
{
    (void)group;
    return true;
}

/* Below 1.36: every group needs resources. */
static enum err check_orphans(const struct reading *reading)
{
    const char *orphans = list_orphans(reading, "required", has_required);
    if (orphans)
        return fail(E_INVALID,
                    "All traits parameters must be associated with resources.  Found the following orphaned traits keys: %s",
                    orphans);
    orphans = list_orphans(reading, "member_of", has_member_of);
    if (orphans)
        return fail(E_INVALID,
                    "All member_of parameters must be associated with resources. Found the following orphaned member_of keys: %s",
                    orphans);
    if (list_orphans(reading, "resources", always))
        return fail(E_INVALID, "All request groups must specify resources.");
    if (!reading->count)
        return fail(E_INVALID, "At least one request group (`resources` or `resources{$S}`) is required.");
    return OK;
}

static bool in_subtrees(const struct reading *reading, const char *suffix)
{
    for (size_t i = 0; i < reading->subtree_count; i++)
        for (size_t j = 0; j < reading->subtrees[i].count; j++)
            if (strcmp(reading->subtrees[i].suffixes[j], suffix) == 0)
                return true;
    return false;
}

/* From 1.36: groups without resources are for same_subtree only. */
static enum err check_resourceless(struct reading *reading)
{
    size_t without = 0;
    for (size_t i = 0; i < reading->count; i++)
        without += !has_resources(&reading->groups[i]);
    if (without == reading->count)
        return placement_fail(reading->request, E_INVALID, CODE_MISSING_VALUE,
                              "There must be at least one resources or resources[$S] parameter.");
    for (size_t i = 0; i < reading->count; i++) {
        const struct candidates_group *group = &reading->groups[i];
        if (!has_resources(group) && !in_subtrees(reading, group->suffix))
            return placement_fail(reading->request, E_INVALID, CODE_BAD_VALUE,
                                  "Resourceless suffixed group request should be specified in `same_subtree` query param: bad "
                                  "group(s) - ['%s'].",
                                  group->suffix);
    }
    for (size_t i = 0; i < reading->subtree_count; i++)
        for (size_t j = 0; j < reading->subtrees[i].count; j++)
            if (!find_group(reading, reading->subtrees[i].suffixes[j]))
                return placement_fail(reading->request, E_INVALID, CODE_BAD_VALUE,
                                      "Real suffixes should be specified in `same_subtree`: %.200s is not the suffix of a group.",
                                      reading->subtrees[i].suffixes[j]);
    return OK;
}

static enum err check_conflicts(const struct reading *reading)
{
    CLEANUP(text_clear) struct text list = {0};
    for (size_t i = 0; i < reading->count; i++) {
        const char *conflict = parameters_conflict(reading->request, &reading->groups[i].query.traits);
        if (conflict)
            text_add_format(&list, "%srequired%s: (%.300s)", list.length ? ", " : "", reading->groups[i].suffix, conflict);
    }
    if (!list.length)
        return OK;
    return fail(E_INVALID, "Conflicting required and forbidden traits found in the following traits keys: %.700s", text_str(&list));
}

/* Parameters that a version does not know were refused by its schema. */
static enum err read_subtrees(struct reading *reading)
{
    struct request *request = reading->request;
    reading->subtrees = arena_alloc(request->arena, (request->query.count + 1) * sizeof(*reading->subtrees));
    for (size_t i = 0; i < request->query.count; i++) {
        if (strcmp(request->query.items[i].name, "same_subtree") != 0)
            continue;
        const struct placement_names names = parameters_split(request->arena, request->query.items[i].value, true);
        for (size_t j = 0; j < names.count; j++)
            if (!*names.items[j])
                return placement_fail(request, E_INVALID, CODE_BAD_VALUE,
                                      "Empty string (unsuffixed group) can not be specified in `same_subtree`");
        reading->subtrees[reading->subtree_count++] = (struct candidates_subtree){names.items, names.count};
    }
    return OK;
}

static enum err read_root_required(struct request *request, struct placement_trait_filter *out)
{
    const char *value = NULL;
    for (size_t i = 0; i < request->query.count; i++) {
        if (strcmp(request->query.items[i].name, "root_required") != 0)
            continue;
        if (value)
            return placement_fail(request, E_INVALID, CODE_DUPLICATE_KEY,
                                  "Query parameter 'root_required' may be specified only once.");
        value = request->query.items[i].value;
    }
    if (!value)
        return OK;
    TRY(parameters_root_required(request, value, out));
    const char *conflict = parameters_conflict(request, out);
    if (conflict)
        return placement_fail(request, E_INVALID, CODE_BAD_VALUE,
                              "Conflicting required and forbidden traits found in root_required: %s", conflict);
    return OK;
}

/* A limit beyond what a number holds is none. */
static enum err read_limit(const struct request *request, size_t *out)
{
    const char *text = pairs_get(&request->query, "limit"); /* the first, where of all others the last counts */
    int64_t limit = 0;
    if (!text)
        return OK;
    if (!*text || strspn(text, "0123456789") != strlen(text))
        return fail(E_INVALID, "Invalid query string parameters: '%.100s' does not match '^[1-9][0-9]*$'", text);
    *out = str_to_int(text, &limit) ? (size_t)limit : 0;
    return OK;
}

static enum err check_policy(const struct reading *reading, const char *policy)
{
    size_t suffixed = 0;
    for (size_t i = 0; i < reading->count; i++)
        suffixed += *reading->groups[i].suffix != '\0';
    if (suffixed > 1 && !policy)
        return fail(E_INVALID,
                    "The \"group_policy\" parameter is required when specifying more than one \"resources{N}\" parameter.");
    return OK;
}

static enum err check_groups(struct reading *reading)
{
    if (placement_at_least(reading->request, SAME_SUBTREE_SINCE))
        TRY(check_resourceless(reading));
    else
        TRY(check_orphans(reading));
    return placement_at_least(reading->request, FORBIDDEN_SINCE) ? check_conflicts(reading) : OK;
}

enum err groups_read(struct request *request, struct candidates_request *out)
{
    struct reading *reading = arena_alloc(request->arena, sizeof(*reading));
    const char *policy = pairs_get(&request->query, "group_policy"); /* the first, as `limit` */
    reading->request = request;
    *out = (struct candidates_request){.groups = reading->groups,
                                       .group_policy = str_equal(policy, "isolate") ? GROUP_POLICY_ISOLATE : GROUP_POLICY_NONE,
                                       .nested_aware = placement_at_least(request, NESTED_SINCE),
                                       .all_classes = placement_at_least(request, ALL_CLASSES_SINCE),
                                       .want_traits = placement_at_least(request, TRAITS_SINCE),
                                       .randomize = request->gateway->config.placement.randomize_candidates};
    TRY(read_limit(request, &out->limit));
    TRY(read_root_required(request, &out->root_required));
    TRY(read_subtrees(reading));
    TRY(read_groups(reading));
    TRY(check_groups(reading));
    out->group_count = reading->count;
    out->same_subtrees = reading->subtrees;
    out->same_subtree_count = reading->subtree_count;
    return check_policy(reading, policy);
}
