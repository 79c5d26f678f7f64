/*
 * /servers/{id}/diagnostics (nova-api.md section 13): what libvirt counts of a guest. Before 2.48 the words are libvirt's devices,
 * as Nova's libvirt driver writes them; from then on they are the same for every driver. What is not counted is null, or left out.
 */
#include <stdlib.h>
#include <string.h>

#include "compute/hypervisor/statistics.h"
#include "gateway/api/api.h"
#include "gateway/api/server_common.h"
#include "gateway/gateway.h"

#define BUDGET_MS     10000
#define SAME_FOR_ALL  48 /* the first version with words that do not depend on the driver */
#define US_PER_SECOND 1000000

static json_t *count(int64_t number)
{
    return number == COUNT_UNKNOWN ? json_null() : json_integer(number);
}

static void add_count(json_t *object, const char *device, const char *what, int64_t number)
{
    CLEANUP(text_clear) struct text name = {0};
    text_add_format(&name, "%s_%s", device, what);
    if (number != COUNT_UNKNOWN)
        (void)json_object_set_new(object, text_str(&name), json_integer(number));
}

/* --- before 2.48 */

static void add_old_disk(json_t *object, const struct disk_statistics *disk)
{
    add_count(object, disk->target, "read_req", disk->read_requests);
    add_count(object, disk->target, "read", disk->read_bytes);
    add_count(object, disk->target, "write_req", disk->write_requests);
    add_count(object, disk->target, "write", disk->write_bytes);
    add_count(object, disk->target, "errors", disk->errors);
}

static void add_old_nic(json_t *object, const struct nic_statistics *nic)
{
    const char *device = nic->target ? nic->target : nic->mac;
    add_count(object, device, "rx", nic->rx_bytes);
    add_count(object, device, "rx_packets", nic->rx_packets);
    add_count(object, device, "rx_errors", nic->rx_errors);
    add_count(object, device, "rx_drop", nic->rx_dropped);
    add_count(object, device, "tx", nic->tx_bytes);
    add_count(object, device, "tx_packets", nic->tx_packets);
    add_count(object, device, "tx_errors", nic->tx_errors);
    add_count(object, device, "tx_drop", nic->tx_dropped);
}

static json_t *old_view(const struct guest_statistics *found)
{
    json_t *object = json_pack("{s:I}", "memory", (json_int_t)found->memory_max_kib);
    for (size_t i = 0; i < found->cpu_count; i++) {
        char cpu[32];
        (void)snprintf(cpu, sizeof(cpu), "cpu%zu", i);
        add_count(object, cpu, "time", found->cpu_times_ns[i]);
    }
    for (size_t i = 0; i < found->disk_count; i++)
        add_old_disk(object, &found->disks[i]);
    for (size_t i = 0; i < found->nic_count; i++)
        add_old_nic(object, &found->nics[i]);
    return object;
}

/* --- 2.48 */

static json_t *cpu_list(const struct guest_statistics *found)
{
    json_t *list = json_array();
    for (size_t i = 0; i < found->cpu_count; i++)
        (void)json_array_append_new(
            list, json_pack("{s:I, s:o, s:n}", "id", (json_int_t)i, "time", count(found->cpu_times_ns[i]), "utilisation"));
    return list;
}

static json_t *disk_list(const struct guest_statistics *found)
{
    json_t *list = json_array();
    for (size_t i = 0; i < found->disk_count; i++) {
        const struct disk_statistics *disk = &found->disks[i];
        (void)json_array_append_new(list,
                                    json_pack("{s:o, s:o, s:o, s:o, s:o}", "read_bytes", count(disk->read_bytes), "read_requests",
                                              count(disk->read_requests), "write_bytes", count(disk->write_bytes), "write_requests",
                                              count(disk->write_requests), "errors_count", count(disk->errors)));
    }
    return list;
}

static json_t *nic_list(const struct guest_statistics *found)
{
    json_t *list = json_array();
    for (size_t i = 0; i < found->nic_count; i++) {
        const struct nic_statistics *nic = &found->nics[i];
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:o, s:o, s:o, s:o, s:n, s:o, s:o, s:o, s:o, s:n}", "mac_address", nic->mac,
                                              "rx_octets", count(nic->rx_bytes), "rx_errors", count(nic->rx_errors), "rx_drop",
                                              count(nic->rx_dropped), "rx_packets", count(nic->rx_packets), "rx_rate", "tx_octets",
                                              count(nic->tx_bytes), "tx_errors", count(nic->tx_errors), "tx_drop",
                                              count(nic->tx_dropped), "tx_packets", count(nic->tx_packets), "tx_rate"));
    }
    return list;
}

/* Nova's names of the power states. */
static const char *state_name(int power)
{
    static const struct {
        int power;
        const char *name;
    } names[] = {{POWER_RUNNING, "running"},
                 {POWER_PAUSED, "paused"},
                 {POWER_SHUTDOWN, "shutdown"},
                 {POWER_CRASHED, "crashed"},
                 {POWER_SUSPENDED, "suspended"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].power == power)
            return names[i].name;
    }
    return "pending";
}

static json_t *view(const struct server *server, const struct guest_statistics *found)
{
    const bool counts = server->launched_us && found->power == POWER_RUNNING;
    json_t *uptime = counts ? json_integer((clock_wall_us() - server->launched_us) / US_PER_SECOND) : json_null();
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:I, s:I, s:I, s:o, s:o, s:o, s:{s:I, s:I}}", "state",
                     state_name(found->power), "driver", "libvirt", "hypervisor", found->type, "hypervisor_os", "linux", "uptime",
                     uptime, "config_drive", (int)server->config_drive, "num_cpus", (json_int_t)found->cpu_count, "num_nics",
                     (json_int_t)found->nic_count, "num_disks", (json_int_t)found->disk_count, "cpu_details", cpu_list(found),
                     "disk_details", disk_list(found), "nic_details", nic_list(found), "memory_details", "maximum",
                     (json_int_t)(found->memory_max_kib / 1024), "used", (json_int_t)(found->memory_kib / 1024));
}

static enum err server_diagnostics(struct request *request, struct response *response)
{
    struct guest_statistics found;
    struct server server;
    TRY(server_of_request(request, &server)); /* as Nova: nobody is told that a server of others is there */
    if (!request->caller.is_admin)
        return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:os-server-diagnostics to be performed.");
    if (!server.host)
        return fail(E_CONFLICT, "Instance %s is not ready", uuid_to_text(&server.uuid).text);
    const enum err result = hypervisor_statistics(request->gateway->hypervisors, server.host, &server.uuid,
                                                  budget_from_ms(BUDGET_MS), request->arena, &found);
    if (result == E_NOT_FOUND)
        return fail(E_CONFLICT, "Instance %s is not ready", uuid_to_text(&server.uuid).text);
    TRY(result);
    response->json = request->version < SAME_FOR_ALL ? old_view(&found) : view(&server, &found);
    return OK;
}

const struct route server_diagnostics_routes[] = {
    {.method = "GET",
     .path = "/servers/{server_id}/diagnostics",
     .access = ACCESS_READER,
     .handler = server_diagnostics,
     .scope = SCOPE_SERVER},
    {.method = NULL},
};
