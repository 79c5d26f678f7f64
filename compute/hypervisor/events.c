/*
 * libvirt's event loop in a thread of ours, lifecycle events, and the sync of power states.
 *
 * Who listens (`changed`) is called under the host's events lock: an event and a sync never report in the wrong order, and after
 * host_mute nothing is reported any more. The loop is libvirt's own and one per process; it is registered once and never replaced.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compute/hypervisor/host.h"
#include "gateway/base/log.h"

struct event_loop {
    pthread_t thread;
    int timer;
    atomic_bool stop;
};

static const struct {
    int event;
    int power;
} lifecycle_powers[] = {
    {VIR_DOMAIN_EVENT_STARTED, POWER_RUNNING},       {VIR_DOMAIN_EVENT_RESUMED, POWER_RUNNING},
    {VIR_DOMAIN_EVENT_SUSPENDED, POWER_PAUSED},      {VIR_DOMAIN_EVENT_STOPPED, POWER_SHUTDOWN},
    {VIR_DOMAIN_EVENT_PMSUSPENDED, POWER_SUSPENDED}, {VIR_DOMAIN_EVENT_CRASHED, POWER_CRASHED},
};

static const int state_powers[] = {
    [VIR_DOMAIN_NOSTATE] = POWER_NOSTATE,  [VIR_DOMAIN_RUNNING] = POWER_RUNNING,  [VIR_DOMAIN_BLOCKED] = POWER_RUNNING,
    [VIR_DOMAIN_PAUSED] = POWER_PAUSED,    [VIR_DOMAIN_SHUTDOWN] = POWER_RUNNING, /* being shut down: still there */
    [VIR_DOMAIN_SHUTOFF] = POWER_SHUTDOWN, [VIR_DOMAIN_CRASHED] = POWER_CRASHED,  [VIR_DOMAIN_PMSUSPENDED] = POWER_SUSPENDED,
};

int power_from_state(int virt_state)
{
    return virt_state >= 0 && (size_t)virt_state < ARRAY_LEN(state_powers) ? state_powers[virt_state] : POWER_NOSTATE;
}

static void ignore_error(void *context, virErrorPtr error)
{
    (void)context;
    (void)error; /* every caller asks for the error itself; libvirt would print it */
}

static void setup_process(void)
{
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
        abort(); /* out of memory or threads at start */
    virSetErrorFunc(NULL, ignore_error);
}

void events_silence_libvirt(void)
{
    /* Made once: libvirt's event loop and error function belong to the process and cannot be taken back. */
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, setup_process);
}

static void wake(int timer, void *opaque)
{
    (void)opaque;
    virEventUpdateTimeout(timer, -1);
}

static void *run_loop(void *argument)
{
    struct event_loop *loop = argument;
    while (!atomic_load(&loop->stop)) {
        if (virEventRunDefaultImpl() < 0) {
            log_error("hypervisor.events", "error=%s", log_quote(virGetLastErrorMessage()).text);
            break;
        }
    }
    return NULL;
}

enum err event_loop_open(struct event_loop **out)
{
    events_silence_libvirt();
    struct event_loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        abort();
    loop->timer = virEventAddTimeout(-1, wake, NULL, NULL);
    const int error = loop->timer < 0 ? -1 : pthread_create(&loop->thread, NULL, run_loop, loop);
    if (error != 0) {
        free(loop);
        return fail(E_INTERNAL, "libvirt's event loop cannot be started (error %d): %s", error, virGetLastErrorMessage());
    }
    *out = loop;
    return OK;
}

void event_loop_close(struct event_loop *loop)
{
    if (!loop)
        return;
    atomic_store(&loop->stop, true);
    virEventUpdateTimeout(loop->timer, 0);
    (void)pthread_join(loop->thread, NULL);
    (void)virEventRemoveTimeout(loop->timer);
    free(loop);
}

/* With the events lock held. */
static void report(struct host *host, const unsigned char *uuid, int power)
{
    struct uuid server;
    memcpy(server.bytes, uuid, sizeof(server.bytes));
    if (host->changed)
        host->changed(host->context, &server, power);
}

static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *opaque)
{
    (void)connection;
    struct host *host = opaque;
    unsigned char uuid[VIR_UUID_BUFLEN];
    if (virDomainGetUUID(domain, uuid) < 0)
        return 0;
    const bool crashed = event == VIR_DOMAIN_EVENT_STOPPED && detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED;
    (void)pthread_mutex_lock(&host->events_lock);
    host->event_count++;
    if (event == VIR_DOMAIN_EVENT_STOPPED && memcmp(host->watched.bytes, uuid, sizeof(uuid)) == 0)
        host->watched_stop = detail;
    for (size_t i = 0; i < ARRAY_LEN(lifecycle_powers); i++) {
        if (lifecycle_powers[i].event == event)
            report(host, uuid, crashed ? POWER_CRASHED : lifecycle_powers[i].power);
    }
    (void)pthread_cond_broadcast(&host->event);
    (void)pthread_mutex_unlock(&host->events_lock);
    return 0;
}

static void release_host(void *opaque)
{
    struct host *host = opaque;
    lane_unref(host->lane);
}

int events_subscribe(struct host *host, virConnectPtr connection)
{
    (void)lane_ref(host->lane);
    const int id = virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                                    VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), host, release_host);
    if (id < 0) {
        log_warn("hypervisor.events.none", "host=%s error=%s", host->name, log_quote(virGetLastErrorMessage()).text);
        lane_unref(host->lane);
    }
    return id;
}

void host_mute(struct host *host)
{
    (void)pthread_mutex_lock(&host->events_lock);
    host->changed = NULL;
    (void)pthread_mutex_unlock(&host->events_lock);
}

uint64_t host_event_count(struct host *host)
{
    (void)pthread_mutex_lock(&host->events_lock);
    const uint64_t count = host->event_count;
    (void)pthread_mutex_unlock(&host->events_lock);
    return count;
}

static struct timespec timespec_of(int64_t mono_ms)
{
    return (struct timespec){.tv_sec = (time_t)(mono_ms / 1000), .tv_nsec = (long)(mono_ms % 1000) * 1000000};
}

void host_watch(struct host *host, const struct uuid *domain)
{
    (void)pthread_mutex_lock(&host->events_lock);
    host->watched = *domain;
    host->watched_stop = -1;
    (void)pthread_mutex_unlock(&host->events_lock);
}

int host_wait_stop(struct host *host, int64_t deadline_ms)
{
    const struct timespec until = timespec_of(deadline_ms);
    (void)pthread_mutex_lock(&host->events_lock);
    while (host->watched_stop < 0 && pthread_cond_timedwait(&host->event, &host->events_lock, &until) == 0)
        continue;
    const int detail = host->watched_stop;
    (void)pthread_mutex_unlock(&host->events_lock);
    return detail;
}

void host_wait_event(struct host *host, uint64_t seen, int64_t deadline_ms)
{
    const struct timespec until = timespec_of(deadline_ms);
    (void)pthread_mutex_lock(&host->events_lock);
    while (host->event_count == seen && pthread_cond_timedwait(&host->event, &host->events_lock, &until) == 0)
        continue;
    (void)pthread_mutex_unlock(&host->events_lock);
}

/* Reports what libvirt says, unless an event came between asking and reporting: then asks again. */
static void sync_domain(struct host *host, virDomainPtr domain)
{
    unsigned char uuid[VIR_UUID_BUFLEN];
    bool settled = false;
    while (!settled && virDomainGetUUID(domain, uuid) == 0) {
        const uint64_t seen = host_event_count(host);
        int state;
        int reason;
        if (virDomainGetState(domain, &state, &reason, 0) < 0)
            return; /* it went away meanwhile */
        (void)pthread_mutex_lock(&host->events_lock);
        settled = host->event_count == seen;
        if (settled)
            report(host, uuid, power_from_state(state));
        (void)pthread_mutex_unlock(&host->events_lock);
    }
}

static enum err run_sync(struct host *host, virConnectPtr connection, struct host_job *job)
{
    (void)job;
    virDomainPtr *domains = NULL;
    const int count = virConnectListAllDomains(connection, &domains, 0);
    if (count < 0) {
        log_warn("hypervisor.sync", "host=%s error=%s", host->name, log_quote(virGetLastErrorMessage()).text);
        return fail_libvirt("virConnectListAllDomains");
    }
    for (int i = 0; i < count; i++) {
        sync_domain(host, domains[i]);
        (void)virDomainFree(domains[i]);
    }
    free(domains);
    return OK;
}

void host_post_sync(struct host *host)
{
    struct job *job = host_job_new(sizeof(struct host_job), "sync", run_sync);
    if (lane_post(host->lane, job) != OK)
        log_info("hypervisor.sync.skipped", "host=%s error=%s", host->name, log_quote(err_message()).text);
}
