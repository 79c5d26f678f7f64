/* See compensate.h. One step: DELETE at the owner. It is done when the owner says 404 and the order's entry has expired. */
#include "gateway/conductor/compensate.h"

#include "gateway/conductor/runner_context.h"
#include "gateway/gateway.h"
#include "zones/fanout.h"
#include "zones/registry.h"
#include "zones/resolve.h"

#define ENTRY_DEAD_US (INT64_C(90) * 1000000) /* entries live 60 s by the owner's clock */
#define CALL_MS       10000

enum err compensate_add(struct request *request, const struct uuid *server)
{
    const struct caller *caller = &request->caller;
    json_auto_t *roles = json_array();
    for (size_t i = 0; i < caller->role_count; i++)
        (void)json_array_append_new(roles, json_string(caller->roles[i]));
    json_auto_t *data = json_pack("{s:s, s:s?, s:s?, s:s?, s:s, s:s?, s:O, s:s, s:I}", "user", caller->user_id, "user_name",
                                  caller->user_name, "domain_id", caller->user_domain_id, "domain_name", caller->user_domain_name,
                                  "project", caller->project_id, "project_name", caller->project_name, "roles", roles, "base",
                                  arena_printf(request->arena, "%s%s", request->base_url, request->mount), "until",
                                  (json_int_t)(clock_wall_us() + ENTRY_DEAD_US));
    if (!data)
        return fail(E_INTERNAL, "The task's data cannot be made.");
    TRY(task_add(request->db, "compensate", server, request->request_id, data));
    task_wake(request->gateway->tasks);
    return OK;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static struct caller caller_of(struct task *task)
{
    const json_t *list = json_object_get(task->data, "roles");
    const char **roles = arena_alloc(task->arena, (json_array_size(list) + 1) * sizeof(*roles));
    for (size_t i = 0; i < json_array_size(list); i++)
        roles[i] = json_string_value(json_array_get(list, i));
    return (struct caller){.user_id = text_of(task->data, "user"),
                           .user_name = text_of(task->data, "user_name"),
                           .user_domain_id = text_of(task->data, "domain_id"),
                           .user_domain_name = text_of(task->data, "domain_name"),
                           .project_id = text_of(task->data, "project"),
                           .project_name = text_of(task->data, "project_name"),
                           .project_domain_id = text_of(task->data, "domain_id"),
                           .project_domain_name = text_of(task->data, "domain_name"),
                           .roles = roles,
                           .role_count = json_array_size(list),
                           .request_id = task->request_id};
}

static enum err delete_at(struct task *task, struct gateway *gateway, const struct zone *zone, int *out_status)
{
    struct fanout *fanout = NULL;
    struct link_headers headers = {0};
    uint8_t bytes[16];
    char key[24];
    const struct caller caller = caller_of(task);
    random_bytes(bytes, sizeof(bytes));
    base64url_encode(bytes, sizeof(bytes), key, sizeof(key));
    const struct link_origin origin = link_origin_from(&caller, NULL, text_of(task->data, "base"), key);
    TRY(fanout_open(gateway->zones, &fanout));
    struct zone_call call = {.zone = zone,
                             .origin = &origin,
                             .class = CLASS_MUTATE,
                             .method = "DELETE",
                             .target = arena_printf(task->arena, "/compute/v2.1/servers/%s", uuid_to_text(&task->subject).text),
                             .headers = headers};
    fanout_run(fanout, task->arena, &call, 1, budget_from_ms(CALL_MS));
    fanout_close(fanout);
    if (call.answer.kind != ZONE_ANSWERED)
        return fail(E_UNAVAILABLE, "Zone %s does not answer (%s).", zone->row.name, zone_kind_word(call.answer.kind));
    *out_status = call.answer.status;
    return OK;
}

static enum err run_delete(struct task *task)
{
    const struct runner_context *context = task->context;
    struct gateway *gateway = context->gateway;
    const struct zones_view *view = zones_view(gateway->zones, task->arena);
    const struct location place = zones_locate(gateway->zones, view, &task->subject, NULL, false, task->arena);
    int status = 0;
    if (place.count == 0)
        return fail(E_UNAVAILABLE, "The server's zone is not in the tree now.");
    TRY(delete_at(task, gateway, place.candidates[0].zone, &status));
    if (status != 404)
        return fail(E_UNAVAILABLE, "The server is being deleted.");
    if (clock_wall_us() < json_integer_value(json_object_get(task->data, "until")))
        return fail(E_UNAVAILABLE, "The order may still arrive.");
    return OK;
}

static const struct task_step compensate_steps[] = {{"delete", run_delete, NULL}};

const struct task_kind compensate_kind = {"compensate", compensate_steps, ARRAY_LEN(compensate_steps), 100000, NULL, NULL};
