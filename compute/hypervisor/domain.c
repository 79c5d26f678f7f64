/*
 * What is done with a guest. Every operation may be repeated, and a domain is never replaced by one with an older fence.
 *
 * The fence is compared before defining: libvirt has no compare-and-swap, so two gateways that define the same domain in the same
 * millisecond are not told apart; a lease that was lost seconds ago is.
 */
#include <string.h>

#include "compute/hypervisor/host.h"
#include "gateway/base/log.h"

enum {
    LOOK_AGAIN_MS = 1000,
    PRESS_AGAIN_MS = 10000, /* a guest that still boots misses the first press of its power button */
};

struct domain_job {
    struct host_job base;
    char id[UUID_TEXT_SIZE];
    const char *xml;
    int64_t fence;
    int power;
    struct host_facts facts;
};

static void domain_drop(virDomainPtr *domain)
{
    if (*domain)
        (void)virDomainFree(*domain);
}

static struct domain_job *new_job(const char *what, host_call_f *call, const struct uuid *server)
{
    struct domain_job *job = host_job_new(sizeof(*job), what, call);
    memcpy(job->id, uuid_to_text(server).text, sizeof(job->id));
    return job;
}

/* NULL when there is none. */
static enum err find_domain(virConnectPtr connection, const char *id, virDomainPtr *out)
{
    *out = virDomainLookupByUUIDString(connection, id);
    return *out || libvirt_error_is(VIR_ERR_NO_DOMAIN) ? OK : fail_libvirt("virDomainLookupByUUID");
}

static enum err get_domain(struct host *host, virConnectPtr connection, const char *id, virDomainPtr *out)
{
    TRY(find_domain(connection, id, out));
    return *out ? OK : fail(E_NOT_FOUND, "Host %s has no domain %s.", host->name, id);
}

static enum err read_power(virDomainPtr domain, int *out)
{
    int state;
    int reason;
    if (virDomainGetState(domain, &state, &reason, 0) < 0)
        return fail_libvirt("virDomainGetState");
    *out = power_from_state(state);
    return OK;
}

/* 0 when the domain does not say. */
static enum err read_fence(virDomainPtr domain, int64_t *out)
{
    *out = 0;
    CLEANUP(string_drop)
    char *xml = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, GUEST_METADATA_URI, VIR_DOMAIN_AFFECT_CONFIG);
    if (!xml)
        return libvirt_error_is(VIR_ERR_NO_DOMAIN_METADATA) ? OK : fail_libvirt("virDomainGetMetadata");
    CLEANUP(arena_clear) struct arena arena = {0};
    const char *fence = xml_attribute(&arena, xml_document(xml), "server", "fence"); /* libvirt drops the prefix */
    if (!fence || !str_to_int(fence, out))
        return fail(E_INTERNAL, "Domain %s has metadata of ours without a fence.", virDomainGetName(domain));
    return OK;
}

static enum err check_fence(virConnectPtr connection, const struct domain_job *job)
{
    CLEANUP(domain_drop) virDomainPtr domain = NULL;
    TRY(find_domain(connection, job->id, &domain));
    int64_t fence = 0;
    if (domain)
        TRY(read_fence(domain, &fence));
    if (fence > job->fence)
        return fail(E_LOST, "Domain %s was defined under fence %lld, ours is %lld.", job->id, (long long)fence,
                    (long long)job->fence);
    return OK;
}

static enum err run_define(struct host *host, virConnectPtr connection, struct host_job *base)
{
    struct domain_job *job = (struct domain_job *)base;
    TRY(check_fence(connection, job));
    if (job->facts.driver->console)
        TRY(console_make(host, connection, &base->job.arena, job->id));
    CLEANUP(domain_drop) virDomainPtr domain = virDomainDefineXML(connection, job->xml);
    return domain ? OK : fail_libvirt("virDomainDefineXML");
}

static enum err run_facts(struct host *host, virConnectPtr connection, struct host_job *base)
{
    return host_facts(host, connection, &((struct domain_job *)base)->facts);
}

static const char *translate(struct arena *arena, const struct guest *guest, const struct host *host,
                             const struct host_facts *facts)
{
    const char *console = console_volume_name(arena, uuid_to_text(&guest->id).text);
    const struct guest_host guest_host = {
        .driver = facts->driver->name,
        .kvm = facts->kvm,
        .bound_tcg = facts->bound_tcg,
        .arch = facts->arch,
        .pool = host->pool,
        .pool_path = facts->pool_path,
        .console_path = facts->driver->console ? arena_printf(arena, "%s/%s", facts->pool_path, console) : NULL,
    };
    return guest_xml(arena, guest, &guest_host);
}

enum err hypervisor_define(struct hypervisors *all, const char *name, const struct guest *guest, struct budget budget)
{
    CLEANUP(lane_drop) struct lane *lane = NULL;
    struct host *host;
    TRY(hypervisors_lane(all, name, &lane, &host));
    CLEANUP(host_job_drop) struct domain_job *facts = new_job("facts", run_facts, &guest->id);
    facts->base.patient = true;
    TRY(host_call(all, name, facts, budget));
    CLEANUP(host_job_drop) struct domain_job *job = new_job("define", run_define, &guest->id);
    job->facts = facts->facts;
    job->fence = guest->fence;
    job->xml = translate(&job->base.job.arena, guest, host, &job->facts);
    return host_call(all, name, job, budget);
}

static enum err run_start(struct host *host, virConnectPtr connection, struct host_job *base)
{
    CLEANUP(domain_drop) virDomainPtr domain = NULL;
    TRY(get_domain(host, connection, ((struct domain_job *)base)->id, &domain));
    if (virDomainIsActive(domain) == 1)
        return OK;
    if (virDomainCreate(domain) == 0)
        return OK;
    const enum err result = fail_libvirt("virDomainCreate");
    return virDomainIsActive(domain) == 1 ? OK : result; /* somebody else was faster */
}

enum err hypervisor_start(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget)
{
    CLEANUP(host_job_drop) struct domain_job *job = new_job("start", run_start, server);
    return host_call(all, host, job, budget);
}

static enum err destroy(virDomainPtr domain)
{
    if (virDomainIsActive(domain) != 1 || virDomainDestroy(domain) == 0)
        return OK;
    const enum err result = fail_libvirt("virDomainDestroy");
    return virDomainIsActive(domain) == 0 ? OK : result; /* it ended by itself meanwhile */
}

static enum err run_destroy(struct host *host, virConnectPtr connection, struct host_job *base)
{
    CLEANUP(domain_drop) virDomainPtr domain = NULL;
    TRY(get_domain(host, connection, ((struct domain_job *)base)->id, &domain));
    return destroy(domain);
}

/* Presses the power button of a guest that runs. */
static enum err run_shutdown(struct host *host, virConnectPtr connection, struct host_job *base)
{
    CLEANUP(domain_drop) virDomainPtr domain = NULL;
    TRY(get_domain(host, connection, ((struct domain_job *)base)->id, &domain));
    if (virDomainIsActive(domain) == 1 && virDomainShutdown(domain) < 0)
        log_info("hypervisor.shutdown", "host=%s server=%s error=%s", host->name, ((struct domain_job *)base)->id,
                 log_quote(virGetLastErrorMessage()).text); /* patience ends, then it is destroyed */
    return OK;
}

static enum err run_power(struct host *host, virConnectPtr connection, struct host_job *base)
{
    struct domain_job *job = (struct domain_job *)base;
    CLEANUP(domain_drop) virDomainPtr domain = NULL;
    TRY(get_domain(host, connection, job->id, &domain));
    return read_power(domain, &job->power);
}

enum err hypervisor_power(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget, int *out)
{
    CLEANUP(host_job_drop) struct domain_job *job = new_job("power", run_power, server);
    TRY(host_call(all, host, job, budget));
    *out = job->power;
    return OK;
}

static enum err press_button(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget)
{
    CLEANUP(host_job_drop) struct domain_job *job = new_job("shutdown", run_shutdown, server);
    return host_call(all, host, job, budget);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Waits for the guest to end by itself; `out_off` says whether it did. The lane is free meanwhile. */
static enum err shut_down(struct hypervisors *all, struct host *host, const struct uuid *server, int64_t patience_ms,
                          struct budget budget, bool *out_off)
{
    const int64_t end_ms = clock_mono_ms() + patience_ms;
    int64_t press_ms = clock_mono_ms();
    int power = POWER_RUNNING;
    while (clock_mono_ms() < end_ms) {
        if (budget_left_ms(&budget) <= 0)
            return fail(E_TIMEOUT, "Host %s: server %s is still shutting down.", host->name, uuid_to_text(server).text);
        if (clock_mono_ms() >= press_ms) {
            TRY(press_button(all, host->name, server, budget));
            press_ms += PRESS_AGAIN_MS;
        }
        const uint64_t seen = host_event_count(host);
        TRY(hypervisor_power(all, host->name, server, budget, &power));
        *out_off = power == POWER_SHUTDOWN || power == POWER_CRASHED;
        if (*out_off)
            return OK;
        const int64_t look_ms = earlier(clock_mono_ms() + LOOK_AGAIN_MS, end_ms);
        host_wait_event(host, seen, earlier(look_ms, budget.deadline_ms));
    }
    return OK;
}

enum err hypervisor_stop(struct hypervisors *all, const char *name, const struct uuid *server, int64_t patience_ms,
                         struct budget budget)
{
    CLEANUP(lane_drop) struct lane *lane = NULL;
    struct host *host;
    TRY(hypervisors_lane(all, name, &lane, &host));
    bool off = false;
    TRY(shut_down(all, host, server, patience_ms, budget, &off));
    if (off)
        return OK;
    CLEANUP(host_job_drop) struct domain_job *job = new_job("stop", run_destroy, server);
    return host_call(all, name, job, budget);
}

static enum err run_reboot(struct host *host, virConnectPtr connection, struct host_job *base)
{
    CLEANUP(domain_drop) virDomainPtr domain = NULL;
    TRY(get_domain(host, connection, ((struct domain_job *)base)->id, &domain));
    return virDomainReboot(domain, 0) == 0 ? OK : fail_libvirt("virDomainReboot");
}

enum err hypervisor_reboot_soft(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget)
{
    CLEANUP(host_job_drop) struct domain_job *job = new_job("reboot", run_reboot, server);
    return host_call(all, host, job, budget);
}

/* What changes a guest from one state to another, and is done already where it is in the second. */
static enum err change_power(struct host *host, virConnectPtr connection, struct host_job *base, int from, int to,
                             int (*change)(virDomainPtr domain))
{
    CLEANUP(domain_drop) virDomainPtr domain = NULL;
    int power = POWER_NOSTATE;
    TRY(get_domain(host, connection, ((struct domain_job *)base)->id, &domain));
    TRY(read_power(domain, &power));
    if (power == to)
        return OK;
    if (power != from)
        return fail(E_CONFLICT, "Host %s: domain %s is in power state %d.", host->name, ((struct domain_job *)base)->id, power);
    return change(domain) == 0 ? OK : fail_libvirt(base->job.what);
}

static enum err run_pause(struct host *host, virConnectPtr connection, struct host_job *base)
{
    return change_power(host, connection, base, POWER_RUNNING, POWER_PAUSED, virDomainSuspend);
}

static enum err run_unpause(struct host *host, virConnectPtr connection, struct host_job *base)
{
    return change_power(host, connection, base, POWER_PAUSED, POWER_RUNNING, virDomainResume);
}

enum err hypervisor_pause(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget)
{
    CLEANUP(host_job_drop) struct domain_job *job = new_job("pause", run_pause, server);
    return host_call(all, host, job, budget);
}

enum err hypervisor_unpause(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget)
{
    CLEANUP(host_job_drop) struct domain_job *job = new_job("unpause", run_unpause, server);
    return host_call(all, host, job, budget);
}

static enum err run_save(struct host *host, virConnectPtr connection, struct host_job *base)
{
    CLEANUP(domain_drop) virDomainPtr domain = NULL;
    TRY(get_domain(host, connection, ((struct domain_job *)base)->id, &domain));
    if (virDomainIsActive(domain) == 1)
        return virDomainManagedSave(domain, 0) == 0 ? OK : fail_libvirt("virDomainManagedSave");
    if (virDomainHasManagedSaveImage(domain, 0) == 1)
        return OK;
    return fail(E_CONFLICT, "Host %s: domain %s does not run.", host->name, ((struct domain_job *)base)->id);
}

enum err hypervisor_save(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget)
{
    CLEANUP(host_job_drop) struct domain_job *job = new_job("save", run_save, server);
    job->base.patient = true;
    return host_call(all, host, job, budget);
}

static enum err run_forget_saved(struct host *host, virConnectPtr connection, struct host_job *base)
{
    CLEANUP(domain_drop) virDomainPtr domain = NULL;
    TRY(get_domain(host, connection, ((struct domain_job *)base)->id, &domain));
    if (virDomainHasManagedSaveImage(domain, 0) != 1 || virDomainManagedSaveRemove(domain, 0) == 0)
        return OK;
    return fail_libvirt("virDomainManagedSaveRemove");
}

enum err hypervisor_forget_saved(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget)
{
    CLEANUP(host_job_drop) struct domain_job *job = new_job("forget saved", run_forget_saved, server);
    return host_call(all, host, job, budget);
}

static enum err undefine(virConnectPtr connection, virDomainPtr domain)
{
    const struct driver *driver;
    TRY(driver_of(connection, &driver));
    TRY(destroy(domain));
    if (virDomainUndefineFlags(domain, driver->undefine_flags) < 0 && !libvirt_error_is(VIR_ERR_NO_DOMAIN))
        return fail_libvirt("virDomainUndefine");
    return OK;
}

static enum err run_undefine(struct host *host, virConnectPtr connection, struct host_job *base)
{
    struct domain_job *job = (struct domain_job *)base;
    CLEANUP(domain_drop) virDomainPtr domain = NULL;
    TRY(find_domain(connection, job->id, &domain));
    if (domain)
        TRY(undefine(connection, domain));
    return console_remove(host, connection, &base->job.arena, job->id);
}

enum err hypervisor_undefine(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget)
{
    CLEANUP(host_job_drop) struct domain_job *job = new_job("undefine", run_undefine, server);
    return host_call(all, host, job, budget);
}
