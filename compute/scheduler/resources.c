/* Extra specs as amounts and groups; see resources.h. */
#include "compute/scheduler/resources.h"

#include <string.h>

#include "compute/placement/candidates.h"
#include "gateway/base/text.h"

#define GROUPS_MOST 16
#define SUFFIX_MOST 64
#define NAME_CHARS  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* One group while it grows. */
struct group {
    const char *suffix;
    struct resource_amount *amounts;
    size_t amount_count;
    const char **required;
    size_t required_count;
    const char **forbidden;
    size_t forbidden_count;
};

struct groups {
    struct arena *arena;
    size_t most; /* entries that one group can have */
    struct group items[GROUPS_MOST];
    size_t count;
    const char *policy;
};

static enum err group_of(struct groups *groups, const char *suffix, struct group **out)
{
    for (size_t i = 0; i < groups->count; i++) {
        if (strcmp(groups->items[i].suffix, suffix) == 0) {
            *out = &groups->items[i];
            return OK;
        }
    }
    if (groups->count == GROUPS_MOST)
        return fail(E_INVALID, "The extra specs have more than %d groups of resources.", GROUPS_MOST);
    struct group *group = &groups->items[groups->count++];
    *group = (struct group){.suffix = suffix,
                            .amounts = arena_alloc(groups->arena, groups->most * sizeof(*group->amounts)),
                            .required = arena_alloc(groups->arena, groups->most * sizeof(*group->required)),
                            .forbidden = arena_alloc(groups->arena, groups->most * sizeof(*group->forbidden))};
    *out = group;
    return OK;
}

static void set_amount(struct group *group, const char *resource_class, int64_t amount)
{
    for (size_t i = 0; i < group->amount_count; i++) {
        if (strcmp(group->amounts[i].resource_class, resource_class) == 0) {
            group->amounts[i].amount = amount;
            return;
        }
    }
    group->amounts[group->amount_count++] = (struct resource_amount){resource_class, amount};
}

static enum err add_resource(struct groups *groups, const char *key, const char *suffix, const char *name, const char *value)
{
    struct group *group = NULL;
    int64_t amount = 0;
    if (!str_to_int(value, &amount) || amount < 0 || amount > INT32_MAX)
        return fail(E_INVALID, "The flavor's extra spec %s='%.100s' is not a number of at least 0.", key, value);
    TRY(group_of(groups, suffix, &group));
    set_amount(group, name, amount);
    return OK;
}

static enum err add_trait(struct groups *groups, const char *key, const char *suffix, const char *name, const char *value)
{
    struct group *group = NULL;
    TRY(group_of(groups, suffix, &group));
    if (strcmp(value, "required") == 0)
        group->required[group->required_count++] = name;
    else if (strcmp(value, "forbidden") == 0)
        group->forbidden[group->forbidden_count++] = name;
    else
        return fail(E_INVALID, "The extra spec %s='%.100s' is neither required nor forbidden.", key, value);
    return OK;
}

struct prefix {
    const char *word;
    enum err (*add)(struct groups *groups, const char *key, const char *suffix, const char *name, const char *value);
};

static const struct prefix prefixes[] = {{"resources", add_resource}, {"trait", add_trait}};

/* "resources_FPGA:CUSTOM_X": other keys are no business of Placement. */
static enum err add_spec(struct groups *groups, const char *key, const char *value)
{
    const char *colon = strchr(key, ':');
    for (size_t i = 0; colon && i < ARRAY_LEN(prefixes); i++) {
        const size_t length = strlen(prefixes[i].word);
        if (!str_starts(key, prefixes[i].word) || colon < key + length)
            continue;
        const char *suffix = arena_strndup(groups->arena, key + length, (size_t)(colon - key) - length);
        const char *name = arena_strdup(groups->arena, colon + 1);
        if (strlen(suffix) > SUFFIX_MOST || strlen(name) > 255 || !*name || name[strspn(name, NAME_CHARS)] != '\0')
            return fail(E_INVALID, "The extra spec %.100s names no resource class or trait.", key);
        return prefixes[i].add(groups, key, suffix, name, value);
    }
    return OK;
}

static enum err add_specs(struct groups *groups, const json_t *specs, const char *only)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)specs, key, value)
    {
        const char *text = json_string_value(value);
        if (!text || (only && !str_starts(key, only)))
            continue;
        if (!only && strcmp(key, "group_policy") == 0)
            groups->policy = text;
        TRY(add_spec(groups, key, text));
    }
    return OK;
}

static enum err read_groups(struct arena *arena, const struct sizing *sizing, struct groups *out)
{
    struct group *group = NULL;
    *out = (struct groups){.arena = arena, .most = json_object_size(sizing->extra_specs) + json_object_size(sizing->image) + 3};
    TRY(group_of(out, "", &group));
    set_amount(group, "VCPU", sizing->vcpus);
    set_amount(group, "MEMORY_MB", sizing->ram_mib);
    set_amount(group, "DISK_GB", sizing->disk_gib);
    TRY(add_specs(out, sizing->extra_specs, NULL));
    return add_specs(out, sizing->image, "trait:");
}

/* Without the classes whose amount is 0. */
static struct placement_resources resources_of(const struct group *group)
{
    size_t used = 0;
    for (size_t i = 0; i < group->amount_count; i++) {
        if (group->amounts[i].amount)
            group->amounts[used++] = group->amounts[i];
    }
    return (struct placement_resources){group->amounts, used};
}

enum err spec_amounts(struct arena *arena, const struct sizing *sizing, struct resource_amounts *out)
{
    struct groups groups;
    TRY(read_groups(arena, sizing, &groups));
    struct group sum = {.amounts = arena_alloc(arena, GROUPS_MOST * groups.most * sizeof(struct resource_amount))};
    for (size_t i = 0; i < groups.count; i++) {
        const struct placement_resources part = resources_of(&groups.items[i]);
        for (size_t j = 0; j < part.count; j++) {
            int64_t former = 0;
            for (size_t k = 0; k < sum.amount_count; k++)
                former = strcmp(sum.amounts[k].resource_class, part.items[j].resource_class) == 0 ? sum.amounts[k].amount : former;
            set_amount(&sum, part.items[j].resource_class, former + part.items[j].amount);
        }
    }
    *out = (struct resource_amounts){sum.amounts, sum.amount_count};
    return OK;
}

static struct candidates_group candidates_group_of(struct arena *arena, const struct group *group)
{
    struct placement_names *sets = arena_alloc(arena, (group->required_count + 1) * sizeof(*sets));
    for (size_t i = 0; i < group->required_count; i++)
        sets[i] = (struct placement_names){&group->required[i], 1};
    return (struct candidates_group){
        .suffix = group->suffix,
        .query = {.resources = resources_of(group),
                  .traits = {sets, group->required_count, {group->forbidden, group->forbidden_count}}}};
}

enum err spec_request(struct arena *arena, const struct sizing *sizing, struct candidates_request *out)
{
    struct groups groups;
    TRY(read_groups(arena, sizing, &groups));
    struct candidates_group *items = arena_alloc(arena, GROUPS_MOST * sizeof(*items));
    for (size_t i = 0; i < groups.count; i++)
        items[i] = candidates_group_of(arena, &groups.items[i]);
    if (groups.count > 2 && !groups.policy)
        return fail(E_INVALID, "The flavor's extra specs have several groups of resources and no group_policy.");
    if (groups.policy && strcmp(groups.policy, "none") != 0 && strcmp(groups.policy, "isolate") != 0)
        return fail(E_INVALID, "The flavor's extra spec group_policy='%.100s' is neither none nor isolate.", groups.policy);
    *out =
        (struct candidates_request){.groups = items,
                                    .group_count = groups.count,
                                    .group_policy = str_equal(groups.policy, "isolate") ? GROUP_POLICY_ISOLATE : GROUP_POLICY_NONE};
    return OK;
}

bool spec_is_wide(const struct sizing *sizing)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)sizing->extra_specs, key, value)
    {
        if (str_starts(key, "resources") && strchr(key, ':'))
            return true;
    }
    return false;
}
