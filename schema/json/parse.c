/*
 * Bytes to a JSON tree. The scan bounds nesting without recursion, so that jansson (which recurses) never sees a deep document; all
 * other rules are jansson's strict mode. Not here: what a document may mean.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "schema/json/json.h"

#define NAME_SHOWN 100 /* bytes of a key in a message */

/* Brackets inside strings do not count. Wrong nesting is not this function's business: jansson refuses it. */
static bool is_too_deep(const char *bytes, size_t length)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        const char c = bytes[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_MAX_DEPTH)
                return true;
        } else if ((c == ']' || c == '}') && depth) {
            depth--;
        }
    }
    return false;
}

static enum err parse(const char *bytes, size_t length, json_error_t *out_error, json_t **out)
{
    if (is_too_deep(bytes, length))
        return fail(E_INVALID, "Malformed request body: nested deeper than %d levels", JSON_MAX_DEPTH);
    json_t *document = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, out_error);
    if (!document)
        return fail(E_INVALID, "Malformed request body");
    *out = document;
    return OK;
}

enum err json_parse_foreign(const char *bytes, size_t length, json_t **out)
{
    return parse(bytes, length, NULL, out);
}

/* The string that ends at `end`; NULL: none does. */
static const char *string_before(const char *bytes, size_t end)
{
    size_t at = end ? end - 1 : 0;
    if (at == 0 || bytes[at] != '"')
        return NULL;
    while (at > 0 && (bytes[at - 1] != '"' || (at > 1 && bytes[at - 2] == '\\')))
        at--;
    return at ? bytes + at : NULL;
}

enum err json_parse_explained(const char *bytes, size_t length, json_t **out)
{
    char text[JSON_ERROR_TEXT_LENGTH + NAME_SHOWN];
    json_error_t error = {.text = ""};
    const enum err result = parse(bytes, length, &error, out);
    if (result == OK || !*error.text)
        return result;
    const size_t end = error.position > 0 && (size_t)error.position <= length ? (size_t)error.position : 0;
    const char *key = strncmp(error.text, "duplicate", 9) == 0 ? string_before(bytes, end) : NULL;
    const size_t size = key ? (size_t)(bytes + end - 1 - key) : 0;
    if (key)
        (void)snprintf(text, sizeof(text), "duplicate object key \"%.*s\"", (int)(size < NAME_SHOWN ? size : NAME_SHOWN), key);
    else
        (void)snprintf(text, sizeof(text), "%s", error.text);
    for (char *c = text; *c; c++) /* it quotes what was sent, which may be no text */
        *c = *c >= ' ' && *c < 0x7f ? *c : '?';
    return fail(result, "%s (line %d, column %d)", text, error.line, error.column);
}
