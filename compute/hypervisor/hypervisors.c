/*
 * The hosts of this zone by name, and their keeper: one thread that syncs power states every `sync_interval_s` and asks every few
 * seconds after hosts that are down, so that a host is up again without anybody's call paying for the proof.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compute/hypervisor/host.h"
#include "gateway/base/log.h"

enum {
    KEEPER_STEP_MS = 5000,
    FIRST_TRY_MS = 2000,
    CLOSE_MS = 2000,
};

struct hypervisors {
    char *virt_type;
    char *pool;
    char *pool_path;
    char *networks;
    struct hypervisor_options options; /* its strings are the four above */
    power_changed_f *changed;
    void *context;
    struct event_loop *loop;
    pthread_t keeper;
    pthread_mutex_t lock; /* what follows */
    pthread_cond_t wake;
    struct host *hosts;
    bool closing;
};

static char *copy(const char *string)
{
    char *out = strdup(string);
    if (!out)
        abort();
    return out;
}

void pool_drop(virStoragePoolPtr *pool)
{
    if (*pool)
        (void)virStoragePoolFree(*pool);
}

void string_drop(char **string)
{
    free(*string);
}

size_t hypervisors_console_bytes(const struct hypervisors *all)
{
    return all->options.console_bytes;
}

/* With the lock held: posting to a lane never waits. */
static void look_after_hosts(struct hypervisors *all, bool sync)
{
    struct host *host;
    struct host *next;
    HASH_ITER(hh, all->hosts, host, next)
    {
        if (!host_is_up(host))
            host_ping(host);
        else if (sync)
            host_post_sync(host);
    }
}

static void *keep(void *argument)
{
    struct hypervisors *all = argument;
    int64_t next_sync_ms = clock_mono_ms() + all->options.sync_interval_s * 1000;
    (void)pthread_mutex_lock(&all->lock);
    while (!all->closing) {
        const int64_t until_ms = clock_mono_ms() + KEEPER_STEP_MS;
        const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000};
        (void)pthread_cond_timedwait(&all->wake, &all->lock, &until);
        if (all->closing)
            break;
        const bool sync = clock_mono_ms() >= next_sync_ms;
        look_after_hosts(all, sync);
        if (sync)
            next_sync_ms = clock_mono_ms() + all->options.sync_interval_s * 1000;
    }
    (void)pthread_mutex_unlock(&all->lock);
    return NULL;
}

static void free_all(struct hypervisors *all)
{
    (void)pthread_cond_destroy(&all->wake);
    (void)pthread_mutex_destroy(&all->lock);
    free(all->virt_type);
    free(all->pool);
    free(all->pool_path);
    free(all->networks);
    free(all);
}

static struct hypervisors *new_all(const struct hypervisor_options *options)
{
    struct hypervisors *all = calloc(1, sizeof(*all));
    if (!all)
        abort();
    all->virt_type = copy(options->virt_type);
    all->pool = copy(options->pool);
    all->pool_path = copy(options->pool_path);
    all->networks = copy(options->networks ? options->networks : "");
    all->options = *options;
    all->options.virt_type = all->virt_type;
    all->options.pool = all->pool;
    all->options.pool_path = all->pool_path;
    all->options.networks = all->networks;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&all->lock, NULL);
    (void)pthread_cond_init(&all->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return all;
}

enum err hypervisors_open(const struct hypervisor_options *options, power_changed_f *changed, void *context,
                          struct hypervisors **out)
{
    static const char *const virt_types[] = {"auto", "kvm", "qemu"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(virt_types); i++)
        known = known || strcmp(options->virt_type, virt_types[i]) == 0;
    if (!known)
        return fail(E_INVALID, "virt_type '%s' is none of auto, kvm, qemu.", options->virt_type);
    struct hypervisors *all = new_all(options);
    all->changed = changed;
    all->context = context;
    enum err result = event_loop_open(&all->loop);
    const int error = result == OK ? pthread_create(&all->keeper, NULL, keep, all) : 0;
    if (error != 0) {
        event_loop_close(all->loop);
        result = fail(E_INTERNAL, "The keeper of the hosts cannot be started (error %d).", error);
    }
    if (result != OK) {
        free_all(all);
        return result;
    }
    *out = all;
    return OK;
}

/* The host's registration is the caller's from here on. */
static void let_go(struct host *host)
{
    host_mute(host);
    lane_close(host->lane);
}

void hypervisors_close(struct hypervisors *all)
{
    if (!all)
        return;
    (void)pthread_mutex_lock(&all->lock);
    all->closing = true;
    (void)pthread_cond_broadcast(&all->wake);
    (void)pthread_mutex_unlock(&all->lock);
    (void)pthread_join(all->keeper, NULL);
    struct host *host;
    struct host *next;
    HASH_ITER(hh, all->hosts, host, next)
    let_go(host);
    const struct budget budget = budget_from_ms(CLOSE_MS);
    HASH_ITER(hh, all->hosts, host, next)
    {
        HASH_DEL(all->hosts, host);
        if (!lane_wait_closed(host->lane, budget))
            log_warn("hypervisor.host.abandoned", "host=%s", host->name);
        lane_unref(host->lane);
    }
    event_loop_close(all->loop);
    free_all(all);
}

static struct host *find_host(struct hypervisors *all, const char *name)
{
    struct host *host = NULL;
    HASH_FIND_STR(all->hosts, name, host);
    return host;
}

enum err hypervisor_add(struct hypervisors *all, const char *name, const char *uri)
{
    if (!*name || !*uri)
        return fail(E_INVALID, "A host needs a name and a libvirt URI.");
    (void)pthread_mutex_lock(&all->lock);
    struct host *old = find_host(all, name);
    const bool same = old && strcmp(old->uri, uri) == 0;
    if (old && !same)
        HASH_DEL(all->hosts, old);
    if (!same) {
        struct host *host = host_new(name, uri, &all->options);
        host->changed = all->changed;
        host->context = all->context;
        HASH_ADD_KEYPTR(hh, all->hosts, host->name, strlen(host->name), host);
    }
    (void)pthread_mutex_unlock(&all->lock);
    if (old && !same) {
        let_go(old);
        lane_unref(old->lane);
    }
    return OK;
}

void hypervisor_remove(struct hypervisors *all, const char *name)
{
    (void)pthread_mutex_lock(&all->lock);
    struct host *host = find_host(all, name);
    if (host)
        HASH_DEL(all->hosts, host);
    (void)pthread_mutex_unlock(&all->lock);
    if (!host)
        return;
    let_go(host);
    lane_unref(host->lane);
}

enum err hypervisors_lane(struct hypervisors *all, const char *name, struct lane **out, struct host **out_host)
{
    (void)pthread_mutex_lock(&all->lock);
    struct host *host = find_host(all, name);
    if (host)
        (void)lane_ref(host->lane);
    (void)pthread_mutex_unlock(&all->lock);
    if (!host)
        return fail(E_NOT_FOUND, "Compute host %s could not be found.", name);
    *out = host->lane;
    *out_host = host;
    return OK;
}

static enum err run_nothing(struct host *host, virConnectPtr connection, struct host_job *job)
{
    (void)host;
    (void)connection;
    (void)job; /* that a connection was made is the answer */
    return OK;
}

bool hypervisor_is_up(struct hypervisors *all, const char *name)
{
    CLEANUP(lane_drop) struct lane *lane = NULL;
    struct host *host = NULL;
    if (hypervisors_lane(all, name, &lane, &host) != OK)
        return false;
    if (!atomic_load(&host->tried)) {
        CLEANUP(host_job_drop) struct host_job *job = host_job_new(sizeof(*job), "connect", run_nothing);
        return host_call(all, name, job, budget_from_ms(FIRST_TRY_MS)) == OK;
    }
    return host_is_up(host);
}
