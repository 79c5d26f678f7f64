/*
 * GET /servers and /servers/detail over the tree (DESIGN section 6): this zone's rows and each child's framed rows, merged as
 * bytes.
 *
 * To a parent (Accept: rows) the same handler writes framed rows. The page is held until every child has its trailer, so that
 * X-Zone-Missing is exact.
 */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/page.h"
#include "gateway/api/server_common.h"
#include "gateway/api/server_filter.h"
#include "gateway/api/server_key.h"
#include "gateway/api/server_seen.h"
#include "gateway/api/server_view.h"
#include "gateway/api/zone_in.h"
#include "gateway/base/log.h"
#include "gateway/conductor/locate.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "zones/resolve.h"
#include "zones/row_merge.h"
#include "zones/rows.h"

#define CHILD_ANSWER_LIMIT (64U << 20)

struct listing {
    struct request *request;
    struct zone_in in;
    struct server_filter filter;
    bool detail;
    bool framed;       /* the reader is a zone */
    struct text after; /* the key after which rows are wanted; empty: from the start */
    struct row_list *lists;
    const struct zone **zones; /* of each list; NULL: this zone */
    size_t list_count;
    struct row_list *unknown; /* what is remembered of silent zones */
    size_t unknown_count;
    struct zones_missing missing;
    size_t asked;
    const struct zone *const *sources; /* whom this list asks */
    size_t source_count;
};

static void release_text(void *object)
{
    text_clear(object);
}

/* One more row than the page holds says whether there is more. */
static enum err list_here(struct listing *listing)
{
    struct request *request = listing->request;
    struct server_query query = {
        listing->filter.conditions, listing->filter.condition_count, listing->filter.sort, listing->filter.sort_count, NULL,
        listing->filter.limit + 1};
    struct servers servers = {0};
    struct server_view view;
    TRY(server_view_init(request, true, &view));
    if (listing->after.length)
        TRY(server_key_values(request->arena, &listing->after, &listing->filter, &query.after));
    if (!listing->filter.nothing && listing->filter.limit > 0)
        TRY(server_list(request->db, request->arena, &query, &servers));
    const size_t kept = servers.count > listing->filter.limit ? listing->filter.limit : servers.count;
    struct row *rows = arena_alloc(request->arena, (kept + 1) * sizeof(*rows));
    struct text *bytes = arena_alloc(request->arena, sizeof(*bytes));
    struct text *keys = arena_alloc(request->arena, sizeof(*keys));
    size_t *ends = arena_alloc(request->arena, (2 * kept + 2) * sizeof(*ends));
    arena_defer(request->arena, release_text, bytes);
    arena_defer(request->arena, release_text, keys);
    for (size_t i = 0; i < kept; i++) {
        if (listing->detail)
            server_view_detail(bytes, &servers.items[i], &view);
        else
            server_view_brief(bytes, &servers.items[i], &view);
        ends[2 * i] = bytes->length;
        TRY(server_key_add(keys, &servers.items[i], &listing->filter));
        ends[2 * i + 1] = keys->length;
    }
    for (size_t i = 0; i < kept; i++) {
        const size_t body = i ? ends[2 * i - 2] : 0;
        const size_t key = i ? ends[2 * i - 1] : 0;
        rows[i] = (struct row){servers.items[i].uuid, (const uint8_t *)keys->bytes + key, ends[2 * i + 1] - key,
                               bytes->bytes + body, ends[2 * i] - body};
    }
    listing->lists[listing->list_count] = (struct row_list){rows, kept, servers.count > kept, {0}};
    listing->zones[listing->list_count++] = NULL;
    return OK;
}

/* The query as another zone gets it: the client's own, without marker and place, with the key to go on from, the page's size, and
 * the place as it is called there (`in`; "" = its own subtree). */
static const char *source_target(struct listing *listing, const char *in)
{
    struct request *request = listing->request;
    CLEANUP(text_clear) struct text target = {0};
    text_add_format(&target, "/compute/v2.1/servers%s?", listing->detail ? "/detail" : "");
    for (size_t i = 0; i < request->query.count; i++) {
        const char *name = request->query.items[i].name;
        if (strcmp(name, "marker") == 0 || strcmp(name, "limit") == 0 || str_starts(name, "zone."))
            continue;
        query_add(&target, name, request->query.items[i].value);
    }
    if (*in)
        query_add(&target, "zone.in", in);
    text_add_format(&target, "limit=%zu", listing->filter.limit);
    if (listing->after.length) {
        const size_t size = 2 * listing->after.length + 4;
        char *encoded = arena_alloc(request->arena, size);
        base64url_encode(listing->after.bytes, listing->after.length, encoded, size);
        text_add_format(&target, "&zone.after=%s", encoded);
    }
    return arena_strdup(request->arena, text_str(&target));
}

/* What a status other than 200 says about a child that was asked for a list: it does not let us in, it does not know the question,
 * or what it answers is no list. */
static enum zone_kind_of_answer kind_of_status(int status)
{
    static const struct {
        int status;
        enum zone_kind_of_answer kind;
    } kinds[] = {{200, ZONE_ANSWERED}, {400, ZONE_VERSION}, {401, ZONE_AUTH},    {403, ZONE_AUTH},
                 {404, ZONE_VERSION},  {406, ZONE_VERSION}, {413, ZONE_VERSION}, {429, ZONE_BUSY}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].status == status)
            return kinds[i].kind;
    }
    return ZONE_GARBAGE;
}

/* First claim wins (DESIGN section 5): a child lists no servers whose ids carry the tag of a zone that is not below it. */
static enum err check_claims(struct request *request, const struct zone *zone, const struct row_list *list)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    if (view_child(view, zone->row.id) == NULL)
        return OK; /* a parent: what it says of the rest of the tree is its own affair */
    for (size_t i = 0; i < list->count; i++) {
        if (!directory_may_answer(&view->directory, zone->row.id, &list->rows[i].uuid))
            return fail(E_INVALID, "server %s is another zone's by its id", uuid_to_text(&list->rows[i].uuid).text);
    }
    return OK;
}

static enum err read_list(struct listing *listing, const struct zone_call *call, struct row_list *out)
{
    struct request *request = listing->request;
    const struct http_answer *answer = &call->answer;
    if (answer->status != 200)
        return fail(E_INVALID, "status %d", answer->status);
    TRY(rows_read(request->arena, answer->body, answer->body_length, (const uint8_t *)listing->after.bytes, listing->after.length,
                  out));
    TRY(check_claims(request, call->zone, out));
    const bool whole = listing->after.length == 0 && !out->more;
    return server_seen_take(request, &listing->filter, listing->detail, call->zone, out, whole);
}

/* A child that gave no list: what is remembered of it goes last, so that a real row of the same server wins over it. */
static enum err miss_child(struct listing *listing, const struct zone *zone, enum zone_kind_of_answer kind)
{
    struct row_list list;
    missing_add(listing->request->arena, &listing->missing, zone->row.name, kind);
    TRY(server_seen_rows(listing->request, &listing->filter, listing->detail, &listing->after, zone, &list));
    if (list.count)
        listing->unknown[listing->unknown_count++] = list;
    return OK;
}

static enum err take_child(struct listing *listing, const struct zone_call *call)
{
    struct request *request = listing->request;
    const struct http_answer *answer = &call->answer;
    struct row_list list = {0};
    enum zone_kind_of_answer kind = answer->kind == ZONE_ANSWERED ? kind_of_status(answer->status) : answer->kind;
    if (answer->kind == ZONE_ANSWERED && read_list(listing, call, &list) != OK) {
        log_warn("zone.garbage", "child=%s message=%s", call->zone->row.name, log_quote(err_message()).text);
        kind = kind == ZONE_ANSWERED ? ZONE_GARBAGE : kind;
    }
    if (kind != ZONE_ANSWERED)
        return miss_child(listing, call->zone, kind);
    for (size_t i = 0; i < list.missing.count; i++)
        missing_add(request->arena, &listing->missing,
                    zone_path_join(request->arena, call->zone->row.name, list.missing.items[i].path), list.missing.items[i].reason);
    listing->asked += (size_t)relay_asked_below(answer);
    listing->lists[listing->list_count] = list;
    listing->zones[listing->list_count++] = call->zone;
    return OK;
}

static bool is_local_only(const struct request *request)
{
    const char *local = request_query(request, "zone.local");
    const char *old = request_query(request, "local_zone_only");
    return (local && strcmp(local, "1") == 0) || (old && (str_equal_nocase(old, "true") || strcmp(old, "1") == 0));
}

static enum err list_children(struct listing *listing)
{
    struct request *request = listing->request;
    const struct link_origin *origin = relay_origin(request);
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const char *below = source_target(listing, listing->in.rest);
    const char *above = source_target(listing, "/");
    struct link_headers headers = {0};
    struct zone_call *calls = arena_alloc(request->arena, (listing->source_count + 1) * sizeof(*calls));
    headers_add(request->arena, &headers, "Accept", ROWS_MEDIA_TYPE);
    headers_add(request->arena, &headers, "OpenStack-API-Version",
                arena_printf(request->arena, "compute %s", request->version_text));
    for (size_t i = 0; i < listing->source_count; i++)
        calls[i] = (struct zone_call){.zone = listing->sources[i],
                                      .origin = origin,
                                      .class = CLASS_READ,
                                      .method = "GET",
                                      .target = view_child(view, listing->sources[i]->row.id) ? below : above,
                                      .headers = headers,
                                      .answer_limit = CHILD_ANSWER_LIMIT};
    listing->asked += listing->source_count;
    fanout_run(request->fanout, request->arena, calls, listing->source_count, request->budget);
    for (size_t i = 0; i < listing->source_count; i++)
        TRY(take_child(listing, &calls[i]));
    for (size_t i = 0; i < listing->unknown_count; i++) {
        listing->lists[listing->list_count] = listing->unknown[i];
        listing->zones[listing->list_count++] = NULL;
    }
    return OK;
}

static enum err write_frames(struct listing *listing, struct response *response, const struct merged_rows *merged)
{
    response->content_type = ROWS_MEDIA_TYPE;
    for (size_t i = 0; i < merged->count; i++)
        rows_write(&response->body, &merged->rows[i]);
    rows_write_trailer(&response->body, (uint32_t)merged->count, merged->more, &listing->missing);
    return OK;
}

static void write_next_link(struct listing *listing, struct response *response, const struct row *last)
{
    struct request *request = listing->request;
    CLEANUP(text_clear) struct text link = {0};
    text_add_str(&link, request_link(request, "/servers%s", listing->detail ? "/detail" : ""));
    page_add_next_query(&link, request, uuid_to_text(&last->uuid).text);
    text_add_str(&response->body, ",\"servers_links\":[{\"rel\":\"next\",\"href\":");
    text_add_json(&response->body, text_str(&link));
    text_add_str(&response->body, "}]");
}

static enum err write_page(struct listing *listing, struct response *response, const struct merged_rows *merged)
{
    text_add_str(&response->body, "{\"servers\":[");
    for (size_t i = 0; i < merged->count; i++) {
        if (i)
            text_add_char(&response->body, ',');
        text_add(&response->body, merged->rows[i].body, merged->rows[i].body_length);
    }
    text_add_str(&response->body, "]");
    const bool full = merged->count > 0 && merged->count == listing->filter.limit;
    if (full && (listing->filter.limit_given || merged->more))
        write_next_link(listing, response, &merged->rows[merged->count - 1]);
    text_add_str(&response->body, "}");
    return OK;
}

static enum err check_complete(struct listing *listing, struct response *response)
{
    const char *strict = request_query(listing->request, "zone.strict");
    relay_missing(listing->request, response, &listing->missing);
    response_header(listing->request, response, "X-Zone-Path", ".");
    response_header(listing->request, response, "X-Zone-Asked", arena_printf(listing->request->arena, "%zu", listing->asked));
    if (listing->missing.count == 0)
        return OK;
    const bool error = strict && strcmp(strict, "1") == 0;
    const bool old_error =
        listing->request->version < 69 && strcmp(listing->request->gateway->config.zones.below_2_69, "error") == 0;
    if (error || (old_error && !listing->framed))
        return fail(E_UNAVAILABLE, "The list would be incomplete: %zu zones do not answer.", listing->missing.count);
    return OK;
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
        listing->sources = only;
        listing->source_count = 1;
        return OK;
    }
    if (reservation && !listing->in.whole_tree)
        TRY(conductor_locate_reservation(request, response, reservation, answered));
    listing->sources =
        zones_list_sources(zones, view, request->link, listing->in.whole_tree, request->arena, &listing->source_count);
    return OK;
}

static enum err list_servers(struct request *request, struct response *response, bool detail)
{
    bool answered = false;
    struct listing *listing = arena_alloc(request->arena, sizeof(*listing));
    listing->request = request;
    listing->detail = detail;
    listing->framed = server_wants_rows(request);
    arena_defer(request->arena, release_text, &listing->after);
    TRY(server_filter_read(request, (size_t)request->gateway->config.api.max_limit, &listing->filter));
    TRY(server_key_after(request, &listing->filter, &listing->after));
    TRY(find_sources(listing, response, &answered));
    if (answered)
        return OK;
    listing->lists = arena_alloc(request->arena, (2 * listing->source_count + 1) * sizeof(*listing->lists));
    listing->unknown = arena_alloc(request->arena, (listing->source_count + 1) * sizeof(*listing->unknown));
    listing->zones = arena_alloc(request->arena, (2 * listing->source_count + 1) * sizeof(const struct zone *));
    if (!listing->in.child)
        TRY(list_here(listing));
    if (listing->source_count && listing->filter.limit > 0)
        TRY(list_children(listing));
    struct merged_rows merged;
    rows_merge(request->arena, listing->lists, listing->list_count, listing->filter.limit, &merged);
    TRY(check_complete(listing, response));
    return listing->framed ? write_frames(listing, response, &merged) : write_page(listing, response, &merged);
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
