/* One pass over tokens of JSON that is known to be well formed; see nova_json.h. */
#include "zones/nova_json.h"

#include <string.h>

#include "gateway/base/err.h"
#include "zones/json_run.h"

#define COPY_SIZE    32
#define PIECES_LEAST ((size_t)64) /* a power of two */

struct walk {
    const char *at;
    const char *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct walk *walk)
{
    while (walk->at < walk->end && is_blank(*walk->at))
        walk->at++;
}

/* Behind the string that begins here. */
static const char *string_end(const struct walk *walk)
{
    const char *at = walk->at + 1;
    for (;;) {
        at = json_run_end(at, walk->end);
        if (at >= walk->end || *at == '"')
            return at < walk->end ? at + 1 : walk->end;
        at += walk->end - at > 1 && *at == '\\' ? 2 : 1;
    }
}

/* Behind the value that begins here. */
static const char *value_end(const struct walk *from)
{
    struct walk walk = *from;
    int depth = 0;
    while (walk.at < walk.end) {
        const char c = *walk.at;
        if (c == '"') {
            walk.at = string_end(&walk);
        } else if (depth == 0 && (c == ',' || c == '}' || c == ']' || is_blank(c))) {
            return walk.at;
        } else {
            depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
            walk.at++;
        }
        if (depth == 0 && (c == '"' || c == '}' || c == ']'))
            return walk.at;
    }
    return walk.end;
}

static bool piece_is(const struct nova_piece *piece, const char *text)
{
    return piece->length == strlen(text) && memcmp(piece->bytes, text, piece->length) == 0;
}

/* The next name of the object in which `walk` stands, behind '{' or a comma; then it stands before the value. False: there is none.
 */
static bool next_name(struct walk *walk, struct nova_piece *name)
{
    skip_blanks(walk);
    if (walk->at >= walk->end || *walk->at != '"')
        return false;
    const char *end = string_end(walk);
    *name = (struct nova_piece){walk->at + 1, (size_t)(end - walk->at) - 2};
    walk->at = end;
    skip_blanks(walk);
    walk->at++; /* the colon */
    skip_blanks(walk);
    return true;
}

static struct nova_piece take_value(struct walk *walk)
{
    const char *start = walk->at;
    walk->at = value_end(walk);
    return (struct nova_piece){start, (size_t)(walk->at - start)};
}

const char *nova_value_begin(const char *at, const char *end)
{
    struct walk walk = {at, end};
    struct nova_piece name;
    return next_name(&walk, &name) ? walk.at : end;
}

struct nova_piece nova_value_of(const char *at, const char *end)
{
    struct walk walk = {nova_value_begin(at, end), end};
    return take_value(&walk);
}

static void skip_comma(struct walk *walk)
{
    skip_blanks(walk);
    if (walk->at < walk->end && *walk->at == ',')
        walk->at++;
    skip_blanks(walk);
}

bool nova_member(const char *bytes, size_t length, const char *name, struct nova_piece *out)
{
    struct walk walk = {bytes + 1, bytes + length};
    struct nova_piece key;
    for (; next_name(&walk, &key); skip_comma(&walk)) {
        *out = take_value(&walk);
        if (piece_is(&key, name))
            return true;
    }
    return false;
}

static void add_piece(struct arena *arena, struct nova_piece **pieces, size_t count, struct nova_piece piece)
{
    if (count == 0 || (count >= PIECES_LEAST && (count & (count - 1)) == 0)) { /* full: twice as many */
        struct nova_piece *bigger = arena_alloc(arena, (count ? 2 * count : PIECES_LEAST) * sizeof(*bigger));
        if (count)
            memcpy(bigger, *pieces, count * sizeof(*bigger));
        *pieces = bigger;
    }
    (*pieces)[count] = piece;
}

/* `walk` stands before '['. */
static bool read_elements(struct arena *arena, struct walk *walk, const struct nova_piece **out, size_t *out_count)
{
    struct nova_piece *pieces = NULL;
    size_t count = 0;
    walk->at++;
    skip_blanks(walk);
    for (; walk->at < walk->end && *walk->at != ']'; skip_comma(walk)) {
        if (*walk->at != '{')
            return false;
        add_piece(arena, &pieces, count++, take_value(walk));
    }
    *out = pieces;
    *out_count = count;
    return true;
}

bool nova_split(struct arena *arena, const char *bytes, size_t length, const char *name, const struct nova_piece **out,
                size_t *out_count)
{
    struct walk walk = {bytes + 1, bytes + length};
    struct nova_piece key;
    for (; next_name(&walk, &key); skip_comma(&walk)) {
        if (piece_is(&key, name))
            return *walk.at == '[' && read_elements(arena, &walk, out, out_count);
        (void)take_value(&walk);
    }
    return false;
}

/* Bytes of the text in which `walk` stands. Most are few, and have room: more than they are is copied then, without a call. The NUL
 * behind `out` is left to the next who adds otherwise. */
static void add_bytes(const struct walk *walk, const char *bytes, size_t length, struct text *out)
{
    if (length > COPY_SIZE || walk->end - bytes < COPY_SIZE || out->capacity - out->length <= COPY_SIZE) {
        text_add(out, bytes, length);
        return;
    }
    memcpy(out->bytes + out->length, bytes, COPY_SIZE);
    out->length += length;
}

static const char *find(const char *at, const char *end, const char *what)
{
    return memmem(at, (size_t)(end - at), what, strlen(what));
}

bool nova_link_is_resource(const char *path, size_t length)
{
    static const char *const resources[] = {"/servers", "/flavors/", "/images/"};
    for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
        const size_t size = strlen(resources[i]);
        if (length >= size && memcmp(path, resources[i], size) == 0)
            return true;
    }
    return false;
}

/* Where the resource begins. NULL for a path without one of ours. */
static const char *find_resource(const char *path, const char *end)
{
    for (const char *at = path; at && at < end; at = memchr(at + 1, '/', (size_t)(end - at - 1))) {
        if (nova_link_is_resource(at, (size_t)(end - at)))
            return at;
    }
    return NULL;
}

const char *nova_link_resource(const struct nova_rewrite *rules, const char *url, size_t length, const char **out_base)
{
    const char *end = url + length;
    const char *host = find(url, end, "://");
    const char *path = host ? memchr(host + 3, '/', (size_t)(end - host - 3)) : NULL;
    const char *resource = path ? find_resource(path, end) : NULL;
    if (resource)
        *out_base = find(path, resource, "/v2") ? rules->self_base : rules->bookmark_base;
    return resource;
}

const char *nova_link(struct arena *arena, const struct nova_rewrite *rules, const char *url, size_t length)
{
    const char *base = NULL;
    const char *resource = nova_link_resource(rules, url, length, &base);
    return resource ? arena_printf(arena, "%s%.*s", base, (int)(url + length - resource), resource)
                    : arena_strndup(arena, url, length);
}

/* The link as a JSON string; of the URL only bytes that stood in one. */
static void write_link(const struct nova_rewrite *rules, const struct nova_piece *url, struct text *out)
{
    const char *base = NULL;
    const char *resource = nova_link_resource(rules, url->bytes, url->length, &base);
    if (resource)
        text_add_json(out, base);
    else
        text_add_char(out, '"');
    out->length -= resource ? 1 : 0; /* the quote behind it */
    const char *rest = resource ? resource : url->bytes;
    text_add(out, rest, (size_t)(url->bytes + url->length - rest));
    text_add_char(out, '"');
}

static bool is_project(const struct nova_piece *name)
{
    return piece_is(name, "tenant_id") || piece_is(name, "project_id");
}

static bool is_brief(const struct nova_piece *name)
{
    return piece_is(name, "id") || piece_is(name, "name") || piece_is(name, "links");
}

/* Strings with escapes are copied: neither our URLs nor ids have any. */
static void write_string(const struct walk *walk, const struct nova_rewrite *rules, const struct nova_piece *name,
                         const struct nova_piece *value, struct text *out)
{
    const struct nova_piece inside = {value->bytes + 1, value->length - 2};
    const bool link = piece_is(name, "href");
    const bool project = rules->project_there && is_project(name);
    const bool plain = (link || project) && !memchr(inside.bytes, '\\', inside.length);
    if (plain && link)
        write_link(rules, &inside, out);
    else if (plain && project && piece_is(&inside, rules->project_there))
        text_add_json(out, rules->project_here);
    else
        add_bytes(walk, value->bytes, value->length, out);
}

/* What stands between strings, without blanks: a piece at a time. */
static void copy_outside(struct walk *walk, int *depth, struct text *out)
{
    const char *from = walk->at;
    while (walk->at < walk->end && *walk->at != '"' && !is_blank(*walk->at)) {
        const char c = *walk->at++;
        *depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    }
    add_bytes(walk, from, (size_t)(walk->at - from), out);
    skip_blanks(walk);
}

void nova_rewrite(const struct nova_rewrite *rules, const char *bytes, size_t length, struct text *out)
{
    struct walk walk = {bytes, bytes + length};
    struct nova_piece name = {"", 0};
    int depth = 0;
    text_add(out, bytes, length); /* about so much room is needed: got at once */
    out->length -= length;
    while (walk.at < walk.end) {
        const char c = *walk.at;
        if (c != '"') {
            copy_outside(&walk, &depth, out);
            continue;
        }
        const char *end = string_end(&walk);
        const struct nova_piece string = {walk.at, (size_t)(end - walk.at)};
        walk.at = end;
        skip_blanks(&walk);
        if (walk.at >= walk.end || *walk.at != ':') {
            write_string(&walk, rules, &name, &string, out);
            name = (struct nova_piece){"", 0};
            continue;
        }
        name = (struct nova_piece){string.bytes + 1, string.length - 2};
        if (rules->brief && depth == 1 && !is_brief(&name)) { /* the member goes, with a comma at one of its sides */
            walk.at++;
            skip_blanks(&walk);
            walk.at = value_end(&walk);
            skip_blanks(&walk);
            if (walk.at < walk.end && *walk.at == ',')
                walk.at++;
            else if (out->length && out->bytes[out->length - 1] == ',')
                out->length--;
            continue;
        }
        add_bytes(&walk, string.bytes, string.length, out);
    }
    text_add(out, "", 0); /* the NUL */
}
