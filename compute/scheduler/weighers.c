/* The weighers: more is better; a negative multiplier turns one round (packing instead of spreading). Names are Nova's. */
#include <string.h>

#include "compute/scheduler/scheduler.h"

static double share_of(int64_t part, int64_t whole)
{
    if (whole <= 0 || part <= 0)
        return 0;
    return part >= whole ? 1.0 : (double)part / (double)whole;
}

/* Of few things the first counts most: 0 → 1, 1 → 1/2, 3 → 1/4. */
static double share_of_few(int64_t count)
{
    return 1.0 / (1.0 + (double)(count > 0 ? count : 0));
}

static double raw_ram(const struct schedule *schedule, const struct host_state *host)
{
    (void)schedule;
    return (double)host->free.ram_mib;
}

static double share_ram(const struct schedule *schedule, const struct host_state *host)
{
    return share_of(host->free.ram_mib - schedule->spec->sizing->ram_mib, host->total.ram_mib);
}

static double raw_cpu(const struct schedule *schedule, const struct host_state *host)
{
    (void)schedule;
    return (double)host->free.vcpus;
}

static double share_cpu(const struct schedule *schedule, const struct host_state *host)
{
    return share_of(host->free.vcpus - schedule->spec->sizing->vcpus, host->total.vcpus);
}

static double raw_disk(const struct schedule *schedule, const struct host_state *host)
{
    (void)schedule;
    return (double)host->free.disk_gib;
}

static double share_disk(const struct schedule *schedule, const struct host_state *host)
{
    return share_of(host->free.disk_gib - schedule->spec->sizing->disk_gib, host->total.disk_gib);
}

static double raw_io_ops(const struct schedule *schedule, const struct host_state *host)
{
    (void)schedule;
    return (double)host->io_ops;
}

static double share_io_ops(const struct schedule *schedule, const struct host_state *host)
{
    (void)schedule;
    return 1.0 - share_of_few(host->io_ops);
}

static double raw_failures(const struct schedule *schedule, const struct host_state *host)
{
    (void)schedule;
    return -(double)host->failed_builds;
}

static double share_failures(const struct schedule *schedule, const struct host_state *host)
{
    (void)schedule;
    return share_of_few(host->failed_builds);
}

static double raw_soft_affinity(const struct schedule *schedule, const struct host_state *host)
{
    return sizing_has_policy(schedule->spec->sizing, "soft-affinity") ? (double)host->group_servers : 0;
}

static double share_soft_affinity(const struct schedule *schedule, const struct host_state *host)
{
    return sizing_has_policy(schedule->spec->sizing, "soft-affinity") ? 1.0 - share_of_few(host->group_servers) : -1;
}

static double raw_soft_anti_affinity(const struct schedule *schedule, const struct host_state *host)
{
    return sizing_has_policy(schedule->spec->sizing, "soft-anti-affinity") ? -(double)host->group_servers : 0;
}

static double share_soft_anti_affinity(const struct schedule *schedule, const struct host_state *host)
{
    return sizing_has_policy(schedule->spec->sizing, "soft-anti-affinity") ? share_of_few(host->group_servers) : -1;
}

const struct weigher weighers_known[] = {
    {"RAMWeigher", "ram_weight_multiplier", "free memory", raw_ram, share_ram},
    {"CPUWeigher", "cpu_weight_multiplier", "free vcpus", raw_cpu, share_cpu},
    {"DiskWeigher", "disk_weight_multiplier", "free disk", raw_disk, share_disk},
    {"IoOpsWeigher", "io_ops_weight_multiplier", "builds and moves in flight", raw_io_ops, share_io_ops},
    {"BuildFailureWeigher", "build_failure_weight_multiplier", "builds that failed there one after the other", raw_failures,
     share_failures},
    {"ServerGroupSoftAffinityWeigher", "soft_affinity_weight_multiplier", "servers of the group", raw_soft_affinity,
     share_soft_affinity},
    {"ServerGroupSoftAntiAffinityWeigher", "soft_anti_affinity_weight_multiplier", "servers of the group, fewer are better",
     raw_soft_anti_affinity, share_soft_anti_affinity},
    {NULL, NULL, NULL, NULL, NULL},
};
