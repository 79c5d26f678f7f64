/*
 * The filters: each says why a host cannot take a server, or nothing. Names and meaning are Nova's.
 *
 * Room in vcpus, memory and disk is no filter: Placement has answered that before (Nova dropped RamFilter, DiskFilter and
 * CoreFilter for the same reason).
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "compute/scheduler/json_query.h"
#include "compute/scheduler/match.h"
#include "compute/scheduler/scheduler.h"
#include "gateway/base/text.h"

static const struct sizing *sizing_of(const struct schedule *schedule)
{
    return schedule->spec->sizing;
}

static const char *run_compute(const struct schedule *schedule, const struct host_state *host)
{
    if (!host->up)
        return "its compute service is down";
    if (!host->disabled)
        return NULL;
    return host->disabled_reason ? arena_printf(schedule->arena, "its compute service is disabled: %s", host->disabled_reason)
                                 : "its compute service is disabled";
}

static const char *run_zone(const struct schedule *schedule, const struct host_state *host)
{
    const char *wanted = sizing_of(schedule)->availability_zone;
    if (!wanted || strcmp(wanted, host->availability_zone) == 0)
        return NULL;
    return arena_printf(schedule->arena, "it is in availability zone %s", host->availability_zone);
}

/* --- extra specs */

/* `key` without "SCOPE:", or whole when it has no scope; NULL: another scope's. */
static const char *unscoped(const char *key, const char *scope)
{
    const char *colon = strchr(key, ':');
    if (!colon)
        return strcmp(key, "group_policy") == 0 ? NULL : key;
    const size_t length = strlen(scope);
    return strncmp(key, scope, length) == 0 && key[length] == ':' ? key + length + 1 : NULL;
}

/* A value of the host by a path with ':' or '.', as text in the arena; NULL. */
static const char *capability(const struct schedule *schedule, const struct host_state *host, const char *path)
{
    const json_t *value = host->capabilities;
    for (const char *at = path; value && *at;) {
        const size_t length = strcspn(at, ":.");
        value = json_object_getn(value, at, length);
        at += length + (at[length] ? 1 : 0);
    }
    if (json_is_string(value))
        return json_string_value(value);
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    const char *copy = arena_strdup(schedule->arena, text);
    free(text);
    return copy;
}

static const char *run_capabilities(const struct schedule *schedule, const struct host_state *host)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)sizing_of(schedule)->extra_specs, key, value)
    {
        const char *path = unscoped(key, "capabilities");
        const char *wanted = json_string_value(value);
        if (!path || !wanted)
            continue;
        const char *has = capability(schedule, host, path);
        if (!has)
            return arena_printf(schedule->arena, "it does not say its %s", path);
        if (!match_extra_spec(has, wanted))
            return arena_printf(schedule->arena, "its %s is %.100s, not %s", path, has, wanted);
    }
    return NULL;
}

/* An item of metadata may hold several values, with commas. */
static bool any_value_matches(const struct schedule *schedule, const char *values, const char *wanted)
{
    for (const char *at = values; *at || at == values;) {
        const size_t length = strcspn(at, ",");
        const char *value = arena_strndup(schedule->arena, at + strspn(at, " "), length - strspn(at, " "));
        if (match_extra_spec(value, wanted))
            return true;
        if (!at[length])
            return false;
        at += length + 1;
    }
    return false;
}

static const char *metadata_of(const struct aggregate *aggregate, const char *name)
{
    for (size_t i = 0; i < aggregate->metadata_count; i++) {
        if (strcmp(aggregate->metadata[i].name, name) == 0)
            return aggregate->metadata[i].value;
    }
    return NULL;
}

static const char *run_aggregate_specs(const struct schedule *schedule, const struct host_state *host)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)sizing_of(schedule)->extra_specs, key, value)
    {
        const char *name = unscoped(key, "aggregate_instance_extra_specs");
        const char *wanted = json_string_value(value);
        bool found = !name || !wanted;
        for (size_t i = 0; i < host->aggregate_count && !found; i++) {
            const char *values = metadata_of(host->aggregates[i], name);
            found = values && any_value_matches(schedule, values, wanted);
        }
        if (!found)
            return arena_printf(schedule->arena, "no aggregate of it has %s %s", name, wanted);
    }
    return NULL;
}

/* "filter_tenant_id", and numbered forms of it for more projects than one value can hold. */
static bool admits(const struct schedule *schedule, const struct aggregate *aggregate, bool *is_isolated)
{
    bool admitted = false;
    for (size_t i = 0; i < aggregate->metadata_count; i++) {
        const struct aggregate_item *item = &aggregate->metadata[i];
        if (!str_starts(item->name, "filter_tenant_id"))
            continue;
        *is_isolated = true;
        admitted |= schedule->spec->project_id && any_value_matches(schedule, item->value, schedule->spec->project_id);
    }
    return admitted;
}

static const char *run_isolation(const struct schedule *schedule, const struct host_state *host)
{
    bool is_isolated = false;
    bool admitted = false;
    for (size_t i = 0; i < host->aggregate_count; i++)
        admitted |= admits(schedule, host->aggregates[i], &is_isolated);
    return is_isolated && !admitted ? "its aggregate is for other projects" : NULL;
}

/* --- the image */

static const char *image_property(const struct sizing *sizing, const char *name, const char *former_name)
{
    const char *value = json_string_value(json_object_get(sizing->image, name));
    return value ? value : json_string_value(json_object_get(sizing->image, former_name));
}

/* libvirt's and the image's words for one architecture. */
static const char *plain_architecture(const char *name)
{
    static const char *const same[][2] = {{"amd64", "x86_64"}, {"x64", "x86_64"}, {"i386", "i686"}, {"arm64", "aarch64"}};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        if (str_equal_nocase(name, same[i][0]))
            return same[i][1];
    }
    return name;
}

/* "kvm" hosts run "qemu" images too, but not the other way round. */
static bool offers_hypervisor(const struct schedule *schedule, const struct host_state *host, const char *wanted)
{
    const char *driver = capability(schedule, host, "driver");
    const char *kvm = capability(schedule, host, "kvm");
    if (str_equal_nocase(wanted, "kvm"))
        return str_equal_nocase(driver, "qemu") && str_equal(kvm, "true");
    return str_equal_nocase(driver, wanted);
}

/* libvirt's 8002003 is 8.2.3: "8.2", ">=8.0,<9.0". */
static bool version_matches(const char *wanted, const char *number)
{
    char *end = NULL;
    const long version = number ? strtol(number, NULL, 10) : 0;
    for (const char *at = wanted; *at;) {
        at += strspn(at, ", ");
        const size_t sign = strspn(at, "<>=!");
        long parts[3] = {0};
        const char *digits = at + sign + strspn(at + sign, " ");
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
            parts[i] = strtol(digits, &end, 10);
            digits = *end == '.' ? end + 1 : end;
        }
        const long other = parts[0] * 1000000 + parts[1] * 1000 + parts[2];
        const bool holds = (strncmp(at, ">=", 2) == 0 && version >= other) || (strncmp(at, "<=", 2) == 0 && version <= other) ||
                           (strncmp(at, "!=", 2) == 0 && version != other) || (sign == 1 && *at == '>' && version > other) ||
                           (sign == 1 && *at == '<' && version < other) || ((sign == 0 || *at == '=') && version == other);
        if (!holds)
            return false;
        at += strcspn(at, ",");
    }
    return true;
}

static const char *run_image(const struct schedule *schedule, const struct host_state *host)
{
    const struct sizing *sizing = sizing_of(schedule);
    const char *architecture = image_property(sizing, "hw_architecture", "architecture");
    const char *hypervisor = image_property(sizing, "img_hv_type", "hypervisor_type");
    const char *mode = image_property(sizing, "hw_vm_mode", "vm_mode");
    const char *version = image_property(sizing, "img_hv_requested_version", "hypervisor_version_requires");
    const char *arch = capability(schedule, host, "arch");
    if (architecture && !str_equal_nocase(plain_architecture(architecture), arch))
        return arena_printf(schedule->arena, "its architecture is %s, the image's %s", arch ? arch : "unknown", architecture);
    if (hypervisor && !offers_hypervisor(schedule, host, hypervisor))
        return arena_printf(schedule->arena, "it is not of the hypervisor type %s", hypervisor);
    if (mode && !str_equal_nocase(mode, "hvm"))
        return arena_printf(schedule->arena, "its guests are hvm, the image's mode is %s", mode);
    if (version && !version_matches(version, capability(schedule, host, "version")))
        return arena_printf(schedule->arena, "its hypervisor's version is not %s", version);
    return NULL;
}

/* --- groups and hints */

static const char *run_anti_affinity(const struct schedule *schedule, const struct host_state *host)
{
    const struct sizing *sizing = sizing_of(schedule);
    if (!sizing_has_policy(sizing, "anti-affinity"))
        return NULL;
    const int64_t most = sizing->group->max_server_per_host ? sizing->group->max_server_per_host : 1;
    if (host->group_servers < most)
        return NULL;
    return arena_printf(schedule->arena, "it has %lld of the group's servers, at most %lld are allowed",
                        (long long)host->group_servers, (long long)most);
}

static const char *run_affinity(const struct schedule *schedule, const struct host_state *host)
{
    if (!sizing_has_policy(sizing_of(schedule), "affinity") || host->group_servers)
        return NULL;
    if (schedule->spec->group_hosts)
        return "the group's servers are on another host";
    return schedule->spec->group_elsewhere ? "the group's servers are in another zone" : NULL;
}

/* A list, or one text. */
static bool names_uuid(const json_t *hint, const struct uuid *uuid)
{
    const struct uuid_text text = uuid_to_text(uuid);
    if (json_is_string(hint))
        return str_equal_nocase(json_string_value(hint), text.text);
    for (size_t i = 0; i < json_array_size(hint); i++) {
        if (str_equal_nocase(json_string_value(json_array_get(hint, i)), text.text))
            return true;
    }
    return false;
}

static const struct uuid *placed_of_hint(const struct host_state *host, const json_t *hint)
{
    for (size_t i = 0; i < host->placed_count; i++) {
        if (names_uuid(hint, &host->placed[i]))
            return &host->placed[i];
    }
    return NULL;
}

static const char *run_same_host(const struct schedule *schedule, const struct host_state *host)
{
    const json_t *hint = json_object_get(sizing_of(schedule)->hints, "same_host");
    return hint && !placed_of_hint(host, hint) ? "none of the servers of same_host is on it" : NULL;
}

static const char *run_different_host(const struct schedule *schedule, const struct host_state *host)
{
    const struct uuid *found = placed_of_hint(host, json_object_get(sizing_of(schedule)->hints, "different_host"));
    return found ? arena_printf(schedule->arena, "server %s of different_host is on it", uuid_to_text(found).text) : NULL;
}

static const char *run_json(const struct schedule *schedule, const struct host_state *host)
{
    const json_t *query = schedule->spec->query;
    return !query || json_query_matches(query, host) ? NULL : "the query does not hold for it";
}

/* The first `bits` bits are equal. */
static bool same_network(const unsigned char *a, const unsigned char *b, size_t bits)
{
    const size_t whole = bits / 8;
    const unsigned mask = (0xff00U >> (bits % 8)) & 0xffU;
    return memcmp(a, b, whole) == 0 && (mask == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

static const char *run_cidr(const struct schedule *schedule, const struct host_state *host)
{
    const char *near = sizing_hint(sizing_of(schedule), "build_near_host_ip");
    const char *cidr = sizing_hint(sizing_of(schedule), "cidr");
    unsigned char wanted[sizeof(struct in6_addr) + 1] = {0};
    unsigned char has[sizeof(struct in6_addr) + 1] = {0};
    int64_t bits = 0;
    if (!near)
        return NULL;
    const int family = strchr(near, ':') ? AF_INET6 : AF_INET;
    if (!str_to_int(cidr && *cidr ? cidr + 1 : "24", &bits) || bits < 0 || bits > (family == AF_INET6 ? 128 : 32))
        return "the hint cidr is no length of a prefix";
    if (inet_pton(family, near, wanted) != 1 || !host->ip || inet_pton(family, host->ip, has) != 1)
        return arena_printf(schedule->arena, "its address %s cannot be compared with %s", host->ip ? host->ip : "is unknown and",
                            near);
    return same_network(wanted, has, (size_t)bits)
               ? NULL
               : arena_printf(schedule->arena, "its address %s is not in %s/%lld", host->ip, near, (long long)bits);
}

/* --- load */

static const char *run_servers(const struct schedule *schedule, const struct host_state *host)
{
    const double most = aggregate_number(host, "max_instances_per_host", (double)schedule->settings->max_servers_per_host);
    return (double)host->servers < most
               ? NULL
               : arena_printf(schedule->arena, "it has %lld servers, at most %.0f are allowed", (long long)host->servers, most);
}

static const char *run_io_ops(const struct schedule *schedule, const struct host_state *host)
{
    const double most = aggregate_number(host, "max_io_ops_per_host", (double)schedule->settings->max_io_ops_per_host);
    return (double)host->io_ops < most
               ? NULL
               : arena_printf(schedule->arena, "%lld servers are being built or moved there, at most %.0f are allowed",
                              (long long)host->io_ops, most);
}

static const char *run_all(const struct schedule *schedule, const struct host_state *host)
{
    (void)schedule;
    (void)host;
    return NULL;
}

const struct filter filters_known[] = {
    {"AllHostsFilter", "refuses nothing", run_all},
    {"ComputeFilter", "the compute service is up and enabled", run_compute},
    {"AvailabilityZoneFilter", "the host is in the wanted availability zone", run_zone},
    {"ComputeCapabilitiesFilter", "extra specs, plain or capabilities:*, match what the host reported", run_capabilities},
    {"ImagePropertiesFilter", "architecture, hypervisor and mode suit the image", run_image},
    {"ServerGroupAntiAffinityFilter", "fewer servers of the group than max_server_per_host (1)", run_anti_affinity},
    {"ServerGroupAffinityFilter", "the group's servers are here", run_affinity},
    {"SameHostFilter", "one of the servers of the hint same_host is here", run_same_host},
    {"DifferentHostFilter", "no server of the hint different_host is here", run_different_host},
    {"JsonFilter", "the hint query holds", run_json},
    {"SimpleCIDRAffinityFilter", "the address is near build_near_host_ip", run_cidr},
    {"AggregateInstanceExtraSpecsFilter", "extra specs, plain or aggregate_instance_extra_specs:*, match an aggregate's metadata",
     run_aggregate_specs},
    {"AggregateMultiTenancyIsolation", "aggregates with filter_tenant_id are for those projects", run_isolation},
    {"NumInstancesFilter", "fewer servers than max_instances_per_host", run_servers},
    {"IoOpsFilter", "fewer builds and moves in flight than max_io_ops_per_host", run_io_ops},
    {NULL, NULL, NULL},
};
