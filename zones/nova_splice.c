/* See nova_splice.h. What is left out and what is put in its place are found from the notes; both only ever stand inside strings.
 */
#include "zones/nova_splice.h"

#include <string.h>

#include "gateway/base/err.h"
#include "zones/json_run.h"

const struct json_names nova_names = {.quoted = {[NOVA_NAME_HREF] = "\"href\"",
                                                 [NOVA_NAME_TENANT_ID] = "\"tenant_id\"",
                                                 [NOVA_NAME_PROJECT_ID] = "\"project_id\"",
                                                 [NOVA_NAME_ID] = "\"id\"",
                                                 [NOVA_NAME_CREATED] = "\"created\"",
                                                 [NOVA_NAME_SERVERS] = "\"servers\"",
                                                 [NOVA_NAME_SERVERS_LINKS] = "\"servers_links\""}};

_Static_assert(NOVA_NAME_COUNT <= JSON_INDEX_NAMES, "each name is a bit of the index");

/* A base with the quote before it. */
static void write_base(struct text *out, const char *base)
{
    text_add_json(out, base);
    out->length--;
}

void nova_splice_init(struct nova_splice *splice, const struct nova_rewrite *rules, const struct json_index *index)
{
    *splice = (struct nova_splice){.rules = rules, .index = index};
    write_base(&splice->self, rules->self_base);
    write_base(&splice->bookmark, rules->bookmark_base);
    if (rules->project_there)
        text_add_json(&splice->project, rules->project_here);
}

void nova_splice_clear(struct nova_splice *splice)
{
    text_clear(&splice->self);
    text_clear(&splice->bookmark);
    text_clear(&splice->project);
}

static void copy(const struct nova_splice *splice, size_t from, size_t to, struct text *out)
{
    text_reserve(out, to - from + JSON_INDEX_MORE);
    out->length = (size_t)(json_index_copy(splice->index, from, to, out->bytes + out->length) - out->bytes);
}

/* A URL with a known prefix and a resource behind it has the base that the one before had: where the host and the path begin, and
 * that no resource begins earlier, is all said by the prefix and the '/' behind it. */
static size_t find_prefix(struct nova_splice *splice, const char *url, size_t length, const struct text **out_base)
{
    const struct nova_rewrite *rules = splice->rules;
    for (size_t i = 0; i < ARRAY_LEN(splice->prefixes); i++) {
        const struct nova_prefix *known = &splice->prefixes[i];
        if (known->length && length > known->length && memcmp(url, known->bytes, known->length) == 0 &&
            nova_link_is_resource(url + known->length, length - known->length)) {
            *out_base = known->base;
            return known->length;
        }
    }
    const char *base = NULL;
    const char *resource = nova_link_resource(rules, url, length, &base);
    if (!resource)
        return 0;
    *out_base = base == rules->self_base ? &splice->self : &splice->bookmark;
    splice->prefixes[splice->next_prefix++ % ARRAY_LEN(splice->prefixes)] =
        (struct nova_prefix){url, (size_t)(resource - url), *out_base};
    return (size_t)(resource - url);
}

/* Strings with escapes stay: neither our URLs nor ids have any. */
static size_t plain_length(const struct json_index *index, size_t inside, bool *out_plain)
{
    const char *begin = index->bytes + inside;
    const char *end = json_run_end(begin, index->bytes + index->length);
    *out_plain = *end == '"';
    return (size_t)(end - begin);
}

/* The string at a note: `*out` is what takes the place of its bytes up to the returned one. 0: it stays. */
static size_t replace(struct nova_splice *splice, const struct json_note *note, const struct text **out)
{
    const struct nova_rewrite *rules = splice->rules;
    const size_t inside = (size_t)note->at + 1;
    const char *bytes = splice->index->bytes + inside;
    bool plain = false;
    if (note->kind != NOTE_STRING || note->name > NOVA_NAME_PROJECT_ID)
        return 0;
    const size_t length = plain_length(splice->index, inside, &plain);
    if (!plain)
        return 0;
    if (note->name == NOVA_NAME_HREF) {
        const size_t prefix = find_prefix(splice, bytes, length, out);
        return prefix ? inside + prefix : 0;
    }
    if (!rules->project_there || length != strlen(rules->project_there) || memcmp(bytes, rules->project_there, length) != 0)
        return 0;
    *out = &splice->project;
    return inside + length + 1;
}

void nova_splice_row(struct nova_splice *splice, const struct json_note *open, const struct json_note *close, struct text *out)
{
    size_t from = open->at;
    for (const struct json_note *note = open + 1; note < close; note++) {
        const struct text *instead = NULL;
        const size_t behind = replace(splice, note, &instead);
        if (!behind)
            continue;
        copy(splice, from, note->at, out);
        text_add(out, instead->bytes, instead->length);
        from = behind;
    }
    copy(splice, from, (size_t)close->at + 1, out);
}
