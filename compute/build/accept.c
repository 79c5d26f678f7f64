/* The transaction behind 202, and its opposite, the ERROR row; see build.h. */
#include <string.h>

#include "compute/build/build.h"
#include "compute/build/firewall.h"
#include "compute/build/inside.h"
#include "compute/build/nics.h"
#include "compute/build/reschedule.h"
#include "compute/scheduler/claim.h"
#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "schema/action.h"
#include "schema/plan.h"
#include "schema/zone_forwarding.h"

#define US_PER_S 1000000

static int64_t now_whole_seconds(void)
{
    return clock_wall_us() / US_PER_S * US_PER_S;
}

const char *build_fault(struct arena *arena, int code, const char *message, const char *details)
{
    CLEANUP(text_clear) struct text text = {0};
    text_add_format(&text, "{\"code\":%d,\"created\":\"%s\",\"message\":", code, time_iso_z(clock_wall_us()).text);
    text_add_json(&text, message);
    text_add_str(&text, ",\"details\":");
    text_add_json(&text, details ? details : "");
    text_add_str(&text, "}");
    return arena_strdup(arena, text_str(&text));
}

static void release_json(void *json)
{
    json_decref(json);
}

static enum err build_data(struct arena *arena, const struct build_order *order, const json_t **out)
{
    json_t *data = json_pack("{s:s, s:s, s:O?, s:s?, s:O?}", "request_id", order->request_id, "host", order->server->host, "caller",
                             order->told, "first_boot", order->server->first_boot, "order", order->order);
    if (!data)
        return fail(E_INTERNAL, "The task's data cannot be made.");
    arena_defer(arena, release_json, data);
    *out = data;
    return OK;
}

/* A server without a sizing text takes its sizes. */
static enum err read_sizing(struct arena *arena, const struct build_order *order, struct sizing *out)
{
    const struct server *server = order->server;
    *out = (struct sizing){.vcpus = server->vcpus, .ram_mib = server->ram_mib, .disk_gib = server->disk_gib};
    return order->sizing_text ? sizing_read(arena, order->sizing_text, strlen(order->sizing_text), out) : OK;
}

static enum err prepare(struct db *db, struct arena *arena, const struct build_order *order)
{
    struct server *server = order->server;
    server->vm_state = "building";
    server->task_state = "spawning";
    server->created_us = order->past ? order->past->created_us : now_whole_seconds();
    server->updated_us = now_whole_seconds();
    server->request_spec = reschedule_spec(arena, order);
    if (server->networks)
        TRY(nics_allocate(db, arena, server));
    return server->nics ? firewall_join(db, arena, server) : OK;
}

/* What points into an arena that ends. */
static void forget_texts(struct server *server)
{
    server->request_spec = "{}";
    server->nics = NULL;
    server->security_groups = NULL;
}

static enum err insert_servers(struct db *db, struct arena *arena, const struct build_order *const *orders, size_t count)
{
    const struct server **servers = arena_alloc(arena, (count + 1) * sizeof(const struct server *));
    for (size_t i = 0; i < count; i++)
        servers[i] = orders[i]->server;
    return server_insert_all(db, servers, count);
}

static enum err start_actions(struct db *db, struct arena *arena, const struct build_order *const *orders, size_t count)
{
    struct action_new *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    for (size_t i = 0; i < count; i++)
        items[i] = (struct action_new){.server = &orders[i]->server->uuid,
                                       .action = "create",
                                       .caller = orders[i]->caller,
                                       .request_id = orders[i]->request_id,
                                       .event = "compute__do_build_and_run_instance",
                                       .host = orders[i]->server->host};
    return action_start_all(db, items, count);
}

static enum err add_builds(struct db *db, struct arena *arena, const struct build_order *const *orders, size_t count)
{
    struct task_new *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct task_new){.subject = &orders[i]->server->uuid, .request_id = orders[i]->request_id};
        TRY(build_data(arena, orders[i], &items[i].data));
    }
    return task_add_all(db, "build", items, count);
}

static enum err join_groups(struct db *db, struct arena *arena, const struct build_order *const *orders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sizing sizing;
        TRY(read_sizing(arena, orders[i], &sizing));
        TRY(scheduler_join(db, &sizing, &orders[i]->server->uuid, orders[i]->server->user_id));
    }
    return OK;
}

static enum err begin_locked(struct db *db, struct arena *arena, const struct build_order *const *orders, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TRY(prepare(db, arena, orders[i]));
    TRY(insert_servers(db, arena, orders, count));
    TRY(join_groups(db, arena, orders, count));
    TRY(start_actions(db, arena, orders, count));
    return add_builds(db, arena, orders, count);
}

static enum err begin_all_locked(struct db *db, const struct build_order *const *orders, size_t count)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const enum err result = begin_locked(db, &arena, orders, count);
    for (size_t i = 0; i < count; i++)
        forget_texts(orders[i]->server);
    return result;
}

enum err build_begin_locked(struct db *db, const struct build_order *order)
{
    return begin_all_locked(db, &order, 1);
}

/* --- the claim */

static enum err claim(struct db *db, const struct build_order *order)
{
    const struct server *server = order->server;
    const struct claim_order claim = {order->provider, server->host, &server->uuid, server->project_id, server->user_id};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct sizing sizing;
    TRY(read_sizing(&arena, order, &sizing));
    TRY(scheduler_claim(db, &sizing, &claim));
    return scheduler_late_check(db, &sizing, &claim);
}

static enum err claim_all(struct db *db, const struct build_order *const *orders, size_t count)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct claim_order *claims = arena_alloc(&arena, (count + 1) * sizeof(*claims));
    struct sizing *sizings = arena_alloc(&arena, (count + 1) * sizeof(*sizings));
    for (size_t i = 0; i < count; i++) {
        const struct server *server = orders[i]->server;
        claims[i] = (struct claim_order){orders[i]->provider, server->host, &server->uuid, server->project_id, server->user_id};
        TRY(read_sizing(&arena, orders[i], &sizings[i]));
    }
    return scheduler_claim_all(db, sizings, claims, count);
}

/* --- all of it */

/* One of them is, or was, here; or came over a link, and has gone on. */
static enum err is_known(struct db *db, const struct build_order *const *orders, size_t count, bool *out)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct uuid *uuids = arena_alloc(&arena, (count + 1) * sizeof(*uuids));
    bool came = false;
    for (size_t i = 0; i < count; i++) {
        uuids[i] = orders[i]->server->uuid;
        came = came || orders[i]->use || orders[i]->past;
    }
    TRY(server_exists_any(db, uuids, count, out));
    return *out || !came ? OK : zone_forwarding_any(db, uuids, count, out);
}

static enum err bind(struct db *db, const struct build_order *const *orders, size_t count)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct plan_binding *items = arena_alloc(&arena, (count + 1) * sizeof(*items));
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const struct plan_use *use = orders[i]->use;
        if (use)
            items[used++] = (struct plan_binding){use->entry, &orders[i]->server->uuid, use->expires_us};
    }
    return plan_bind_all(db, items, used);
}

struct acceptance {
    const struct build_order *const *orders;
    size_t count;
};

static enum err accept_locked(struct db *db, void *context)
{
    const struct acceptance *a = context;
    bool known = false;
    TRY(is_known(db, a->orders, a->count, &known));
    if (known)
        return a->count == 1 ? OK : fail(E_CONFLICT, "One of the servers is here already.");
    TRY(bind(db, a->orders, a->count));
    TRY(a->count == 1 ? claim(db, a->orders[0]) : claim_all(db, a->orders, a->count));
    return begin_all_locked(db, a->orders, a->count);
}

enum err build_accept(struct db *db, const struct build_order *order)
{
    struct acceptance acceptance = {&order, 1};
    bool known = false;
    const enum err result = db_transaction(db, accept_locked, &acceptance);
    if (result != E_CONFLICT)
        return result;
    TRY(is_known(db, &order, 1, &known)); /* a repeat that ran beside the first one: it lost to itself */
    return known ? OK : result;
}

enum err build_accept_all(struct db *db, const struct build_order *const *orders, size_t count)
{
    struct acceptance acceptance = {orders, count};
    return db_transaction(db, accept_locked, &acceptance);
}

struct burial {
    const struct server *server;
    const struct caller *caller;
    const char *request_id;
    const char *message;
};

static enum err bury_in_transaction(struct db *db, void *context)
{
    const struct burial *b = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct server server = *b->server;
    server.vm_state = "error";
    server.task_state = NULL;
    server.host = NULL;
    server.node = NULL;
    server.created_us = now_whole_seconds();
    server.updated_us = server.created_us;
    server.fault = build_fault(&arena, 500, b->message, NULL);
    TRY(server_insert(db, &server));
    TRY(action_start(db, &server.uuid, "create", b->caller, b->request_id));
    TRY(action_event_start(db, &server.uuid, b->request_id, "conductor_schedule_and_build_instances", NULL));
    return action_event_finish(db, &server.uuid, b->request_id, "conductor_schedule_and_build_instances", b->message);
}

enum err build_bury(struct db *db, struct server *server, const struct caller *caller, const char *request_id, const char *message)
{
    struct burial b = {server, caller, request_id, message};
    return db_transaction(db, bury_in_transaction, &b);
}
