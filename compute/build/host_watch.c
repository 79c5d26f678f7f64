/* The hosts' thread; see host_watch.h. */
#include "compute/build/host_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "compute/build/host_labels.h"
#include "compute/build/reconcile.h"
#include "compute/placement/placement.h"
#include "gateway/base/log.h"
#include "schema/host_labels.h"
#include "schema/network.h"
#include "schema/server.h"

#define QUEUE_SIZE       1024
#define REPORT_BUDGET_MS 30000

struct power_event {
    struct uuid server;
    int power_state;
};

struct host_watch {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct power_event queue[QUEUE_SIZE];
    size_t first;
    size_t count;
    bool stopping;
    struct host_watch_options options;
    struct hypervisors *hypervisors;
};

static char *inventory_text(const struct hypervisor_inventory *seen, const struct host *host)
{
    json_auto_t *features = json_array();
    for (size_t i = 0; i < seen->cpu_feature_count; i++)
        (void)json_array_append_new(features, json_string(seen->cpu_features[i]));
    json_auto_t *object =
        json_pack("{s:I, s:I, s:I, s:I, s:s?, s:s?, s:I, s:s?, s:s?, s:s?, s:O, s:i, s:i, s:i, s:b}", "vcpus",
                  (json_int_t)(host->vcpus ? host->vcpus : seen->vcpus), "ram_mib",
                  (json_int_t)(host->ram_mib ? host->ram_mib : seen->ram_mib), "disk_gib",
                  (json_int_t)(host->disk_gib ? host->disk_gib : seen->disk_gib), "disk_free_gib", (json_int_t)seen->disk_free_gib,
                  "hostname", seen->hostname, "driver", seen->driver, "version", (json_int_t)seen->version, "arch", seen->arch,
                  "cpu_model", seen->cpu_model, "cpu_vendor", seen->cpu_vendor, "cpu_features", features, "sockets", seen->sockets,
                  "cores", seen->cores, "threads", seen->threads, "kvm", seen->kvm);
    return json_dumps(object, JSON_COMPACT);
}

static enum err report_inventory(struct db *db, const struct host *host, const struct hypervisor_inventory *seen, double cpu_ratio)
{
    const struct resource_inventory inventories[] = {
        {"VCPU", host->vcpus ? host->vcpus : seen->vcpus, 0, cpu_ratio},
        {"MEMORY_MB", host->ram_mib ? host->ram_mib : seen->ram_mib, 0, 1.0},
        {"DISK_GB", host->disk_gib ? host->disk_gib : seen->disk_gib, 0, 1.0},
    };
    return placement_report(db, &host->uuid, host->name, inventories, ARRAY_LEN(inventories));
}

struct seen_host {
    const struct host *host;
    const struct hypervisor_inventory *seen;
    double cpu_ratio;
};

/* Networks by the host's words; its inventory's arena outlives this. */
static enum err report_networks(struct db *db, const struct uuid *host, const struct hypervisor_inventory *seen)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct network *items = arena_alloc(&arena, (seen->network_count + 1) * sizeof(*items));
    for (size_t i = 0; i < seen->network_count; i++) {
        const struct hypervisor_network *network = &seen->networks[i];
        items[i] = (struct network){network->uuid,   network->name,       network->bridge,   network->gateway,
                                    network->prefix, network->dhcp_first, network->dhcp_last};
    }
    return network_report(db, host, items, seen->network_count);
}

/* At once: a host that is new and disabled is never seen without its trait. */
static enum err write_report(struct db *db, void *context)
{
    const struct seen_host *report = context;
    const enum err locked = host_lock(db, &report->host->uuid);
    if (locked == E_NOT_FOUND) /* forgotten meanwhile */
        return OK;
    TRY(locked);
    TRY(report_inventory(db, report->host, report->seen, report->cpu_ratio));
    char *text = inventory_text(report->seen, report->host);
    const enum err stored = host_seen(db, &report->host->uuid, true, text, NULL);
    free(text);
    TRY(stored);
    TRY(report_networks(db, &report->host->uuid, report->seen));
    return host_labels_write(db, &report->host->uuid);
}

enum err host_report(struct db *db, struct hypervisors *hypervisors, const struct host *host, double cpu_ratio, int64_t budget_ms)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct hypervisor_inventory seen;
    TRY(hypervisor_add(hypervisors, host->name, host->uri));
    const enum err result = hypervisor_inventory(hypervisors, host->name, budget_from_ms(budget_ms), &arena, &seen);
    if (result != OK) {
        if (host->up || !host->last_error)
            log_warn("host.down", "host=%s message=%s", log_quote(host->name).text, log_quote(err_message()).text);
        return host_seen(db, &host->uuid, false, NULL, err_message());
    }
    if (!host->up && !host->forced_down)
        log_info("host.up", "host=%s vcpus=%lld ram_mib=%lld", log_quote(host->name).text, (long long)seen.vcpus,
                 (long long)seen.ram_mib);
    struct seen_host report = {host, &seen, cpu_ratio};
    return db_transaction(db, write_report, &report);
}

static enum err report_all(struct host_watch *watch, struct db *db)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct hosts hosts;
    TRY(host_list(db, &arena, &hosts));
    for (size_t i = 0; i < hosts.count; i++) {
        const struct host *host = &hosts.items[i];
        const enum err result = host_report(db, watch->hypervisors, host, watch->options.cpu_ratio, REPORT_BUDGET_MS);
        if (result == E_CONFLICT) /* another provider has its name: the other hosts are reported all the same */
            log_warn("host.report", "host=%s message=%s", log_quote(host->name).text, log_quote(err_message()).text);
        else
            TRY(result);
    }
    return reconcile_restored(db, watch->hypervisors);
}

static void write_events(struct host_watch *watch, struct db *db, const struct power_event *events, size_t count)
{
    (void)watch;
    for (size_t i = 0; i < count; i++) {
        if (server_sync_power(db, &events[i].server, events[i].power_state) != OK)
            log_warn("host.power", "server=%s message=%s", uuid_to_text(&events[i].server).text, log_quote(err_message()).text);
    }
}

/* Waits for events or until `until_ms`; gives the queued events. False when the watch is to end. */
static bool take_events(struct host_watch *watch, int64_t until_ms, struct power_event *events, size_t *out_count)
{
    (void)pthread_mutex_lock(&watch->lock);
    while (!watch->stopping && watch->count == 0 && clock_mono_ms() < until_ms) {
        const struct timespec until = {until_ms / 1000, (until_ms % 1000) * 1000000};
        (void)pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
    }
    for (size_t i = 0; i < watch->count; i++)
        events[i] = watch->queue[(watch->first + i) % QUEUE_SIZE];
    *out_count = watch->count;
    watch->count = 0;
    const bool go_on = !watch->stopping;
    (void)pthread_mutex_unlock(&watch->lock);
    return go_on;
}

static void *run_watch(void *context)
{
    struct host_watch *watch = context;
    struct db *db = NULL;
    struct power_event *events = calloc(QUEUE_SIZE, sizeof(*events));
    size_t count = 0;
    int64_t next_ms = 0;
    bool go_on = events != NULL;
    while (go_on) {
        if (!db && db_open(watch->options.target, &db) != OK)
            log_warn("host.database", "message=%s", log_quote(err_message()).text);
        if (db && clock_mono_ms() >= next_ms) {
            if (report_all(watch, db) != OK)
                log_warn("host.report", "message=%s", log_quote(err_message()).text);
            next_ms = clock_mono_ms() + watch->options.interval_ms;
        }
        go_on = take_events(watch, db ? next_ms : clock_mono_ms() + 1000, events, &count);
        if (db)
            write_events(watch, db, events, count);
    }
    free(events);
    db_close(db);
    db_thread_end();
    return NULL;
}

enum err host_watch_start(const struct host_watch_options *options, struct host_watch **out)
{
    struct host_watch *watch = calloc(1, sizeof(*watch));
    pthread_condattr_t attributes;
    if (!watch)
        return fail(E_INTERNAL, "Out of memory.");
    watch->options = *options;
    (void)pthread_mutex_init(&watch->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&watch->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    *out = watch;
    return OK;
}

void host_watch_use(struct host_watch *watch, struct hypervisors *hypervisors)
{
    watch->hypervisors = hypervisors;
    if (pthread_create(&watch->thread, NULL, run_watch, watch) != 0)
        abort();
}

void host_watch_stop(struct host_watch *watch)
{
    if (!watch)
        return;
    (void)pthread_mutex_lock(&watch->lock);
    watch->stopping = true;
    (void)pthread_cond_broadcast(&watch->changed);
    (void)pthread_mutex_unlock(&watch->lock);
    if (watch->hypervisors)
        (void)pthread_join(watch->thread, NULL);
    watch->hypervisors = NULL;
}

void host_watch_free(struct host_watch *watch)
{
    if (!watch)
        return;
    (void)pthread_cond_destroy(&watch->changed);
    (void)pthread_mutex_destroy(&watch->lock);
    free(watch);
}

void host_watch_power_changed(void *context, const struct uuid *server, int power_state)
{
    struct host_watch *watch = context;
    (void)pthread_mutex_lock(&watch->lock);
    if (watch->count == QUEUE_SIZE) {
        watch->first = (watch->first + 1) % QUEUE_SIZE;
        watch->count--;
    }
    watch->queue[(watch->first + watch->count) % QUEUE_SIZE] = (struct power_event){*server, power_state};
    watch->count++;
    (void)pthread_cond_signal(&watch->changed);
    (void)pthread_mutex_unlock(&watch->lock);
}
