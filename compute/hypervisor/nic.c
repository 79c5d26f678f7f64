/*
 * Interfaces of a guest that is there already. A guest that is off is defined anew with one more or one less, which every driver
 * can; one that runs needs a driver with hot plug.
 */
#include <stdlib.h>
#include <string.h>

#include "compute/hypervisor/host.h"

struct nic_job {
    struct host_job base;
    char id[UUID_TEXT_SIZE];
    const char *mac;
    const char *xml; /* of the interface; NULL: it goes */
};

static void domain_drop(virDomainPtr *domain)
{
    if (*domain)
        (void)virDomainFree(*domain);
}

/* The element of the interface with this MAC. */
static bool find_nic(struct arena *arena, const char *xml, const char *mac, struct xml_span *out)
{
    struct xml_span rest = xml_document(xml);
    while (xml_find(rest, "interface", out)) {
        if (str_equal_nocase(xml_attribute(arena, *out, "mac", "address"), mac))
            return true;
        rest = xml_after(rest, *out);
    }
    return false;
}

static enum err define(virConnectPtr connection, const struct text *xml)
{
    CLEANUP(domain_drop) virDomainPtr domain = virDomainDefineXML(connection, text_str(xml));
    return domain ? OK : fail_libvirt("virDomainDefineXML");
}

static enum err redefine_with(virConnectPtr connection, const char *former, const char *nic)
{
    const char *end = strstr(former, "</devices>");
    CLEANUP(text_clear) struct text xml = {0};
    if (!end)
        return fail(E_INTERNAL, "libvirt describes a domain without devices.");
    text_add(&xml, former, (size_t)(end - former));
    text_add_str(&xml, nic);
    text_add_str(&xml, end);
    return define(connection, &xml);
}

static enum err redefine_without(virConnectPtr connection, const char *former, struct xml_span nic)
{
    CLEANUP(text_clear) struct text xml = {0};
    text_add(&xml, former, (size_t)(nic.start - former));
    text_add_str(&xml, nic.start + nic.length);
    return define(connection, &xml);
}

static enum err attach(virConnectPtr connection, virDomainPtr domain, const struct nic_job *job, const char *former, bool runs)
{
    if (!runs)
        return redefine_with(connection, former, job->xml);
    if (virDomainAttachDeviceFlags(domain, job->xml, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG) < 0)
        return fail_libvirt("virDomainAttachDeviceFlags");
    return OK;
}

static enum err detach(virConnectPtr connection, virDomainPtr domain, struct arena *arena, const char *former, struct xml_span nic,
                       bool runs)
{
    if (!runs)
        return redefine_without(connection, former, nic);
    const char *xml = arena_strndup(arena, nic.start, nic.length);
    if (virDomainDetachDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG) < 0)
        return fail_libvirt("virDomainDetachDeviceFlags");
    return OK;
}

static enum err run_change(struct host *host, virConnectPtr connection, struct host_job *base)
{
    const struct nic_job *job = (struct nic_job *)base;
    struct arena *arena = &base->job.arena;
    struct xml_span nic;
    CLEANUP(domain_drop) virDomainPtr domain = virDomainLookupByUUIDString(connection, job->id);
    if (!domain && libvirt_error_is(VIR_ERR_NO_DOMAIN))
        return fail(E_NOT_FOUND, "Host %s has no domain %s.", host->name, job->id);
    if (!domain)
        return fail_libvirt("virDomainLookupByUUID");
    CLEANUP(string_drop) char *former = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (!former)
        return fail_libvirt("virDomainGetXMLDesc");
    const bool there = find_nic(arena, former, job->mac, &nic);
    const bool runs = virDomainIsActive(domain) == 1;
    if (there == (job->xml != NULL))
        return OK;
    return job->xml ? attach(connection, domain, job, former, runs) : detach(connection, domain, arena, former, nic, runs);
}

static struct nic_job *new_job(const char *what, const struct uuid *server, const char *mac)
{
    struct nic_job *job = host_job_new(sizeof(*job), what, run_change);
    memcpy(job->id, uuid_to_text(server).text, sizeof(job->id));
    job->mac = arena_strdup(&job->base.job.arena, mac);
    return job;
}

enum err hypervisor_nic_attach(struct hypervisors *all, const char *host, const struct uuid *server, const struct guest_nic *nic,
                               struct budget budget)
{
    CLEANUP(text_clear) struct text xml = {0};
    guest_nic_xml(&xml, nic);
    CLEANUP(host_job_drop) struct nic_job *job = new_job("nic attach", server, nic->mac);
    job->xml = arena_strdup(&job->base.job.arena, text_str(&xml));
    return host_call(all, host, job, budget);
}

enum err hypervisor_nic_detach(struct hypervisors *all, const char *host, const struct uuid *server, const char *mac,
                               struct budget budget)
{
    CLEANUP(host_job_drop) struct nic_job *job = new_job("nic detach", server, mac);
    return host_call(all, host, job, budget);
}
