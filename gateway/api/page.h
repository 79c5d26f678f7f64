/*
 * Query parameters of lists: what is known, `limit` and `marker`, and the link to the next page (nova-api.md section 10).
 */
#pragma once

#include <stddef.h>

#include "gateway/http/core/core.h"

/* Nova 2.75: a query parameter that is not in `names` is E_INVALID; before, it is ignored. Ours (zone.…) always pass. */
MUST_CHECK enum err query_check_names(const struct request *request, const char *const *names, size_t count);
/* E_INVALID in the words of Nova's query schemas, unless `value` is in `names`. NULL passes. */
MUST_CHECK enum err query_check_choice(const char *parameter, const char *value, const char *const *names, size_t count);

struct page {
    size_t limit;       /* at most [api] max_limit */
    const char *marker; /* NULL: from the start */
};

/* The parameter `limit`: digits, of which no more than `most` count; of several all must be, and the last counts. Without it
 * `most`. E_INVALID in Nova's words. */
MUST_CHECK enum err page_read_limit(const struct request *request, size_t most, size_t *out);
/* E_INVALID for a limit that is no number. */
MUST_CHECK enum err page_read(const struct request *request, struct page *out);

/* "?name=value&…": the request's query, sorted by name (stable), with `last` as marker. */
void page_add_next_query(struct text *out, const struct request *request, const char *last);

/* The link list for the page after `last`, as `,"NAME_links":[{"rel":"next","href":…}]`; nothing unless the page is full (`shown`
 * rows). `path` as for request_link. All query parameters are kept, sorted; the marker is replaced. */
void page_add_next(struct text *out, const struct request *request, const struct page *page, size_t shown, const char *name,
                   const char *path, const char *last);
/* `"links":[self, bookmark]` of a resource: "{collection}/{id}", the id percent-encoded. */
void page_add_links(struct text *out, const struct request *request, const char *collection, const char *id);
