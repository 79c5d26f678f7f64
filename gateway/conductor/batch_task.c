/* The batch as a task: decide (unless its request did), then commit until all servers exist; see batch.h. */
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/conductor/batch_inside.h"
#include "gateway/conductor/on_behalf.h"
#include "gateway/conductor/quota.h"
#include "gateway/conductor/record.h"
#include "gateway/conductor/select_group.h"
#include "gateway/gateway.h"

#define STEP_MS        20000
#define NO_VALID_HOST  "No valid host was found. There are not enough hosts available."
#define NO_OTHER_PLACE "No valid host was found. The place that was held was lost, and there is no other."

struct batch batch_new(struct request *request, const struct create_order *order)
{
    struct batch batch = {.request = request,
                          .order = *order,
                          .sizing_text = sizing_write(request->arena, &order->sizing),
                          .count = (size_t)order->count};
    batch.places = arena_alloc(request->arena, batch.count * sizeof(*batch.places));
    memset(batch.places, 0, batch.count * sizeof(*batch.places));
    uuid_new(&batch.subject);
    return batch;
}

struct batch_order batch_order_of(const struct batch *batch)
{
    return (struct batch_order){batch->sizing_text, batch->order.reservation_id, batch->order.server, batch->order.embedded,
                                batch->order.minted_us};
}

static json_t *write_places(const struct batch *batch)
{
    json_t *list = json_array();
    for (size_t i = 0; i < batch->count; i++) {
        const struct batch_place *place = &batch->places[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:I, s:i}", "uuid", uuid_to_text(&place->server).text, "zone",
                                                    uuid_to_text(&place->zone).text, "name", place->name, "index",
                                                    (json_int_t)place->launch_index, "state", (int)place->state));
    }
    return list;
}

json_t *batch_write(const struct batch *batch, bool decided)
{
    return json_pack("{s:b, s:b, s:o, s:O, s:O, s:s, s:s, s:I, s:I, s:I, s:o}", "decided", decided ? 1 : 0, "recheck",
                     decided ? 0 : 1, "caller", on_behalf_write(batch->request), "server", batch->order.server, "embedded",
                     batch->order.embedded, "sizing", batch->sizing_text, "reservation_id", batch->order.reservation_id,
                     "min_count", (json_int_t)batch->order.min_count, "count", (json_int_t)batch->order.count, "minted_us",
                     (json_int_t)batch->order.minted_us, "places", decided ? write_places(batch) : json_array());
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* In the arena: the step writes the list anew. */
static enum err read_place(struct arena *arena, const json_t *object, struct batch_place *out)
{
    *out = (struct batch_place){.name = arena_strdup(arena, text_of(object, "name")),
                                .launch_index = json_integer_value(json_object_get(object, "index")),
                                .state = (enum hold_state)json_integer_value(json_object_get(object, "state"))};
    TRY(uuid_from_text(text_of(object, "uuid"), &out->server));
    return uuid_from_text(text_of(object, "zone"), &out->zone);
}

enum err batch_read(struct task *task, struct request *request, struct batch *out)
{
    const json_t *data = task->data;
    const json_t *places = json_object_get(data, "places");
    struct create_order order = {.server = json_object_get(data, "server"),
                                 .embedded = json_object_get(data, "embedded"),
                                 .reservation_id = text_of(data, "reservation_id"),
                                 .min_count = json_integer_value(json_object_get(data, "min_count")),
                                 .count = json_integer_value(json_object_get(data, "count")),
                                 .minted_us = json_integer_value(json_object_get(data, "minted_us"))};
    const char *sizing = arena_strdup(task->arena, text_of(data, "sizing"));
    if (!order.server || !order.embedded || order.count < 1)
        return fail(E_INTERNAL, "The data of batch %s is damaged.", uuid_to_text(&task->subject).text);
    TRY(sizing_read(task->arena, sizing, strlen(sizing), &order.sizing));
    *out = batch_new(request, &order);
    out->sizing_text = sizing;
    out->subject = task->subject;
    if (!json_is_true(json_object_get(data, "decided")))
        return OK;
    out->count = json_array_size(places) < out->count ? json_array_size(places) : out->count;
    for (size_t i = 0; i < out->count; i++)
        TRY(read_place(task->arena, json_array_get(places, i), &out->places[i]));
    return OK;
}

/* What the places are now, with the next result of the step. */
static enum err keep(struct task *task, const struct batch *batch)
{
    if (json_object_set_new(task->data, "places", write_places(batch)) ||
        json_object_set_new(task->data, "sizing", json_string(batch->sizing_text)) ||
        json_object_set_new(task->data, "decided", json_true()))
        return fail(E_INTERNAL, "The batch's places cannot be kept.");
    return OK;
}

struct deciding {
    struct task *task;
    struct batch *batch;
};

static enum err decide(struct db *db, void *context)
{
    const struct deciding *deciding = context;
    TRY(task_guard(deciding->task, db));
    TRY(batch_decide_here(deciding->batch, db));
    TRY(keep(deciding->task, deciding->batch));
    return task_save(deciding->task);
}

/* Who comes next in the group's turn finds the members: those below are ordered within it, as far as their zones answer. */
static enum err decide_in_turn(struct task *task, struct batch *batch)
{
    const struct batch_order order = batch_order_of(batch);
    struct deciding deciding = {task, batch};
    TRY(batch_prepare(batch));
    const enum err decided = db_transaction(task->db, decide, &deciding);
    if (decided != OK)
        return batch_undecided(batch, decided);
    if (!sizing_has_policy(&batch->order.sizing, "affinity"))
        return OK;
    TRY(places_commit_below(batch->request, &order, batch->places, batch->count));
    batch_join(batch);
    return keep(task, batch);
}

static enum err decide_batch(struct task *task, struct batch *batch)
{
    bool waited = false;
    TRY(select_group_enter(batch->request, &batch->order.sizing, &waited));
    if (!waited)
        return decide_in_turn(task, batch);
    batch->sizing_text = sizing_write(task->arena, &batch->order.sizing);
    const enum err result = decide_in_turn(task, batch);
    const char *message = result == OK ? "" : arena_strdup(task->arena, err_message());
    select_group_leave(batch->request, &batch->order.sizing);
    return result == OK ? OK : fail(result, "%s", message);
}

/* A server that has no place any more is in error here, under a uuid of this zone. Repeatable: the uuid was kept before. */
static enum err bury(struct batch *batch, struct batch_place *place, const char *message)
{
    struct request *request = batch->request;
    json_auto_t *body = json_copy((json_t *)batch->order.server); /* jansson's copy does not change it */
    const struct record_parts parts = {&place->server, body, batch->order.embedded, batch->order.reservation_id,
                                       (int)place->launch_index};
    struct server server;
    (void)json_object_set_new(body, "name", json_string(place->name));
    TRY(record_make(request->arena, &parts, &request->caller, &server));
    const enum err result = build_bury(request->db, &server, &request->caller, request->request_id, message);
    if (result != OK && result != E_CONFLICT)
        return result;
    place->state = HOLD_COMMITTED;
    return OK;
}

/* Places that came too late are held anew; the names stay. What nobody can take is buried. */
static enum err replace_lost(struct task *task, struct batch *batch)
{
    struct batch lost = *batch;
    struct batch_place **where = arena_alloc(task->arena, (batch->count + 1) * sizeof(struct batch_place *));
    lost.places = arena_alloc(task->arena, (batch->count + 1) * sizeof(*lost.places));
    lost.count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->places[i].state != HOLD_GONE)
            continue;
        where[lost.count] = &batch->places[i];
        lost.places[lost.count++] = (struct batch_place){.state = HOLD_NONE};
    }
    if (!lost.count)
        return OK;
    TRY(batch_hold(&lost));
    for (size_t i = 0; i < lost.count; i++) {
        struct batch_place place = lost.places[i];
        place.name = where[i]->name;
        place.launch_index = where[i]->launch_index;
        if (place.state == HOLD_NONE) {
            place.zone = (struct uuid){{0}};
            uuid_new_tagged(batch->request->gateway->tag, &place.server);
        }
        *where[i] = place;
    }
    TRY(keep(task, batch));
    return task_save(task);
}

static enum err bury_homeless(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->places[i].state == HOLD_NONE)
            TRY(bury(batch, &batch->places[i], NO_OTHER_PLACE));
    }
    return OK;
}

static enum err commit_batch(struct task *task, struct batch *batch)
{
    const struct batch_order order = batch_order_of(batch);
    TRY(replace_lost(task, batch));
    TRY(bury_homeless(batch));
    TRY(places_commit(batch->request, &order, batch->places, batch->count));
    batch_join(batch);
    TRY(keep(task, batch));
    return batch_is_committed(batch) ? OK : fail(E_UNAVAILABLE, "Not all zones have taken their servers yet.");
}

/* One step of a batch with a request of its own. */
static enum err with_batch(struct task *task, enum err (*work)(struct task *task, struct batch *batch))
{
    struct on_behalf behalf;
    struct batch batch;
    enum err result = on_behalf_open(task, json_object_get(task->data, "caller"), STEP_MS, &behalf);
    if (result == OK)
        result = batch_read(task, &behalf.request, &batch);
    if (result == OK)
        result = work(task, &batch);
    on_behalf_close(&behalf);
    return result;
}

static enum err run_decide(struct task *task)
{
    return json_is_true(json_object_get(task->data, "decided")) ? OK : with_batch(task, decide_batch);
}

static enum err run_commit(struct task *task)
{
    return with_batch(task, commit_batch);
}

/* What was too much is gone then: the answer was sent, and the task is over. */
static enum err recheck_batch(struct task *task, struct batch *batch)
{
    const struct uuids servers = batch_servers(batch);
    (void)task;
    const enum err result = quota_recheck_create(batch->request, &batch->order.sizing, batch->order.reservation_id, &servers);
    return result == E_FORBIDDEN ? OK : result;
}

static enum err run_recheck(struct task *task)
{
    return json_is_true(json_object_get(task->data, "recheck")) ? with_batch(task, recheck_batch) : OK;
}

static enum err bury_all(struct task *task, struct batch *batch)
{
    (void)task;
    batch->count = (size_t)batch->order.min_count;
    batch_name(batch);
    for (size_t i = 0; i < batch->count; i++) {
        uuid_new_tagged(batch->request->gateway->tag, &batch->places[i].server);
        TRY(bury(batch, &batch->places[i], NO_VALID_HOST));
    }
    return OK;
}

/* Nobody else can be told: the answer was sent long ago. */
static enum err batch_failed(struct task *task, enum err kind, const char *message)
{
    log_warn("batch.failed", "reservation=%s kind=%s message=%s", text_of(task->data, "reservation_id"), err_name(kind),
             log_quote(message).text);
    return with_batch(task, bury_all);
}

static const struct task_step batch_steps[] = {
    {"decide", run_decide, NULL}, {"commit", run_commit, NULL}, {"recheck", run_recheck, NULL}};

const struct task_kind batch_kind = {"batch", batch_steps, ARRAY_LEN(batch_steps), 100000, NULL, batch_failed, false};
