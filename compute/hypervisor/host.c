/*
 * A host: its connection, made on first use and again after a loss, and jobs that run with it.
 *
 * The two threads of a lane share one connection (libvirt allows that). Who connects, or asks for facts, does so between host_enter
 * and host_leave, so the other thread waits instead of doing it twice; no mutex is held meanwhile.
 */
#include "compute/hypervisor/host.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/log.h"

enum {
    IDLE_MS = 30000,
    KEEPALIVE_S = 5,
    KEEPALIVE_COUNT = 3,
};

static char *copy(const char *string)
{
    char *out = strdup(string);
    if (!out)
        abort();
    return out;
}

static void close_host(void *object)
{
    host_disconnect(object);
}

static void free_host(void *object)
{
    struct host *host = object;
    (void)pthread_cond_destroy(&host->idle);
    (void)pthread_cond_destroy(&host->event);
    (void)pthread_mutex_destroy(&host->lock);
    (void)pthread_mutex_destroy(&host->events_lock);
    free(host->name);
    free(host->uri);
    free(host->virt_type);
    free(host->pool);
    free(host->pool_path);
    free(host->networks);
    free(host);
}

struct host *host_new(const char *name, const char *uri, const struct hypervisor_options *options)
{
    struct host *host = calloc(1, sizeof(*host));
    if (!host)
        abort();
    host->name = copy(name);
    host->uri = copy(uri);
    host->virt_type = copy(options->virt_type);
    host->pool = copy(options->pool);
    host->pool_path = copy(options->pool_path);
    host->networks = copy(options->networks ? options->networks : "");
    host->events_id = -1;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&host->lock, NULL);
    (void)pthread_mutex_init(&host->events_lock, NULL);
    (void)pthread_cond_init(&host->idle, NULL);
    (void)pthread_cond_init(&host->event, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    const struct lane_owner owner = {.object = host, .name = host->name, .close = close_host, .release = free_host};
    host->lane = lane_new(owner, options->lane_queue, IDLE_MS);
    return host;
}

void host_mark(struct host *host, bool up)
{
    const bool first = !atomic_exchange(&host->tried, true);
    const bool was_up = atomic_exchange(&host->up, up);
    if (up && !was_up)
        log_info("hypervisor.host.up", "host=%s uri=%s", host->name, host->uri);
    else if (!up && (was_up || first))
        log_warn("hypervisor.host.down", "host=%s uri=%s error=%s", host->name, host->uri, log_quote(err_message()).text);
}

/* Not `up` alone: a call that succeeded just before the connection closed may have set it just after. */
bool host_is_up(struct host *host)
{
    return atomic_load(&host->up) && !atomic_load(&host->lost);
}

void host_enter(struct host *host)
{
    (void)pthread_mutex_lock(&host->lock);
    while (host->busy)
        (void)pthread_cond_wait(&host->idle, &host->lock);
    host->busy = true;
    (void)pthread_mutex_unlock(&host->lock);
}

void host_leave(struct host *host)
{
    (void)pthread_mutex_lock(&host->lock);
    host->busy = false;
    (void)pthread_cond_broadcast(&host->idle);
    (void)pthread_mutex_unlock(&host->lock);
}

/* Runs on the event thread, with libvirt's lock of the connection: must not ask libvirt. */
static void on_closed(virConnectPtr connection, int reason, void *opaque)
{
    (void)connection;
    struct host *host = opaque;
    atomic_store(&host->lost, true);
    if (fail(E_UNAVAILABLE, "The connection was closed (reason %d).", reason) != OK)
        host_mark(host, false);
}

void connection_close(virConnectPtr *connection)
{
    if (*connection)
        (void)virConnectClose(*connection);
}

static void unsubscribe(virConnectPtr connection, int events_id)
{
    if (events_id >= 0)
        (void)virConnectDomainEventDeregisterAny(connection, events_id);
    (void)virConnectUnregisterCloseCallback(connection, on_closed);
}

void host_disconnect(struct host *host)
{
    (void)pthread_mutex_lock(&host->lock);
    virConnectPtr connection = host->connection;
    const int events_id = host->events_id;
    host->connection = NULL;
    host->facts_known = false;
    host->events_id = -1;
    (void)pthread_mutex_unlock(&host->lock);
    if (!connection)
        return;
    unsubscribe(connection, events_id);
    connection_close(&connection);
}

/* Adds a reference to the connection that works, if there is one. */
static bool borrow_connection(struct host *host, virConnectPtr *out)
{
    (void)pthread_mutex_lock(&host->lock);
    const bool usable = host->connection && !atomic_load(&host->lost) && virConnectIsAlive(host->connection) == 1 &&
                        virConnectRef(host->connection) == 0;
    if (usable)
        *out = host->connection;
    (void)pthread_mutex_unlock(&host->lock);
    return usable;
}

static enum err open_connection(struct host *host)
{
    if (atomic_load(&host->lost))
        atomic_store(&host->up, false);
    atomic_store(&host->lost, false);
    CLEANUP(connection_close) virConnectPtr connection = virConnectOpen(host->uri);
    if (!connection)
        return fail(E_UNAVAILABLE, "Host %s cannot be reached: %s", host->name, virGetLastErrorMessage());
    const struct driver *driver;
    TRY(driver_of(connection, &driver));
    (void)virConnectSetKeepAlive(connection, KEEPALIVE_S, KEEPALIVE_COUNT); /* a connection inside this process has none */
    (void)virConnectRegisterCloseCallback(connection, on_closed, host, NULL);
    const int events_id = events_subscribe(host, connection);
    (void)pthread_mutex_lock(&host->lock);
    host->connection = connection;
    host->events_id = events_id;
    (void)pthread_mutex_unlock(&host->lock);
    connection = NULL;
    host_post_sync(host); /* what happened while nobody listened */
    return OK;
}

enum err host_connect(struct host *host, virConnectPtr *out)
{
    if (borrow_connection(host, out))
        return OK;
    host_enter(host);
    enum err result = OK;
    if (!borrow_connection(host, out)) {
        host_disconnect(host);
        result = open_connection(host);
        if (result == OK && !borrow_connection(host, out))
            result = fail(E_UNAVAILABLE, "Host %s closed the connection at once.", host->name);
    }
    host_leave(host);
    return result;
}

static enum err run_host_job(void *owner, struct job *job)
{
    struct host *host = owner;
    CLEANUP(connection_close) virConnectPtr connection = NULL;
    enum err result = host_connect(host, &connection);
    const bool connected = result == OK;
    if (connected) {
        struct host_job *host_job = (struct host_job *)job;
        result = host_job->call(host, connection, host_job);
        if (result != OK && virConnectIsAlive(connection) != 1)
            result = fail(E_UNAVAILABLE, "Host %s: the connection was lost during '%s': %s", host->name, job->what, err_message());
    }
    host_mark(host, connected && result != E_UNAVAILABLE);
    return result;
}

void *host_job_new(size_t size, const char *what, host_call_f *call)
{
    struct job *job = job_new(size, what, run_host_job);
    ((struct host_job *)job)->call = call;
    return job;
}

void host_job_drop(void *variable)
{
    job_release(*(struct job **)variable);
}

void lane_drop(struct lane **lane)
{
    lane_unref(*lane);
}

enum err host_call(struct hypervisors *all, const char *name, void *job, struct budget budget)
{
    CLEANUP(lane_drop) struct lane *lane = NULL;
    struct host *host;
    TRY(hypervisors_lane(all, name, &lane, &host));
    const enum err result = lane_call(lane, job, budget);
    const struct host_job *host_job = job;
    if (result == E_TIMEOUT && !host_job->job.slow && !host_job->patient)
        host_mark(host, false);
    return result;
}

static enum err run_ping(struct host *host, virConnectPtr connection, struct host_job *job)
{
    (void)job;
    virNodeInfo info;
    return virNodeGetInfo(connection, &info) == 0 ? OK : fail_libvirt(host->name);
}

static enum err run_ping_job(void *owner, struct job *job)
{
    struct host *host = owner;
    atomic_store(&host->asked, false);
    return run_host_job(owner, job);
}

void host_ping(struct host *host)
{
    if (atomic_exchange(&host->asked, true))
        return;
    struct job *job = host_job_new(sizeof(struct host_job), "ping", run_ping);
    job->run = run_ping_job;
    if (lane_post(host->lane, job) != OK)
        atomic_store(&host->asked, false); /* a full lane says enough: the host does not answer */
}
