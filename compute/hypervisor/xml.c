/* XML pieces; see xml.h. */
#include "compute/hypervisor/xml.h"

#include <string.h>

#include "gateway/base/err.h"

#define REPLACEMENT "\xef\xbf\xbd"

static const struct {
    char character;
    const char *entity;
} entities[] = {
    {'&', "&amp;"},   {'<', "&lt;"},  {'>', "&gt;"},   {'"', "&quot;"},
    {'\'', "&apos;"}, {'\t', "&#9;"}, {'\n', "&#10;"}, {'\r', "&#13;"},
};

struct xml_span xml_document(const char *xml)
{
    return (struct xml_span){xml, strlen(xml)};
}

static const char *entity_of(char character)
{
    for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
        if (entities[i].character == character)
            return entities[i].entity;
    }
    return (unsigned char)character < 0x20 ? REPLACEMENT : NULL;
}

/* U+FFFE and U+FFFF are no characters of XML. */
static bool is_noncharacter(const char *at)
{
    return strncmp(at, "\xef\xbf\xbe", 3) == 0 || strncmp(at, "\xef\xbf\xbf", 3) == 0;
}

void xml_escape(struct text *out, const char *value)
{
    for (const char *at = value; *at; at++) {
        const char *entity = entity_of(*at);
        if (is_noncharacter(at)) {
            text_add_str(out, REPLACEMENT);
            at += 2;
        } else if (entity) {
            text_add_str(out, entity);
        } else {
            text_add_char(out, *at);
        }
    }
}

static const char *find_bytes(struct xml_span where, const char *needle)
{
    return memmem(where.start, where.length, needle, strlen(needle));
}

struct xml_span xml_after(struct xml_span where, struct xml_span inner)
{
    const char *end = inner.start + inner.length;
    return (struct xml_span){end, (size_t)(where.start + where.length - end)};
}

/* `<tag` followed by what ends a name. */
static const char *find_start_tag(struct xml_span where, const char *tag)
{
    const size_t length = strlen(tag);
    const char *end = where.start + where.length;
    for (const char *at = where.start; at < end; at++) {
        at = memchr(at, '<', (size_t)(end - at));
        if (!at)
            return NULL;
        if ((size_t)(end - at) > length + 1 && strncmp(at + 1, tag, length) == 0 && strchr(" \t\r\n/>", at[length + 1]))
            return at;
    }
    return NULL;
}

/* The `>` that ends a start tag; quoted ones do not count. */
static const char *end_of_tag(const char *at, const char *end)
{
    char quote = '\0';
    for (; at < end; at++) {
        if (quote)
            quote = *at == quote ? '\0' : quote;
        else if (*at == '"' || *at == '\'')
            quote = *at;
        else if (*at == '>')
            return at;
    }
    return NULL;
}

static const char *find_end_tag(struct xml_span where, const char *tag)
{
    const size_t length = strlen(tag);
    struct xml_span rest = where;
    for (const char *at = find_bytes(rest, "</"); at; at = find_bytes(rest, "</")) {
        rest = xml_after(rest, (struct xml_span){at, 2});
        if (rest.length > length && strncmp(rest.start, tag, length) == 0 && rest.start[length] == '>')
            return rest.start + length;
    }
    return NULL;
}

bool xml_find(struct xml_span where, const char *tag, struct xml_span *out)
{
    const char *start = find_start_tag(where, tag);
    const char *open_end = start ? end_of_tag(start, where.start + where.length) : NULL;
    if (!open_end)
        return false;
    const char *end = open_end;
    if (open_end[-1] != '/')
        end = find_end_tag(xml_after(where, (struct xml_span){start, (size_t)(open_end + 1 - start)}), tag);
    if (!end)
        return false;
    *out = (struct xml_span){start, (size_t)(end + 1 - start)};
    return true;
}

/* The entity at `at` as one character into `out`; the length of the entity, 0 for none. */
static size_t read_entity(struct xml_span at, char *out)
{
    for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
        const size_t length = strlen(entities[i].entity);
        if (at.length >= length && strncmp(at.start, entities[i].entity, length) == 0) {
            *out = entities[i].character;
            return length;
        }
    }
    return 0;
}

static const char *unescape(struct arena *arena, struct xml_span raw)
{
    char *out = arena_alloc(arena, raw.length + 1);
    size_t length = 0;
    for (size_t i = 0; i < raw.length;) {
        out[length] = raw.start[i];
        const size_t skip = read_entity((struct xml_span){raw.start + i, raw.length - i}, &out[length]);
        i += skip ? skip : 1;
        length++;
    }
    return out;
}

const char *xml_text(struct arena *arena, struct xml_span where, const char *tag)
{
    struct xml_span element;
    if (!xml_find(where, tag, &element))
        return NULL;
    const char *open_end = end_of_tag(element.start, element.start + element.length);
    if (open_end[-1] == '/')
        return "";
    const char *close = element.start + element.length - strlen(tag) - 3;
    return unescape(arena, (struct xml_span){open_end + 1, (size_t)(close - open_end - 1)});
}

const char *xml_attribute(struct arena *arena, struct xml_span where, const char *tag, const char *attribute)
{
    struct xml_span element;
    if (!xml_find(where, tag, &element))
        return NULL;
    const char *open_end = end_of_tag(element.start, element.start + element.length);
    const size_t length = strlen(attribute);
    const struct xml_span start_tag = {element.start, (size_t)(open_end - element.start)};
    struct xml_span rest = start_tag;
    for (const char *at = find_bytes(rest, attribute); at; at = find_bytes(rest, attribute)) {
        rest = xml_after(start_tag, (struct xml_span){at, length});
        if (!strchr(" \t\r\n", at[-1]) || rest.length < 2 || rest.start[0] != '=')
            continue;
        const char *close = memchr(rest.start + 2, rest.start[1], rest.length - 2);
        return close ? unescape(arena, (struct xml_span){rest.start + 2, (size_t)(close - rest.start - 2)}) : NULL;
    }
    return NULL;
}
