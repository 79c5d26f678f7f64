/* All guests of ours on a host, with the record that each carries in its metadata; see hypervisor.h. */
#include <stdlib.h>
#include <string.h>

#include "compute/hypervisor/host.h"
#include "compute/hypervisor/xml.h"

struct list_job {
    struct host_job base;
    struct guest_seen *guests; /* in the job's arena */
    size_t count;
};

/* False: it is none of ours, or went away meanwhile. */
static bool read_guest(struct arena *arena, virDomainPtr domain, struct guest_seen *out)
{
    char id[VIR_UUID_STRING_BUFLEN];
    int state = 0;
    int reason = 0;
    CLEANUP(string_drop)
    char *xml = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, GUEST_METADATA_URI, VIR_DOMAIN_AFFECT_CONFIG);
    const char *record = xml ? xml_text(arena, xml_document(xml), "server") : NULL;
    if (!record || virDomainGetUUIDString(domain, id) < 0 || virDomainGetState(domain, &state, &reason, 0) < 0)
        return false;
    *out = (struct guest_seen){.record = record, .power = power_from_state(state)};
    return uuid_from_text(id, &out->id) == OK;
}

static enum err run_list(struct host *host, virConnectPtr connection, struct host_job *base)
{
    struct list_job *job = (struct list_job *)base;
    virDomainPtr *domains = NULL;
    (void)host;
    const int count = virConnectListAllDomains(connection, &domains, 0);
    if (count < 0)
        return fail_libvirt("virConnectListAllDomains");
    job->guests = arena_alloc(&base->job.arena, ((size_t)count + 1) * sizeof(*job->guests));
    for (int i = 0; i < count; i++) {
        job->count += read_guest(&base->job.arena, domains[i], &job->guests[job->count]);
        (void)virDomainFree(domains[i]);
    }
    free(domains);
    return OK;
}

enum err hypervisor_guests(struct hypervisors *all, const char *host, struct budget budget, struct arena *arena,
                           struct guest_seen **out, size_t *out_count)
{
    CLEANUP(host_job_drop) struct list_job *job = host_job_new(sizeof(*job), "guests", run_list);
    job->base.patient = true;
    TRY(host_call(all, host, job, budget));
    struct guest_seen *guests = arena_alloc(arena, (job->count + 1) * sizeof(*guests));
    for (size_t i = 0; i < job->count; i++) {
        guests[i] = job->guests[i];
        guests[i].record = arena_strdup(arena, job->guests[i].record);
    }
    *out = guests;
    *out_count = job->count;
    return OK;
}
