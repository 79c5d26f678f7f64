/* See onward.h. Task data: what handover.h says, and "told" who asked for the server, "ticket" the hash, "expires", "child" who
 * gave it back, "sizing", "created_us", "attempts", "owner" when it was found. */
#include "gateway/conductor/onward.h"

#include <string.h>
#include <time.h>

#include "compute/build/lifecycle.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/conductor/handover.h"
#include "gateway/conductor/on_behalf.h"
#include "gateway/conductor/runner_context.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "schema/zone_forwarding.h"
#include "zones/fanout.h"
#include "zones/registry.h"
#include "zones/resolve.h"

#define CHOICE_MS 10000
#define RETRIES   100000 /* an order that may have arrived is never forgotten */
#define WAIT_MS   3000   /* an answer usually comes within this */
#define LOOK_MS   10
#define KEEP_US   (INT64_C(7) * 24 * 3600 * 1000000) /* a decision outlives its ticket by so much */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* --- the task */

/* The sizing without the zone that gave it back; the same for who asks from further above. */
static enum err exclude(struct task *task, const struct uuid *child, struct sizing *out, const char **out_text)
{
    const char *text = text_of(task->data, "sizing");
    struct sizing sizing;
    TRY(sizing_read(task->arena, text, strlen(text), &sizing));
    struct uuid *excluded = arena_alloc(task->arena, (sizing.excluded_count + 1) * sizeof(*excluded));
    for (size_t i = 0; i < sizing.excluded_count; i++)
        excluded[i] = sizing.excluded[i];
    excluded[sizing.excluded_count++] = *child;
    sizing.excluded = excluded;
    *out_text = sizing_write(task->arena, &sizing);
    return sizing_read(task->arena, *out_text, strlen(*out_text), out);
}

static enum err find_owner(struct request *request, struct task *task)
{
    struct handover handover = {.past = {json_integer_value(json_object_get(task->data, "created_us")),
                                         json_integer_value(json_object_get(task->data, "attempts"))},
                                .own_hosts = true};
    struct sizing sizing;
    struct uuid child;
    struct uuid owner;
    TRY(uuid_from_text(text_of(task->data, "child"), &child));
    TRY(exclude(task, &child, &sizing, &handover.sizing_text));
    handover.sizing = &sizing;
    handover.from = &child;
    TRY(handover_run(request, task, &handover, &owner));
    return json_object_set_new(task->data, "owner", json_string(uuid_to_text(&owner).text)) ? fail(E_INTERNAL, "Out of memory.")
                                                                                            : OK;
}

static enum err run_find(struct task *task)
{
    struct on_behalf behalf;
    enum err result = on_behalf_open(task, json_object_get(task->data, "told"), CHOICE_MS, &behalf);
    if (result == OK)
        result = find_owner(&behalf.request, task);
    on_behalf_close(&behalf);
    return result;
}

static enum err decide(struct task *task, const struct uuid *owner)
{
    const char *text = text_of(task->data, "ticket");
    uint8_t ticket[ONWARD_TICKET_SIZE];
    size_t length = 0;
    TRY(base64_decode(text, strlen(text), ticket, sizeof(ticket), &length));
    if (length != sizeof(ticket))
        return fail(E_INTERNAL, "The task's ticket is damaged.");
    return onward_decision_put(task->db, ticket, &task->subject, owner, json_integer_value(json_object_get(task->data, "expires")));
}

/* Who has it is found from here, too, when the zone of its birth is silent. */
static enum err found(struct task *task)
{
    const struct runner_context *context = task->context;
    struct uuid owner;
    TRY(uuid_from_text(text_of(task->data, "owner"), &owner));
    TRY(decide(task, &owner));
    log_info("onward.found", "server=%s zone=%s", uuid_to_text(&task->subject).text, uuid_to_text(&owner).text);
    return uuid_equal(&owner, &context->gateway->keys.zone) ? OK : zone_forwarding_put(task->db, &task->subject, &owner);
}

static enum err not_found(struct task *task, enum err kind, const char *message)
{
    log_info("onward.nobody", "server=%s kind=%s message=%s", uuid_to_text(&task->subject).text, err_name(kind),
             log_quote(message).text);
    return decide(task, NULL);
}

static const struct task_step onward_steps[] = {{"find", run_find, NULL}};

const struct task_kind onward_kind = {"onward", onward_steps, ARRAY_LEN(onward_steps), RETRIES, found, not_found, false};

/* --- the question */

static json_t *task_data(const struct onward_question *question, const struct ticket *ticket, const struct uuid *child)
{
    char hash[BASE64_SIZE(ONWARD_TICKET_SIZE)];
    const struct record_parts *parts = &question->parts;
    json_t *onward = NULL;
    base64_encode(ticket->hash, ONWARD_TICKET_SIZE, hash, sizeof(hash));
    if (ticket->up.text)
        onward = json_pack("{s:s, s:s}", "zone", uuid_to_text(&ticket->up.zone).text, "ticket", ticket->up.text);
    return json_pack("{s:s, s:I, s:O, s:s, s:s, s:I, s:I, s:{s:O, s:O, s:s, s:i, s:o*}}", "ticket", hash, "expires",
                     (json_int_t)(ticket->expires_us + KEEP_US), "told", ticket->told, "child", uuid_to_text(child).text, "sizing",
                     question->sizing_text, "created_us", (json_int_t)question->past.created_us, "attempts",
                     (json_int_t)question->past.attempts, "order", "server", parts->server, "embedded", parts->embedded,
                     "reservation_id", parts->reservation_id, "launch_index", parts->launch_index, "onward", onward);
}

static enum err begin(struct request *request, const struct onward_question *question, const struct ticket *ticket)
{
    json_auto_t *data = task_data(question, ticket, &request->link->zone);
    if (!data)
        return fail(E_INTERNAL, "The task's data cannot be made.");
    const enum err result = task_add(request->db, onward_kind.name, question->parts.uuid, request->request_id, data);
    if (result != OK && result != E_CONFLICT) /* asked before */
        return result;
    task_wake(request->gateway->tasks);
    return OK;
}

static enum err wait_for_decision(struct request *request, const struct ticket *ticket, struct uuid *owner, bool *found_it)
{
    const int64_t most_ms = budget_left_ms(&request->budget) / 2;
    const struct budget patience = budget_from_ms(most_ms < WAIT_MS ? most_ms : WAIT_MS);
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    enum err result = OK;
    fanout_waits(request->fanout, true);
    while (result == OK && !*found_it && budget_left_ms(&patience) > 0) {
        (void)nanosleep(&pause, NULL);
        result = onward_decision_get(request->db, ticket->hash, owner, found_it);
    }
    fanout_waits(request->fanout, false);
    return result;
}

/* The zone above found who has it, and takes it back by the ticket that it gave with the order. */
static enum err take_back_above(struct request *request, const struct onward_question *question, const struct ticket *ticket)
{
    struct onward_question again = *question;
    struct uuid unused;
    if (!ticket->up.text)
        return fail(E_UNAVAILABLE, "The server's zone is not in the tree now.");
    again.ticket = &ticket->up;
    const enum err result = onward_ask(request, &again, &unused);
    return result == E_CONFLICT ? OK : result;
}

/* Not wanted any more: what some zone has by now goes away again. */
static enum err take_back(struct request *request, const struct onward_question *question, const struct ticket *ticket,
                          const struct uuid *owner)
{
    struct zones *zones = request->gateway->zones;
    const struct uuid *server = question->parts.uuid;
    bool added = false;
    if (uuid_equal(owner, &request->gateway->keys.zone)) {
        const enum err result = lifecycle_begin(request->db, server, ACTION_DELETE, &request->caller, request->request_id, &added);
        task_wake(request->gateway->tasks);
        return result == E_NOT_FOUND ? OK : result;
    }
    const struct location way = zones_locate_zone(zones, zones_view(zones, request->arena), owner, NULL, request->arena);
    if (way.place != PLACE_CHILD || way.count == 0)
        return take_back_above(request, question, ticket);
    return handover_delete(request, server, owner, way.candidates[0].zone);
}

static enum err conclude(struct request *request, const struct onward_question *question, const struct ticket *ticket,
                         const struct uuid *owner)
{
    if (uuid_is_zero(owner))
        return fail(E_CONFLICT, "No other zone takes the server.");
    if (!question->cancel)
        return OK;
    TRY(take_back(request, question, ticket, owner));
    return fail(E_CONFLICT, "The server was taken back.");
}

/* In a transaction: a question that comes later, or came before and is repeated, finds that it was cancelled. */
static enum err cancel_unasked(struct request *request, const struct onward_question *question, const struct ticket *ticket)
{
    int64_t live = 0;
    TRY(task_live(request->db, question->parts.uuid, &live));
    if (live)
        return fail(E_UNAVAILABLE, "It is being looked for a zone for the server.");
    TRY(onward_decision_put(request->db, ticket->hash, question->parts.uuid, NULL, ticket->expires_us + KEEP_US));
    return fail(E_CONFLICT, "No zone has the server.");
}

enum err onward_answer(struct request *request, const struct onward_question *question, struct uuid *owner)
{
    struct ticket ticket;
    bool decided = false;
    if (!request->link || request->link->direction != LINK_UP)
        return fail(E_INVALID, "Only a zone below asks for this.");
    TRY(ticket_open(request, question->ticket->text, &request->link->zone, &question->parts, question->sizing_text, &ticket));
    TRY(onward_decision_get(request->db, ticket.hash, owner, &decided));
    if (!decided && ticket.expires_us < clock_wall_us())
        return fail(E_INVALID, "The ticket has expired.");
    if (!decided && question->cancel)
        return cancel_unasked(request, question, &ticket);
    if (!decided) {
        TRY(begin(request, question, &ticket));
        TRY(wait_for_decision(request, &ticket, owner, &decided));
    }
    return decided ? conclude(request, question, &ticket, owner)
                   : fail(E_UNAVAILABLE, "It is being looked for a zone for the server.");
}
