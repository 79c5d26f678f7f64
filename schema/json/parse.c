/*
 * Bytes to a JSON tree. The scan bounds nesting without recursion, so that jansson (which recurses) never sees a deep document; all
 * other rules are jansson's strict mode. Not here: what a document may mean.
 */
#include <stdbool.h>

#include "schema/json/json.h"

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

enum err json_parse_foreign(const char *bytes, size_t length, json_t **out)
{
    if (is_too_deep(bytes, length))
        return fail(E_INVALID, "Malformed request body: nested deeper than %d levels", JSON_MAX_DEPTH);
    json_t *document = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (!document)
        return fail(E_INVALID, "Malformed request body");
    *out = document;
    return OK;
}
