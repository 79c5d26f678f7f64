/*
 * JSON from outside: the byte scan before jansson, and the JSON Schema validator (the subset that Nova's request schemas use).
 *
 * Not here: `$ref` to other documents, `if`/`then`, formats that Nova does not use.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "gateway/base/err.h"

/* jansson recurses: deeper documents are refused by a byte scan before it sees them (DESIGN section 2). */
#define JSON_MAX_DEPTH 32

/*
 * Parses one JSON document of any type. Refuses: depth over JSON_MAX_DEPTH, duplicate keys, bad UTF-8, NUL in strings, numbers that
 * do not fit, anything after the document. E_INVALID "Malformed request body" (the depth case says so). `*out` is the caller's.
 */
MUST_CHECK enum err json_parse_foreign(const char *bytes, size_t length, json_t **out);

/*
 * Checks `value` against a schema (draft 4: type (also a list), properties, patternProperties, additionalProperties, required, items,
 * minItems, maxItems, uniqueItems, minLength, maxLength, pattern, minimum, maximum, enum, oneOf, anyOf, allOf, not, minProperties,
 * maxProperties, and format: uuid, uri, date-time, base64, ipv4, ipv6, ip, hostname-ish ones of Nova, regex, name with/without spaces).
 * E_INVALID with Nova's words: "Invalid input for field/attribute name. Value: . '' is too short",
 * "Additional properties are not allowed ('x' was unexpected)", "'name' is a required property", "None is not of type 'object'".
 */
MUST_CHECK enum err json_validate(const json_t *schema, const json_t *value);

/* The named schema of schema/json/schemas/*.json (embedded in the binary, parsed once at start). An unknown name is a bug (assert). */
const json_t *json_schema_named(const char *name);
/* Parses all embedded schemas; E_INTERNAL names the file that is damaged. To be called once at start, before threads. */
MUST_CHECK enum err json_schemas_open(void);
void json_schemas_close(void);
