/*
 * What this zone runs on: os-hypervisors, os-services, os-availability-zone (spec nova-api.md section 14), merged with what the
 * children answer.
 *
 * One shape each for this zone's rows; children are asked for the same path, and their lists are put behind this zone's own.
 */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/gather.h"
#include "gateway/conductor/select.h"
#include "gateway/gateway.h"
#include "schema/host.h"
#include "schema/placement.h"

#define UUID_IDS        53 /* hypervisor and service ids are uuids from here on */
#define NO_STATISTICS   88 /* hypervisors show no more numbers */
#define OBJECT_CPU_INFO 28 /* cpu_info is an object, before it is a string */

struct host_numbers {
    int64_t vcpus_used;
    int64_t ram_used;
    int64_t disk_used;
    int64_t running;
};

static enum err read_numbers(struct request *request, const struct host *host, struct host_numbers *out)
{
    struct provider_rows providers;
    struct inventory_rows rows = {NULL, 0};
    *out = (struct host_numbers){0};
    TRY(host_count_servers(request->db, host->name, &out->running));
    TRY(provider_rows_get(request->db, request->arena, &host->uuid, 1, &providers));
    if (providers.count)
        TRY(inventory_rows_get(request->db, request->arena, providers.items[0].id, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        if (strcmp(rows.items[i].resource_class, "VCPU") == 0)
            out->vcpus_used = rows.items[i].used;
        else if (strcmp(rows.items[i].resource_class, "MEMORY_MB") == 0)
            out->ram_used = rows.items[i].used;
        else if (strcmp(rows.items[i].resource_class, "DISK_GB") == 0)
            out->disk_used = rows.items[i].used;
    }
    return OK;
}

static json_t *id_of(const struct request *request, const struct uuid *uuid)
{
    return request->version >= UUID_IDS ? json_string(uuid_to_text(uuid).text) : json_integer(uuid_to_int31(uuid));
}

static json_t *cpu_info(const json_t *inventory, int version)
{
    json_t *info =
        json_pack("{s:O?, s:O?, s:O?, s:O?, s:{s:O?, s:O?, s:O?}}", "arch", json_object_get(inventory, "arch"), "model",
                  json_object_get(inventory, "cpu_model"), "vendor", json_object_get(inventory, "cpu_vendor"), "features",
                  json_object_get(inventory, "cpu_features"), "topology", "sockets", json_object_get(inventory, "sockets"), "cores",
                  json_object_get(inventory, "cores"), "threads", json_object_get(inventory, "threads"));
    if (!info)
        info = json_object();
    if (version >= OBJECT_CPU_INFO)
        return info;
    char *text = json_dumps(info, 0);
    json_decref(info);
    json_t *string = json_string(text ? text : "{}");
    free(text);
    return string;
}

static void add_statistics(json_t *out, const json_t *inventory, const struct host_numbers *numbers, int version)
{
    const int64_t vcpus = json_integer_value(json_object_get(inventory, "vcpus"));
    const int64_t ram = json_integer_value(json_object_get(inventory, "ram_mib"));
    const int64_t disk = json_integer_value(json_object_get(inventory, "disk_gib"));
    json_auto_t *statistics = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:o}", "vcpus", (json_int_t)vcpus, "memory_mb", (json_int_t)ram,
        "local_gb", (json_int_t)disk, "vcpus_used", (json_int_t)numbers->vcpus_used, "memory_mb_used",
        (json_int_t)numbers->ram_used, "local_gb_used", (json_int_t)numbers->disk_used, "free_ram_mb",
        (json_int_t)(ram - numbers->ram_used), "free_disk_gb", (json_int_t)(disk - numbers->disk_used), "current_workload", 0,
        "running_vms", (json_int_t)numbers->running, "disk_available_least",
        (json_int_t)json_integer_value(json_object_get(inventory, "disk_free_gib")), "cpu_info", cpu_info(inventory, version));
    (void)json_object_update(out, statistics);
}

static json_t *hypervisor_brief(const struct request *request, const struct host *host)
{
    return json_pack("{s:o, s:s, s:s, s:s}", "id", id_of(request, &host->uuid), "hypervisor_hostname", host->name, "state",
                     host->up ? "up" : "down", "status", host->disabled ? "disabled" : "enabled");
}

/* The address in the host's URI; a URI without one is libvirt on this zone's own machine. */
static const char *host_ip(struct arena *arena, const char *uri)
{
    const char *start = strstr(uri, "://");
    const char *at = start ? strchr(start, '@') : NULL;
    start = at ? at + 1 : start ? start + 3 : "";
    const size_t length = strcspn(start, ":/?");
    return length ? arena_strndup(arena, start, length) : "127.0.0.1";
}

static enum err hypervisor_detail(struct request *request, const struct host *host, json_t **out)
{
    struct host_numbers numbers;
    TRY(read_numbers(request, host, &numbers));
    json_auto_t *inventory = host->inventory ? json_loads(host->inventory, 0, NULL) : json_object();
    json_t *object = hypervisor_brief(request, host);
    const json_t *driver = json_object_get(inventory, "driver");
    json_auto_t *more =
        json_pack("{s:s, s:I, s:s, s:{s:o, s:s, s:s?}}", "hypervisor_type", json_is_string(driver) ? json_string_value(driver) : "",
                  "hypervisor_version", (json_int_t)json_integer_value(json_object_get(inventory, "version")), "host_ip",
                  host_ip(request->arena, host->uri), "service", "id", id_of(request, &host->service), "host", host->name,
                  "disabled_reason", host->disabled_reason);
    (void)json_object_update(object, more);
    if (request->version < NO_STATISTICS)
        add_statistics(object, inventory, &numbers, request->version);
    else
        (void)json_object_set_new(object, "uptime", json_null());
    *out = object;
    return OK;
}

static enum err list_hypervisors(struct request *request, struct response *response, bool detail)
{
    struct hosts hosts;
    json_auto_t *list = json_array();
    const char *pattern = request->version >= UUID_IDS ? request_query(request, "hypervisor_hostname_pattern") : NULL;
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < hosts.count; i++) {
        json_t *object = NULL;
        if (pattern && !strstr(hosts.items[i].name, pattern))
            continue;
        if (detail)
            TRY(hypervisor_detail(request, &hosts.items[i], &object));
        else
            object = hypervisor_brief(request, &hosts.items[i]);
        (void)json_array_append_new(list, object);
    }
    TRY(gather_lists(request, response, "hypervisors", list));
    if (pattern && json_array_size(list) == 0)
        return fail(E_NOT_FOUND, "No hypervisor matching '%s' could be found.", pattern);
    response->json = json_pack("{s:O}", "hypervisors", list);
    return OK;
}

static enum err hypervisors_brief(struct request *request, struct response *response)
{
    return list_hypervisors(request, response, false);
}

static enum err hypervisors_detail(struct request *request, struct response *response)
{
    return list_hypervisors(request, response, true);
}

static bool is_named(const struct request *request, const struct host *host, const char *id)
{
    int64_t number = 0;
    if (request->version >= UUID_IDS)
        return str_equal_nocase(uuid_to_text(&host->uuid).text, id);
    return str_to_int(id, &number) && number == uuid_to_int31(&host->uuid);
}

static enum err hypervisor_show(struct request *request, struct response *response)
{
    const char *id = request_param(request, "hypervisor_id");
    struct hosts hosts;
    json_t *object = NULL;
    bool answered = false;
    if (request->version >= UUID_IDS && !uuid_is_text(id))
        return fail(E_INVALID, "Invalid uuid %s", id);
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < hosts.count; i++) {
        if (!is_named(request, &hosts.items[i], id))
            continue;
        TRY(hypervisor_detail(request, &hosts.items[i], &object));
        response->json = json_pack("{s:o}", "hypervisor", object);
        return OK;
    }
    TRY(gather_one(request, response, &answered));
    return answered ? OK : fail(E_NOT_FOUND, "Hypervisor with ID '%s' could not be found.", id);
}

static json_t *service_object(const struct request *request, const struct host *host)
{
    json_t *object = json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:o, s:s?}", "binary", "nova-compute", "host", host->name, "id",
                               id_of(request, &host->service), "zone", select_host_zone(request->gateway, host), "status",
                               host->disabled ? "disabled" : "enabled", "state", host->up ? "up" : "down", "updated_at",
                               host->last_seen_us ? json_string(time_iso_micro(host->last_seen_us).text) : json_null(),
                               "disabled_reason", host->disabled_reason);
    if (request->version >= 11)
        (void)json_object_set_new(object, "forced_down", json_false());
    return object;
}

/* The zone's own process does what Nova's scheduler and conductor do. */
static json_t *control_service(const struct request *request, const char *binary)
{
    struct uuid id;
    uint8_t hash[32];
    CLEANUP(arena_clear) struct arena arena = {0};
    const char *seed = arena_printf(&arena, "%s %s", uuid_to_text(&request->gateway->keys.zone).text, binary);
    hash_blake2b(seed, strlen(seed), hash);
    memcpy(id.bytes, hash, sizeof(id.bytes));
    json_t *object = json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:n}", "binary", binary, "host", request->gateway->name, "id",
                               id_of(request, &id), "zone", "internal", "status", "enabled", "state", "up", "updated_at",
                               time_iso_micro(clock_wall_us()).text, "disabled_reason");
    if (request->version >= 11)
        (void)json_object_set_new(object, "forced_down", json_false());
    return object;
}

/* OSC sends host=None and binary=None for "any". */
static const char *filter_of(const struct request *request, const char *name)
{
    const char *value = request_query(request, name);
    return value && strcmp(value, "None") != 0 && *value ? value : NULL;
}

static void add_service(json_t *list, json_t *service, const char *host, const char *binary)
{
    const bool wanted = (!host || str_equal(json_string_value(json_object_get(service, "host")), host)) &&
                        (!binary || str_equal(json_string_value(json_object_get(service, "binary")), binary));
    if (wanted)
        (void)json_array_append(list, service);
    json_decref(service);
}

static enum err services_list(struct request *request, struct response *response)
{
    static const char *const control[] = {"nova-conductor", "nova-scheduler"};
    const char *host = filter_of(request, "host");
    const char *binary = filter_of(request, "binary");
    struct hosts hosts;
    json_auto_t *list = json_array();
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < ARRAY_LEN(control); i++)
        add_service(list, control_service(request, control[i]), host, binary);
    for (size_t i = 0; i < hosts.count; i++)
        add_service(list, service_object(request, &hosts.items[i]), host, binary);
    TRY(gather_lists(request, response, "services", list));
    response->json = json_pack("{s:O}", "services", list);
    return OK;
}

/* Below an availability zone: {host: {"nova-compute": {available, active, updated_at}}}. */
static void add_zone_host(json_t *zones, const char *zone, const struct host *host, bool detail)
{
    json_t *entry = json_object_get(zones, zone);
    if (!entry) {
        entry = json_pack("{s:s, s:{s:b}, s:o}", "zoneName", zone, "zoneState", "available", 0, "hosts",
                          detail ? json_object() : json_null());
        (void)json_object_set_new(zones, zone, entry);
    }
    if (host->up && !host->disabled)
        (void)json_object_set_new(json_object_get(entry, "zoneState"), "available", json_true());
    if (detail)
        (void)json_object_set_new(
            json_object_get(entry, "hosts"), host->name,
            json_pack("{s:{s:b, s:b, s:o}}", "nova-compute", "available", host->up, "active", !host->disabled, "updated_at",
                      host->last_seen_us ? json_string(time_iso_micro(host->last_seen_us).text) : json_null()));
}

static json_t *internal_zone(const struct request *request)
{
    const char *now = time_iso_micro(clock_wall_us()).text;
    return json_pack("{s:s, s:{s:b}, s:{s:{s:{s:b, s:b, s:s}, s:{s:b, s:b, s:s}}}}", "zoneName", "internal", "zoneState",
                     "available", 1, "hosts", request->gateway->name, "nova-conductor", "available", 1, "active", 1, "updated_at",
                     now, "nova-scheduler", "available", 1, "active", 1, "updated_at", now);
}

/* Zones of one name, of this zone and its children, become one: available if any part is, hosts of all. */
static json_t *merge_zones(const json_t *list)
{
    json_auto_t *by_name = json_object();
    size_t index = 0;
    json_t *entry = NULL;
    json_array_foreach(list, index, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "zoneName"));
        json_t *former = name ? json_object_get(by_name, name) : NULL;
        if (!former) {
            if (name)
                (void)json_object_set(by_name, name, entry);
            continue;
        }
        if (json_is_true(json_object_get(json_object_get(entry, "zoneState"), "available")))
            (void)json_object_set_new(json_object_get(former, "zoneState"), "available", json_true());
        if (json_is_object(json_object_get(former, "hosts")))
            (void)json_object_update(json_object_get(former, "hosts"), json_object_get(entry, "hosts"));
    }
    json_t *merged = json_array();
    const char *name = NULL;
    json_object_foreach(by_name, name, entry)(void) json_array_append(merged, entry);
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
        add_zone_host(zones, select_host_zone(request->gateway, &hosts.items[i]), &hosts.items[i], detail);
    if (detail)
        (void)json_array_append_new(list, internal_zone(request));
    json_object_foreach(zones, name, entry)(void) json_array_append(list, entry);
    TRY(gather_lists(request, response, "availabilityZoneInfo", list));
    response->json = json_pack("{s:o}", "availabilityZoneInfo", merge_zones(list));
    return OK;
}

static enum err availability_zones(struct request *request, struct response *response)
{
    return list_zones(request, response, false);
}

static enum err availability_zones_detail(struct request *request, struct response *response)
{
    return list_zones(request, response, true);
}

const struct route host_routes[] = {
    {.method = "GET", .path = "/os-hypervisors", .access = ACCESS_ADMIN, .handler = hypervisors_brief},
    {.method = "GET", .path = "/os-hypervisors/detail", .access = ACCESS_ADMIN, .handler = hypervisors_detail},
    {.method = "GET", .path = "/os-hypervisors/{hypervisor_id}", .access = ACCESS_ADMIN, .handler = hypervisor_show},
    {.method = "GET", .path = "/os-services", .access = ACCESS_ADMIN, .handler = services_list},
    {.method = "GET", .path = "/os-availability-zone", .access = ACCESS_READER, .handler = availability_zones},
    {.method = "GET", .path = "/os-availability-zone/detail", .access = ACCESS_ADMIN, .handler = availability_zones_detail},
    {.method = NULL},
};
