/*
 * The inside of the validator: a keyword's function gets the rule (the keyword's value), the schema it stands in, and the value to
 * check. validate.c holds the table and walks; keywords_leaf.c checks one value; keywords_tree.c goes into objects, arrays and
 * combinations.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "gateway/base/err.h"

/* Where we are. Nova's messages name the last step of the path only. */
struct check {
    const char *key; /* the last step is a member … */
    size_t index;    /* … or, with key NULL, an item; meaningless when !nested */
    bool nested;
    bool silent;  /* inside oneOf, anyOf, not: the message does not matter */
    bool located; /* the message says where: the whole path, through `outer`, and the keyword */
    const struct check *outer;
    const char *keyword; /* the one that looks at the value */
    const char *through; /* the member of the outer keyword's value whose schema this is; NULL: the value itself */
};

typedef enum err keyword_f(const struct check *check, const json_t *rule, const json_t *schema, const json_t *value);

/* All keywords of the schema, in its order. */
MUST_CHECK enum err check_value(const struct check *check, const json_t *schema, const json_t *value);
bool value_is_type(const json_t *value, const char *type);

/* E_INVALID with "Invalid input for field/attribute …" in front when nested. */
MUST_CHECK enum err refuse(const struct check *check, const json_t *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As refuse, with the value's repr and a blank before the text. */
MUST_CHECK enum err refuse_value(const struct check *check, const json_t *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

keyword_f check_type, check_enum, check_pattern, check_format, check_min_length, check_max_length, check_minimum, check_maximum;
keyword_f check_properties, check_pattern_properties, check_additional_properties, check_required, check_items, check_min_items,
    check_max_items, check_unique_items, check_min_properties, check_max_properties, check_one_of, check_any_of, check_all_of,
    check_not;

/* Looks for mistakes in a schema: unknown keywords, types and formats, broken patterns (which are also compiled). E_INVALID. */
MUST_CHECK enum err schema_check(const json_t *schema);
