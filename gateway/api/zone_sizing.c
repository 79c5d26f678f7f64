/* See zone_sizing.h. */
#include "gateway/api/zone_sizing.h"

#include <string.h>

#define SIZING_MOST 65536

enum err zone_sizing_decode(struct request *request, const char **out_text, struct sizing *out)
{
    const char *encoded = json_string_value(json_object_get(request->json, "sizing"));
    const size_t length = encoded ? strlen(encoded) : 0;
    if (!length || length > SIZING_MOST)
        return fail(E_INVALID, "The sizing is missing or too long.");
    char *text = arena_alloc(request->arena, length + 1);
    size_t decoded = 0;
    TRY(base64_decode(encoded, length, text, length, &decoded));
    text[decoded] = '\0';
    TRY(sizing_read(request->arena, text, decoded, out));
    *out_text = text;
    return OK;
}
