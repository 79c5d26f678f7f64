/*
 * Keywords that go into objects and arrays, and those that combine schemas. Recursion is bounded by the schema and the document.
 */
#include <stdlib.h>

#include "schema/json/keywords.h"
#include "gateway/base/text.h"
#include "schema/json/patterns.h"
#include "schema/json/repr.h"

/* Lists of names in messages are cut at about this many bytes. */
#define LIST_MAX 300

struct member {
    const char *key;
    const json_t *value;
};

/* `through`: the name under which the keyword's value holds the schema; NULL when it is the schema. */
static enum err check_member(const struct check *check, struct member member, const char *through, const json_t *schema)
{
    const struct check inner = {
        .key = member.key, .nested = true, .silent = check->silent, .located = check->located, .outer = check, .through = through};
    return check_value(&inner, schema, member.value);
}

enum err check_properties(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    const char *key;
    json_t *member_schema;
    json_object_foreach((json_t *)rule, key, member_schema)
    {
        const json_t *member = json_object_get(value, key);
        if (member)
            TRY(check_member(check, (struct member){key, member}, key, member_schema));
    }
    return OK;
}

enum err check_pattern_properties(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    const char *pattern;
    json_t *member_schema;
    json_object_foreach((json_t *)rule, pattern, member_schema)
    {
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)value, key, member)
        {
            if (pattern_matches(pattern, key))
                TRY(check_member(check, (struct member){key, member}, pattern, member_schema));
        }
    }
    return OK;
}

static bool is_expected(const json_t *schema, const char *key)
{
    if (json_object_get(json_object_get(schema, "properties"), key))
        return true;
    const char *pattern;
    json_t *unused;
    json_object_foreach(json_object_get(schema, "patternProperties"), pattern, unused)
    {
        if (pattern_matches(pattern, key))
            return true;
    }
    return false;
}

static void add_listed(struct text *list, const char *name)
{
    if (list->length > LIST_MAX)
        return;
    if (list->length)
        text_add_str(list, ", ");
    repr_add_string(list, name);
}

static enum err refuse_unexpected(const struct check *check, const json_t *schema, const json_t *value, const struct text *list,
                                  size_t count)
{
    const json_t *patterns = json_object_get(schema, "patternProperties");
    if (!patterns)
        return refuse(check, value, "Additional properties are not allowed (%s %s unexpected)", text_str(list),
                      count == 1 ? "was" : "were");
    CLEANUP(text_clear) struct text pattern_list = {0};
    const char *pattern;
    json_t *unused;
    json_object_foreach((json_t *)patterns, pattern, unused) add_listed(&pattern_list, pattern);
    return refuse(check, value, "%s %s not match any of the regexes: %s", text_str(list), count == 1 ? "does" : "do",
                  text_str(&pattern_list));
}

enum err check_additional_properties(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    if (json_is_true(rule))
        return OK;
    CLEANUP(text_clear) struct text list = {0};
    size_t count = 0;
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member)
    {
        if (is_expected(schema, key))
            continue;
        if (json_is_object(rule))
            TRY(check_member(check, (struct member){key, member}, NULL, rule));
        else
            add_listed(&list, key);
        count++;
    }
    return count && json_is_false(rule) ? refuse_unexpected(check, schema, value, &list, count) : OK;
}

enum err check_required(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    size_t i;
    const json_t *name;
    json_array_foreach(rule, i, name)
    {
        if (json_is_object(value) && !json_object_get(value, json_string_value(name)))
            return refuse(check, value, "'%s' is a required property", json_string_value(name));
    }
    return OK;
}

enum err check_items(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item)
    {
        const struct check inner = {.index = i, .nested = true, .silent = check->silent, .located = check->located, .outer = check};
        TRY(check_value(&inner, rule, item));
    }
    return OK;
}

enum err check_min_items(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    if (!json_is_array(value) || (json_int_t)json_array_size(value) >= json_integer_value(rule))
        return OK;
    return refuse_value(check, value, "is too short");
}

enum err check_max_items(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    if (!json_is_array(value) || (json_int_t)json_array_size(value) <= json_integer_value(rule))
        return OK;
    return refuse_value(check, value, "is too long");
}

/* Texts of items as keys of an object: the cost stays linear when a client sends many. */
enum err check_unique_items(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    if (!json_is_true(rule))
        return OK;
    json_auto_t *seen = json_object();
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item)
    {
        char *key = json_dumps(item, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
        const bool repeated = !key || json_object_get(seen, key);
        const int failed = key ? json_object_set_new(seen, key, json_true()) : -1;
        free(key);
        if (repeated || failed)
            return refuse_value(check, value, "has non-unique elements");
    }
    return OK;
}

enum err check_min_properties(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    if (!json_is_object(value) || (json_int_t)json_object_size(value) >= json_integer_value(rule))
        return OK;
    return refuse_value(check, value, "does not have enough properties");
}

enum err check_max_properties(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    if (!json_is_object(value) || (json_int_t)json_object_size(value) <= json_integer_value(rule))
        return OK;
    return refuse_value(check, value, "has too many properties");
}

static size_t count_matches(const json_t *schemas, const json_t *value)
{
    static const struct check silent = {.silent = true};
    size_t matches = 0;
    size_t i;
    const json_t *schema;
    json_array_foreach(schemas, i, schema)
    {
        if (check_value(&silent, schema, value) == OK)
            matches++;
    }
    return matches;
}

enum err check_one_of(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    const size_t matches = count_matches(rule, value);
    if (matches == 1)
        return OK;
    return refuse_value(check, value,
                        matches ? "is valid under several of the given schemas" : "is not valid under any of the given schemas");
}

enum err check_any_of(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    return count_matches(rule, value) ? OK : refuse_value(check, value, "is not valid under any of the given schemas");
}

enum err check_all_of(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    size_t i;
    const json_t *part;
    json_array_foreach(rule, i, part) TRY(check_value(check, part, value));
    return OK;
}

enum err check_not(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    static const struct check silent = {.silent = true};
    return check_value(&silent, rule, value) == OK ? refuse_value(check, value, "is not allowed here") : OK;
}
