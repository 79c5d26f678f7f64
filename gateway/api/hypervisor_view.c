/* See hypervisor_view.h. */
#include "gateway/api/hypervisor_view.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>
#include <utmpx.h>

#include "gateway/api/host_ids.h"
#include "schema/placement_inventory.h"
#include "schema/service.h"

#define OBJECT_CPU_INFO 28 /* cpu_info is an object, before it is a string */
#define EMPTY_SERVERS   75 /* `servers` is there even when empty */

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
        TRY(inventory_rows_get(request->db, request->arena, &providers.items[0].id, 1, &rows));
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

json_t *hypervisor_view_brief(const struct request *request, const struct host *host)
{
    return json_pack("{s:o, s:s, s:s, s:s}", "id", host_id(request, &host->uuid), "hypervisor_hostname", host->name, "state",
                     host->up ? "up" : "down", "status", host->disabled ? "disabled" : "enabled");
}

/* The machine in the host's URI; "" for libvirt on this zone's own machine. */
static const char *host_of_uri(struct arena *arena, const char *uri)
{
    const char *start = strstr(uri, "://");
    const char *at = start ? strchr(start, '@') : NULL;
    start = at ? at + 1 : start ? start + 3 : "";
    return arena_strndup(arena, start, strcspn(start, ":/?"));
}

enum err hypervisor_view_detail(struct request *request, const struct host *host, json_t **out)
{
    struct host_numbers numbers;
    TRY(read_numbers(request, host, &numbers));
    json_auto_t *inventory = host->inventory ? json_loads(host->inventory, 0, NULL) : json_object();
    json_t *object = hypervisor_view_brief(request, host);
    const json_t *driver = json_object_get(inventory, "driver");
    const char *machine = host_of_uri(request->arena, host->uri);
    json_auto_t *more =
        json_pack("{s:s, s:I, s:s, s:{s:o, s:s, s:s?}}", "hypervisor_type", json_is_string(driver) ? json_string_value(driver) : "",
                  "hypervisor_version", (json_int_t)json_integer_value(json_object_get(inventory, "version")), "host_ip",
                  *machine ? machine : "127.0.0.1", "service", "id", host_id(request, &host->service), "host", host->name,
                  "disabled_reason", host->disabled_reason);
    (void)json_object_update(object, more);
    const char *uptime = hypervisor_view_uptime(request->arena, host);
    if (request->version < HYPERVISOR_NO_STATISTICS)
        add_statistics(object, inventory, &numbers, request->version);
    else
        (void)json_object_set_new(object, "uptime", uptime ? json_string(uptime) : json_null());
    *out = object;
    return OK;
}

enum err hypervisor_view_servers(struct request *request, const struct host *host, json_t *object)
{
    struct host_servers servers;
    TRY(service_servers(request->db, request->arena, host->name, &servers));
    json_t *list = json_array();
    for (size_t i = 0; i < servers.count; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s}", "name", servers.items[i].name, "uuid", uuid_to_text(&servers.items[i].uuid).text));
    if (servers.count || request->version >= EMPTY_SERVERS)
        (void)json_object_set(object, "servers", list);
    json_decref(list);
    return OK;
}

/* The test driver's machines do not exist. */
static bool is_this_machine(struct arena *arena, const struct host *host)
{
    return host->up && str_starts(host->uri, "qemu") && !*host_of_uri(arena, host->uri);
}

/* Who is logged in; getutxent(3) is not for threads. */
static int count_users(void)
{
    struct utmpx record;
    int users = 0;
    const int file = open("/run/utmp", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    while (read(file, &record, sizeof(record)) == (ssize_t)sizeof(record))
        users += record.ut_type == USER_PROCESS;
    (void)close(file);
    return users;
}

const char *hypervisor_view_uptime(struct arena *arena, const struct host *host)
{
    struct sysinfo info;
    struct tm now;
    double load[3];
    const time_t seconds = time(NULL);
    if (!is_this_machine(arena, host) || sysinfo(&info) != 0 || getloadavg(load, 3) != 3 || !gmtime_r(&seconds, &now))
        return NULL;
    const long days = info.uptime / 86400;
    const long hours = info.uptime / 3600 % 24;
    const long minutes = info.uptime / 60 % 60;
    return arena_printf(arena, " %02d:%02d:%02d up %ld days, %2ld:%02ld,  %d users,  load average: %.2f, %.2f, %.2f", now.tm_hour,
                        now.tm_min, now.tm_sec, days, hours, minutes, count_users(), load[0], load[1], load[2]);
}
