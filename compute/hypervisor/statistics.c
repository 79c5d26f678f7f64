/* See statistics.h. Devices are those of the domain's XML; each is asked for by itself, as the test driver knows no other way. */
#include "compute/hypervisor/statistics.h"

#include <stdlib.h>
#include <string.h>

#include "compute/hypervisor/host.h"
#include "compute/hypervisor/xml.h"

#define CPUS_MOST 4096

struct statistics_job {
    struct host_job base;
    const char *id;
    struct guest_statistics found; /* in the job's arena */
};

static void domain_drop(virDomainPtr *domain)
{
    if (*domain)
        (void)virDomainFree(*domain);
}

static size_t count_elements(struct xml_span where, const char *tag)
{
    struct xml_span element;
    size_t count = 0;
    for (; xml_find(where, tag, &element); where = xml_after(where, element))
        count++;
    return count;
}

static void read_disk(virDomainPtr domain, struct arena *arena, struct xml_span element, struct disk_statistics *out)
{
    virDomainBlockStatsStruct stats;
    const char *target = xml_attribute(arena, element, "target", "dev");
    *out =
        (struct disk_statistics){target ? target : "", COUNT_UNKNOWN, COUNT_UNKNOWN, COUNT_UNKNOWN, COUNT_UNKNOWN, COUNT_UNKNOWN};
    if (target && virDomainBlockStats(domain, target, &stats, sizeof(stats)) == 0)
        *out = (struct disk_statistics){target, stats.rd_req, stats.rd_bytes, stats.wr_req, stats.wr_bytes, stats.errs};
}

static void read_nic(virDomainPtr domain, struct arena *arena, struct xml_span element, struct nic_statistics *out)
{
    virDomainInterfaceStatsStruct stats;
    const char *mac = xml_attribute(arena, element, "mac", "address");
    const char *target = xml_attribute(arena, element, "target", "dev");
    *out = (struct nic_statistics){mac ? mac : "", target,        COUNT_UNKNOWN, COUNT_UNKNOWN, COUNT_UNKNOWN,
                                   COUNT_UNKNOWN,  COUNT_UNKNOWN, COUNT_UNKNOWN, COUNT_UNKNOWN, COUNT_UNKNOWN};
    if (target && virDomainInterfaceStats(domain, target, &stats, sizeof(stats)) == 0)
        *out = (struct nic_statistics){out->mac,      target,         stats.rx_bytes,   stats.rx_packets, stats.rx_errs,
                                       stats.rx_drop, stats.tx_bytes, stats.tx_packets, stats.tx_errs,    stats.tx_drop};
}

static void read_devices(virDomainPtr domain, struct arena *arena, const char *xml, struct guest_statistics *out)
{
    const struct xml_span document = xml_document(xml);
    struct xml_span rest = document;
    struct xml_span element;
    out->disks = arena_alloc(arena, (count_elements(document, "disk") + 1) * sizeof(*out->disks));
    for (; xml_find(rest, "disk", &element); rest = xml_after(rest, element))
        read_disk(domain, arena, element, &out->disks[out->disk_count++]);
    out->nics = arena_alloc(arena, (count_elements(document, "interface") + 1) * sizeof(*out->nics));
    for (rest = document; xml_find(rest, "interface", &element); rest = xml_after(rest, element))
        read_nic(domain, arena, element, &out->nics[out->nic_count++]);
}

/* Without times where nothing runs. */
static void read_cpus(virDomainPtr domain, struct arena *arena, unsigned count, struct guest_statistics *out)
{
    const unsigned most = count < CPUS_MOST ? count : CPUS_MOST;
    virVcpuInfo *cpus = arena_alloc(arena, (most + 1) * sizeof(*cpus));
    const int found = virDomainGetVcpus(domain, cpus, (int)most, NULL, 0);
    out->cpu_count = most;
    out->cpu_times_ns = arena_alloc(arena, (most + 1) * sizeof(*out->cpu_times_ns));
    for (unsigned i = 0; i < most; i++)
        out->cpu_times_ns[i] = (int)i < found ? (int64_t)cpus[i].cpuTime : COUNT_UNKNOWN;
}

static enum err run_statistics(struct host *host, virConnectPtr connection, struct host_job *base)
{
    struct statistics_job *job = (struct statistics_job *)base;
    struct guest_statistics *out = &job->found;
    struct arena *arena = &base->job.arena;
    virDomainInfo info;
    CLEANUP(domain_drop) virDomainPtr domain = virDomainLookupByUUIDString(connection, job->id);
    if (!domain)
        return fail(E_NOT_FOUND, "Host %s has no domain %s.", host->name, job->id);
    if (virDomainGetInfo(domain, &info) < 0)
        return fail_libvirt("virDomainGetInfo");
    char *xml = virDomainGetXMLDesc(domain, 0);
    if (!xml)
        return fail_libvirt("virDomainGetXMLDesc");
    const char *type = xml_attribute(arena, xml_document(xml), "domain", "type");
    out->type = type ? type : "";
    out->power = power_from_state(info.state);
    out->memory_max_kib = (int64_t)info.maxMem;
    out->memory_kib = (int64_t)info.memory;
    read_cpus(domain, arena, info.nrVirtCpu, out);
    read_devices(domain, arena, xml, out);
    free(xml);
    return OK;
}

/* The job's arena goes with the job. */
static void keep(struct arena *arena, const struct guest_statistics *found, struct guest_statistics *out)
{
    *out = *found;
    out->type = arena_strdup(arena, found->type);
    out->cpu_times_ns = arena_copy(arena, found->cpu_times_ns, (found->cpu_count + 1) * sizeof(*found->cpu_times_ns));
    out->disks = arena_copy(arena, found->disks, (found->disk_count + 1) * sizeof(*found->disks));
    out->nics = arena_copy(arena, found->nics, (found->nic_count + 1) * sizeof(*found->nics));
    for (size_t i = 0; i < out->disk_count; i++)
        out->disks[i].target = arena_strdup(arena, out->disks[i].target);
    for (size_t i = 0; i < out->nic_count; i++) {
        out->nics[i].mac = arena_strdup(arena, out->nics[i].mac);
        out->nics[i].target = out->nics[i].target ? arena_strdup(arena, out->nics[i].target) : NULL;
    }
}

enum err hypervisor_statistics(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget,
                               struct arena *arena, struct guest_statistics *out)
{
    CLEANUP(host_job_drop) struct statistics_job *job = host_job_new(sizeof(*job), "statistics", run_statistics);
    job->id = arena_strdup(&job->base.job.arena, uuid_to_text(server).text);
    TRY(host_call(all, host, job, budget));
    keep(arena, &job->found, out);
    return OK;
}
