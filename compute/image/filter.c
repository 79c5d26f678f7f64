/* The table of parameters, and how values of each kind of column are written; see filter.h. */
#include "compute/image/filter.h"

#include <string.h>
#include <strings.h>

#include "compute/image/image.h"
#include "gateway/base/clock.h"
#include "gateway/base/text.h"

#define IN_MAX 1000

static enum err parse_int(const char *name, const char *value, int64_t *out)
{
    int64_t number = 0;
    if (!str_to_int(value, &number) || number < 0)
        return fail(E_INVALID, "The value of %s must be a number that is not negative, not '%s'.", name, value);
    *out = number;
    return OK;
}

/* The words that OpenStack takes for a truth value. */
static enum err parse_bool(const char *name, const char *value, bool *out)
{
    static const char *const words[2][6] = {{"false", "f", "0", "no", "off", "n"}, {"true", "t", "1", "yes", "on", "y"}};
    for (int truth = 0; truth < 2; truth++) {
        for (size_t i = 0; i < ARRAY_LEN(words[0]); i++) {
            if (strcasecmp(words[truth][i], value) == 0) {
                *out = truth != 0;
                return OK;
            }
        }
    }
    return fail(E_INVALID, "The value of %s must be true or false, not '%s'.", name, value);
}

static bool is_one_of(const char *const *words, size_t count, const char *value)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], value) == 0)
            return true;
    return false;
}

static enum err add_condition(struct image_filter *filter, struct image_condition condition)
{
    if (filter->query.condition_count == IMAGE_CONDITION_MAX)
        return fail(E_INVALID, "A list has at most %d filters.", IMAGE_CONDITION_MAX);
    filter->query.conditions[filter->query.condition_count++] = condition;
    return OK;
}

static const struct sql_value *keep_value(struct image_filter *filter, struct sql_value value)
{
    return arena_copy(filter->arena, &value, sizeof(value));
}

static enum err add_int(struct image_filter *filter, const struct image_column *column, enum image_operator compare,
                        const char *name, const char *value)
{
    int64_t number = 0;
    TRY(parse_int(name, value, &number));
    return add_condition(filter, (struct image_condition){compare, column, NULL, keep_value(filter, sql_int(number)), 1});
}

static enum err set_limit(struct image_filter *filter, const char *name, const char *value)
{
    TRY(parse_int(name, value, &filter->query.limit));
    if (filter->query.limit > IMAGE_LIMIT_MAX)
        filter->query.limit = IMAGE_LIMIT_MAX;
    return OK;
}

static enum err set_marker(struct image_filter *filter, const char *name, const char *value)
{
    (void)name;
    filter->query.marker = value;
    return OK;
}

static enum err set_visibility(struct image_filter *filter, const char *name, const char *value)
{
    static const char *const words[] = {"public", "private", "shared", "community", "all"};
    if (!is_one_of(words, ARRAY_LEN(words), value))
        return fail(E_INVALID, "Invalid %s value: %s", name, value);
    filter->query.visibility = value;
    return OK;
}

static enum err set_member_status(struct image_filter *filter, const char *name, const char *value)
{
    static const char *const words[] = {"pending", "accepted", "rejected", "all"};
    if (!is_one_of(words, ARRAY_LEN(words), value))
        return fail(E_INVALID, "Invalid %s value: %s", name, value);
    filter->query.member_status = value;
    return OK;
}

static enum err add_tag(struct image_filter *filter, const char *name, const char *value)
{
    (void)name;
    return add_condition(filter, (struct image_condition){IMAGE_TAG, NULL, NULL, keep_value(filter, sql_text(value)), 1});
}

static enum err add_size_min(struct image_filter *filter, const char *name, const char *value)
{
    return add_int(filter, image_column_find("size"), IMAGE_AT_LEAST, name, value);
}

/* An image without data is not small. */
static enum err add_size_max(struct image_filter *filter, const char *name, const char *value)
{
    const struct image_column *size = image_column_find("size");
    TRY(add_int(filter, size, IMAGE_AT_LEAST, name, "0"));
    return add_int(filter, size, IMAGE_AT_MOST, name, value);
}

static enum err add_sort(struct image_filter *filter, const char *key, const char *direction)
{
    const struct image_column *column = image_column_find(key);
    const bool ascending = strcmp(direction, "asc") == 0;
    if (!column || !column->sortable)
        return fail(E_INVALID, "Invalid sort key: %s", key);
    if (!ascending && strcmp(direction, "desc") != 0)
        return fail(E_INVALID, "Invalid sort direction: %s", direction);
    if (filter->query.sort_count == IMAGE_SORT_MAX)
        return fail(E_INVALID, "A list has at most %d sort keys.", IMAGE_SORT_MAX);
    filter->query.sorts[filter->query.sort_count++] = (struct image_sort){column, !ascending};
    return OK;
}

/* "name:asc,size" */
static enum err set_sort(struct image_filter *filter, const char *name, const char *value)
{
    (void)name;
    while (*value) {
        const size_t length = strcspn(value, ",");
        char *key = arena_strndup(filter->arena, value, length);
        char *colon = strchr(key, ':');
        if (colon)
            *colon = '\0';
        TRY(add_sort(filter, key, colon ? colon + 1 : "desc"));
        value += length + (value[length] == ',');
    }
    return OK;
}

static enum err add_sort_key(struct image_filter *filter, const char *name, const char *value)
{
    if (filter->sort_key_count == IMAGE_SORT_MAX)
        return fail(E_INVALID, "There are too many %s.", name);
    filter->sort_keys[filter->sort_key_count++] = value;
    return OK;
}

static enum err add_sort_dir(struct image_filter *filter, const char *name, const char *value)
{
    if (filter->sort_dir_count == IMAGE_SORT_MAX)
        return fail(E_INVALID, "There are too many %s.", name);
    filter->sort_dirs[filter->sort_dir_count++] = value;
    return OK;
}

static const struct {
    const char *name;
    enum err (*add)(struct image_filter *filter, const char *name, const char *value);
} parameters[] = {
    {"limit", set_limit},       {"marker", set_marker},     {"visibility", set_visibility}, {"member_status", set_member_status},
    {"tag", add_tag},           {"size_min", add_size_min}, {"size_max", add_size_max},     {"sort", set_sort},
    {"sort_key", add_sort_key}, {"sort_dir", add_sort_dir},
};

static const struct {
    const char *word;
    enum image_operator compare;
} comparisons[] = {
    {"eq", IMAGE_IS},        {"neq", IMAGE_IS_NOT}, {"gt", IMAGE_MORE},
    {"gte", IMAGE_AT_LEAST}, {"lt", IMAGE_LESS},    {"lte", IMAGE_AT_MOST},
};

/* "gt:2016-01-01T00:00:00Z"; the time itself has colons, and digits before the first one. */
static enum err add_time(struct image_filter *filter, const struct image_column *column, const char *value)
{
    int64_t us = 0;
    enum image_operator compare = IMAGE_IS;
    const size_t length = strspn(value, "abcdefghijklmnopqrstuvwxyz");
    const char *time = value;
    if (length && value[length] == ':') {
        size_t i = 0;
        while (i < ARRAY_LEN(comparisons) &&
               (strlen(comparisons[i].word) != length || strncmp(comparisons[i].word, value, length) != 0))
            i++;
        if (i == ARRAY_LEN(comparisons))
            return fail(E_INVALID, "The operator of %s must be one of eq, neq, gt, gte, lt and lte.", column->name);
        compare = comparisons[i].compare;
        time = value + length + 1;
    }
    if (time_parse_iso(time, &us) != OK)
        return fail(E_INVALID, "The value of %s must be an ISO 8601 time, not '%s'.", column->name, time);
    return add_condition(filter, (struct image_condition){compare, column, NULL, keep_value(filter, sql_time(us)), 1});
}

static enum err add_bool(struct image_filter *filter, const struct image_column *column, const char *value)
{
    bool truth = false;
    TRY(parse_bool(column->name, value, &truth));
    filter->hidden_given = filter->hidden_given || strcmp(column->name, "os_hidden") == 0;
    return add_condition(filter, (struct image_condition){IMAGE_IS, column, NULL, keep_value(filter, sql_bool(truth)), 1});
}

/* Values of one condition while they are read. */
struct values {
    struct sql_value *items;
    size_t count;
};

/* What cannot be an id is the id of no image. */
static void add_value(struct values *values, enum image_kind kind, const char *text)
{
    struct uuid id;
    if (kind != IMAGE_ID)
        values->items[values->count++] = sql_text(text);
    else if (uuid_from_text(text, &id) == OK)
        values->items[values->count++] = sql_uuid(&id);
}

/* One value of `in:a,"b,c",d`; what follows it, or NULL when a quote does not end. */
static const char *next_value(struct arena *arena, const char *list, const char **out)
{
    if (*list == '"') {
        const char *end = strchr(list + 1, '"');
        if (!end || (end[1] != ',' && end[1] != '\0'))
            return NULL;
        *out = arena_strndup(arena, list + 1, (size_t)(end - list - 1));
        return end + 1 + (end[1] == ',');
    }
    const size_t length = strcspn(list, ",");
    *out = arena_strndup(arena, list, length);
    return list + length + (list[length] == ',');
}

static bool takes_lists(const struct image_column *column)
{
    static const char *const names[] = {"id", "name", "status", "disk_format", "container_format"};
    return is_one_of(names, ARRAY_LEN(names), column->name);
}

static enum err add_texts(struct image_filter *filter, const struct image_column *column, const char *value)
{
    struct values values = {0};
    if (!takes_lists(column) || strncmp(value, "in:", 3) != 0) {
        values.items = arena_alloc(filter->arena, sizeof(*values.items));
        add_value(&values, column->kind, value);
        return add_condition(filter, (struct image_condition){IMAGE_IS, column, NULL, values.items, values.count});
    }
    values.items = arena_alloc(filter->arena, IN_MAX * sizeof(*values.items));
    size_t given = 0;
    for (const char *rest = value + 3; *rest;) {
        const char *text = NULL;
        rest = next_value(filter->arena, rest, &text);
        if (!rest || ++given > IN_MAX)
            return fail(E_INVALID, "The list of %s has a quote that does not end, or more than %d values.", column->name, IN_MAX);
        add_value(&values, column->kind, text);
    }
    return add_condition(filter, (struct image_condition){IMAGE_IS, column, NULL, values.items, values.count});
}

static enum err add_column(struct image_filter *filter, const struct image_column *column, const char *value)
{
    if (column->kind == IMAGE_INT)
        return add_int(filter, column, IMAGE_IS, column->name, value);
    if (column->kind == IMAGE_BOOL)
        return add_bool(filter, column, value);
    return column->kind == IMAGE_TIME ? add_time(filter, column, value) : add_texts(filter, column, value);
}

void image_filter_begin(struct image_filter *filter, struct arena *arena, const struct caller *caller)
{
    *filter = (struct image_filter){.arena = arena};
    filter->query.everything = image_viewer(caller) == NULL;
    filter->query.project_id = caller->project_id;
    filter->query.limit = IMAGE_LIMIT_DEFAULT;
}

enum err image_filter_add(struct image_filter *filter, const char *name, const char *value)
{
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++)
        if (strcmp(parameters[i].name, name) == 0)
            return parameters[i].add(filter, name, value);
    const struct image_column *column = image_column_find(name);
    if (column)
        return add_column(filter, column, value);
    return add_condition(filter, (struct image_condition){IMAGE_PROPERTY, NULL, name, keep_value(filter, sql_text(value)), 1});
}

/* One direction for all keys, or one each. */
static enum err join_sorts(struct image_filter *filter)
{
    const size_t keys = filter->sort_key_count;
    const size_t dirs = filter->sort_dir_count;
    if ((keys || dirs) && filter->query.sort_count)
        return fail(E_INVALID, "Old and new sorting syntax cannot be combined.");
    if (dirs > 1 && dirs != keys)
        return fail(E_INVALID, "Number of sort dirs does not match the number of sort keys.");
    if (keys == 0 && dirs == 1)
        return add_sort(filter, "created_at", filter->sort_dirs[0]);
    for (size_t i = 0; i < keys; i++)
        TRY(add_sort(filter, filter->sort_keys[i], dirs == 0 ? "desc" : filter->sort_dirs[dirs == 1 ? 0 : i]));
    return OK;
}

enum err image_filter_end(struct image_filter *filter)
{
    TRY(join_sorts(filter));
    return filter->hidden_given ? OK : add_bool(filter, image_column_find("os_hidden"), "false");
}
