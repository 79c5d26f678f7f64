/*
 * The validator's tables and its walk. One row per keyword: the function that checks a value by it, and the shape that the keyword
 * itself must have (so that a mistake in a schema is found at start, not by a request).
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "schema/json/formats.h"
#include "schema/json/json.h"
#include "schema/json/keywords.h"
#include "schema/json/patterns.h"
#include "schema/json/repr.h"

/* A message stays below what `fail` keeps, so that it is never cut within a character. */
#define MESSAGE_MAX      1000
#define SCHEMA_MAX_DEPTH 32

enum shape {
    SHAPE_SCHEMA,
    SHAPE_SCHEMA_OR_BOOL,
    SHAPE_SCHEMAS,
    SHAPE_MEMBERS,
    SHAPE_PATTERNED,
    SHAPE_PATTERN,
    SHAPE_FORMAT,
    SHAPE_TYPES,
    SHAPE_NAMES,
    SHAPE_VALUES,
    SHAPE_COUNT,
    SHAPE_NUMBER,
    SHAPE_BOOL,
    SHAPE_TEXT,
};

/* Sorted by name. Keywords without a function say something to the reader, or belong to another one. */
static const struct keyword {
    const char *name;
    enum shape shape;
    keyword_f *check;
} keywords[] = {
    {"additionalProperties", SHAPE_SCHEMA_OR_BOOL, check_additional_properties},
    {"allOf", SHAPE_SCHEMAS, check_all_of},
    {"anyOf", SHAPE_SCHEMAS, check_any_of},
    {"description", SHAPE_TEXT, NULL},
    {"enum", SHAPE_VALUES, check_enum},
    {"exclusiveMaximum", SHAPE_BOOL, NULL},
    {"exclusiveMinimum", SHAPE_BOOL, NULL},
    {"format", SHAPE_FORMAT, check_format},
    {"items", SHAPE_SCHEMA, check_items},
    {"maxItems", SHAPE_COUNT, check_max_items},
    {"maxLength", SHAPE_COUNT, check_max_length},
    {"maxProperties", SHAPE_COUNT, check_max_properties},
    {"maximum", SHAPE_NUMBER, check_maximum},
    {"minItems", SHAPE_COUNT, check_min_items},
    {"minLength", SHAPE_COUNT, check_min_length},
    {"minProperties", SHAPE_COUNT, check_min_properties},
    {"minimum", SHAPE_NUMBER, check_minimum},
    {"not", SHAPE_SCHEMA, check_not},
    {"oneOf", SHAPE_SCHEMAS, check_one_of},
    {"pattern", SHAPE_PATTERN, check_pattern},
    {"patternProperties", SHAPE_PATTERNED, check_pattern_properties},
    {"properties", SHAPE_MEMBERS, check_properties},
    {"required", SHAPE_NAMES, check_required},
    {"title", SHAPE_TEXT, NULL},
    {"type", SHAPE_TYPES, check_type},
    {"uniqueItems", SHAPE_BOOL, check_unique_items},
};

static bool is_integer(const json_t *value)
{
    return json_is_integer(value);
}

static bool is_number(const json_t *value)
{
    return json_is_number(value);
}

static bool is_string(const json_t *value)
{
    return json_is_string(value);
}

static bool is_boolean(const json_t *value)
{
    return json_is_boolean(value);
}

static bool is_object(const json_t *value)
{
    return json_is_object(value);
}

static bool is_array(const json_t *value)
{
    return json_is_array(value);
}

static bool is_null(const json_t *value)
{
    return json_is_null(value);
}

static const struct {
    const char *name;
    bool (*matches)(const json_t *value);
} types[] = {
    {"string", is_string},   {"object", is_object}, {"integer", is_integer}, {"array", is_array},
    {"boolean", is_boolean}, {"null", is_null},     {"number", is_number},
};

static bool type_is_known(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_equal(types[i].name, type))
            return true;
    }
    return false;
}

bool value_is_type(const json_t *value, const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_equal(types[i].name, type))
            return types[i].matches(value);
    }
    return false;
}

static int compare_keyword(const void *name, const void *row)
{
    const struct keyword *keyword = row;
    return strcmp(name, keyword->name);
}

static const struct keyword *find_keyword(const char *name)
{
    return bsearch(name, keywords, ARRAY_LEN(keywords), sizeof(keywords[0]), compare_keyword);
}

enum err check_value(const struct check *check, const json_t *schema, const json_t *value)
{
    const char *name;
    json_t *rule;
    json_object_foreach((json_t *)schema, name, rule)
    {
        const struct keyword *keyword = find_keyword(name);
        assert(keyword);
        struct check here = *check;
        here.keyword = name;
        if (keyword && keyword->check)
            TRY(keyword->check(&here, rule, schema, value));
    }
    return OK;
}

enum err json_validate(const json_t *schema, const json_t *value)
{
    const struct check root = {0};
    return check_value(&root, schema, value ? value : json_null());
}

enum err json_validate_located(const json_t *schema, const json_t *value)
{
    const struct check root = {.located = true};
    return check_value(&root, schema, value ? value : json_null());
}

/* Where the text must end to keep at most `limit` bytes and whole characters. */
static int whole_length(const char *text, size_t limit)
{
    size_t length = strlen(text);
    if (length > limit) {
        for (length = limit; length && ((unsigned char)text[length] & 0xC0) == 0x80;)
            length--;
    }
    return (int)length;
}

static void add_schema_step(struct text *out, const char *step)
{
    CLEANUP(text_clear) struct text shown = {0}; /* of its own: repr cuts by the whole text's length */
    repr_add_string(&shown, step);
    text_add_format(out, "[%s]", text_str(&shown));
}

/* Recursion is bounded by the depth of the schema. */
static void add_schema_path(struct text *out, const struct check *check)
{
    const struct check *outer = check->outer;
    if (!outer)
        return;
    add_schema_path(out, outer);
    add_schema_step(out, outer->keyword);
    if (check->through)
        add_schema_step(out, check->through);
}

static void add_instance_path(struct text *out, const struct check *check)
{
    if (!check->outer)
        return;
    add_instance_path(out, check->outer);
    if (check->key)
        add_schema_step(out, check->key);
    else
        text_add_format(out, "[%zu]", check->index);
}

static enum err report_located(const struct check *check, const json_t *value, const char *message)
{
    CLEANUP(text_clear) struct text full = {0};
    CLEANUP(text_clear) struct text shown = {0};
    text_add(&full, message, (size_t)whole_length(message, MESSAGE_MAX / 2));
    text_add_format(&full, "\n\nFailed validating '%s' in schema", check->keyword);
    add_schema_path(&full, check);
    text_add_str(&full, "\n\nOn instance");
    add_instance_path(&full, check);
    repr_add(&shown, value);
    text_add_format(&full, ":\n    %s", text_str(&shown));
    return fail(E_INVALID, "%.*s", whole_length(text_str(&full), MESSAGE_MAX), text_str(&full));
}

static enum err report(const struct check *check, const json_t *value, const char *message)
{
    if (check->located)
        return report_located(check, value, message);
    if (!check->nested)
        return fail(E_INVALID, "%.*s", whole_length(message, MESSAGE_MAX), message);
    CLEANUP(text_clear) struct text full = {0};
    text_add_str(&full, "Invalid input for field/attribute ");
    if (check->key)
        text_add(&full, check->key, (size_t)whole_length(check->key, 255));
    else
        text_add_int(&full, (int64_t)check->index);
    text_add_str(&full, ". Value: ");
    if (repr_is_secret(check->key))
        text_add_str(&full, "***");
    else
        repr_add_plain(&full, value);
    text_add_str(&full, ". ");
    text_add_str(&full, message);
    return fail(E_INVALID, "%.*s", whole_length(text_str(&full), MESSAGE_MAX), text_str(&full));
}

static void add_words(struct text *out, const char *format, va_list arguments)
{
    char words[MESSAGE_MAX + 1];
    (void)vsnprintf(words, sizeof(words), format, arguments);
    text_add(out, words, (size_t)whole_length(words, MESSAGE_MAX - 4));
}

enum err refuse(const struct check *check, const json_t *value, const char *format, ...)
{
    if (check->silent)
        return E_INVALID;
    CLEANUP(text_clear) struct text message = {0};
    va_list arguments;
    va_start(arguments, format);
    add_words(&message, format, arguments);
    va_end(arguments);
    return report(check, value, text_str(&message));
}

enum err refuse_value(const struct check *check, const json_t *value, const char *format, ...)
{
    if (check->silent)
        return E_INVALID;
    CLEANUP(text_clear) struct text message = {0};
    if (repr_is_secret(check->key))
        text_add_str(&message, "***");
    else
        repr_add(&message, value);
    text_add_char(&message, ' ');
    va_list arguments;
    va_start(arguments, format);
    add_words(&message, format, arguments);
    va_end(arguments);
    return report(check, value, text_str(&message));
}

static enum err lint_schema(const json_t *schema, int depth);

static enum err lint_each(const json_t *schemas, int depth)
{
    size_t i;
    const json_t *schema;
    json_array_foreach(schemas, i, schema) TRY(lint_schema(schema, depth));
    return json_array_size(schemas) ? OK : fail(E_INVALID, "a list of schemas is expected");
}

static enum err lint_members(const json_t *members, bool patterned, int depth)
{
    const char *name;
    json_t *schema;
    json_object_foreach((json_t *)members, name, schema)
    {
        if (patterned)
            TRY(patterns_add(name));
        TRY(lint_schema(schema, depth));
    }
    return json_is_object(members) ? OK : fail(E_INVALID, "an object of schemas is expected");
}

static enum err lint_types(const json_t *rule)
{
    if (json_is_string(rule))
        return type_is_known(json_string_value(rule)) ? OK : fail(E_INVALID, "type '%s' is unknown", json_string_value(rule));
    size_t i;
    const json_t *type;
    json_array_foreach(rule, i, type)
    {
        if (!json_is_string(type) || !type_is_known(json_string_value(type)))
            return fail(E_INVALID, "type number %zu is unknown", i);
    }
    return json_array_size(rule) ? OK : fail(E_INVALID, "a type or a list of types is expected");
}

static enum err lint_names(const json_t *rule)
{
    size_t i;
    const json_t *name;
    json_array_foreach(rule, i, name)
    {
        if (!json_is_string(name))
            return fail(E_INVALID, "a list of names is expected");
    }
    return json_is_array(rule) ? OK : fail(E_INVALID, "a list of names is expected");
}

/* A keyword whose value is no schema. */
static enum err lint_plain(enum shape shape, const json_t *rule)
{
    const bool fits = shape == SHAPE_COUNT    ? json_is_integer(rule) && json_integer_value(rule) >= 0
                      : shape == SHAPE_NUMBER ? json_is_number(rule)
                      : shape == SHAPE_BOOL   ? json_is_boolean(rule)
                      : shape == SHAPE_VALUES ? json_array_size(rule) > 0
                                              : json_is_string(rule);
    if (!fits)
        return fail(E_INVALID, "the value has the wrong type");
    if (shape == SHAPE_FORMAT && !format_is_known(json_string_value(rule)))
        return fail(E_INVALID, "format '%s' is unknown", json_string_value(rule));
    return shape == SHAPE_PATTERN ? patterns_add(json_string_value(rule)) : OK;
}

static enum err lint_keyword(const struct keyword *keyword, const json_t *rule, int depth)
{
    switch (keyword->shape) {
    case SHAPE_SCHEMA:
        return lint_schema(rule, depth);
    case SHAPE_SCHEMA_OR_BOOL:
        return json_is_boolean(rule) ? OK : lint_schema(rule, depth);
    case SHAPE_SCHEMAS:
        return lint_each(rule, depth);
    case SHAPE_MEMBERS:
        return lint_members(rule, false, depth);
    case SHAPE_PATTERNED:
        return lint_members(rule, true, depth);
    case SHAPE_TYPES:
        return lint_types(rule);
    case SHAPE_NAMES:
        return lint_names(rule);
    default:
        return lint_plain(keyword->shape, rule);
    }
}

static enum err lint_schema(const json_t *schema, int depth)
{
    if (!json_is_object(schema))
        return fail(E_INVALID, "a schema is expected");
    if (depth > SCHEMA_MAX_DEPTH)
        return fail(E_INVALID, "nested deeper than %d levels", SCHEMA_MAX_DEPTH);
    const char *name;
    json_t *rule;
    json_object_foreach((json_t *)schema, name, rule)
    {
        const struct keyword *keyword = find_keyword(name);
        if (!keyword)
            return fail(E_INVALID, "keyword '%s' is unknown", name);
        const enum err kind = lint_keyword(keyword, rule, depth + 1);
        if (kind != OK)
            return fail(kind, "%s: %s", name, err_message());
    }
    return OK;
}

enum err schema_check(const json_t *schema)
{
    return lint_schema(schema, 0);
}
