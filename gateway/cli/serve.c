/*
 * `zonegate serve`: the process, from the configuration to the end, in order and back.
 *
 * Threads: the epoll thread owns the clients' connections, its watch ends those of slow clients; workers own a database connection
 * and connections to other zones each, and run handlers; task runners carry the long tasks; the poller asks the other zones, the
 * prober those that are silent; the hosts' thread reports hosts and power states; libvirt's event loop and each host's lane own the
 * calls to libvirt; the private database's supervisor waits for mariadbd.
 * Main waits for a signal.
 */
#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compute/build/build.h"
#include "compute/build/hold.h"
#include "compute/build/host_watch.h"
#include "compute/image/store.h"
#include "compute/placement/resource_class.h"
#include "gateway/api/api.h"
#include "gateway/api/identity.h"
#include "gateway/api/image_service.h"
#include "gateway/api/placement/service.h"
#include "gateway/base/log.h"
#include "gateway/base/metrics.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/zone_url.h"
#include "gateway/conductor/authenticate.h"
#include "gateway/conductor/catalog.h"
#include "gateway/conductor/batch.h"
#include "gateway/conductor/compensate.h"
#include "gateway/conductor/create.h"
#include "gateway/conductor/image_pull.h"
#include "gateway/conductor/locate.h"
#include "gateway/conductor/once.h"
#include "gateway/conductor/onward.h"
#include "gateway/conductor/relay.h"
#include "gateway/conductor/reschedule.h"
#include "gateway/conductor/revoke.h"
#include "gateway/conductor/runner_context.h"
#include "gateway/conductor/select.h"
#include "gateway/conductor/together.h"
#include "gateway/gateway.h"
#include "gateway/http/server/server.h"
#include "gateway/identity/identity.h"
#include "schema/db_cache.h"
#include "schema/json/json.h"
#include "schema/migrate.h"
#include "schema/private_server.h"
#include "schema/task/task.h"
#include "schema/zone_self.h"
#include "zones/fanout.h"
#include "zones/registry.h"
#include "zones/seen.h"

#define ARENAS_LEAST     2
#define STOP_GRACE_MS    10000
#define HOST_INTERVAL_MS 5000

struct process {
    struct gateway gateway;
    struct private_server *server;
    struct db *db;
    struct host_watch *watch;
    struct image_pulls pulls;
    struct runner_context runners;     /* what tasks' steps see */
    const struct task_kind *kinds[32]; /* NULL-terminated */
    struct zones_options zones_options;
    struct http_core core;
    struct http_core placement_core; /* Placement at `/` of its own port, if it has one */
    struct http_server *placement_server;
    const struct service *placement_services[2];
    char url[512];
    const struct service *services[9]; /* NULL-terminated */
    bool schemas_open;
    bool core_ready;
    bool placement_ready;
};

static enum log_level level_of(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0)
            return (enum log_level)i;
    }
    return LOG_LEVEL_INFO;
}

static enum err open_store(struct process *p)
{
    const struct config *config = &p->gateway.config;
    int from = 0;
    int to = 0;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct zone_self self;
    TRY(cli_keys_open(config, &p->gateway.keys));
    if (strcmp(config->database.connection, "private") == 0) {
        TRY(private_server_start(config->database.mariadbd, config->zone.state_dir, &p->server));
        TRY(db_target_copy(private_server_target(p->server), &p->gateway.database));
    } else {
        TRY(db_target_parse(config->database.connection, &p->gateway.database));
        TRY(db_create_database(&p->gateway.database));
    }
    p->gateway.database.cache = db_cache_new();
    TRY(db_open(&p->gateway.database, &p->db));
    TRY(db_upgrade(p->db, &from, &to));
    if (from != to)
        log_info("db.upgraded", "from=%d to=%d", from, to);
    TRY(placement_sync(p->db));
    TRY(zone_self_open(p->db, &arena, &p->gateway.keys.zone, config->zone.name, &self));
    p->zones_options.incarnation = self.incarnation;
    p->gateway.tag = zone_tag(&p->gateway.keys.zone);
    p->gateway.name = config->zone.name;
    return OK;
}

/* Logins are passed on to the authority with the HTTP client of the links. */
static enum err forward_login(void *context, struct arena *arena, const struct identity_call *call, struct identity_answer *out)
{
    const struct process *p = context;
    struct http_answer answer;
    struct http_request request = {.url = call->url,
                                   .method = call->method,
                                   .body = call->body,
                                   .body_length = call->body_length,
                                   .trust = {.insecure = p->gateway.config.zones.insecure}};
    for (size_t i = 0; i < call->headers->count; i++)
        headers_add(arena, &request.headers, call->headers->items[i].name, call->headers->items[i].value);
    http_call(arena, &request, call->budget, &answer);
    if (answer.kind != ZONE_ANSWERED)
        return fail(E_UNAVAILABLE, "The identity service at %s does not answer: %s.", call->url,
                    answer.why ? answer.why : "no answer");
    *out = (struct identity_answer){.status = answer.status, .body = answer.body, .body_length = answer.body_length};
    for (size_t i = 0; i < answer.headers.count; i++)
        pairs_add(arena, &out->headers, answer.headers.items[i].name, answer.headers.items[i].value);
    return OK;
}

static enum err open_zones(struct process *p)
{
    const struct config *config = &p->gateway.config;
    zone_url(config, p->url, sizeof(p->url));
    p->zones_options.name = config->zone.name;
    p->zones_options.url = p->url;
    p->zones_options.keys = &p->gateway.keys;
    p->zones_options.database = &p->gateway.database;
    p->zones_options.poll_interval_ms = config->zones.poll_interval_ms;
    p->zones_options.child_timeout_ms = config->zones.child_timeout_ms;
    p->zones_options.insecure = config->zones.insecure;
    p->zones_options.forwarding_keep_s = config->zones.forwarding_keep_s;
    p->zones_options.expose_names = config->zone.expose_names;
    p->zones_options.reads_up = *config->identity.url != '\0';
    p->gateway.seen = seen_new((size_t)config->zones.remembered_servers);
    p->zones_options.seen = p->gateway.seen;
    TRY(zones_open(&p->zones_options, &p->gateway.zones));
    TRY(identity_open(config, &p->gateway.keys, &p->gateway.database, &p->gateway.identity));
    identity_set_forwarder(p->gateway.identity, forward_login, p);
    return OK;
}

/* This zone's own long work, and what touches other zones. */
static void choose_kinds(struct process *p)
{
    static const struct task_kind *const tree_kinds[] = {&batch_kind,  &compensate_kind, &hold_expiry_kind, &image_pull_kind,
                                                         &onward_kind, &reschedule_kind, &revoke_kind};
    size_t count = 0;
    for (size_t i = 0; build_kinds[i]; i++)
        p->kinds[count++] = build_kinds[i];
    for (size_t i = 0; i < ARRAY_LEN(tree_kinds); i++)
        p->kinds[count++] = tree_kinds[i];
    assert(count < ARRAY_LEN(p->kinds));
}

static enum err open_compute(struct process *p)
{
    const struct config *config = &p->gateway.config;
    const struct hypervisor_options options = {.virt_type = config->compute.virt_type,
                                               .pool = config->compute.pool,
                                               .pool_path = config->compute.pool_path,
                                               .lane_queue = (size_t)config->compute.lane_queue,
                                               .console_bytes = (size_t)config->compute.console_kib * 1024,
                                               .sync_interval_s = config->compute.sync_interval_s,
                                               .networks = config->compute.networks};
    const struct host_watch_options watch = {&p->gateway.database, HOST_INTERVAL_MS, (double)config->compute.cpu_ratio};
    TRY(host_watch_start(&watch, &p->watch));
    TRY(hypervisors_open(&options, host_watch_power_changed, p->watch, &p->gateway.hypervisors));
    CLEANUP(arena_clear) struct arena arena = {0};
    struct hosts hosts;
    TRY(host_list(p->db, &arena, &hosts)); /* known before the first task looks for them */
    for (size_t i = 0; i < hosts.count; i++)
        TRY(hypervisor_add(p->gateway.hypervisors, hosts.items[i].name, hosts.items[i].uri));
    host_watch_use(p->watch, p->gateway.hypervisors);
    TRY(image_store_open(config->zone.state_dir, (uint64_t)config->image.max_size_gib << 30, &p->gateway.images));
    TRY(image_store_sweep(p->gateway.images));
    TRY(image_store_recover(p->gateway.images, p->db));
    TRY(image_pulls_init(&p->pulls, &p->gateway));
    p->runners.gateway = &p->gateway;
    p->runners.build = (struct build_environment){.hypervisors = p->gateway.hypervisors,
                                                  .images = p->gateway.images,
                                                  .state_dir = config->zone.state_dir,
                                                  .zone_name = config->zone.name,
                                                  .fetch_image = image_pulls_fetch,
                                                  .fetch_context = &p->pulls,
                                                  .max_attempts = config->scheduler.max_attempts,
                                                  .fail_builds = config->debug.fail_builds};
    choose_kinds(p);
    p->gateway.plans = together_new(select_together);
    p->gateway.accepts = together_new(conductor_accept_all);
    if (!p->gateway.plans || !p->gateway.accepts)
        return fail(E_INTERNAL, "Out of memory.");
    return task_runners_start(&p->gateway.database, p->kinds, &p->runners, (int)config->compute.task_runners,
                              config->debug.stop_after, &p->gateway.tasks);
}

static void tell_waiting(void *parts, bool waits)
{
    worker_waiting(parts, waits);
}

static enum err open_worker(void *context, struct worker_parts *parts)
{
    struct process *p = context;
    TRY(db_open(&p->gateway.database, &parts->db));
    const enum err result = fanout_open(p->gateway.zones, &parts->fanout);
    if (result != OK) {
        db_close(parts->db);
        parts->db = NULL;
        return result;
    }
    fanout_on_wait(parts->fanout, tell_waiting, parts);
    return OK;
}

static void close_worker(void *context, struct worker_parts *parts)
{
    (void)context;
    fanout_close(parts->fanout);
    db_close(parts->db);
    db_thread_end();
}

/* Users are kept here, or all that concerns them is passed on to the authority. */
static void choose_services(struct process *p)
{
    const bool delegated = identity_authority_url(p->gateway.identity) != NULL;
    const struct service *const chosen[] = {
        &root_service,           &compute_versions_service,  &compute_service,
        &compute_legacy_service, &identity_versions_service, delegated ? &identity_delegated_service : &identity_service,
        &image_service,          &placement_service,         NULL};
    _Static_assert(sizeof(chosen) <= sizeof(p->services), "room for all");
    memcpy(p->services, chosen, sizeof(chosen));
}

/* Placement may be told to believe every token (tests). */
static enum err authenticate(struct request *request)
{
    const bool placement = request->service == &placement_service || request->service == &placement_root_service;
    if (placement && placement_is_noauth(&request->gateway->config))
        return placement_authenticate_noauth(request);
    return conductor_authenticate(request);
}

static enum err open_placement(struct process *p, struct http_server_options options, const struct worker_hooks *hooks)
{
    if (!*p->gateway.config.placement.listen)
        return OK;
    options.listen = p->gateway.config.placement.listen;
    options.public_url = "";
    p->placement_services[0] = &placement_root_service;
    p->placement_core = p->core;
    p->placement_core.services = p->placement_services;
    p->placement_core.routing = NULL;
    TRY(core_setup(&p->placement_core));
    p->placement_ready = true;
    return http_server_start(&options, &p->placement_core, hooks, &p->placement_server);
}

static enum err open_http(struct process *p)
{
    const struct config *config = &p->gateway.config;
    const struct http_server_options options = {.listen = config->api.listen,
                                                .public_url = config->api.public_url,
                                                .tls_cert = config->api.tls_cert,
                                                .tls_key = config->api.tls_key,
                                                .workers = (size_t)config->api.workers,
                                                .queue = (size_t)config->api.queue,
                                                .request_ms = config->api.request_s * 1000};
    const struct worker_hooks hooks = {p, open_worker, close_worker};
    choose_services(p);
    identity_set_listener(p->gateway.identity, revoke_changed, &p->gateway);
    p->core = (struct http_core){.gateway = &p->gateway,
                                 .services = p->services,
                                 .hooks = {.authenticate = authenticate,
                                           .begin = once_begin,
                                           .end = once_end,
                                           .locate = conductor_locate,
                                           .locate_ahead = conductor_locate_ahead,
                                           .conclude = relay_conclude},
                                 .max_body = (size_t)config->api.max_body,
                                 .budget_ms = config->api.budget_ms};
    TRY(core_setup(&p->core));
    p->core_ready = true;
    TRY(http_server_start(&options, &p->core, &hooks, &p->gateway.server));
    TRY(open_placement(p, options, &hooks));
    return zones_start(p->gateway.zones);
}

static enum err open_all(struct process *p)
{
    TRY(json_schemas_open());
    p->schemas_open = true;
    TRY(open_store(p));
    TRY(open_zones(p));
    TRY(open_compute(p));
    return open_http(p);
}

/* In reverse: no new requests, then no new work, then what they stand on. */
static void close_all(struct process *p)
{
    http_server_stop(p->placement_server, STOP_GRACE_MS);
    if (p->gateway.server)
        http_server_stop(p->gateway.server, STOP_GRACE_MS);
    image_pulls_stop(&p->pulls);
    task_runners_stop(p->gateway.tasks, STOP_GRACE_MS);
    together_free(p->gateway.accepts);
    together_free(p->gateway.plans);
    host_watch_stop(p->watch);
    hypervisors_close(p->gateway.hypervisors);
    host_watch_free(p->watch);
    image_store_close(p->gateway.images);
    if (p->placement_ready)
        core_clear(&p->placement_core);
    if (p->core_ready)
        core_clear(&p->core);
    catalog_clear();
    identity_close(p->gateway.identity);
    zones_close(p->gateway.zones);
    seen_free(p->gateway.seen);
    db_close(p->db);
    db_cache_free(p->gateway.database.cache);
    db_target_clear(&p->gateway.database);
    private_server_stop(p->server);
    zone_keys_clear(&p->gateway.keys);
    if (p->schemas_open)
        json_schemas_close();
    db_thread_end();
    metrics_close();
}

/* Threads inherit the mask: only main takes the signals. */
static void block_signals(sigset_t *out)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigemptyset(out);
    (void)sigaddset(out, SIGTERM);
    (void)sigaddset(out, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, out, NULL);
}

/* An arena of memory per core, not per thread: most threads wait most of the time, and each arena keeps pages to itself. */
static void bound_arenas(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    (void)mallopt(M_ARENA_MAX, cores > ARENAS_LEAST ? (int)cores : ARENAS_LEAST);
}

static enum err run(struct process *p, const sigset_t *signals)
{
    int signal_number = 0;
    bound_arenas();
    TRY(open_all(p));
    p->gateway.started_us = clock_wall_us();
    log_info("zone.ready", "url=%s port=%u uuid=%s tag=%06x", p->url, http_server_port(p->gateway.server),
             uuid_to_text(&p->gateway.keys.zone).text, p->gateway.tag);
    (void)printf("zonegate: serving %s (zone %s)\n", p->url, p->gateway.name);
    (void)fflush(stdout);
    while (sigwait(signals, &signal_number) == EINTR)
        ;
    log_info("zone.stopping", "signal=%d", signal_number);
    return OK;
}

enum err cmd_serve(struct cli *cli)
{
    static struct process process; /* large, and as old as the daemon */
    sigset_t signals;
    struct scheduler_settings scheduler;
    TRY(placement_check_config(&cli->config));
    TRY(select_settings(&cli->arena, &cli->config, &scheduler));
    if (cli_option(cli, "check")) {
        (void)printf("%s is a good configuration for zone %s.\n", cli->config.path, cli->config.zone.name);
        return OK;
    }
    block_signals(&signals);
    process.gateway.config = cli->config; /* borrowed */
    log_setup(level_of(cli->config.log.level), cli->config.zone.name);
    const enum err result = run(&process, &signals);
    char message[1024];
    (void)snprintf(message, sizeof(message), "%s", err_message());
    close_all(&process);
    return result == OK ? OK : fail(result, "%s", message);
}
