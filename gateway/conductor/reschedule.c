/* See reschedule.h. */
#include "gateway/conductor/reschedule.h"

#include <stdlib.h>
#include <string.h>

#include "compute/build/build.h"
#include "compute/placement/placement.h"
#include "compute/scheduler/claim.h"
#include "gateway/base/log.h"
#include "gateway/conductor/elsewhere.h"
#include "gateway/conductor/handover.h"
#include "gateway/conductor/on_behalf.h"
#include "gateway/conductor/select.h"
#include "gateway/gateway.h"
#include "schema/action.h"
#include "schema/json/json.h"

#define BUILD_EVENT "compute__do_build_and_run_instance"
#define CHOICE_MS   10000
#define RETRIES     100000 /* an order that may have arrived below is never forgotten */

struct choice {
    struct task *task;
    struct request *request;
    const struct host *host;
    const struct sizing *sizing;
    const char *request_spec;
};

static const char *add_tried(struct task *task, const json_t *spec, const struct uuid *host)
{
    json_auto_t *copy = json_deep_copy(spec);
    (void)json_array_append_new(json_object_get(copy, "tried"), json_string(uuid_to_text(host).text));
    char *text = json_dumps(copy, JSON_COMPACT);
    const char *out = arena_strdup(task->arena, text ? text : "{}");
    free(text);
    return out;
}

/* The claim and the server's new host, or nothing. */
static enum err take_host(struct db *db, void *context)
{
    const struct choice *choice = context;
    struct task *task = choice->task;
    struct server server;
    TRY(task_guard(task, db));
    TRY(server_get_locked(db, task->arena, &task->subject, &server));
    if (server.host || !str_equal(server.task_state, "scheduling"))
        return OK; /* done before, or a delete came: then this task is cancelled */
    const struct claim_order claim = {&choice->host->uuid, choice->host->name, &server.uuid, server.project_id, server.user_id};
    TRY(scheduler_claim(db, choice->sizing, &claim));
    TRY(scheduler_late_check(db, choice->sizing, &claim));
    TRY(server_set_host(db, &server.uuid, choice->host->name, select_host_zone(choice->request->gateway, choice->host)));
    TRY(server_set_request_spec(db, &server.uuid, choice->request_spec));
    return action_event_start(db, &server.uuid, task->request_id, BUILD_EVENT, choice->host->name);
}

static bool was_tried(const json_t *spec, const struct uuid *host)
{
    const struct uuid_text text = uuid_to_text(host);
    const json_t *tried = json_object_get(spec, "tried");
    for (size_t i = 0; i < json_array_size(tried); i++) {
        if (str_equal(json_string_value(json_array_get(tried, i)), text.text))
            return true;
    }
    return false;
}

static enum err try_host(struct request *request, struct task *task, const json_t *spec, const struct sizing *sizing,
                         const struct uuid *uuid)
{
    struct host host;
    TRY(host_get_by_uuid(task->db, task->arena, uuid, &host));
    struct choice choice = {task, request, &host, sizing, add_tried(task, spec, uuid)};
    TRY(db_transaction(task->db, take_host, &choice));
    log_info("build.again", "server=%s host=%s", uuid_to_text(&task->subject).text, log_quote(host.name).text);
    return OK;
}

static const char *sizing_text_of(const json_t *spec)
{
    const char *text = json_string_value(json_object_get(spec, "sizing"));
    return text ? text : "";
}

/* E_CONFLICT: no host here that was not tried has room. */
static enum err choose_here(struct request *request, struct task *task, const json_t *spec, const struct sizing *sizing)
{
    struct plan_entries entries;
    struct plan_entry entry;
    TRY(select_here(request, sizing, &entries));
    while (plan_entry_take(&entries, &entry)) {
        const enum err result = was_tried(spec, &entry.host) ? E_CONFLICT : try_host(request, task, spec, sizing, &entry.host);
        if (result != E_CONFLICT && result != E_NOT_FOUND)
            return result;
    }
    return fail(E_CONFLICT, "No host here has room.");
}

/* Once an order may be at another zone, no host here is looked for. */
static enum err choose(struct request *request, struct task *task, const json_t *spec)
{
    struct sizing sizing;
    const char *text = sizing_text_of(spec);
    TRY(sizing_read(request->arena, text, strlen(text), &sizing));
    enum err result = handover_is_begun(task) ? E_CONFLICT : choose_here(request, task, spec, &sizing);
    if (result == E_CONFLICT)
        result = elsewhere_try(request, task, &sizing, text);
    if (result != E_CONFLICT)
        return result;
    return fail(E_CONFLICT,
                "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance %s. "
                "Last exception: %s",
                uuid_to_text(&task->subject).text, json_string_value(json_object_get(task->data, "last_error")));
}

static enum err run_choose(struct task *task)
{
    struct on_behalf behalf;
    const struct server *server = NULL;
    json_auto_t *spec = NULL;
    TRY(server_find(task->db, task->arena, &task->subject, &server));
    if (!server || server->host) /* done before: another zone's, or on a host */
        return OK;
    TRY(json_parse_foreign(server->request_spec, strlen(server->request_spec), &spec));
    enum err result = on_behalf_open(task, json_object_get(task->data, "caller"), CHOICE_MS, &behalf);
    if (result == OK)
        result = choose(&behalf.request, task, spec);
    on_behalf_close(&behalf);
    return result;
}

static enum err undo_choose(struct task *task)
{
    struct on_behalf behalf;
    const struct server *server = NULL;
    json_auto_t *spec = NULL;
    struct sizing sizing;
    if (!handover_is_begun(task))
        return OK;
    TRY(server_find(task->db, task->arena, &task->subject, &server));
    if (!server)
        return OK;
    TRY(json_parse_foreign(server->request_spec, strlen(server->request_spec), &spec));
    TRY(sizing_read(task->arena, sizing_text_of(spec), strlen(sizing_text_of(spec)), &sizing));
    enum err result = on_behalf_open(task, json_object_get(task->data, "caller"), CHOICE_MS, &behalf);
    if (result == OK)
        result = elsewhere_undo(&behalf.request, task, &sizing, sizing_text_of(spec));
    on_behalf_close(&behalf);
    return result;
}

static enum err begin_build(struct task *task)
{
    struct server server;
    const struct server *found = NULL;
    TRY(server_find(task->db, task->arena, &task->subject, &found));
    if (!found)
        return OK; /* another zone's */
    TRY(server_get_locked(task->db, task->arena, &task->subject, &server));
    json_auto_t *data = json_pack("{s:s, s:s?, s:O?, s:O?, s:O?}", "request_id", task->request_id, "host", server.host, "caller",
                                  json_object_get(task->data, "caller"), "first_boot", json_object_get(task->data, "first_boot"),
                                  "order", json_object_get(task->data, "order"));
    return data ? task_add(task->db, "build", &task->subject, task->request_id, data)
                : fail(E_INTERNAL, "The task's data cannot be made.");
}

static enum err give_up(struct task *task, enum err kind, const char *message)
{
    struct server server;
    TRY(server_get_locked(task->db, task->arena, &task->subject, &server));
    TRY(placement_release(task->db, &task->subject));
    TRY(action_event_finish(task->db, &task->subject, task->request_id, BUILD_EVENT, message)); /* a host was taken already */
    if (kind == E_GONE)                                                                         /* a delete goes on by itself */
        return OK;
    log_warn("build.exhausted", "server=%s message=%s", uuid_to_text(&task->subject).text, log_quote(message).text);
    TRY(server_set_fault(task->db, &task->subject, build_fault(task->arena, 500, message, NULL)));
    return server_clear_host(task->db, &task->subject);
}

static const struct task_step reschedule_steps[] = {{"choose", run_choose, undo_choose}};

const struct task_kind reschedule_kind = {
    "reschedule", reschedule_steps, ARRAY_LEN(reschedule_steps), RETRIES, begin_build, give_up, false};
