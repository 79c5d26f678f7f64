/* See claims.h. The fast reader takes no blanks, no escapes, nothing nested but lists of strings: what zones write. */
#include "zones/claims.h"

#include <string.h>

#include "schema/json/json.h"

#define MEMBERS_MOST 24 /* in the usual form */
#define ITEMS_MOST   32
#define DIGITS_MOST  18 /* of a number that surely fits */

struct reader {
    struct arena *arena;
    const char *at;
    const char *end;
};

static bool take(struct reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

static bool read_string(struct reader *reader, const char **out)
{
    if (!take(reader, '"'))
        return false;
    const char *from = reader->at;
    for (; reader->at < reader->end && *reader->at != '"'; reader->at++) {
        if (*reader->at < 0x20 || *reader->at > 0x7e || *reader->at == '\\')
            return false;
    }
    *out = arena_strndup(reader->arena, from, (size_t)(reader->at - from));
    return take(reader, '"');
}

static bool read_number(struct reader *reader, int64_t *out)
{
    const char *from = reader->at;
    *out = 0;
    for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++) {
        if (reader->at - from >= DIGITS_MOST)
            return false;
        *out = 10 * *out + (*reader->at - '0');
    }
    return reader->at > from && (*from != '0' || reader->at == from + 1);
}

static bool read_list(struct reader *reader, struct claim *claim)
{
    const char **items = arena_alloc(reader->arena, ITEMS_MOST * sizeof(*items));
    claim->items = items;
    if (take(reader, ']'))
        return true;
    do {
        if (claim->count == ITEMS_MOST || !read_string(reader, &items[claim->count]))
            return false;
        claim->count++;
    } while (take(reader, ','));
    return take(reader, ']');
}

static bool read_value(struct reader *reader, struct claim *claim)
{
    static const char null[] = "null";
    const size_t length = sizeof(null) - 1;
    if (reader->at < reader->end && *reader->at == '"') {
        claim->kind = CLAIM_TEXT;
        return read_string(reader, &claim->text);
    }
    if (take(reader, '[')) {
        claim->kind = CLAIM_LIST;
        return read_list(reader, claim);
    }
    if ((size_t)(reader->end - reader->at) >= length && memcmp(reader->at, null, length) == 0) {
        reader->at += length;
        return true;
    }
    claim->kind = CLAIM_NUMBER;
    return read_number(reader, &claim->number);
}

static bool is_known(const struct claims *claims, const char *name)
{
    for (size_t i = 0; i < claims->count; i++) {
        if (strcmp(claims->items[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool read_members(struct reader *reader, struct claims *claims)
{
    if (!take(reader, '{'))
        return false;
    do {
        struct claim claim = {0};
        if (claims->count == MEMBERS_MOST || !read_string(reader, &claim.name) || is_known(claims, claim.name) ||
            !take(reader, ':') || !read_value(reader, &claim))
            return false;
        claims->items[claims->count++] = claim;
    } while (take(reader, ','));
    return take(reader, '}') && reader->at == reader->end;
}

static void release_json(void *value)
{
    json_decref(value);
}

static struct claim claim_of(struct arena *arena, const char *name, const json_t *value)
{
    struct claim claim = {.name = name};
    if (json_is_string(value)) {
        claim.kind = CLAIM_TEXT;
        claim.text = json_string_value(value);
    } else if (json_is_integer(value)) {
        claim.kind = CLAIM_NUMBER;
        claim.number = json_integer_value(value);
    } else if (json_is_array(value)) {
        const char **items = arena_alloc(arena, (json_array_size(value) + 1) * sizeof(*items));
        claim.kind = CLAIM_LIST;
        claim.items = items;
        for (; claim.count < json_array_size(value); claim.count++)
            items[claim.count] = json_string_value(json_array_get(value, claim.count));
    }
    return claim;
}

static enum err read_any(struct arena *arena, const char *text, size_t length, struct claims *out)
{
    json_t *document = NULL;
    const char *name;
    json_t *value;
    TRY(json_parse_foreign(text, length, &document));
    arena_defer(arena, release_json, document);
    if (!json_is_object(document))
        return fail(E_NOT_FOUND, "The text is no JSON object.");
    *out = (struct claims){.items = arena_alloc(arena, (json_object_size(document) + 1) * sizeof(*out->items))};
    json_object_foreach(document, name, value)
    {
        out->items[out->count++] = claim_of(arena, name, value);
    }
    return OK;
}

enum err delegation_read(struct arena *arena, const char *text, size_t length, struct claims *out)
{
    struct reader reader = {arena, text, text + length};
    *out = (struct claims){.items = arena_alloc(arena, MEMBERS_MOST * sizeof(*out->items))};
    return read_members(&reader, out) ? OK : read_any(arena, text, length, out);
}

const struct claim *delegation_get(const struct claims *claims, const char *name, enum claim_kind kind)
{
    for (size_t i = 0; i < claims->count; i++) {
        if (strcmp(claims->items[i].name, name) == 0)
            return claims->items[i].kind == kind ? &claims->items[i] : NULL;
    }
    return NULL;
}

const char *delegation_text(const struct claims *claims, const char *name)
{
    const struct claim *claim = delegation_get(claims, name, CLAIM_TEXT);
    return claim ? claim->text : NULL;
}
