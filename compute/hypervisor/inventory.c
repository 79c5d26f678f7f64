/* What a host has; see hypervisor_inventory. */
#include <stdlib.h>
#include <string.h>

#include "compute/hypervisor/host.h"

enum { MOST_FEATURES = 1024 };

struct inventory_job {
    struct host_job base;
    struct hypervisor_inventory found;
};

/* CPU model and features as the host's capabilities say, with the model's own features spelt out where the driver can. */
static void read_cpu(virConnectPtr connection, struct arena *arena, const char *capabilities, struct hypervisor_inventory *out)
{
    struct xml_span host;
    struct xml_span cpu;
    out->arch = "";
    out->cpu_model = "";
    out->cpu_vendor = "";
    if (!xml_find(xml_document(capabilities), "host", &host) || !xml_find(host, "cpu", &cpu))
        return;
    out->arch = xml_text(arena, cpu, "arch");
    const char *cpu_xml = arena_strndup(arena, cpu.start, cpu.length);
    CLEANUP(string_drop)
    char *expanded = virConnectBaselineCPU(connection, &cpu_xml, 1, VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES);
    const struct xml_span described = expanded ? xml_document(expanded) : cpu;
    const char *model = xml_text(arena, cpu, "model");
    const char *vendor = xml_text(arena, cpu, "vendor");
    out->cpu_model = model ? model : "";
    out->cpu_vendor = vendor ? vendor : "";
    const char **features = arena_alloc(arena, MOST_FEATURES * sizeof(*features));
    struct xml_span rest = described;
    struct xml_span feature;
    while (out->cpu_feature_count < MOST_FEATURES && xml_find(rest, "feature", &feature)) {
        const char *name = xml_attribute(arena, feature, "feature", "name");
        const char *policy = xml_attribute(arena, feature, "feature", "policy");
        rest = xml_after(rest, feature);
        if (name && (!policy || strcmp(policy, "disable") != 0))
            features[out->cpu_feature_count++] = name;
    }
    out->cpu_features = features;
}

static enum err read_node(virConnectPtr connection, struct hypervisor_inventory *out)
{
    virNodeInfo node;
    if (virNodeGetInfo(connection, &node) < 0)
        return fail_libvirt("virNodeGetInfo");
    out->vcpus = node.cpus;
    out->ram_mib = (int64_t)(node.memory / 1024);
    out->sockets = (int)(node.sockets * node.nodes);
    out->cores = (int)node.cores;
    out->threads = (int)node.threads;
    return OK;
}

static enum err read_pool(struct host *host, virConnectPtr connection, struct hypervisor_inventory *out)
{
    CLEANUP(pool_drop) virStoragePoolPtr pool = NULL;
    TRY(pool_open(host, connection, &pool));
    virStoragePoolInfo info;
    if (virStoragePoolGetInfo(pool, &info) < 0)
        return fail_libvirt("virStoragePoolGetInfo");
    out->disk_gib = (int64_t)(info.capacity >> 30);
    out->disk_free_gib = (int64_t)(info.available >> 30);
    return OK;
}

static enum err read_host(virConnectPtr connection, struct arena *arena, struct hypervisor_inventory *out)
{
    CLEANUP(string_drop) char *hostname = virConnectGetHostname(connection);
    if (!hostname)
        return fail_libvirt("virConnectGetHostname");
    out->hostname = arena_strdup(arena, hostname);
    unsigned long version = 0;
    if (virConnectGetVersion(connection, &version) < 0)
        return fail_libvirt("virConnectGetVersion");
    out->version = (int64_t)version;
    CLEANUP(string_drop) char *capabilities = virConnectGetCapabilities(connection);
    if (!capabilities)
        return fail_libvirt("virConnectGetCapabilities");
    read_cpu(connection, arena, capabilities, out);
    return OK;
}

static enum err run_inventory(struct host *host, virConnectPtr connection, struct host_job *job)
{
    struct hypervisor_inventory *out = &((struct inventory_job *)job)->found;
    struct host_facts facts;
    TRY(host_facts(host, connection, &facts));
    out->driver = facts.driver->name;
    out->kvm = facts.kvm;
    TRY(read_node(connection, out));
    TRY(read_pool(host, connection, out));
    TRY(networks_read(host, connection, &job->job.arena, &out->networks, &out->network_count));
    return read_host(connection, &job->job.arena, out);
}

/* From the job's arena, which ends with the job, to the caller's. */
static void copy_strings(struct arena *arena, struct hypervisor_inventory *out)
{
    const char **features = arena_alloc(arena, (out->cpu_feature_count + 1) * sizeof(*features));
    for (size_t i = 0; i < out->cpu_feature_count; i++)
        features[i] = arena_strdup(arena, out->cpu_features[i]);
    out->cpu_features = features;
    struct hypervisor_network *networks = arena_alloc(arena, (out->network_count + 1) * sizeof(*networks));
    for (size_t i = 0; i < out->network_count; i++) {
        networks[i] = out->networks[i];
        networks[i].name = arena_strdup(arena, out->networks[i].name);
        networks[i].bridge = arena_strdup(arena, out->networks[i].bridge);
    }
    out->networks = networks;
    out->hostname = arena_strdup(arena, out->hostname);
    out->arch = arena_strdup(arena, out->arch);
    out->cpu_model = arena_strdup(arena, out->cpu_model);
    out->cpu_vendor = arena_strdup(arena, out->cpu_vendor);
}

enum err hypervisor_inventory(struct hypervisors *all, const char *host, struct budget budget, struct arena *arena,
                              struct hypervisor_inventory *out)
{
    CLEANUP(host_job_drop) struct inventory_job *job = host_job_new(sizeof(*job), "inventory", run_inventory);
    job->base.patient = true;
    TRY(host_call(all, host, job, budget));
    *out = job->found;
    copy_strings(arena, out);
    return OK;
}
