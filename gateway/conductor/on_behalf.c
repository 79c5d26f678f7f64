/* See on_behalf.h. */
#include "gateway/conductor/on_behalf.h"

#include "gateway/conductor/runner_context.h"
#include "gateway/gateway.h"
#include "zones/fanout.h"

json_t *on_behalf_write(const struct request *request)
{
    const struct caller *caller = &request->caller;
    json_t *roles = json_array();
    for (size_t i = 0; i < caller->role_count; i++)
        (void)json_array_append_new(roles, json_string(caller->roles[i]));
    return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:o, s:b, s:s, s:s}", "user", caller->user_id, "user_name",
                     caller->user_name, "domain_id", caller->user_domain_id, "domain_name", caller->user_domain_name, "project",
                     caller->project_id, "project_name", caller->project_name, "roles", roles, "admin", caller->is_admin ? 1 : 0,
                     "base", arena_printf(request->arena, "%s%s", request->base_url, request->mount), "trace",
                     request->trace.parent);
}

/* In the arena: the object may change while the request lives. */
static const char *text_of(const struct task *task, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return arena_strdup(task->arena, text ? text : "");
}

static struct caller read_caller(struct task *task, const json_t *told)
{
    const json_t *list = json_object_get(told, "roles");
    const char **roles = arena_alloc(task->arena, (json_array_size(list) + 1) * sizeof(*roles));
    for (size_t i = 0; i < json_array_size(list); i++)
        roles[i] = arena_strdup(task->arena, json_string_value(json_array_get(list, i)));
    const char *domain_id = text_of(task, told, "domain_id");
    const char *domain_name = text_of(task, told, "domain_name");
    return (struct caller){.user_id = text_of(task, told, "user"),
                           .user_name = text_of(task, told, "user_name"),
                           .user_domain_id = domain_id,
                           .user_domain_name = domain_name,
                           .project_id = text_of(task, told, "project"),
                           .project_name = text_of(task, told, "project_name"),
                           .project_domain_id = domain_id,
                           .project_domain_name = domain_name,
                           .roles = roles,
                           .role_count = json_array_size(list),
                           .is_admin = json_is_true(json_object_get(told, "admin")),
                           .is_member = true, /* it was accepted from them */
                           .request_id = task->request_id};
}

/* No client's: no server is in its path. */
static const struct route no_route = {.scope = SCOPE_HERE};

enum err on_behalf_open(struct task *task, const json_t *told, int64_t budget_ms, struct on_behalf *out)
{
    const struct runner_context *context = task->context;
    *out = (struct on_behalf){.request = {.gateway = context->gateway,
                                          .arena = task->arena,
                                          .db = task->db,
                                          .route = &no_route,
                                          .method = "POST",
                                          .base_url = text_of(task, told, "base"),
                                          .mount = "",
                                          .caller = read_caller(task, told),
                                          .request_id = task->request_id,
                                          .budget = budget_from_ms(budget_ms)}};
    trace_begin(text_of(task, told, "trace"), &out->request.trace);
    return fanout_open(context->gateway->zones, &out->request.fanout);
}

void on_behalf_close(struct on_behalf *behalf)
{
    if (behalf->request.fanout)
        fanout_close(behalf->request.fanout);
    behalf->request.fanout = NULL;
}
