/*
 * The rows of a list of servers from wherever they are, merged: this zone's own, those of other zones as framed rows, and what is
 * remembered of zones that are silent (DESIGN section 6).
 *
 * Each source is asked for a window of at most SERVER_ROWS_WINDOW rows, and again from its last key when it is used up and said
 * that it has more. So the memory is the sources' windows, however long the list is. A source that fails is named in `missing`
 * as long as nothing was promised; afterwards (server_rows_promise) the list ends where it cannot be known what comes next, so
 * that what was given out is whole. Here too: what another zone's rows must be to be believed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/api/server_filter.h"
#include "gateway/base/text.h"
#include "gateway/http/core/core.h"
#include "zones/registry.h"
#include "zones/rows.h"

#define SERVER_ROWS_WINDOW 1000

/* What is asked of whom. All borrowed, as long as the request lives. */
struct server_rows_query {
    const struct server_filter *filter;
    bool detail;
    const struct text *after;        /* the key after which rows are wanted; empty: from the start */
    bool here;                       /* this zone's own too */
    const struct zone *const *zones; /* whom else */
    size_t zone_count;
    const char *in; /* zone.in for those below; "" = their own subtree */
};

struct server_rows;

/* Asks all of them. Lives in the request's arena. An error is this zone's own. */
MUST_CHECK enum err server_rows_open(struct request *request, const struct server_rows_query *query, struct server_rows **out);
/* The next row, borrowed until the next call; `*end`: there are no more. Not for more rows than the filter's limit. `request` has
 * the connections of the worker that asks. E_UNAVAILABLE, after the promise only: a source does not say what comes next, or says
 * now that something is missing. */
MUST_CHECK enum err server_rows_next(struct server_rows *rows, struct request *request, struct row *out, bool *end);
bool server_rows_has_more(const struct server_rows *rows);
/* Who is missing from what comes, as far as is known now. Borrowed. */
const struct zones_missing *server_rows_missing(const struct server_rows *rows);
/* How many zones were asked, those that they asked included. */
size_t server_rows_asked(const struct server_rows *rows);
/* From now on nothing may be missing that server_rows_missing does not say now. */
void server_rows_promise(struct server_rows *rows);
