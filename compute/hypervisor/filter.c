/* nwfilters: the packet filters that guests' interfaces name. A driver without them says so (E_NOT_IMPLEMENTED). */
#include "compute/hypervisor/host.h"

struct filter_job {
    struct host_job base;
    const char *name;
    const char *xml; /* NULL: it goes */
};

static void filter_drop(virNWFilterPtr *filter)
{
    if (*filter)
        (void)virNWFilterFree(*filter);
}

static enum err check_driver(virConnectPtr connection)
{
    const struct driver *driver = NULL;
    TRY(driver_of(connection, &driver));
    return driver->filters ? OK : fail(E_NOT_IMPLEMENTED, "The libvirt driver %s has no packet filters.", driver->name);
}

static enum err run_set(struct host *host, virConnectPtr connection, struct host_job *base)
{
    (void)host;
    TRY(check_driver(connection));
    CLEANUP(filter_drop) virNWFilterPtr filter = virNWFilterDefineXML(connection, ((struct filter_job *)base)->xml);
    return filter ? OK : fail_libvirt("virNWFilterDefineXML");
}

static enum err run_remove(struct host *host, virConnectPtr connection, struct host_job *base)
{
    (void)host;
    TRY(check_driver(connection));
    CLEANUP(filter_drop) virNWFilterPtr filter = virNWFilterLookupByName(connection, ((struct filter_job *)base)->name);
    if (!filter)
        return libvirt_error_is(VIR_ERR_NO_NWFILTER) ? OK : fail_libvirt("virNWFilterLookupByName");
    return virNWFilterUndefine(filter) == 0 || libvirt_error_is(VIR_ERR_NO_NWFILTER) ? OK : fail_libvirt("virNWFilterUndefine");
}

enum err hypervisor_filter_set(struct hypervisors *all, const char *host, const char *xml, struct budget budget)
{
    CLEANUP(host_job_drop) struct filter_job *job = host_job_new(sizeof(*job), "filter set", run_set);
    job->xml = arena_strdup(&job->base.job.arena, xml);
    return host_call(all, host, job, budget);
}

enum err hypervisor_filter_remove(struct hypervisors *all, const char *host, const char *name, struct budget budget)
{
    CLEANUP(host_job_drop) struct filter_job *job = host_job_new(sizeof(*job), "filter remove", run_remove);
    job->name = arena_strdup(&job->base.job.arena, name);
    return host_call(all, host, job, budget);
}
