/*
 * /os-zones (and 2011's /zones): the registry of children, this zone's info, and what neighbours send (spec zones.md 1.1 and 1.2,
 * link.md sections 2 and 6). Secrets are never in an answer. Select and boot are in zone_build.c.
 */
#include <string.h>

#include "compute/placement/placement.h"
#include "gateway/api/api.h"
#include "gateway/conductor/authenticate.h"
#include "gateway/conductor/select.h"
#include "gateway/gateway.h"
#include "gateway/identity/identity.h"
#include "schema/host.h"
#include "schema/json/json.h"
#include "zones/registry.h"

#define SETTLE_MS 5000 /* a new child is joined before the answer if it answers within this time */

/* 2011 showed capabilities as an object or a text; here the object of the child's last info. */
static json_t *zone_object(const struct zone *zone)
{
    json_t *object = json_pack("{s:I, s:s, s:s, s:s, s:b, s:s, s:f, s:f, s:s?, s:o, s:I}", "id", (json_int_t)zone->row.id, "name",
                               zone->row.name, "api_url", zone->row.api_url, "kind", zone->row.kind, "is_active",
                               zone_is_active(zone), "state", zone_state_name(zone), "weight_offset", zone->row.weight_offset,
                               "weight_scale", zone->row.weight_scale, "last_error", zone->row.last_error, "last_seen",
                               zone->row.last_seen_us ? json_string(time_iso_micro(zone->row.last_seen_us).text) : json_null(),
                               "latency_ms", (json_int_t)zone->row.latency_ms);
    json_t *info = zone->row.info ? json_loads(zone->row.info, 0, NULL) : NULL;
    json_t *capabilities = json_object_get(info, "capabilities");
    (void)json_object_set_new(object, "uuid", zone->row.joined ? json_string(uuid_to_text(&zone->row.uuid).text) : json_null());
    (void)json_object_set_new(object, "tag", zone->row.joined ? json_sprintf("%06x", zone->tag) : json_null());
    (void)json_object_set_new(object, "capabilities", capabilities ? json_incref(capabilities) : json_object());
    json_decref(info);
    return object;
}

static enum err child_of_request(struct request *request, const struct zone **out)
{
    int64_t id = 0;
    const char *text = request_param(request, "zone_id");
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct zone *zone = str_to_int(text, &id) ? view_child(view, id) : view_child_by_name(view, text);
    if (!zone)
        return fail(E_NOT_FOUND, "Zone %s could not be found.", text);
    *out = zone;
    return OK;
}

static enum err reply_zone(struct request *request, struct response *response, int64_t id)
{
    const struct zone *zone = view_child(zones_view(request->gateway->zones, request->arena), id);
    if (!zone)
        return fail(E_NOT_FOUND, "Zone %lld could not be found.", (long long)id);
    response->json = json_pack("{s:o}", "zone", zone_object(zone));
    return OK;
}

/* limit and offset as in 2011, marker (an id) as everywhere else. */
static enum err read_window(const struct request *request, size_t *offset, size_t *limit)
{
    const char *texts[] = {request_query(request, "offset"), request_query(request, "limit")};
    int64_t numbers[] = {0, request->gateway->config.api.max_limit};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i] && (!str_to_int(texts[i], &numbers[i]) || numbers[i] < 0))
            return fail(E_INVALID, "%s must be a non-negative number", i ? "limit" : "offset");
    }
    *offset = (size_t)numbers[0];
    *limit =
        numbers[1] > request->gateway->config.api.max_limit ? (size_t)request->gateway->config.api.max_limit : (size_t)numbers[1];
    return OK;
}

static enum err zones_list(struct request *request, struct response *response)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    size_t offset = 0;
    size_t limit = 0;
    json_t *list = NULL;
    TRY(read_window(request, &offset, &limit));
    list = json_array();
    for (size_t i = offset; i < view->child_count && i - offset < limit; i++)
        (void)json_array_append_new(list, zone_object(&view->children[i]));
    response->json = json_pack("{s:o}", "zones", list);
    return OK;
}

static enum err zones_show(struct request *request, struct response *response)
{
    const struct zone *zone = NULL;
    TRY(child_of_request(request, &zone));
    return reply_zone(request, response, zone->row.id);
}

static enum err zones_create(struct request *request, struct response *response)
{
    int64_t id = 0;
    TRY(zones_child_add(request->gateway->zones, request->db, request->arena, json_object_get(request->json, "zone"), &id));
    struct budget budget = budget_from_ms(SETTLE_MS);
    (void)zones_settle(request->gateway->zones, budget); /* a child that is silent is joined later: its state says so */
    return reply_zone(request, response, id);
}

static enum err zones_update(struct request *request, struct response *response)
{
    const struct zone *zone = NULL;
    TRY(child_of_request(request, &zone));
    const int64_t id = zone->row.id;
    TRY(zones_child_update(request->gateway->zones, request->db, request->arena, id, json_object_get(request->json, "zone")));
    return reply_zone(request, response, id);
}

static enum err zones_delete(struct request *request, struct response *response)
{
    const struct zone *zone = NULL;
    TRY(child_of_request(request, &zone));
    TRY(zones_child_delete(request->gateway->zones, request->db, zone->row.id));
    response->json = json_object();
    return OK;
}

struct capacity {
    json_int_t vcpus;
    json_int_t ram_mib;
    json_int_t disk_gib;
    json_int_t largest_vcpus;
    json_int_t largest_ram_mib;
    json_int_t largest_disk_gib;
};

static void add_fit(json_t *zones, const char *name, const struct placement_fit *fit)
{
    json_t *former = json_object_get(zones, name);
    struct capacity c = {0};
    if (former)
        (void)json_unpack(former, "{s:I, s:I, s:I, s:{s:I, s:I, s:I}}", "vcpus", &c.vcpus, "ram_mib", &c.ram_mib, "disk_gib",
                          &c.disk_gib, "largest", "vcpus", &c.largest_vcpus, "ram_mib", &c.largest_ram_mib, "disk_gib",
                          &c.largest_disk_gib);
    if (fit->free_ram_mib > c.largest_ram_mib)
        c = (struct capacity){c.vcpus, c.ram_mib, c.disk_gib, fit->free_vcpus, fit->free_ram_mib, fit->free_disk_gib};
    (void)json_object_set_new(zones, name,
                              json_pack("{s:I, s:I, s:I, s:{s:I, s:I, s:I}}", "vcpus", c.vcpus + (json_int_t)fit->free_vcpus,
                                        "ram_mib", c.ram_mib + (json_int_t)fit->free_ram_mib, "disk_gib",
                                        c.disk_gib + (json_int_t)fit->free_disk_gib, "largest", "vcpus", c.largest_vcpus, "ram_mib",
                                        c.largest_ram_mib, "disk_gib", c.largest_disk_gib));
}

/* Per availability zone: what is free in all, and on the host with most memory free. */
static enum err capacity_object(struct request *request, json_t **out)
{
    struct placement_fits fits;
    struct hosts hosts;
    json_auto_t *zones = json_object();
    TRY(placement_fit(request->db, request->arena, NULL, 0, &fits));
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < fits.count; i++) {
        for (size_t j = 0; j < hosts.count; j++) {
            if (uuid_equal(&hosts.items[j].uuid, &fits.items[i].provider) && hosts.items[j].up && !hosts.items[j].disabled)
                add_fit(zones, select_host_zone(request->gateway, &hosts.items[j]), &fits.items[i]);
        }
    }
    *out = json_pack("{s:O}", "availability_zones", zones);
    return OK;
}

static enum err zones_info(struct request *request, struct response *response)
{
    const struct gateway *gateway = request->gateway;
    const struct zones_view *view = zones_view(gateway->zones, request->arena);
    json_t *capacity = NULL;
    TRY(capacity_object(request, &capacity));
    json_t *zone =
        json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:I, s:[i, i], s:[s, s], s:o, s:o}", "name", gateway->name, "capabilities",
                  "hypervisor", "libvirt", "os", "linux", "uuid", uuid_to_text(&gateway->keys.zone).text, "tag",
                  arena_printf(request->arena, "%06x", gateway->tag), "incarnation",
                  (json_int_t)zones_options(gateway->zones)->incarnation, "protocol", LINK_PROTOCOL_MIN, LINK_PROTOCOL_MAX,
                  "microversion", "2.1", arena_printf(request->arena, "2.%d", compute_service.version_max), "capacity", capacity,
                  "directory", directory_json(&view->directory, request_query(request, "zone.digest")));
    response->json = json_pack("{s:o}", "zone", zone);
    return OK;
}

/* The deep probe: it went through the queue, it has a worker, and it reads the database. */
static enum err zones_probe(struct request *request, struct response *response)
{
    struct rows rows;
    if (db_query(request->db, request->arena, "SELECT 1", NULL, 0, &rows) != OK)
        return fail(E_UNAVAILABLE, "The zone cannot read its database.");
    response->json = json_pack("{s:s}", "status", "ok");
    return OK;
}

/* A proof in the body (a join token's secret), an admin's token, or the live link: identity is looked for, not required. */
static enum err zones_link(struct request *request, struct response *response)
{
    if (request_header(request, "X-Auth-Token") || request_header(request, LINK_DELEGATION))
        TRY(conductor_authenticate(request));
    const struct join_proof proof = {request->caller.is_admin && !request->link, request->link};
    return zones_accept_parent(request->gateway->zones, request->db, request->arena, request->json, &proof, &response->json);
}

static enum err zones_directory(struct request *request, struct response *response)
{
    response->status = 204;
    return zones_accept_directory(request->gateway->zones, request->db, request->arena, request->link, request->json);
}

static enum err zones_revocations(struct request *request, struct response *response)
{
    if (!request->link || request->link->direction != LINK_DOWN)
        return fail(E_FORBIDDEN, "Revocations come from a parent zone only.");
    response->status = 204;
    return identity_accept_revocations(request->gateway->identity, request->db, request->json);
}

const struct route zone_routes[] = {
    {.method = "GET", .path = "/os-zones", .access = ACCESS_ADMIN, .handler = zones_list},
    {.method = "GET", .path = "/os-zones/detail", .access = ACCESS_ADMIN, .handler = zones_list},
    {.method = "GET", .path = "/os-zones/info", .access = ACCESS_ANY, .handler = zones_info},
    {.method = "GET", .path = "/os-zones/probe", .access = ACCESS_LINK, .handler = zones_probe},
    {.method = "POST", .path = "/os-zones/link", .access = ACCESS_PUBLIC, .handler = zones_link, .body = BODY_JSON},
    {.method = "POST", .path = "/os-zones/directory", .access = ACCESS_LINK, .handler = zones_directory, .body = BODY_JSON},
    {.method = "POST", .path = "/os-zones/revocations", .access = ACCESS_LINK, .handler = zones_revocations, .body = BODY_JSON},
    {.method = "POST",
     .path = "/os-zones",
     .access = ACCESS_ADMIN,
     .handler = zones_create,
     .body = BODY_JSON,
     .schema = "zone_create"},
    {.method = "GET", .path = "/os-zones/{zone_id}", .access = ACCESS_ADMIN, .handler = zones_show},
    {.method = "PUT",
     .path = "/os-zones/{zone_id}",
     .access = ACCESS_ADMIN,
     .handler = zones_update,
     .body = BODY_JSON,
     .schema = "zone_update"},
    {.method = "DELETE", .path = "/os-zones/{zone_id}", .access = ACCESS_ADMIN, .handler = zones_delete},
    {.method = "GET", .path = "/zones", .access = ACCESS_ADMIN, .handler = zones_list},
    {.method = "GET", .path = "/zones/detail", .access = ACCESS_ADMIN, .handler = zones_list},
    {.method = "GET", .path = "/zones/info", .access = ACCESS_ANY, .handler = zones_info},
    {.method = "POST",
     .path = "/zones",
     .access = ACCESS_ADMIN,
     .handler = zones_create,
     .body = BODY_JSON,
     .schema = "zone_create"},
    {.method = "GET", .path = "/zones/{zone_id}", .access = ACCESS_ADMIN, .handler = zones_show},
    {.method = "PUT",
     .path = "/zones/{zone_id}",
     .access = ACCESS_ADMIN,
     .handler = zones_update,
     .body = BODY_JSON,
     .schema = "zone_update"},
    {.method = "DELETE", .path = "/zones/{zone_id}", .access = ACCESS_ADMIN, .handler = zones_delete},
    {.method = NULL},
};
