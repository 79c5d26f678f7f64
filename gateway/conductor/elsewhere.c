/* See elsewhere.h. Task data: "order": {"server", "embedded", "reservation_id", "launch_index"}, "away": {"zone", "blob", "until",
 * "unknown"} the entry in use, "refused": how many zones refused. */
#include "gateway/conductor/elsewhere.h"

#include <string.h>

#include "compute/build/firewall.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/conductor/create_child.h"
#include "gateway/conductor/relay.h"
#include "gateway/conductor/select_children.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "schema/network.h"
#include "schema/security_group.h"
#include "schema/server.h"
#include "schema/zone_forwarding.h"
#include "zones/fanout.h"
#include "zones/registry.h"

#define ENTRY_DEAD_US (INT64_C(90) * 1000000) /* entries live 60 s by the owner's clock */
#define REFUSED_MOST  16

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

json_t *elsewhere_order(struct request *request, const struct record_parts *parts)
{
    const struct zones_view *view = request->gateway->zones ? zones_view(request->gateway->zones, request->arena) : NULL;
    if (!view || view->child_count == 0)
        return NULL;
    return json_pack("{s:O, s:O, s:s, s:i}", "server", parts->server, "embedded", parts->embedded, "reservation_id",
                     parts->reservation_id, "launch_index", parts->launch_index);
}

/* --- the entry */

static enum err choose_entry(struct request *request, const struct sizing *sizing, const char *sizing_text, struct plan_entry *out)
{
    struct plan_entries entries;
    size_t left = 0;
    TRY(select_children(request, sizing, sizing_text, SELECT_LIKELY, &entries, &left));
    if (entries.count == 0 && left)
        TRY(select_children(request, sizing, sizing_text, SELECT_UNLIKELY, &entries, &left));
    return plan_entry_take(&entries, out) ? OK : fail(E_CONFLICT, "No zone below has room.");
}

/* Whoever finds it stored must take it for sent. */
static enum err store_entry(struct task *task, const struct plan_entry *entry)
{
    json_t *away = json_pack("{s:s, s:s, s:I, s:b}", "zone", uuid_to_text(&entry->zone).text, "blob", entry->blob, "until",
                             (json_int_t)(clock_wall_us() + ENTRY_DEAD_US), "unknown", 1);
    if (!away || json_object_set_new(task->data, "away", away))
        return fail(E_INTERNAL, "The task's data cannot be made.");
    TRY(task_save(task));
    return json_object_set_new(away, "unknown", json_false()) ? fail(E_INTERNAL, "The task's data cannot be made.") : OK;
}

static void drop_entry(struct task *task)
{
    const json_int_t refused = json_integer_value(json_object_get(task->data, "refused"));
    (void)json_object_del(task->data, "away");
    (void)json_object_set_new(task->data, "refused", json_integer(refused + 1));
}

static enum err send_entry(struct request *request, struct task *task, const struct server *server, const char *sizing_text,
                           struct order_move *move)
{
    const json_t *order = json_object_get(task->data, "order");
    const json_t *away = json_object_get(task->data, "away");
    CLEANUP(text_clear) struct text unused = {0};
    json_auto_t *spec = NULL;
    struct uuid zone;
    TRY(uuid_from_text(text_of(away, "zone"), &zone));
    TRY(json_parse_foreign(server->request_spec, strlen(server->request_spec), &spec));
    /* "attempts" counts the build that is to come. */
    *move = (struct order_move){{server->created_us, json_integer_value(json_object_get(spec, "attempts")) - 1}, {{0}}};
    const struct child_order child = {.uuid = &task->subject,
                                      .zone = &zone,
                                      .blob = text_of(away, "blob"),
                                      .sizing_text = sizing_text,
                                      .reservation_id = text_of(order, "reservation_id"),
                                      .launch_index = (int)json_integer_value(json_object_get(order, "launch_index")),
                                      .server = json_object_get(order, "server"),
                                      .embedded = json_object_get(order, "embedded"),
                                      .move = move};
    return create_at_child(request, &child, &unused);
}

/* An order that may have arrived is given up only on the owner's own word, and when its entry is dead. */
static bool may_be_below(struct request *request, const json_t *away, enum err result)
{
    struct uuid zone;
    if (result == E_TIMEOUT || result == E_BAD_GATEWAY)
        return true;
    if (!json_is_true(json_object_get(away, "unknown")))
        return false;
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const bool gone = uuid_from_text(text_of(away, "zone"), &zone) != OK || !view_child_by_uuid(view, &zone);
    return result != E_CONFLICT || gone || clock_wall_us() < json_integer_value(json_object_get(away, "until"));
}

/* Sends it until the outcome is known. OK: `move` says who has it. E_CONFLICT: nobody has it, the entry is dropped. */
static enum err settle_entry(struct request *request, struct task *task, const struct server *server, const char *sizing_text,
                             struct order_move *move)
{
    const enum err result = send_entry(request, task, server, sizing_text, move);
    json_t *away = json_object_get(task->data, "away");
    if (result == OK)
        return OK;
    if (may_be_below(request, away, result)) {
        (void)json_object_set_new(away, "unknown", json_true());
        return fail(E_UNAVAILABLE, "It is not known whether the zone below has the server.");
    }
    drop_entry(task);
    return fail(E_CONFLICT, "The zone below refused the server.");
}

/* --- giving it up */

struct giving {
    struct task *task;
    const struct uuid *owner;
    bool done;
};

static bool is_deleting(const struct server *server)
{
    return server->task_state && server->task_state[0] == 'd';
}

/* A delete came first: this task is cancelled, and takes the server back. */
static enum err give(struct db *db, void *context)
{
    struct giving *giving = context;
    const struct uuid *uuid = &giving->task->subject;
    struct server server;
    TRY(task_guard(giving->task, db));
    TRY(server_get_locked(db, giving->task->arena, uuid, &server));
    giving->done = !is_deleting(&server);
    if (!giving->done)
        return OK;
    if (server.nics) {
        TRY(firewall_touch_sources(db, uuid, giving->task->request_id));
        TRY(security_group_leave_all(db, uuid));
        TRY(port_delete_of_server(db, uuid));
    }
    TRY(zone_forwarding_put(db, uuid, giving->owner));
    return server_remove(db, uuid);
}

enum err elsewhere_try(struct request *request, struct task *task, const struct sizing *sizing, const char *sizing_text)
{
    struct server server;
    struct order_move move;
    enum err result = E_CONFLICT;
    if (!json_object_get(task->data, "order"))
        return fail(E_CONFLICT, "There is no other zone.");
    TRY(server_get_any(task->db, task->arena, &task->subject, &server));
    while (result == E_CONFLICT) {
        struct plan_entry entry;
        if (json_integer_value(json_object_get(task->data, "refused")) >= REFUSED_MOST)
            return fail(E_CONFLICT, "The zones below refused the server.");
        if (!json_object_get(task->data, "away")) {
            TRY(choose_entry(request, sizing, sizing_text, &entry));
            TRY(store_entry(task, &entry));
        }
        result = settle_entry(request, task, &server, sizing_text, &move);
    }
    TRY(result);
    struct giving giving = {task, &move.owner, false};
    TRY(db_transaction(task->db, give, &giving));
    if (giving.done)
        log_info("build.elsewhere", "server=%s zone=%s", uuid_to_text(&task->subject).text, uuid_to_text(&move.owner).text);
    return OK;
}

/* --- taking it back */

static enum err delete_below(struct request *request, struct task *task, const struct uuid *owner)
{
    struct uuid hop;
    TRY(uuid_from_text(text_of(json_object_get(task->data, "away"), "zone"), &hop));
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct zone *zone = view_child_by_uuid(view, &hop);
    if (!zone)
        return fail(E_UNAVAILABLE, "The server's zone is not in the tree now.");
    struct zone_call call = {.zone = zone,
                             .origin = relay_origin(request),
                             .class = CLASS_MUTATE,
                             .method = "DELETE",
                             .target = arena_printf(request->arena, "/compute/v2.1/servers/%s", uuid_to_text(&task->subject).text)};
    headers_add(request->arena, &call.headers, CREATE_OWNER_HEADER, arena_strdup(request->arena, uuid_to_text(owner).text));
    fanout_run(request->fanout, request->arena, &call, 1, request->budget);
    if (call.answer.kind == ZONE_ANSWERED && (call.answer.status == 404 || call.answer.status / 100 == 2))
        return OK;
    return fail(E_UNAVAILABLE, "Zone %s has not deleted the server yet.", zone->row.name);
}

enum err elsewhere_undo(struct request *request, struct task *task, const char *sizing_text)
{
    const struct server *server = NULL;
    struct order_move move;
    TRY(server_find(task->db, task->arena, &task->subject, &server));
    if (!server || !json_object_get(task->data, "away"))
        return OK;
    const enum err result = settle_entry(request, task, server, sizing_text, &move);
    if (result == E_CONFLICT)
        return OK;
    TRY(result);
    return delete_below(request, task, &move.owner);
}
