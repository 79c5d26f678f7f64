/* See parameters.h. The messages are Placement's own, since clients show them to people. */
#include "gateway/api/placement/parameters.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n\f\v"

#define REPEATED_MEMBER_OF_SINCE  24
#define FORBIDDEN_TRAITS_SINCE    22
#define FORBIDDEN_MEMBER_OF_SINCE 32
#define ANY_TRAITS_SINCE          39

static const char *cut(struct arena *arena, const char *text, size_t length, bool trim)
{
    while (trim && length && strchr(BLANKS, text[length - 1]))
        length--;
    const size_t skip = trim ? strspn(text, BLANKS) : 0;
    return skip >= length ? "" : arena_strndup(arena, text + skip, length - skip);
}

struct placement_names parameters_split(struct arena *arena, const char *list, bool trim)
{
    size_t count = 1;
    for (const char *p = list; *p; p++)
        count += *p == ',';
    const char **items = arena_alloc(arena, count * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        const size_t length = strcspn(list, ",");
        items[i] = cut(arena, list, length, trim);
        list += length + (list[length] == ',');
    }
    return (struct placement_names){items, count};
}

static enum err check_count(size_t count)
{
    if (count > PLACEMENT_LIST_MOST)
        return fail(E_INVALID, "Invalid query string parameters: a list has more than %d entries.", PLACEMENT_LIST_MOST);
    return OK;
}

static size_t count_names(const char *value)
{
    size_t count = 1;
    for (; *value; value++)
        count += *value == ',';
    return count;
}

/* "VCPU:2" */
static enum err read_amount(struct arena *arena, const char *pair, struct resource_amount *out)
{
    const char *colon = strchr(pair, ':');
    if (!colon || strchr(colon + 1, ':'))
        return fail(E_INVALID,
                    "Badly formed resources parameter. Expected resources query string parameter in form: "
                    "?resources=VCPU:2,MEMORY_MB:1024. Got: %.200s.",
                    pair);
    out->resource_class = arena_strndup(arena, pair, (size_t)(colon - pair));
    if (!str_to_int(cut(arena, colon + 1, strlen(colon + 1), true), &out->amount))
        return fail(E_INVALID, "Requested resource %.255s expected positive integer amount. Got: %.100s.", out->resource_class,
                    colon + 1);
    if (out->amount < 1)
        return fail(E_INVALID, "Requested resource %.255s requires amount >= 1. Got: %lld.", out->resource_class,
                    (long long)out->amount);
    return OK;
}

enum err parameters_resources(struct request *request, const char *value, struct placement_resources *out)
{
    if (!value[strspn(value, BLANKS)])
        return fail(E_INVALID, "Badly formed resources parameter. Expected resources query string parameter in form: "
                               "?resources=VCPU:2,MEMORY_MB:1024. Got: empty string.");
    const struct placement_names pairs = parameters_split(request->arena, value, false);
    TRY(check_count(pairs.count));
    struct resource_amount *items = arena_alloc(request->arena, pairs.count * sizeof(*items));
    json_auto_t *places = json_object();
    size_t count = 0;
    for (size_t i = 0; i < pairs.count; i++) {
        struct resource_amount amount;
        TRY(read_amount(request->arena, pairs.items[i], &amount));
        const json_t *place = json_object_get(places, amount.resource_class);
        if (!place)
            (void)json_object_set_new(places, amount.resource_class, json_integer((json_int_t)count));
        items[place ? (size_t)json_integer_value(place) : count++] = amount;
    }
    *out = (struct placement_resources){items, count};
    return OK;
}

/* The sets and names of all values, with room for what could be in them. */
struct trait_lists {
    struct placement_names *required;
    size_t required_count;
    const char **forbidden;
    size_t forbidden_count;
};

static enum err add_any(struct request *request, const char *value, struct trait_lists *lists)
{
    if (!placement_at_least(request, ANY_TRAITS_SINCE))
        return fail(
            E_INVALID,
            "Invalid query string parameters: The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion "
            "1.39. Got: %.300s",
            value);
    const struct placement_names names = parameters_split(request->arena, value + 3, true);
    for (size_t i = 0; i < names.count; i++) {
        if (!*names.items[i])
            return fail(E_INVALID,
                        "Invalid query string parameters: Expected 'required' parameter value of the form: "
                        "in:HW_CPU_X86_VMX,CUSTOM_MAGIC. Got an empty trait in: %.300s",
                        value);
        if (names.items[i][0] == '!')
            return fail(E_INVALID,
                        "Invalid query string parameters: The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' does not support forbidden "
                        "traits. Got: %.300s",
                        value);
    }
    lists->required[lists->required_count++] = names;
    return OK;
}

static enum err add_all(struct request *request, const char *value, bool may_forbid, struct trait_lists *lists)
{
    const struct placement_names names = parameters_split(request->arena, value, true);
    bool forbids = false;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        const size_t marks = strspn(name, "!"); /* more than one means the same, as in Placement */
        if (!name[marks])
            return fail(
                E_INVALID,
                "Invalid query string parameters: Expected 'required' parameter value of the form: HW_CPU_X86_VMX,%s. Got an "
                "empty trait in: %.300s",
                may_forbid ? "!CUSTOM_MAGIC" : "CUSTOM_MAGIC", value);
        forbids = forbids || marks;
        if (marks)
            lists->forbidden[lists->forbidden_count++] = name + marks;
        else
            lists->required[lists->required_count++] = (struct placement_names){&names.items[i], 1};
    }
    if (forbids && !may_forbid)
        return fail(
            E_INVALID,
            "Invalid query string parameters: Expected 'required' parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. "
            "Got: %.300s",
            value);
    return OK;
}

static struct trait_lists make_room(struct arena *arena, size_t names)
{
    return (struct trait_lists){.required = arena_alloc(arena, names * sizeof(struct placement_names)),
                                .forbidden = arena_alloc(arena, names * sizeof(char *))};
}

static struct placement_trait_filter as_filter(const struct trait_lists *lists)
{
    return (struct placement_trait_filter){lists->required, lists->required_count, {lists->forbidden, lists->forbidden_count}};
}

/* The values of all parameters of this name. */
static struct placement_names values_of(struct request *request, const char *name)
{
    const char **items = arena_alloc(request->arena, (request->query.count + 1) * sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; i < request->query.count; i++)
        if (strcmp(request->query.items[i].name, name) == 0)
            items[count++] = request->query.items[i].value;
    return (struct placement_names){items, count};
}

enum err parameters_required(struct request *request, const char *suffix, struct placement_trait_filter *out)
{
    struct placement_names values = values_of(request, arena_printf(request->arena, "required%s", suffix));
    if (!placement_at_least(request, ANY_TRAITS_SINCE) && values.count > 1)
        values = (struct placement_names){values.items + values.count - 1, 1};
    size_t names = 1;
    for (size_t i = 0; i < values.count; i++)
        names += count_names(values.items[i]);
    TRY(check_count(names - 1));
    struct trait_lists lists = make_room(request->arena, names);
    const bool may_forbid = placement_at_least(request, FORBIDDEN_TRAITS_SINCE);
    for (size_t i = 0; i < values.count; i++) {
        if (str_starts(values.items[i], "in:"))
            TRY(add_any(request, values.items[i], &lists));
        else
            TRY(add_all(request, values.items[i], may_forbid, &lists));
    }
    *out = as_filter(&lists);
    return OK;
}

enum err parameters_root_required(struct request *request, const char *value, struct placement_trait_filter *out)
{
    struct trait_lists lists = make_room(request->arena, count_names(value));
    TRY(check_count(count_names(value)));
    if (str_starts(value, "in:"))
        return fail(E_INVALID,
                    "Invalid query string parameters: The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' is not supported in "
                    "'root_required'. Got: %.300s",
                    value);
    TRY(add_all(request, value, true, &lists));
    *out = as_filter(&lists);
    return OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *join_sorted(struct arena *arena, const struct placement_names *names)
{
    const char **sorted = arena_copy(arena, names->items, names->count * sizeof(*sorted));
    CLEANUP(text_clear) struct text joined = {0};
    qsort(sorted, names->count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < names->count; i++)
        text_add_format(&joined, "%s%s", i ? ", " : "", sorted[i]);
    return arena_strdup(arena, text_str(&joined));
}

const char *parameters_conflict(struct request *request, const struct placement_trait_filter *traits)
{
    json_auto_t *forbidden = json_object();
    for (size_t i = 0; i < traits->forbidden.count; i++)
        (void)json_object_set_new(forbidden, traits->forbidden.items[i], json_true());
    for (size_t i = 0; i < traits->required_count; i++) {
        const struct placement_names *names = &traits->required[i];
        size_t refused = 0;
        for (size_t j = 0; j < names->count; j++)
            refused += json_object_get(forbidden, names->items[j]) != NULL;
        if (refused == names->count)
            return join_sorted(request->arena, names);
    }
    return NULL;
}

/* "UUID" or "UUID,UUID" behind a prefix. */
static enum err read_uuids(struct request *request, const char *list, bool single, struct placement_uuids *out)
{
    const struct placement_names names =
        single ? (struct placement_names){&list, 1} : parameters_split(request->arena, list, false);
    struct uuid *items = arena_alloc(request->arena, names.count * sizeof(*items));
    for (size_t i = 0; i < names.count; i++)
        if (uuid_from_text(names.items[i], &items[i]) != OK)
            return fail(E_INVALID,
                        "Invalid query string parameters: Expected 'member_of' parameter to contain valid UUID(s). Got: %.200s",
                        names.items[i]);
    *out = (struct placement_uuids){items, names.count};
    return OK;
}

struct member_of {
    struct placement_uuids uuids;
    bool forbidden;
};

static enum err read_member_of(struct request *request, const char *value, struct member_of *out)
{
    static const struct {
        const char *prefix;
        bool single;
        bool forbidden;
    } forms[] = {{"!in:", false, true}, {"!", true, true}, {"in:", false, false}, {"", true, false}};
    if (strchr(value, ',') && !str_starts(value, "in:") && !str_starts(value, "!in:"))
        return fail(E_INVALID,
                    "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid "
                    "microversion. Got: %.300s",
                    value);
    size_t i = 0;
    while (!str_starts(value, forms[i].prefix))
        i++;
    out->forbidden = forms[i].forbidden;
    return read_uuids(request, value + strlen(forms[i].prefix), forms[i].single, &out->uuids);
}

static struct placement_uuids join_uuids(struct arena *arena, struct placement_uuids a, struct placement_uuids b)
{
    if (!a.count)
        return b;
    struct uuid *items = arena_alloc(arena, (a.count + b.count) * sizeof(*items));
    memcpy(items, a.items, a.count * sizeof(*items));
    memcpy(items + a.count, b.items, b.count * sizeof(*items));
    return (struct placement_uuids){items, a.count + b.count};
}

enum err parameters_member_of(struct request *request, const char *suffix, struct placement_aggregate_filter *out)
{
    const struct placement_names values = values_of(request, arena_printf(request->arena, "member_of%s", suffix));
    size_t uuids = 0;
    for (size_t i = 0; i < values.count; i++)
        uuids += count_names(values.items[i]);
    TRY(check_count(uuids));
    struct placement_uuids *required = arena_alloc(request->arena, (values.count + 1) * sizeof(*required));
    *out = (struct placement_aggregate_filter){.required = required};
    if (values.count > 1 && !placement_at_least(request, REPEATED_MEMBER_OF_SINCE))
        return fail(E_INVALID, "Multiple member_of%s parameters are not supported", suffix);
    for (size_t i = 0; i < values.count; i++) {
        struct member_of member = {{0}, false};
        TRY(read_member_of(request, values.items[i], &member));
        if (!member.forbidden)
            required[out->required_count++] = member.uuids;
        else if (placement_at_least(request, FORBIDDEN_MEMBER_OF_SINCE))
            out->forbidden = join_uuids(request->arena, out->forbidden, member.uuids);
        else
            return fail(E_INVALID, "Forbidden member_of%s parameters are not supported in the specified microversion", suffix);
    }
    return OK;
}

enum err parameters_in_tree(struct request *request, const char *value, const struct uuid **out)
{
    struct uuid *uuid = arena_alloc(request->arena, sizeof(*uuid));
    if (uuid_from_text(cut(request->arena, value, strlen(value), true), uuid) != OK)
        return fail(E_INVALID, "Invalid query string parameters: Expected 'in_tree' parameter to be a format of uuid. Got: %.200s",
                    value);
    *out = uuid;
    return OK;
}
