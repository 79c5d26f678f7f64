/*
 * GET /servers and /servers/detail over the tree (DESIGN section 6): rows of this zone and others, merged as bytes.
 *
 * To a parent (Accept: rows) the same handler writes framed rows, at most a window of them: a parent asks again for more. To a
 * client the first window is held until every zone has its trailer, so that X-Zone-Missing is exact. What is longer ([api]
 * max_limit) goes out piece by piece, and promises that nothing more is missing: where a zone falls silent meanwhile the page ends,
 * whole so far, with the link to the next one, whose headers say who is missing.
 */
#include <stddef.h>
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/page.h"
#include "gateway/api/server_common.h"
#include "gateway/api/server_filter.h"
#include "gateway/api/server_key.h"
#include "gateway/api/server_rows.h"
#include "gateway/api/zone_in.h"
#include "gateway/base/log.h"
#include "gateway/conductor/locate.h"
#include "gateway/conductor/parts.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "zones/resolve.h"

#define PIECE_SIZE  ((size_t)256 * 1024)      /* of a page that is longer than a window */
#define FRAMES_MOST ((size_t)8 * 1024 * 1024) /* what a parent gets at once; the row that exceeds it is the last */

struct listing {
    struct body_source source; /* of a page that is longer than a window */
    struct request *request;
    struct zone_in in;
    struct server_filter filter;
    bool detail;
    bool framed;       /* the reader is a zone */
    struct text after; /* the key after which rows are wanted; empty: from the start */
    struct server_rows_query query;
    struct server_rows *rows;
    size_t window;     /* rows that are written before anything is sent */
    size_t written;    /* rows */
    struct uuid last;  /* of these */
    bool ended;        /* there are no more, or none that are known to be the next */
    bool cut;          /* the latter */
    bool closed;       /* the page is written */
    struct text piece; /* what was written and not yet sent */
    size_t sent;       /* of it */
};

static void release_text(void *object)
{
    text_clear(object);
}

static bool is_local_only(const struct request *request)
{
    const char *local = request_query(request, "zone.local");
    const char *old = request_query(request, "local_zone_only");
    return (local && strcmp(local, "1") == 0) || (old && (str_equal_nocase(old, "true") || strcmp(old, "1") == 0));
}

/* --- what is written */

/* The next row; `ended` when there is none. */
static enum err take_row(struct listing *listing, struct request *request, struct row *out)
{
    bool end = false;
    const enum err result = server_rows_next(listing->rows, request, out, &end);
    listing->cut = result == E_UNAVAILABLE && listing->source.work;
    listing->ended = listing->cut || end;
    if (listing->cut)
        log_warn("zone.list", "rows=%zu message=%s", listing->written, log_quote(err_message()).text);
    if (result != OK || end)
        return listing->cut ? OK : result;
    listing->written++;
    listing->last = out->uuid;
    return OK;
}

/* Rows until the page has `most` of them, or its text is so long. */
static enum err write_rows(struct listing *listing, struct request *request, size_t most, size_t length, struct text *out)
{
    struct row row;
    while (listing->written < most && out->length < length) {
        const bool first = listing->written == 0;
        TRY(take_row(listing, request, &row));
        if (listing->ended)
            return OK;
        if (listing->framed) {
            rows_write(out, &row);
            continue;
        }
        if (!first)
            text_add_char(out, ',');
        text_add(out, row.body, row.body_length);
    }
    return OK;
}

static void write_next_link(struct listing *listing, struct text *out)
{
    struct request *request = listing->request;
    CLEANUP(text_clear) struct text link = {0};
    text_add_str(&link, request_link(request, "/servers%s", listing->detail ? "/detail" : ""));
    page_add_next_query(&link, request, uuid_to_text(&listing->last).text);
    text_add_str(out, ",\"servers_links\":[{\"rel\":\"next\",\"href\":");
    text_add_json(out, text_str(&link));
    text_add_str(out, "}]");
}

static void close_page(struct listing *listing, struct text *out)
{
    text_add_str(out, "]");
    const bool full = listing->written > 0 && listing->written == listing->filter.limit;
    if (listing->cut || (full && (listing->filter.limit_given || server_rows_has_more(listing->rows))))
        write_next_link(listing, out);
    text_add_str(out, "}");
    listing->closed = true;
}

static enum err write_frames(struct listing *listing, struct response *response)
{
    response->content_type = ROWS_MEDIA_TYPE;
    TRY(write_rows(listing, listing->request, listing->window, FRAMES_MOST, &response->body));
    rows_write_trailer(&response->body, (uint32_t)listing->written, server_rows_has_more(listing->rows),
                       server_rows_missing(listing->rows));
    return OK;
}

/* --- a page that is longer than a window, on its way to the client */

static struct listing *of_source(struct body_source *source)
{
    return (struct listing *)((char *)source - offsetof(struct listing, source));
}

static ssize_t read_piece(struct body_source *source, void *out, size_t size)
{
    struct listing *listing = of_source(source);
    const size_t left = listing->piece.length - listing->sent;
    const size_t length = left < size ? left : size;
    if (left == 0)
        return listing->closed ? SOURCE_END : SOURCE_WAIT;
    memcpy(out, listing->piece.bytes + listing->sent, length);
    listing->sent += length;
    return (ssize_t)length;
}

/* The next piece. */
static void work_piece(struct body_source *source, struct db *db, struct fanout *fanout)
{
    struct listing *listing = of_source(source);
    struct request *request = listing->request;
    if (listing->sent > PIECE_SIZE)
        text_clear(&listing->piece); /* the first was a window */
    text_reset(&listing->piece);
    listing->sent = 0;
    request->db = db;
    request->fanout = fanout;
    request->budget = budget_from_ms(request->core->budget_ms);
    const enum err result = write_rows(listing, request, listing->filter.limit, PIECE_SIZE, &listing->piece);
    request->db = NULL;
    request->fanout = NULL;
    listing->cut = listing->cut || result != OK;
    if (result != OK || listing->ended || listing->written == listing->filter.limit)
        close_page(listing, &listing->piece);
}

static void release_pieces(struct body_source *source)
{
    (void)source; /* all that it has is the request's */
}

/* --- the answer */

static enum err check_complete(struct listing *listing, struct response *response)
{
    const char *strict = request_query(listing->request, "zone.strict");
    const struct zones_missing *missing = server_rows_missing(listing->rows);
    relay_missing(listing->request, response, missing);
    response_header(listing->request, response, "X-Zone-Path", ".");
    response_header(listing->request, response, "X-Zone-Asked",
                    arena_printf(listing->request->arena, "%zu", server_rows_asked(listing->rows)));
    if (missing->count == 0)
        return OK;
    const bool error = strict && strcmp(strict, "1") == 0;
    const bool old_error =
        listing->request->version < 69 && strcmp(listing->request->gateway->config.zones.below_2_69, "error") == 0;
    if (error || (old_error && !listing->framed))
        return fail(E_UNAVAILABLE, "The list would be incomplete: %zu zones do not answer.", missing->count);
    return OK;
}

/* The first window, before anything is said about who is missing. */
static enum err begin_page(struct listing *listing, struct text *out)
{
    text_add_str(out, "{\"servers\":[");
    return write_rows(listing, listing->request, listing->window, SIZE_MAX, out);
}

/* The rest, if there is any, goes out as it comes. */
static void finish_page(struct listing *listing, struct response *response)
{
    struct text *body = &response->body;
    if (listing->ended || listing->written == listing->filter.limit || !server_rows_has_more(listing->rows)) {
        close_page(listing, body);
        return;
    }
    server_rows_promise(listing->rows);
    listing->source = (struct body_source){.read = read_piece, .release = release_pieces, .work = work_piece};
    listing->piece = *body;
    *body = (struct text){0};
    response->content_type = "application/json";
    response->source = &listing->source;
    response->source_length = UINT64_MAX;
}

/* The zones that zone.in means, besides this one. Or the list is relayed whole: by a reservation that was minted below. */
static enum err find_sources(struct listing *listing, struct response *response, bool *answered)
{
    struct request *request = listing->request;
    struct zones *zones = request->gateway->zones;
    const struct zones_view *view = zones_view(zones, request->arena);
    const char *reservation = request_query(request, "reservation_id");
    *answered = false;
    if (is_local_only(request))
        return OK;
    TRY(zone_in_read(request, view, &listing->in));
    if (listing->in.child) {
        const struct zone **only = arena_alloc(request->arena, sizeof(*only));
        *only = listing->in.child;
        listing->query.zones = only;
        listing->query.zone_count = 1;
        return OK;
    }
    if (reservation && !listing->in.whole_tree)
        TRY(conductor_locate_reservation(request, response, reservation, answered));
    listing->query.zones =
        zones_list_sources(zones, view, request->link, listing->in.whole_tree, request->arena, &listing->query.zone_count);
    return reservation ? parts_narrow(request, reservation, &listing->query.zones, &listing->query.zone_count) : OK;
}

static enum err list_servers(struct request *request, struct response *response, bool detail)
{
    bool answered = false;
    struct listing *listing = arena_alloc(request->arena, sizeof(*listing));
    listing->request = request;
    listing->detail = detail;
    listing->framed = server_wants_rows(request);
    arena_defer(request->arena, release_text, &listing->after);
    arena_defer(request->arena, release_text, &listing->piece);
    TRY(server_filter_read(request, (size_t)request->gateway->config.api.max_limit, &listing->filter));
    TRY(server_key_after(request, &listing->filter, &listing->after));
    TRY(find_sources(listing, response, &answered));
    if (answered)
        return OK;
    listing->window = listing->filter.limit < SERVER_ROWS_WINDOW ? listing->filter.limit : SERVER_ROWS_WINDOW;
    listing->query.filter = &listing->filter;
    listing->query.detail = detail;
    listing->query.after = &listing->after;
    listing->query.here = !listing->in.child;
    listing->query.in = listing->in.rest;
    TRY(server_rows_open(request, &listing->query, &listing->rows));
    TRY(listing->framed ? write_frames(listing, response) : begin_page(listing, &response->body));
    TRY(check_complete(listing, response));
    if (!listing->framed)
        finish_page(listing, response);
    return OK;
}

static enum err servers_brief(struct request *request, struct response *response)
{
    return list_servers(request, response, false);
}

static enum err servers_detail(struct request *request, struct response *response)
{
    return list_servers(request, response, true);
}

const struct route server_list_routes[] = {
    {.method = "GET", .path = "/servers", .access = ACCESS_READER, .handler = servers_brief},
    {.method = "GET", .path = "/servers/detail", .access = ACCESS_READER, .handler = servers_detail},
    {.method = NULL},
};
