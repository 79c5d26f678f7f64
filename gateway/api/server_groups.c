/*
 * /os-server-groups (nova-api.md section 14). A group is stored in the zone that is asked for it; its id carries that zone's tag,
 * so that any zone finds it. Lists hold the caller's groups of the whole tree and are cut where they are whole. Other projects'
 * groups are for admins.
 */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/body.h"
#include "gateway/api/gather.h"
#include "gateway/api/owner.h"
#include "gateway/api/page.h"
#include "gateway/conductor/quota.h"
#include "gateway/conductor/quota_usage.h"
#include "gateway/conductor/locate.h"
#include "gateway/gateway.h"
#include "schema/server_group.h"

#define SHOWS_OWNER  13 /* project_id and user_id */
#define POLICY_RULES 64 /* policy and rules, before policies and metadata */

static const struct body_schema create_schemas[] = {
    {1, "server_group_create_2_1"}, {15, "server_group_create_2_15"}, {POLICY_RULES, "server_group_create_2_64"}, {0, NULL}};

static const char *const page_parameters[] = {"limit", "offset"};

static json_t *rules_object(const struct server_group *group)
{
    json_t *rules = json_object();
    if (group->max_server_per_host)
        (void)json_object_set_new(rules, "max_server_per_host", json_integer(group->max_server_per_host));
    return rules;
}

static enum err group_object(struct request *request, const struct server_group *group, json_t **out)
{
    struct uuids members;
    TRY(server_group_members(request->db, request->arena, group->id, &members));
    json_t *list = json_array();
    for (size_t i = 0; i < members.count; i++)
        (void)json_array_append_new(list, json_string(uuid_to_text(&members.items[i]).text));
    json_t *object = json_pack("{s:s, s:s, s:o}", "id", uuid_to_text(&group->uuid).text, "name", group->name, "members", list);
    if (request->version >= POLICY_RULES) {
        (void)json_object_set_new(object, "policy", json_string(group->policy));
        (void)json_object_set_new(object, "rules", rules_object(group));
    } else {
        (void)json_object_set_new(object, "policies", json_pack("[s]", group->policy));
        (void)json_object_set_new(object, "metadata", json_object());
    }
    if (request->version >= SHOWS_OWNER) {
        (void)json_object_set_new(object, "project_id", json_string(group->project_id));
        (void)json_object_set_new(object, "user_id", json_string(group->user_id));
    }
    *out = object;
    return OK;
}

static enum err reply(struct request *request, struct response *response, const struct server_group *group)
{
    json_t *object = NULL;
    TRY(group_object(request, group, &object));
    response->json = json_pack("{s:o}", "server_group", object);
    return OK;
}

/* --- lists */

struct window {
    size_t offset;
    size_t limit;
};

/* A parent gets the whole: it cuts. As in Nova, limit=0 is no limit of its own. */
static enum err read_window(const struct request *request, struct window *out)
{
    const char *limit = request_query(request, "limit");
    const char *offset = request_query(request, "offset");
    const size_t most = (size_t)request->gateway->config.api.max_limit;
    *out = (struct window){0, request->link ? SIZE_MAX : most};
    if (limit)
        TRY(page_read_limit(request, most, &out->limit));
    if (out->limit == 0)
        out->limit = most;
    if (offset && (!*offset || offset[strspn(offset, "0123456789")]))
        return fail(E_INVALID, "Invalid input for query parameters offset. Value: %.100s. '%.100s' does not match '^[0-9]*$'",
                    offset, offset);
    int64_t number = INT64_MAX;
    if (offset && str_to_int(offset, &number))
        out->offset = (size_t)number;
    else if (offset)
        out->offset = SIZE_MAX;
    return OK;
}

static enum err groups_index(struct request *request, struct response *response)
{
    static const char *const parameters[] = {"all_projects", "limit", "offset"};
    const bool all = request->caller.is_admin && request_query(request, "all_projects");
    struct server_groups groups;
    struct window window;
    json_auto_t *list = json_array();
    TRY(query_check_names(request, parameters, ARRAY_LEN(parameters)));
    TRY(read_window(request, &window));
    TRY(server_group_list(request->db, request->arena, all ? NULL : request->caller.project_id, &groups));
    for (size_t i = 0; i < groups.count; i++) {
        json_t *object = NULL;
        TRY(group_object(request, &groups.items[i], &object));
        (void)json_array_append_new(list, object);
    }
    TRY(gather_lists(owner_whole(request, page_parameters, ARRAY_LEN(page_parameters)), response, "server_groups", list));
    json_t *shown = json_array();
    for (size_t i = window.offset; i < json_array_size(list) && i - window.offset < window.limit; i++)
        (void)json_array_append(shown, json_array_get(list, i));
    response->json = json_pack("{s:o}", "server_groups", shown);
    return OK;
}

/* --- one */

static enum err new_group(struct request *request, struct server_group *out)
{
    const json_t *body = json_object_get(request->json, "server_group");
    const json_t *rules = json_object_get(body, "rules");
    const char *policy = json_string_value(request->version >= POLICY_RULES ? json_object_get(body, "policy")
                                                                            : json_array_get(json_object_get(body, "policies"), 0));
    if (json_object_size(rules) && !str_equal(policy, "anti-affinity"))
        return fail(E_INVALID, "Only anti-affinity policy supports rules.");
    *out = (struct server_group){
        .project_id = request->caller.project_id,
        .user_id = request->caller.user_id,
        .name = json_string_value(json_object_get(body, "name")),
        .policy = policy,
        .max_server_per_host = body_number(json_object_get(rules, "max_server_per_host")),
    };
    uuid_new_tagged(request->gateway->tag, &out->uuid);
    return OK;
}

/* What the zones below have of a limit already. */
static int64_t less(int64_t limit, int64_t whole, int64_t own)
{
    const int64_t left = limit - (whole - own);
    return limit < 0 ? limit : (left > 0 ? left : 0);
}

/* As far as the project and the user may have more here. */
static enum err read_limits(struct request *request, struct server_group_limits *out)
{
    const struct caller *caller = &request->caller;
    struct quota_limits project;
    struct quota_limits user;
    struct quota_usage whole;
    int64_t own_project = 0;
    int64_t own_user = 0;
    TRY(quota_limits_get(request, caller->project_id, NULL, &project));
    TRY(quota_limits_get(request, caller->project_id, caller->user_id, &user));
    TRY(quota_usage_get(request, caller->project_id, caller->user_id, &whole));
    TRY(server_group_count(request->db, caller->project_id, caller->user_id, &own_project, &own_user));
    *out = (struct server_group_limits){less(project.of[Q_SERVER_GROUPS], whole.project[USAGE_SERVER_GROUPS], own_project),
                                        less(user.of[Q_SERVER_GROUPS], whole.user[USAGE_SERVER_GROUPS], own_user)};
    return OK;
}

static enum err group_create(struct request *request, struct response *response)
{
    struct server_group_limits limits;
    struct server_group group;
    TRY(read_limits(request, &limits));
    TRY(new_group(request, &group));
    TRY(server_group_add(request->db, &group, &limits));
    TRY(server_group_get(request->db, request->arena, &group.uuid, &group));
    return reply(request, response, &group);
}

/* This zone's group, or `*out_answered`: another zone's answer is written. Another project's is not found, as in Nova. */
static enum err find_group(struct request *request, struct response *response, struct server_group *out, bool *out_answered)
{
    const char *id = request_param(request, "group_id");
    struct uuid uuid;
    *out_answered = false;
    if (!uuid_is_text(id) || uuid_from_text(id, &uuid) != OK)
        return fail(E_NOT_FOUND, "Instance group %s could not be found.", id);
    const enum err result = server_group_get(request->db, request->arena, &uuid, out);
    if (result == E_NOT_FOUND) {
        TRY(conductor_locate_id(request, response, &uuid, out_answered));
        return *out_answered ? OK : fail(E_NOT_FOUND, "Instance group %s could not be found.", id);
    }
    TRY(result);
    if (!request->caller.is_admin && !str_equal(out->project_id, request->caller.project_id))
        return fail(E_NOT_FOUND, "Instance group %s could not be found.", id);
    return OK;
}

static enum err group_show(struct request *request, struct response *response)
{
    struct server_group group;
    bool answered = false;
    TRY(find_group(request, response, &group, &answered));
    return answered ? OK : reply(request, response, &group);
}

static enum err group_delete(struct request *request, struct response *response)
{
    struct server_group group;
    bool answered = false;
    TRY(find_group(request, response, &group, &answered));
    if (answered)
        return OK;
    response->status = 204;
    return server_group_delete(request->db, &group.uuid);
}

const struct route server_group_routes[] = {
    {.method = "GET", .path = "/os-server-groups", .access = ACCESS_READER, .handler = groups_index},
    {.method = "POST",
     .path = "/os-server-groups",
     .access = ACCESS_MEMBER,
     .handler = group_create,
     .body = BODY_JSON,
     .schemas = create_schemas},
    {.method = "GET", .path = "/os-server-groups/{group_id}", .access = ACCESS_READER, .handler = group_show},
    {.method = "DELETE", .path = "/os-server-groups/{group_id}", .access = ACCESS_MEMBER, .handler = group_delete},
    {.method = NULL},
};
