/* Reading and writing pages; see page.h. */
#include "gateway/api/page.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"

static bool is_listed(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(names[i], name))
            return true;
    }
    return false;
}

enum err query_check_names(const struct request *request, const char *const *names, size_t count)
{
    for (size_t i = 0; request->version >= 75 && i < request->query.count; i++) {
        const char *name = request->query.items[i].name;
        if (!is_listed(names, count, name) && !str_starts(name, "zone."))
            return fail(E_INVALID, "Additional properties are not allowed ('%.200s' was unexpected)", name);
    }
    return OK;
}

enum err query_check_choice(const char *parameter, const char *value, const char *const *names, size_t count)
{
    if (!value || is_listed(names, count, value))
        return OK;
    CLEANUP(text_clear) struct text list = {0};
    for (size_t i = 0; i < count; i++)
        text_add_format(&list, "%s'%s'", i ? ", " : "", names[i]);
    return fail(E_INVALID, "Invalid input for query parameters %s. Value: %.100s. '%.100s' is not one of [%s]", parameter, value,
                value, text_str(&list));
}

static enum err read_limit(const char *value, size_t most, size_t *out)
{
    int64_t number = 0;
    if (!*value)
        return fail(E_INVALID, "Invalid input for query parameters limit. Value: . '' is too short");
    if (value[strspn(value, "0123456789")])
        return fail(E_INVALID, "Invalid input for query parameters limit. Value: %.100s. '%.100s' does not match '^[0-9]*$'", value,
                    value);
    const bool fits = str_to_int(value, &number) && number < (int64_t)most;
    *out = fits ? (size_t)number : most;
    return OK;
}

enum err page_read_limit(const struct request *request, size_t most, size_t *out)
{
    *out = most;
    for (size_t i = 0; i < request->query.count; i++) {
        if (str_equal(request->query.items[i].name, "limit"))
            TRY(read_limit(request->query.items[i].value, most, out));
    }
    return OK;
}

enum err page_read(const struct request *request, struct page *out)
{
    const size_t most = (size_t)request->gateway->config.api.max_limit;
    struct page page = {.marker = request_query(request, "marker")};
    TRY(page_read_limit(request, most, &page.limit));
    *out = page;
    return OK;
}

/* As application/x-www-form-urlencoded: what RFC 3986 leaves alone stays, a blank is +. */
static void add_encoded(struct text *out, const char *value)
{
    const size_t begin = out->length;
    text_add_percent(out, value, " ");
    for (size_t i = begin; i < out->length; i++) {
        if (out->bytes[i] == ' ')
            out->bytes[i] = '+';
    }
}

/* By name, and what has one name stays in its order: sort keys and directions belong together by position. */
static void sort_pairs(struct http_pair *pairs, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct http_pair pair = pairs[i];
        size_t at = i;
        for (; at > 0 && strcmp(pairs[at - 1].name, pair.name) > 0; at--)
            pairs[at] = pairs[at - 1];
        pairs[at] = pair;
    }
}

void page_add_next_query(struct text *out, const struct request *request, const char *last)
{
    const size_t count = request->query.count;
    struct http_pair *pairs = arena_alloc(request->arena, (count + 1) * sizeof(*pairs));
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(request->query.items[i].name, "marker"))
            pairs[used++] = request->query.items[i];
    }
    pairs[used++] = (struct http_pair){"marker", last};
    sort_pairs(pairs, used);
    for (size_t i = 0; i < used; i++) {
        text_add_char(out, i ? '&' : '?');
        add_encoded(out, pairs[i].name);
        text_add_char(out, '=');
        add_encoded(out, pairs[i].value);
    }
}

void page_add_next(struct text *out, const struct request *request, const struct page *page, size_t shown, const char *name,
                   const char *path, const char *last)
{
    if (!page->limit || shown != page->limit)
        return;
    CLEANUP(text_clear) struct text link = {0};
    text_add_str(&link, request_link(request, "%s", path));
    page_add_next_query(&link, request, last);
    text_add_format(out, ",\"%s_links\":[{\"rel\":\"next\",\"href\":", name);
    text_add_json(out, text_str(&link));
    text_add_str(out, "}]");
}

void page_add_links(struct text *out, const struct request *request, const char *collection, const char *id)
{
    CLEANUP(text_clear) struct text path = {0};
    text_add_format(&path, "/%s/", collection);
    for (const char *c = id; *c; c++) {
        if (*c == ' ')
            text_add_str(&path, "%20");
        else
            text_add_char(&path, *c);
    }
    text_add_str(out, "\"links\":[{\"rel\":\"self\",\"href\":");
    text_add_json(out, request_link(request, "%s", text_str(&path)));
    text_add_str(out, "},{\"rel\":\"bookmark\",\"href\":");
    text_add_json(out, request_bookmark(request, "%s", text_str(&path)));
    text_add_str(out, "}]");
}
