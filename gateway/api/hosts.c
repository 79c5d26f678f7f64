/*
 * /os-hosts, up to 2.42: the list of what runs on which host, and how much of a host is used, for clients of those years. What
 * Nova's libvirt driver cannot do to a host is 501 here too, in its words; a service is enabled and disabled by /os-services.
 */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/gather.h"
#include "gateway/api/hypervisor_view.h"
#include "gateway/api/owner.h"
#include "gateway/conductor/select.h"
#include "gateway/gateway.h"
#include "schema/host_load.h"

#define LAST_VERSION 42
#define COMPUTE      "compute"

static void add_row(json_t *list, const char *wanted_zone, const char *host, const char *service, const char *zone)
{
    if (!wanted_zone || str_equal(wanted_zone, zone))
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "host_name", host, "service", service, "zone", zone));
}

/* Hosts with a disabled service are left out, as in Nova. */
static enum err host_index(struct request *request, struct response *response)
{
    static const char *const control[] = {"conductor", "scheduler"};
    const char *zone = request_query(request, "zone");
    json_auto_t *list = json_array();
    struct hosts hosts;
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < ARRAY_LEN(control); i++)
        add_row(list, zone, request->gateway->name, control[i], "internal");
    for (size_t i = 0; i < hosts.count; i++) {
        if (!hosts.items[i].disabled)
            add_row(list, zone, hosts.items[i].name, COMPUTE, select_host_zone(request->gateway, &hosts.items[i]));
    }
    TRY(gather_lists(request, response, "hosts", list));
    response->json = json_pack("{s:O}", "hosts", list);
    return OK;
}

/* --- one */

static bool is_named(const json_t *entry, const void *name)
{
    return str_equal(json_string_value(json_object_get(entry, "host_name")), name) &&
           str_equal(json_string_value(json_object_get(entry, "service")), COMPUTE);
}

/* This zone's, or `*answered` by the zone that has it. */
static enum err find(struct request *request, struct response *response, struct host *out, bool *answered)
{
    const char *name = request_param(request, "host_name");
    const struct owner_search search = {"/os-hosts", "hosts", is_named, name, "host_name"};
    *answered = false;
    const enum err result = host_get(request->db, request->arena, name, out);
    if (result != E_NOT_FOUND)
        return result;
    TRY(owner_relay(request, response, &search, answered));
    return *answered ? OK : fail(E_NOT_FOUND, "Compute host %s could not be found.", name);
}

static json_t *resource(const char *host, const char *project, int64_t cpu, int64_t memory_mb, int64_t disk_gb)
{
    return json_pack("{s:{s:s, s:s, s:I, s:I, s:I}}", "resource", "host", host, "project", project, "cpu", (json_int_t)cpu,
                     "memory_mb", (json_int_t)memory_mb, "disk_gb", (json_int_t)disk_gb);
}

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* What flavors promise to the servers on it, all together and by project. */
static enum err add_promised(struct request *request, const struct host *host, json_t *list)
{
    struct host_loads loads;
    struct host_load sum = {.project_id = "(used_max)"};
    TRY(host_load_by_project(request->db, request->arena, host->name, &loads));
    for (size_t i = 0; i < loads.count; i++) {
        sum.vcpus += loads.items[i].vcpus;
        sum.ram_mib += loads.items[i].ram_mib;
        sum.disk_gib += loads.items[i].disk_gib;
    }
    (void)json_array_append_new(list, resource(host->name, sum.project_id, sum.vcpus, sum.ram_mib, sum.disk_gib));
    for (size_t i = 0; i < loads.count; i++)
        (void)json_array_append_new(list, resource(host->name, loads.items[i].project_id, loads.items[i].vcpus,
                                                   loads.items[i].ram_mib, loads.items[i].disk_gib));
    return OK;
}

static enum err host_show(struct request *request, struct response *response)
{
    struct host host;
    json_t *view = NULL;
    bool answered = false;
    TRY(find(request, response, &host, &answered));
    if (answered)
        return OK;
    TRY(hypervisor_view_detail(request, &host, &view));
    json_t *list = json_array();
    (void)json_array_append_new(
        list, resource(host.name, "(total)", number(view, "vcpus"), number(view, "memory_mb"), number(view, "local_gb")));
    (void)json_array_append_new(list, resource(host.name, "(used_now)", number(view, "vcpus_used"), number(view, "memory_mb_used"),
                                               number(view, "local_gb_used")));
    json_decref(view);
    response->json = json_pack("{s:o}", "host", list);
    return add_promised(request, &host, list);
}

/* --- what libvirt cannot do to a host */

static enum err refuse(struct request *request, struct response *response, const char *message)
{
    struct host host;
    bool answered = false;
    TRY(find(request, response, &host, &answered));
    return answered ? OK : fail(E_NOT_IMPLEMENTED, "%s", message);
}

static enum err host_update(struct request *request, struct response *response)
{
    if (json_object_get(request->json, "maintenance_mode"))
        return refuse(request, response, "Virt driver does not implement host maintenance mode.");
    if (json_object_get(request->json, "status"))
        return refuse(request, response, "Virt driver does not implement host disabled status.");
    return fail(E_INVALID, "Neither status nor maintenance_mode is given.");
}

static enum err host_power(struct request *request, struct response *response)
{
    return refuse(request, response, "Virt driver does not implement host power management.");
}

#define HOST "/os-hosts/{host_name}"

const struct route host_routes[] = {
    {.method = "GET",
     .path = "/os-hosts",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hosts:list",
     .max = LAST_VERSION,
     .handler = host_index},
    {.method = "GET",
     .path = HOST,
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hosts:show",
     .max = LAST_VERSION,
     .handler = host_show},
    {.method = "PUT",
     .path = HOST,
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hosts:update",
     .max = LAST_VERSION,
     .handler = host_update,
     .body = BODY_JSON,
     .schema = "host_update"},
    {.method = "GET",
     .path = HOST "/startup",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hosts:start",
     .max = LAST_VERSION,
     .handler = host_power},
    {.method = "GET",
     .path = HOST "/shutdown",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hosts:shutdown",
     .max = LAST_VERSION,
     .handler = host_power},
    {.method = "GET",
     .path = HOST "/reboot",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-hosts:reboot",
     .max = LAST_VERSION,
     .handler = host_power},
    {.method = NULL},
};
