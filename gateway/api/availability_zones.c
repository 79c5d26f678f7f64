/*
 * /os-availability-zone (nova-api.md section 14): the zones of this zone's hosts (aggregates, then the hosts' own, then the
 * default) and of those below. Parts of one name are one availability zone: available if any part is.
 */
#include "gateway/api/availability_zones.h"

#include "gateway/api/api.h"
#include "gateway/api/gather.h"
#include "gateway/conductor/select.h"
#include "gateway/gateway.h"
#include "schema/host.h"

/* As Nova: a zone is available when a service in it is enabled. */
static void add_host(json_t *zones, const char *zone, const struct host *host, bool detail)
{
    json_t *entry = json_object_get(zones, zone);
    if (!entry) {
        entry = json_pack("{s:s, s:{s:b}, s:n}", "zoneName", zone, "zoneState", "available", 0, "hosts");
        (void)json_object_set_new(zones, zone, entry);
    }
    if (host->disabled)
        return;
    (void)json_object_set_new(json_object_get(entry, "zoneState"), "available", json_true());
    if (!detail)
        return;
    if (!json_is_object(json_object_get(entry, "hosts")))
        (void)json_object_set_new(entry, "hosts", json_object());
    (void)json_object_set_new(json_object_get(entry, "hosts"), host->name,
                              json_pack("{s:{s:b, s:b, s:o}}", "nova-compute", "available", host->up, "active", 1, "updated_at",
                                        host->last_seen_us ? json_string(time_iso_micro(host->last_seen_us).text) : json_null()));
}

static json_t *internal_zone(const struct request *request)
{
    const struct time_text now = time_iso_micro(clock_wall_us());
    return json_pack("{s:s, s:{s:b}, s:{s:{s:{s:b, s:b, s:s}, s:{s:b, s:b, s:s}}}}", "zoneName", "internal", "zoneState",
                     "available", 1, "hosts", request->gateway->name, "nova-conductor", "available", 1, "active", 1, "updated_at",
                     now.text, "nova-scheduler", "available", 1, "active", 1, "updated_at", now.text);
}

static bool is_available(const json_t *entry)
{
    return json_is_true(json_object_get(json_object_get(entry, "zoneState"), "available"));
}

static void merge(json_t *former, const json_t *entry)
{
    json_t *hosts = json_object_get(entry, "hosts");
    if (is_available(entry))
        (void)json_object_set_new(json_object_get(former, "zoneState"), "available", json_true());
    if (json_is_object(json_object_get(former, "hosts")) && json_is_object(hosts))
        (void)json_object_update(json_object_get(former, "hosts"), hosts);
    else if (json_is_object(hosts))
        (void)json_object_set(former, "hosts", hosts);
}

/* The available ones first, as Nova lists them. A new reference. */
static json_t *merge_zones(const json_t *list)
{
    json_auto_t *by_name = json_object();
    json_t *merged = json_array();
    size_t index = 0;
    const char *name = NULL;
    json_t *entry = NULL;
    json_array_foreach(list, index, entry)
    {
        name = json_string_value(json_object_get(entry, "zoneName"));
        json_t *former = name ? json_object_get(by_name, name) : NULL;
        if (former)
            merge(former, entry);
        else if (name)
            (void)json_object_set(by_name, name, entry);
    }
    json_object_foreach(by_name, name, entry)
    {
        if (is_available(entry))
            (void)json_array_append(merged, entry);
    }
    json_object_foreach(by_name, name, entry)
    {
        if (!is_available(entry))
            (void)json_array_append(merged, entry);
    }
    return merged;
}

static enum err list_zones(struct request *request, struct response *response, bool detail)
{
    struct hosts hosts;
    json_auto_t *zones = json_object();
    json_auto_t *list = json_array();
    const char *name = NULL;
    json_t *entry = NULL;
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < hosts.count; i++)
        add_host(zones, select_host_zone(request->gateway, &hosts.items[i]), &hosts.items[i], detail);
    if (detail)
        (void)json_array_append_new(list, internal_zone(request));
    json_object_foreach(zones, name, entry)
    {
        (void)json_array_append(list, entry);
    }
    TRY(gather_lists(request, response, "availabilityZoneInfo", list));
    response->json = json_pack("{s:o}", "availabilityZoneInfo", merge_zones(list));
    return OK;
}

static bool has_available(const json_t *list, const char *name)
{
    size_t index = 0;
    json_t *entry = NULL;
    json_array_foreach(list, index, entry)
    {
        if (is_available(entry) && str_equal(json_string_value(json_object_get(entry, "zoneName")), name))
            return true;
    }
    return false;
}

enum err availability_zone_check(struct request *request, const char *name)
{
    struct hosts hosts;
    json_auto_t *list = json_array();
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < hosts.count; i++) {
        if (!hosts.items[i].disabled && str_equal(select_host_zone(request->gateway, &hosts.items[i]), name))
            return OK;
    }
    const bool complete = gather_ask(request, "/compute/v2.1/os-availability-zone", "availabilityZoneInfo", list);
    if (!complete || has_available(list, name))
        return OK;
    return fail(E_INVALID, "The requested availability zone is not available");
}

static enum err zones_brief(struct request *request, struct response *response)
{
    return list_zones(request, response, false);
}

static enum err zones_detail(struct request *request, struct response *response)
{
    return list_zones(request, response, true);
}

const struct route availability_zone_routes[] = {
    {.method = "GET", .path = "/os-availability-zone", .access = ACCESS_READER, .handler = zones_brief},
    {.method = "GET",
     .path = "/os-availability-zone/detail",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-availability-zone:detail",
     .handler = zones_detail},
    {.method = NULL},
};
