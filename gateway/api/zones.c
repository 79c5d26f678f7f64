/*
 * /os-zones and 2011's /zones: the registry of children (spec zones.md 1.1 and 1.2), and the routes of all files zones_*.c. Select
 * and boot are in zone_build.c.
 */
#include "gateway/api/zones.h"

#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/zones_nova.h"
#include "gateway/gateway.h"

static enum err reply_zone(struct request *request, struct response *response, int64_t id)
{
    const struct zone *zone = view_child(zones_view(request->gateway->zones, request->arena), id);
    if (!zone)
        return fail(E_NOT_FOUND, "Zone %lld could not be found.", (long long)id);
    response->json = json_pack("{s:o}", "zone", zones_object(zone, zones_names_shown(request)));
    return OK;
}

struct window {
    size_t offset;
    size_t limit;
};

/* All rows, those of zones that have another parent now too. */
static size_t row_count(const struct zones_view *view)
{
    return view->child_count + view->rehomed_count;
}

static enum err read_number(const struct request *request, const char *name, size_t *out)
{
    const char *text = request_query(request, name);
    int64_t number = 0;
    if (text && (!str_to_int(text, &number) || number < 0))
        return fail(E_INVALID, "%s must be a non-negative number", name);
    *out = (size_t)number;
    return OK;
}

/* limit and offset as in 2011 (a limit of 0 is none), marker (an id) as everywhere else. */
static enum err read_window(const struct request *request, const struct zones_view *view, struct window *out)
{
    const size_t most = (size_t)request->gateway->config.api.max_limit;
    const char *marker = request_query(request, "marker");
    int64_t id = 0;
    size_t at = 0;
    TRY(read_number(request, "offset", &out->offset));
    TRY(read_number(request, "limit", &out->limit));
    if (out->limit == 0 || out->limit > most)
        out->limit = most;
    if (!marker)
        return OK;
    while (str_to_int(marker, &id) && at < row_count(view) && view->children[at].row.id != id)
        at++;
    if (at >= row_count(view) || view->children[at].row.id != id)
        return fail(E_INVALID, "marker [%.64s] not found", marker);
    out->offset += at + 1;
    return OK;
}

/* The next page, if there is one; fresh=… of 2011's clients and all else that they send is ignored. */
static void add_next(const struct request *request, struct response *response, const struct zones_view *view,
                     const struct window *window)
{
    const size_t end = window->offset + window->limit;
    if (window->offset >= row_count(view) || end >= row_count(view))
        return;
    const char *href = request_link(request, "%s?limit=%zu&marker=%lld", request->subpath, window->limit,
                                    (long long)view->children[end - 1].row.id);
    (void)json_object_set_new(response->json, "zones_links", json_pack("[{s:s, s:s}]", "rel", "next", "href", href));
}

static enum err zones_list(struct request *request, struct response *response)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const bool names = zones_names_shown(request);
    struct window window;
    TRY(read_window(request, view, &window));
    json_t *list = json_array();
    for (size_t i = window.offset; i < row_count(view) && i - window.offset < window.limit; i++)
        (void)json_array_append_new(list, zones_object(&view->children[i], names));
    response->json = json_pack("{s:o}", "zones", list);
    add_next(request, response, view, &window);
    return OK;
}

static enum err zones_show(struct request *request, struct response *response)
{
    const struct zone *zone = NULL;
    TRY(zones_child_of(request, &zone));
    return reply_zone(request, response, zone->row.id);
}

/* Found while joining: the "child" is this zone itself, or lies above it. Nothing is left of it. */
static enum err refuse_loop(struct request *request, const struct zone *zone)
{
    const char *why = arena_strdup(request->arena, zone->row.last_error);
    TRY(zones_child_delete(request->gateway->zones, request->db, zone->row.id));
    return fail(E_CONFLICT, "The zone cannot be registered: %s", why);
}

static bool is_loop(const struct zone *zone)
{
    return zone && !zone->row.joined && zone->row.state == ZONE_ADMIN_DISABLED && zone->row.last_error &&
           str_starts(zone->row.last_error, "loop");
}

static enum err zones_create(struct request *request, struct response *response)
{
    struct zones *zones = request->gateway->zones;
    int64_t id = 0;
    zones_nova_defaults(request, json_object_get(request->json, "zone"));
    TRY(zones_child_add(zones, request->db, request->arena, json_object_get(request->json, "zone"), &id));
    (void)zones_settle(zones, budget_from_ms(ZONES_SETTLE_MS)); /* one that is silent is joined later: its state says so */
    const struct zone *zone = view_child(zones_view(zones, request->arena), id);
    return is_loop(zone) ? refuse_loop(request, zone) : reply_zone(request, response, id);
}

static enum err zones_update(struct request *request, struct response *response)
{
    const struct zone *zone = NULL;
    TRY(zones_child_of(request, &zone));
    const int64_t id = zone->row.id;
    TRY(zones_child_update(request->gateway->zones, request->db, request->arena, id, json_object_get(request->json, "zone")));
    return reply_zone(request, response, id);
}

/* ?drain=1: no new servers from now on; it is forgotten when it and all below it have none left. */
static enum err drain_then_delete(struct request *request, struct response *response, int64_t id)
{
    json_auto_t *spec = json_pack("{s:s, s:b}", "state", "draining", "delete_when_empty", 1);
    TRY(zones_child_update(request->gateway->zones, request->db, request->arena, id, spec));
    response->status = 202;
    return reply_zone(request, response, id);
}

static enum err zones_delete(struct request *request, struct response *response)
{
    const struct zone *zone = NULL;
    TRY(zones_child_of(request, &zone));
    if (str_equal(request_query(request, "drain"), "1"))
        return drain_then_delete(request, response, zone->row.id);
    TRY(zones_child_delete(request->gateway->zones, request->db, zone->row.id));
    response->json = json_object();
    return OK;
}

/* Under both names: /os-zones, and /zones as in 2011. */
#define ROWS(root)                                                                                                                 \
    {.method = "GET", .path = (root), .access = ACCESS_ANY, .handler = zones_list},                                                \
        {.method = "GET", .path = root "/detail", .access = ACCESS_ANY, .handler = zones_list},                                    \
        {.method = "GET", .path = root "/info", .access = ACCESS_ANY, .handler = zones_info},                                      \
        {.method = "GET", .path = root "/tree", .access = ACCESS_ADMIN, .handler = zones_tree},                                    \
        {.method = "GET", .path = root "/find", .access = ACCESS_READER, .handler = zones_find, .unscoped_ok = 1},                 \
        {.method = "GET", .path = root "/doctor", .access = ACCESS_ADMIN, .handler = zones_doctor},                                \
        {.method = "GET", .path = root "/links", .access = ACCESS_ADMIN, .handler = zones_links_list},                             \
        {.method = "GET", .path = root "/links/{link_id}", .access = ACCESS_ADMIN, .handler = zones_links_show},                   \
        {.method = "DELETE", .path = root "/links/{link_id}", .access = ACCESS_ADMIN, .handler = zones_links_delete},              \
        {.method = "GET", .path = root "/{zone_id}", .access = ACCESS_ADMIN, .handler = zones_show},                               \
        {.method = "DELETE", .path = root "/{zone_id}", .access = ACCESS_ADMIN, .handler = zones_delete},                          \
        {.method = "GET", .path = root "/{zone_id}/health", .access = ACCESS_ADMIN, .handler = zones_health},                      \
        {.method = "POST", .path = root "/{zone_id}/rekey", .access = ACCESS_ADMIN, .handler = zones_rekey},                       \
        {.method = "POST", .path = root "/token", .access = ACCESS_ADMIN, .handler = zones_token},                                 \
        {.method = "PUT",                                                                                                          \
         .path = root "/links/{link_id}",                                                                                          \
         .access = ACCESS_ADMIN,                                                                                                   \
         .handler = zones_links_update,                                                                                            \
         .body = BODY_JSON,                                                                                                        \
         .schema = "zone_link_update"},                                                                                            \
        {.method = "POST",                                                                                                         \
         .path = (root),                                                                                                           \
         .access = ACCESS_ADMIN,                                                                                                   \
         .handler = zones_create,                                                                                                  \
         .body = BODY_JSON,                                                                                                        \
         .schema = "zone_create"},                                                                                                 \
    {                                                                                                                              \
        .method = "PUT", .path = root "/{zone_id}", .access = ACCESS_ADMIN, .handler = zones_update, .body = BODY_JSON,            \
        .schema = "zone_update"                                                                                                    \
    }

const struct route zone_routes[] = {
    ROWS("/os-zones"),
    ROWS("/zones"),
    {.method = "GET", .path = "/os-zones/probe", .access = ACCESS_LINK, .handler = zones_probe, .own_queue = 1},
    {.method = "POST", .path = "/os-zones/link", .access = ACCESS_PUBLIC, .handler = zones_link, .body = BODY_JSON},
    {.method = "POST", .path = "/os-zones/directory", .access = ACCESS_LINK, .handler = zones_directory, .body = BODY_JSON},
    {.method = "POST", .path = "/os-zones/revocations", .access = ACCESS_LINK, .handler = zones_revocations, .body = BODY_JSON},
    {.method = "GET", .path = "/os-zones/where", .access = ACCESS_LINK, .handler = zones_where},
    {.method = "GET", .path = "/os-zones/forgotten", .access = ACCESS_LINK, .handler = zones_forgotten},
    {.method = NULL},
};
