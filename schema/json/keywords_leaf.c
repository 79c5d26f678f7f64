/*
 * Keywords that look at one value: its type, its set of values, its text, its size as a number.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "schema/json/keywords.h"
#include "gateway/base/text.h"
#include "schema/json/formats.h"
#include "schema/json/patterns.h"
#include "schema/json/repr.h"
#include "schema/json/unicode.h"

/* "'string', 'null'" for a type or a list of types. */
static void add_types(struct text *out, const json_t *rule)
{
    if (json_is_string(rule)) {
        repr_add_string(out, json_string_value(rule));
        return;
    }
    size_t i;
    const json_t *type;
    json_array_foreach(rule, i, type)
    {
        if (i)
            text_add_str(out, ", ");
        repr_add_string(out, json_string_value(type));
    }
}

enum err check_type(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    if (json_is_string(rule) && value_is_type(value, json_string_value(rule)))
        return OK;
    size_t i;
    const json_t *type;
    json_array_foreach(rule, i, type)
    {
        if (value_is_type(value, json_string_value(type)))
            return OK;
    }
    CLEANUP(text_clear) struct text types = {0};
    add_types(&types, rule);
    return refuse_value(check, value, "is not of type %s", text_str(&types));
}

enum err check_enum(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    size_t i;
    const json_t *allowed;
    json_array_foreach(rule, i, allowed)
    {
        if (json_equal(value, allowed))
            return OK;
    }
    CLEANUP(text_clear) struct text list = {0};
    repr_add(&list, rule);
    return refuse_value(check, value, "is not one of %s", text_str(&list));
}

enum err check_pattern(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    if (!json_is_string(value) || pattern_matches(json_string_value(rule), json_string_value(value)))
        return OK;
    CLEANUP(text_clear) struct text pattern = {0};
    repr_add(&pattern, rule);
    return refuse_value(check, value, "does not match %s", text_str(&pattern));
}

enum err check_format(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    const char *reason = NULL;
    if (!json_is_string(value) || format_matches(json_string_value(rule), json_string_value(value), &reason))
        return OK;
    if (!reason || check->silent)
        return refuse_value(check, value, "is not a '%s'", json_string_value(rule));
    return fail(E_INVALID, "An invalid 'name' value was provided. The name must be: %s", reason);
}

enum err check_min_length(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    if (!json_is_string(value) || (json_int_t)utf8_length(json_string_value(value)) >= json_integer_value(rule))
        return OK;
    return refuse_value(check, value, "is too short");
}

enum err check_max_length(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    (void)schema;
    if (!json_is_string(value) || (json_int_t)utf8_length(json_string_value(value)) <= json_integer_value(rule))
        return OK;
    return refuse_value(check, value, "is too long");
}

/* Nova counts strings that are numbers as numbers. A new reference, or NULL for what is no number. */
static json_t *number_of(const json_t *value)
{
    if (json_is_number(value))
        return json_incref((json_t *)value);
    if (!json_is_string(value) || !json_string_length(value))
        return NULL;
    int64_t number = 0;
    if (str_to_int(json_string_value(value), &number))
        return json_integer(number);
    char *end = NULL;
    const double real = strtod(json_string_value(value), &end);
    return *end || !isfinite(real) ? NULL : json_real(real);
}

static int compare_numbers(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return (json_integer_value(a) > json_integer_value(b)) - (json_integer_value(a) < json_integer_value(b));
    return (json_number_value(a) > json_number_value(b)) - (json_number_value(a) < json_number_value(b));
}

static enum err refuse_bound(const struct check *check, const json_t *value, const json_t *number, const char *words,
                             const json_t *bound)
{
    CLEANUP(text_clear) struct text shown = {0};
    repr_add(&shown, number);
    text_add_format(&shown, " is %s of ", words);
    repr_add(&shown, bound);
    return refuse(check, value, "%s", text_str(&shown));
}

enum err check_minimum(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    json_auto_t *number = number_of(value);
    if (!number)
        return OK;
    const bool exclusive = json_is_true(json_object_get(schema, "exclusiveMinimum"));
    const int order = compare_numbers(number, rule);
    if (order > 0 || (order == 0 && !exclusive))
        return OK;
    return refuse_bound(check, value, number, exclusive ? "less than or equal to the minimum" : "less than the minimum", rule);
}

enum err check_maximum(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value)
{
    json_auto_t *number = number_of(value);
    if (!number)
        return OK;
    const bool exclusive = json_is_true(json_object_get(schema, "exclusiveMaximum"));
    const int order = compare_numbers(number, rule);
    if (order < 0 || (order == 0 && !exclusive))
        return OK;
    return refuse_bound(check, value, number, exclusive ? "greater than or equal to the maximum" : "greater than the maximum",
                        rule);
}
