/*
 * Decoding of the request target (RFC 3986) and its query (HTML forms).
 *
 * Decodes once and collapses nothing: what could mean two things to two readers (an encoded slash, `..`, NUL, a broken percent
 * sign, bytes that are no UTF-8) is refused.
 */
#include <string.h>
#include <strings.h>

#include "gateway/http/core/inside.h"

#define MALFORMED "Malformed request url"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes `length` bytes of `raw` into the arena. `plus`: what a plus sign stands for. */
static enum err percent_decode(struct arena *arena, const char *raw, size_t length, char plus, const char **out)
{
    char *decoded = arena_alloc(arena, length + 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = raw[i];
        if (c == '%') {
            const int high = i + 2 < length ? hex_value(raw[i + 1]) : -1;
            const int low = i + 2 < length ? hex_value(raw[i + 2]) : -1;
            if (high < 0 || low < 0)
                return fail(E_INVALID, MALFORMED ": a percent sign without two hex digits.");
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+') {
            c = plus;
        }
        if (c == '\0')
            return fail(E_INVALID, MALFORMED ": a NUL byte.");
        decoded[used++] = c;
    }
    decoded[used] = '\0';
    if (!str_is_utf8(decoded, used))
        return fail(E_INVALID, MALFORMED ": not UTF-8.");
    *out = decoded;
    return OK;
}

static bool has_encoded_slash(const char *path, size_t length)
{
    for (size_t i = 0; i + 2 < length; i++)
        if (path[i] == '%' && path[i + 1] == '2' && (path[i + 2] | 0x20) == 'f')
            return true;
    return false;
}

static bool has_parent_segment(const char *path)
{
    for (const char *segment = path; *segment; segment += strcspn(segment, "/")) {
        segment += *segment == '/';
        if (segment[0] == '.' && segment[1] == '.' && (segment[2] == '/' || segment[2] == '\0'))
            return true;
    }
    return false;
}

/* "http://host/path" (RFC 9112, absolute-form) becomes "/path". */
static const char *skip_authority(const char *target)
{
    const char *authority = strstr(target, "://");
    if (*target == '/' || !authority)
        return target;
    authority += 3;
    const char *path = authority + strcspn(authority, "/?");
    return *path ? path : "/";
}

enum err target_split(struct arena *arena, const char *target, struct target *out)
{
    const char *raw = skip_authority(target);
    const size_t length = strcspn(raw, "?#");
    if (raw[0] != '/')
        return fail(E_INVALID, MALFORMED ": not a path.");
    if (has_encoded_slash(raw, length))
        return fail(E_INVALID, MALFORMED ": an encoded slash.");
    const char *path = NULL;
    TRY(percent_decode(arena, raw, length, '+', &path));
    if (has_parent_segment(path))
        return fail(E_INVALID, MALFORMED ": a '..' segment.");
    out->path = path;
    out->query = raw[length] == '?' ? raw + length + 1 : "";
    return OK;
}

static enum err add_pair(struct arena *arena, const char *pair, size_t length, struct http_pairs *out)
{
    const char *equals = memchr(pair, '=', length);
    const size_t name_length = equals ? (size_t)(equals - pair) : length;
    const char *name = NULL;
    const char *value = "";
    TRY(percent_decode(arena, pair, name_length, ' ', &name));
    if (equals)
        TRY(percent_decode(arena, equals + 1, length - name_length - 1, ' ', &value));
    pairs_add(arena, out, name, value);
    return OK;
}

enum err query_parse(struct arena *arena, const char *query, struct http_pairs *out)
{
    while (*query && *query != '#') {
        const size_t length = strcspn(query, "&#");
        if (length)
            TRY(add_pair(arena, query, length, out));
        query += length + (query[length] == '&');
    }
    return OK;
}
