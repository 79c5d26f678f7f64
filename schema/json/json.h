/*
 * JSON from outside: the byte scan before jansson, and the JSON Schema validator (the subset that Nova's request schemas use).
 *
 * The embedded schemas (schema/json/schemas/NAME.json) may save words in two ways, both resolved once when they are opened:
 * {"$ref": "NAME"} stands for the entry NAME of types.json; {"extends": "OTHER", "remove": ["a/b/c"], …} is a copy of the schema
 * OTHER without the members at these paths, and with all other members of the file merged into it (objects member by member).
 * Not here: `$ref` in its standard meaning, `if`/`then`, formats that Nova does not use.
 */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "gateway/base/err.h"

/* jansson recurses: deeper documents are refused by a byte scan before it sees them (DESIGN section 2). */
#define JSON_MAX_DEPTH 32

/*
 * Parses one JSON document of any type. Refuses: depth over JSON_MAX_DEPTH, duplicate keys, bad UTF-8, NUL in strings, numbers that
 * do not fit, anything after the document. E_INVALID "Malformed request body" (the depth case says so). `*out` is the caller's.
 */
MUST_CHECK enum err json_parse_foreign(const char *bytes, size_t length, json_t **out);
/* The same, told with the place and what stands there: "duplicate object key \"name\" (line 1, column 27)". */
MUST_CHECK enum err json_parse_explained(const char *bytes, size_t length, json_t **out);

/*
 * Checks `value` (NULL counts as null) against a schema (draft 4: type (also a list), properties, patternProperties,
 * additionalProperties, required, items (one schema for all), minItems, maxItems, uniqueItems, minLength, maxLength, pattern (POSIX
 * extended), minimum, maximum, exclusiveMinimum, exclusiveMaximum, enum, oneOf, anyOf, allOf, not, minProperties, maxProperties,
 * and format: the table in formats.c). As in Nova, minimum and maximum also hold for strings that are numbers, and the first broken
 * rule in the order of the schema's members is the one reported. E_INVALID with Nova's words: "Invalid input for field/attribute
 * name. Value: . '' is too short", "Additional properties are not allowed ('x' was unexpected)", "'name' is a required property",
 * "None is not of type 'object'". Values of fields that hold secrets (passwords, tokens, user data) are shown as ***.
 */
MUST_CHECK enum err json_validate(const json_t *schema, const json_t *value);
/* The same checks, told as Python's jsonschema tells them (Placement): "0 is less than the minimum of 1\n\nFailed validating
 * 'minimum' in schema['properties']['total']\n\nOn instance['total']:\n    0". */
MUST_CHECK enum err json_validate_located(const json_t *schema, const json_t *value);

/* The named schema of the folder schema/json/schemas (embedded in the binary, parsed once at start). An unknown name is a bug
 * (assert).
 */
const json_t *json_schema_named(const char *name);
/* Parses all embedded schemas; E_INTERNAL names the file that is damaged. To be called once at start, before threads. */
MUST_CHECK enum err json_schemas_open(void);
void json_schemas_close(void);

/*
 * Decodes what `format: base64` lets pass: as Nova, bytes outside the alphabet are skipped and a complete padding ends the text.
 * `out` needs 3 * (length / 4) + 3 bytes, and may be NULL to check and measure only. E_INVALID when the padding is wrong.
 */
MUST_CHECK enum err json_base64_decode(const char *text, size_t length, void *out, size_t *out_length);
