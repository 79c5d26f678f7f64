/* See handover.h. */
#include "gateway/conductor/handover.h"

#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/conductor/create_child.h"
#include "gateway/conductor/onward_ask.h"
#include "gateway/conductor/relay.h"
#include "gateway/conductor/select_children.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
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

/* --- what is ordered */

json_t *handover_order(struct request *request, const struct record_parts *parts, const struct ticket_from *from)
{
    const struct zones_view *view = request->gateway->zones ? zones_view(request->gateway->zones, request->arena) : NULL;
    const bool has_ticket = from && from->text;
    json_t *onward = NULL;
    if (!view || (view->child_count == 0 && !has_ticket))
        return NULL;
    if (has_ticket)
        onward = json_pack("{s:s, s:s}", "zone", uuid_to_text(&from->zone).text, "ticket", from->text);
    return json_pack("{s:O, s:O, s:s, s:i, s:o*}", "server", parts->server, "embedded", parts->embedded, "reservation_id",
                     parts->reservation_id, "launch_index", parts->launch_index, "onward", onward);
}

struct record_parts handover_parts(const json_t *order, const struct uuid *uuid)
{
    return (struct record_parts){.uuid = uuid,
                                 .server = json_object_get(order, "server"),
                                 .embedded = json_object_get(order, "embedded"),
                                 .reservation_id = text_of(order, "reservation_id"),
                                 .launch_index = (int)json_integer_value(json_object_get(order, "launch_index"))};
}

/* False: none came with the order. */
static bool read_ticket(const json_t *order, struct ticket_from *out)
{
    const json_t *onward = json_object_get(order, "onward");
    *out = (struct ticket_from){.text = json_string_value(json_object_get(onward, "ticket"))};
    return out->text && uuid_from_text(text_of(onward, "zone"), &out->zone) == OK;
}

/* --- the entry */

static enum err choose_entry(struct request *request, const struct handover *handover, struct plan_entry *out)
{
    struct plan_entries entries;
    size_t left = 0;
    if (handover->own_hosts) {
        TRY(select_all(request, handover->sizing, handover->sizing_text, &entries));
    } else {
        TRY(select_children(request, handover->sizing, handover->sizing_text, SELECT_LIKELY, &entries, &left));
        if (entries.count == 0 && left)
            TRY(select_children(request, handover->sizing, handover->sizing_text, SELECT_UNLIKELY, &entries, &left));
    }
    return plan_entry_take(&entries, out) ? OK : fail(E_CONFLICT, "No zone below has room.");
}

/* Whoever finds it stored must take it for sent. */
static enum err store_entry(struct task *task, const struct plan_entry *entry)
{
    json_t *away =
        json_pack("{s:s, s:s, s:s, s:I, s:b}", "zone", uuid_to_text(&entry->zone).text, "host", uuid_to_text(&entry->host).text,
                  "blob", entry->blob ? entry->blob : "", "until", (json_int_t)(clock_wall_us() + ENTRY_DEAD_US), "unknown", 1);
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

/* A record that names the zone which gave it back is over: the server is to begin here. */
static enum err forget_record(struct db *db, const struct uuid *server, const struct uuid *from)
{
    struct uuid zone;
    bool found = false;
    TRY(zone_forwarding_get(db, server, &zone, &found));
    return found && from && uuid_equal(&zone, from) ? zone_forwarding_delete(db, server) : OK;
}

static enum err accept_here(struct request *request, struct task *task, const struct handover *handover, struct order_move *move)
{
    const json_t *order = json_object_get(task->data, "order");
    const struct record_parts parts = handover_parts(order, &task->subject);
    CLEANUP(text_clear) struct text unused = {0};
    struct ticket_from from;
    struct uuid host;
    TRY(uuid_from_text(text_of(json_object_get(task->data, "away"), "host"), &host));
    TRY(forget_record(request->db, &task->subject, handover->from));
    const bool wraps = read_ticket(order, &from);
    const struct accept_order accept = {.uuid = parts.uuid,
                                        .host = &host,
                                        .server = parts.server,
                                        .embedded = parts.embedded,
                                        .sizing_text = handover->sizing_text,
                                        .reservation_id = parts.reservation_id,
                                        .launch_index = parts.launch_index,
                                        .past = &move->past,
                                        .from = wraps ? &from : NULL};
    move->owner = request->gateway->keys.zone;
    return conductor_accept(request, &accept, &unused);
}

static enum err send_entry(struct request *request, struct task *task, const struct handover *handover, struct order_move *move)
{
    const json_t *order = json_object_get(task->data, "order");
    const json_t *away = json_object_get(task->data, "away");
    const struct record_parts parts = handover_parts(order, &task->subject);
    CLEANUP(text_clear) struct text unused = {0};
    struct ticket_from from;
    struct uuid zone;
    /* "attempts" counts the build that is to come. */
    *move = (struct order_move){handover->past, {{0}}};
    TRY(uuid_from_text(text_of(away, "zone"), &zone));
    if (uuid_is_zero(&zone))
        return accept_here(request, task, handover, move);
    const bool wraps = read_ticket(order, &from);
    const struct child_order child = {.uuid = &task->subject,
                                      .zone = &zone,
                                      .blob = text_of(away, "blob"),
                                      .sizing_text = handover->sizing_text,
                                      .reservation_id = parts.reservation_id,
                                      .launch_index = parts.launch_index,
                                      .server = parts.server,
                                      .embedded = parts.embedded,
                                      .move = move,
                                      .from = wraps ? &from : NULL};
    return create_at_child(request, &child, &unused);
}

/* An order that may have arrived is given up only on the owner's own word, and when its entry is dead. */
static bool may_be_away(struct request *request, const json_t *away, enum err result)
{
    struct uuid zone;
    const bool is_named = uuid_from_text(text_of(away, "zone"), &zone) == OK;
    if (is_named && uuid_is_zero(&zone)) /* this one's own store said so, or could not be asked */
        return result != E_CONFLICT && result != E_NOT_FOUND && result != E_INVALID;
    if (result == E_TIMEOUT || result == E_BAD_GATEWAY)
        return true;
    if (!json_is_true(json_object_get(away, "unknown")))
        return false;
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const bool gone = !is_named || !view_child_by_uuid(view, &zone);
    return result != E_CONFLICT || gone || clock_wall_us() < json_integer_value(json_object_get(away, "until"));
}

/* Sends it until the outcome is known. OK: `move` says who has it. E_CONFLICT: nobody has it, the entry is dropped. */
static enum err settle_entry(struct request *request, struct task *task, const struct handover *handover, struct order_move *move)
{
    const enum err result = send_entry(request, task, handover, move);
    json_t *away = json_object_get(task->data, "away");
    if (result == OK)
        return OK;
    if (may_be_away(request, away, result)) {
        (void)json_object_set_new(away, "unknown", json_true());
        return fail(E_UNAVAILABLE, "It is not known whether the zone below has the server.");
    }
    drop_entry(task);
    return fail(E_CONFLICT, "The zone below refused the server.");
}

static enum err try_below(struct request *request, struct task *task, const struct handover *handover, struct uuid *owner)
{
    enum err result = E_CONFLICT;
    struct order_move move;
    while (result == E_CONFLICT) {
        struct plan_entry entry;
        if (json_integer_value(json_object_get(task->data, "refused")) >= REFUSED_MOST)
            return fail(E_CONFLICT, "The zones below refused the server.");
        if (!json_object_get(task->data, "away")) {
            TRY(choose_entry(request, handover, &entry));
            TRY(store_entry(task, &entry));
        }
        result = settle_entry(request, task, handover, &move);
    }
    TRY(result);
    *owner = move.owner;
    return OK;
}

/* --- above */

static enum err ask_above(struct request *request, struct task *task, const struct handover *handover, bool cancel,
                          struct uuid *owner)
{
    const json_t *order = json_object_get(task->data, "order");
    struct ticket_from from;
    if (!read_ticket(order, &from))
        return fail(E_CONFLICT, "No zone above is to be asked.");
    const struct onward_question question = {.parts = handover_parts(order, &task->subject),
                                             .ticket = &from,
                                             .sizing_text = handover->sizing_text,
                                             .past = handover->past,
                                             .cancel = cancel};
    return onward_ask(request, &question, owner);
}

static enum err try_above(struct request *request, struct task *task, const struct handover *handover, struct uuid *owner)
{
    struct ticket_from from;
    if (!read_ticket(json_object_get(task->data, "order"), &from))
        return fail(E_CONFLICT, "There is no other zone.");
    if (!json_object_get(task->data, "above")) {
        if (json_object_set_new(task->data, "above", json_true()))
            return fail(E_INTERNAL, "The task's data cannot be made.");
        TRY(task_save(task));
    }
    return ask_above(request, task, handover, false, owner);
}

/* --- both */

bool handover_is_begun(const struct task *task)
{
    return json_object_get(task->data, "away") || json_object_get(task->data, "above");
}

enum err handover_run(struct request *request, struct task *task, const struct handover *handover, struct uuid *owner)
{
    if (!json_object_get(task->data, "order"))
        return fail(E_CONFLICT, "There is no other zone.");
    if (!json_object_get(task->data, "above")) {
        const enum err result = try_below(request, task, handover, owner);
        if (result != E_CONFLICT)
            return result;
    }
    return try_above(request, task, handover, owner);
}

enum err handover_delete(struct request *request, const struct uuid *server, const struct uuid *owner, const struct zone *hop)
{
    struct zone_call call = {.zone = hop,
                             .origin = relay_origin(request),
                             .class = CLASS_MUTATE,
                             .method = "DELETE",
                             .target = arena_printf(request->arena, "/compute/v2.1/servers/%s", uuid_to_text(server).text)};
    headers_add(request->arena, &call.headers, CREATE_OWNER_HEADER, arena_strdup(request->arena, uuid_to_text(owner).text));
    fanout_run(request->fanout, request->arena, &call, 1, request->budget);
    if (call.answer.kind == ZONE_ANSWERED && (call.answer.status == 404 || call.answer.status / 100 == 2))
        return OK;
    return fail(E_UNAVAILABLE, "Zone %s has not deleted the server yet.", hop->row.name);
}

static enum err undo_below(struct request *request, struct task *task, const struct handover *handover)
{
    struct order_move move;
    struct uuid hop;
    if (!json_object_get(task->data, "away"))
        return OK;
    const enum err result = settle_entry(request, task, handover, &move);
    if (result == E_CONFLICT)
        return OK;
    TRY(result);
    TRY(uuid_from_text(text_of(json_object_get(task->data, "away"), "zone"), &hop));
    const struct zone *zone = view_child_by_uuid(zones_view(request->gateway->zones, request->arena), &hop);
    if (!zone)
        return fail(E_UNAVAILABLE, "The server's zone is not in the tree now.");
    return handover_delete(request, &task->subject, &move.owner, zone);
}

enum err handover_undo(struct request *request, struct task *task, const struct handover *handover)
{
    struct uuid owner;
    TRY(undo_below(request, task, handover));
    if (!json_object_get(task->data, "above"))
        return OK;
    const enum err result = ask_above(request, task, handover, true, &owner);
    return result == E_CONFLICT ? OK : result;
}
