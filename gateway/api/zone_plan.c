/*
 * /os-zones/plan: where a server would go, and why not elsewhere, host by host and zone by zone; nothing is claimed.
 * /os-zones/capacity: how many more would fit at most, by the summaries that select leaves children out by. Both for admins.
 *
 * POST takes {"server": {flavorRef, imageRef, availability_zone}, "os:scheduler_hints": {…}, "project": id}, a body of POST
 * /servers; over a link {"sizing": base64}. GET takes flavor, image, availability_zone and project in the query.
 */
#include <string.h>

#include "compute/scheduler/resources.h"
#include "gateway/api/api.h"
#include "gateway/api/flavor_catalog.h"
#include "gateway/api/image_catalog.h"
#include "gateway/api/server_hints.h"
#include "gateway/api/server_where.h"
#include "gateway/api/zone_sizing.h"
#include "gateway/api/zones.h"
#include "gateway/conductor/capacity.h"
#include "gateway/conductor/relay.h"
#include "gateway/conductor/select.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"

#define ANSWER_LIMIT (8U << 20)

static void release_json(void *json)
{
    json_decref(json);
}

/* --- what is asked for */

/* Where the words stand: the members of a body's server, or the query. */
struct wish {
    const char *flavor;
    const char *image;
    const char *zone;
};

static const char *last_segment(const char *text)
{
    const char *slash = text ? strrchr(text, '/') : NULL;
    return slash ? slash + 1 : text;
}

static enum err read_flavor(struct request *request, const struct wish *wish, json_t *embedded, struct sizing *out)
{
    struct flavor flavor;
    if (!wish->flavor)
        return fail(E_INVALID, "The flavor is missing: flavorRef, or flavor in the query.");
    const enum err result = flavor_catalog_get(request, last_segment(wish->flavor), &flavor);
    if (result == E_NOT_FOUND)
        return fail(E_INVALID, "%s", err_message());
    TRY(result);
    (void)json_object_set_new(embedded, "flavor", flavor_embed(&flavor));
    out->vcpus = flavor.vcpus;
    out->ram_mib = flavor.ram_mib;
    out->disk_gib = flavor.disk_gib + flavor.ephemeral_gib + (flavor.swap_mib + 1023) / 1024;
    return OK;
}

static enum err read_image(struct request *request, const struct wish *wish, json_t *embedded)
{
    struct image_summary image;
    if (!wish->image || !*wish->image)
        return OK;
    const enum err result = image_catalog_embed(request, last_segment(wish->image), &image);
    if (result == E_NOT_FOUND)
        return fail(E_INVALID, "Can not find requested image");
    TRY(result);
    (void)json_object_set_new(embedded, "image", image.embedded);
    return OK;
}

/* "zone", "zone:host", ":host", and host, as POST /servers reads them. */
static enum err read_place(struct request *request, const struct wish *wish, const json_t *server, struct sizing *out)
{
    if (server)
        return server_where_read(request, server, out);
    json_t *query = json_pack("{s:s*}", "availability_zone", wish->zone);
    arena_defer(request->arena, release_json, query);
    return server_where_read(request, query, out);
}

static const char *word(struct request *request, const json_t *server, const char *member, const char *parameter)
{
    const json_t *value = json_object_get(server, member);
    if (json_is_integer(value))
        return arena_printf(request->arena, "%lld", (long long)json_integer_value(value));
    return server ? json_string_value(value) : request_query(request, parameter);
}

static enum err read_wish(struct request *request, struct sizing *out)
{
    const json_t *server = json_object_get(request->json, "server");
    const struct wish wish = {word(request, server, "flavorRef", "flavor"), word(request, server, "imageRef", "image"),
                              word(request, server, "availability_zone", "availability_zone")};
    json_t *embedded = json_object();
    arena_defer(request->arena, release_json, embedded);
    *out = (struct sizing){0};
    TRY(read_flavor(request, &wish, embedded, out));
    TRY(read_image(request, &wish, embedded));
    TRY(read_place(request, &wish, server, out));
    TRY(server_hints_read(request, server, out));
    return server_hints_embed(request, embedded, out);
}

/* The plan is made for the caller's project, or for another one that an admin names. */
static void read_project(struct request *request)
{
    const char *project =
        request->json ? json_string_value(json_object_get(request->json, "project")) : request_query(request, "project");
    if (project)
        request->caller.project_id = arena_strdup(request->arena, project);
}

/* --- the plan of this zone */

static json_t *room_object(const struct host_room *room)
{
    return json_pack("{s:I, s:I, s:I}", "vcpus", (json_int_t)room->vcpus, "ram_mib", (json_int_t)room->ram_mib, "disk_gib",
                     (json_int_t)room->disk_gib);
}

static json_t *weights_list(const struct scheduler_settings *settings, const struct host_verdict *verdict)
{
    json_t *list = json_array();
    for (size_t i = 0; i < settings->weigher_count && !verdict->filter; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:f}", "weigher", settings->weighers[i]->name, "value",
                                                    verdict->raw[i], "normalised", verdict->normal[i], "multiplier",
                                                    verdict->multipliers[i]));
    return list;
}

static json_t *host_object(const struct scheduler_settings *settings, const struct host_verdict *verdict)
{
    const struct host_state *host = verdict->host;
    json_t *weight = verdict->filter ? json_null() : json_real(verdict->weight);
    json_t *score = verdict->filter ? json_null() : json_real(verdict->score);
    return json_pack("{s:s, s:s, s:s?, s:s?, s:o, s:o, s:o, s:o, s:o}", "host", host->name, "availability_zone",
                     host->availability_zone, "filter", verdict->filter, "reason", verdict->reason, "weight", weight, "score",
                     score, "weights", weights_list(settings, verdict), "free", room_object(&host->free), "total",
                     room_object(&host->total));
}

static json_t *filters_list(const struct scheduler_settings *settings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < settings->filter_count; i++)
        (void)json_array_append_new(list, json_string(settings->filters[i]->name));
    return list;
}

static enum err own_plan(struct request *request, const struct sizing *sizing, json_t **out)
{
    struct scheduler_settings settings;
    struct resource_amounts claim;
    struct verdicts verdicts;
    TRY(select_settings(request->arena, &request->gateway->config, &settings));
    TRY(spec_amounts(request->arena, sizing, &claim));
    TRY(select_judge(request, sizing, true, &verdicts));
    json_t *amounts = json_object();
    json_t *hosts = json_array();
    for (size_t i = 0; i < claim.count; i++)
        (void)json_object_set_new(amounts, claim.items[i].resource_class, json_integer((json_int_t)claim.items[i].amount));
    for (size_t i = 0; i < verdicts.count; i++)
        (void)json_array_append_new(hosts, host_object(&settings, &verdicts.items[i]));
    *out = json_pack("{s:s, s:o, s:o, s:o, s:[]}", "zone", request->gateway->name, "claim", amounts, "filters",
                     filters_list(&settings), "hosts", hosts, "zones");
    return OK;
}

/* --- the plans below */

/* Why select would not ask the child at all; NULL: it would. */
static const char *why_skipped(struct request *request, const struct zone *child, const struct sizing *sizing)
{
    struct capacity_need need;
    if (child->nova)
        return "it is a plain Nova: new servers are not built there";
    if (!zone_is_active(child) || strcmp(zone_state_name(child), "draining") == 0)
        return arena_printf(request->arena, "its state is %s", zone_state_name(child));
    if (sizing_excludes(sizing, &child->row.uuid))
        return "it was tried before";
    if (capacity_need_of(request->arena, sizing, &need) == OK && capacity_is_short(child, &need))
        return "its capacity summary has no room, or not the traits: it is asked only when nobody else has a place";
    return NULL;
}

static json_t *child_plan(struct request *request, const struct zone_call *call, struct zones_missing *missing)
{
    const struct http_answer *answer = &call->answer;
    json_auto_t *body = NULL;
    if (answer->kind != ZONE_ANSWERED || answer->status != 200 ||
        json_parse_foreign(answer->body, answer->body_length, &body) != OK || !json_is_object(json_object_get(body, "plan"))) {
        const bool answered = answer->kind == ZONE_ANSWERED;
        missing_add(request->arena, missing, call->zone->row.name, answered ? ZONE_GARBAGE : answer->kind);
        return json_pack("{s:s, s:s}", "zone", call->zone->row.name, "missing",
                         answered ? "garbage" : zone_kind_word(answer->kind));
    }
    json_t *plan = json_incref(json_object_get(body, "plan"));
    (void)json_object_set_new(plan, "zone", json_string(call->zone->row.name));
    (void)json_object_set_new(plan, "weight_offset", json_real(call->zone->row.weight_offset));
    (void)json_object_set_new(plan, "weight_scale", json_real(call->zone->row.weight_scale));
    return plan;
}

static const char *question(struct request *request, const char *sizing_text)
{
    const size_t length = strlen(sizing_text);
    char *encoded = arena_alloc(request->arena, BASE64_SIZE(length));
    base64_encode(sizing_text, length, encoded, BASE64_SIZE(length));
    return arena_printf(request->arena, "{\"sizing\":\"%s\"}", encoded);
}

static void add_children(struct request *request, struct response *response, const struct sizing *sizing, const char *sizing_text,
                         json_t *plan)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    struct zone_call *calls = arena_alloc(request->arena, (view->child_count + 1) * sizeof(*calls));
    const char *body = question(request, sizing_text);
    json_t *zones = json_object_get(plan, "zones");
    struct zones_missing missing = {0};
    struct link_headers headers = {0};
    size_t count = 0;
    headers_add(request->arena, &headers, "Content-Type", "application/json");
    for (size_t i = 0; i < view->child_count; i++) {
        const char *skipped = why_skipped(request, &view->children[i], sizing);
        if (skipped)
            (void)json_array_append_new(zones, json_pack("{s:s, s:s}", "zone", view->children[i].row.name, "skipped", skipped));
        else
            calls[count++] = (struct zone_call){.zone = &view->children[i],
                                                .origin = relay_origin(request),
                                                .class = CLASS_READ,
                                                .method = "POST",
                                                .target = "/compute/v2.1/os-zones/plan",
                                                .headers = headers,
                                                .body = body,
                                                .body_length = strlen(body),
                                                .answer_limit = ANSWER_LIMIT};
    }
    fanout_run(request->fanout, request->arena, calls, count, request->budget);
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(zones, child_plan(request, &calls[i], &missing));
    relay_missing(request, response, &missing);
}

static enum err zone_plan(struct request *request, struct response *response)
{
    const char *sizing_text = NULL;
    struct sizing sizing;
    json_t *plan = NULL;
    if (json_object_get(request->json, "sizing")) {
        TRY(zone_sizing_decode(request, &sizing_text, &sizing));
    } else {
        read_project(request);
        TRY(read_wish(request, &sizing));
        sizing_text = sizing_write(request->arena, &sizing);
    }
    TRY(own_plan(request, &sizing, &plan));
    add_children(request, response, &sizing, sizing_text, plan);
    response->json = json_pack("{s:o}", "plan", plan);
    return OK;
}

/* --- capacity */

/* `zones` NULL: not known. `need` NULL: no flavor was named. Steals `zones`. */
static json_t *capacity_row(const char *name, json_t *zones, const struct capacity_need *need, json_t *servers)
{
    json_t *fits = need && zones ? json_integer((json_int_t)capacity_count(zones, need)) : json_null();
    return json_pack("{s:s, s:o, s:o, s:o}", "zone", name, "availability_zones", zones ? zones : json_null(), "fits_at_most", fits,
                     "servers", servers);
}

static json_t *child_row(const struct zone *child, const struct capacity_need *need)
{
    int64_t servers = 0;
    const bool known = capacity_servers_of_child(child, &servers);
    json_t *row = capacity_row(child->row.name, capacity_of_child(child), need, known ? json_integer(servers) : json_null());
    (void)json_object_set_new(row, "state", json_string(zone_state_name(child)));
    (void)json_object_set_new(row, "as_of", zones_time(child->row.last_seen_us));
    return row;
}

/* This zone alone, as ".", and each child with all below it. */
static enum err zone_capacity(struct request *request, struct response *response)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const bool wanted = request_query(request, "flavor") != NULL;
    struct sizing sizing;
    struct capacity_need need = {0};
    json_t *own = NULL;
    if (wanted) {
        TRY(read_wish(request, &sizing));
        TRY(capacity_need_of(request->arena, &sizing, &need));
    }
    TRY(zones_capacity(request, &own));
    json_t *zones = json_incref(json_object_get(own, "availability_zones"));
    json_t *list = json_array();
    (void)json_array_append_new(list,
                                capacity_row(".", zones, wanted ? &need : NULL, json_incref(json_object_get(own, "servers"))));
    json_decref(own);
    for (size_t i = 0; i < view->child_count; i++)
        (void)json_array_append_new(list, child_row(&view->children[i], wanted ? &need : NULL));
    response->json = json_pack("{s:o}", "capacity", list);
    return OK;
}

const struct route zone_plan_routes[] = {
    {.method = "GET", .path = "/os-zones/plan", .access = ACCESS_ADMIN, .handler = zone_plan},
    {.method = "POST", .path = "/os-zones/plan", .access = ACCESS_LINK, .handler = zone_plan, .body = BODY_JSON},
    {.method = "GET", .path = "/os-zones/capacity", .access = ACCESS_ADMIN, .handler = zone_capacity},
    {.method = NULL},
};
