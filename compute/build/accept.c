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

static enum err add_build(struct db *db, const struct build_order *order)
{
    json_auto_t *data = json_pack("{s:s, s:s, s:O?, s:s?, s:O?}", "request_id", order->request_id, "host", order->server->host,
                                  "caller", order->told, "first_boot", order->server->first_boot, "order", order->order);
    return data ? task_add(db, "build", &order->server->uuid, order->request_id, data)
                : fail(E_INTERNAL, "The task's data cannot be made.");
}

/* A server without a sizing text takes its sizes. */
static enum err read_sizing(struct arena *arena, const struct build_order *order, struct sizing *out)
{
    const struct server *server = order->server;
    *out = (struct sizing){.vcpus = server->vcpus, .ram_mib = server->ram_mib, .disk_gib = server->disk_gib};
    return order->sizing_text ? sizing_read(arena, order->sizing_text, strlen(order->sizing_text), out) : OK;
}

enum err build_begin_locked(struct db *db, const struct build_order *order)
{
    struct server *server = order->server;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct sizing sizing;
    server->vm_state = "building";
    server->task_state = "spawning";
    server->created_us = order->past ? order->past->created_us : now_whole_seconds();
    server->updated_us = now_whole_seconds();
    server->request_spec = reschedule_spec(&arena, order);
    if (server->networks)
        TRY(nics_allocate(db, &arena, server));
    if (server->nics)
        TRY(firewall_join(db, &arena, server));
    const enum err result = server_insert(db, server);
    server->request_spec = "{}"; /* the texts were the arena's */
    server->nics = NULL;
    server->security_groups = NULL;
    TRY(result);
    TRY(read_sizing(&arena, order, &sizing));
    TRY(scheduler_join(db, &sizing, &server->uuid, server->user_id));
    TRY(action_start_with(db, &server->uuid, "create", order->caller, order->request_id, "compute__do_build_and_run_instance",
                          server->host));
    return add_build(db, order);
}

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

/* It is, or was, here; or came over a link, and has gone on. */
static enum err is_known(struct db *db, const struct build_order *order, bool *out)
{
    struct uuid owner;
    TRY(server_exists(db, &order->server->uuid, out));
    return *out || !order->use ? OK : zone_forwarding_get(db, &order->server->uuid, &owner, out);
}

static enum err accept_locked(struct db *db, const struct build_order *order)
{
    const struct server *server = order->server;
    bool known = false;
    TRY(is_known(db, order, &known));
    if (known)
        return OK;
    if (order->use)
        TRY(plan_bind(db, order->use->entry, &server->uuid, order->use->expires_us));
    TRY(claim(db, order));
    return build_begin_locked(db, order);
}

static enum err accept_in_transaction(struct db *db, void *context)
{
    return accept_locked(db, context);
}

enum err build_accept(struct db *db, const struct build_order *order)
{
    struct build_order copy = *order;
    bool known = false;
    const enum err result = db_transaction(db, accept_in_transaction, &copy);
    if (result != E_CONFLICT)
        return result;
    TRY(is_known(db, order, &known)); /* a repeat that ran beside the first one: it lost to itself */
    return known ? OK : result;
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
