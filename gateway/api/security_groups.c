/*
 * /os-security-groups and what hangs on it up to 2.35, a server's groups, and the actions that change them (Nova's proxies for a
 * network service). Groups are this zone's own; their rules become packet filters of the servers here (compute/build/firewall.h).
 */
#include <stdlib.h>
#include <string.h>

#include "compute/build/firewall.h"
#include "gateway/api/api.h"
#include "gateway/api/security_rule.h"
#include "gateway/api/server_actions.h"
#include "gateway/api/server_common.h"
#include "gateway/conductor/quota.h"
#include "gateway/gateway.h"
#include "schema/task/task.h"

#define UNTIL     35
#define TEXT_MOST 255

/* --- what is shown */

static json_t *group_object(const struct security_group *group, const struct security_rules *rules)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rules->count; i++) {
        if (uuid_equal(&rules->items[i].parent, &group->uuid))
            (void)json_array_append_new(list, security_rule_object(&rules->items[i], group->project_id));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "id", uuid_to_text(&group->uuid).text, "name", group->name, "description",
                     group->description, "tenant_id", group->project_id, "rules", list);
}

static enum err groups_array(struct request *request, const struct security_groups *groups, json_t **out)
{
    struct security_rules rules = {NULL, 0};
    struct uuid *ids = arena_alloc(request->arena, (groups->count + 1) * sizeof(*ids));
    for (size_t i = 0; i < groups->count; i++)
        ids[i] = groups->items[i].uuid;
    if (groups->count)
        TRY(security_rule_list(request->db, request->arena, ids, groups->count, &rules));
    *out = json_array();
    for (size_t i = 0; i < groups->count; i++)
        (void)json_array_append_new(*out, group_object(&groups->items[i], &rules));
    return OK;
}

static enum err reply_with(struct request *request, struct response *response, const struct security_group *group)
{
    struct security_rules rules;
    TRY(security_rule_list(request->db, request->arena, &group->uuid, 1, &rules));
    response->json = json_pack("{s:o}", "security_group", group_object(group, &rules));
    return OK;
}

/* --- groups */

static const char *project_of(const struct request *request)
{
    return request->caller.is_admin ? NULL : request->caller.project_id;
}

static enum err group_of_path(struct request *request, struct security_group *out)
{
    struct uuid uuid;
    TRY(security_id_read(request_param(request, "group_id"), "group", &uuid));
    return security_group_get(request->db, request->arena, &uuid, project_of(request), out);
}

/* `limit` and `offset` as numbers; E_INVALID in Nova's words. */
static enum err cut(const struct request *request, struct security_groups *groups)
{
    static const char *const names[] = {"offset", "limit"};
    int64_t numbers[] = {0, INT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *text = request_query(request, names[i]);
        if (text && !str_to_int(text, &numbers[i]))
            return fail(E_INVALID, "%s param must be an integer", names[i]);
        if (numbers[i] < 0)
            return fail(E_INVALID, "%s param must be positive", names[i]);
    }
    const size_t skip = (size_t)numbers[0] < groups->count ? (size_t)numbers[0] : groups->count;
    groups->items += skip;
    groups->count -= skip;
    if ((size_t)numbers[1] < groups->count)
        groups->count = (size_t)numbers[1];
    return OK;
}

static enum err group_index(struct request *request, struct response *response)
{
    const char *all = request_query(request, "all_tenants");
    const bool everybody = request->caller.is_admin && all && strcmp(all, "0") != 0 && !str_equal_nocase(all, "false");
    struct security_group own;
    struct security_groups groups;
    json_t *list = NULL;
    TRY(security_group_default(request->db, request->arena, request->caller.project_id, &own));
    TRY(security_group_list(request->db, request->arena, everybody ? NULL : request->caller.project_id, &groups));
    TRY(cut(request, &groups));
    TRY(groups_array(request, &groups, &list));
    response->json = json_pack("{s:o}", "security_groups", list);
    return OK;
}

static enum err group_show(struct request *request, struct response *response)
{
    struct security_group group;
    TRY(group_of_path(request, &group));
    return reply_with(request, response, &group);
}

static enum err check_text(const json_t *value, const char *what, const char **out)
{
    const char *text = json_string_value(value);
    if (!text)
        return fail(E_INVALID, "Security group %s is not a string or unicode", what);
    if (!text[strspn(text, " \t\r\n")])
        return fail(E_INVALID, "Security group %s cannot be empty.", what);
    if (strlen(text) > TEXT_MOST)
        return fail(E_INVALID, "Security group %s should not be greater than %d characters.", what, TEXT_MOST);
    *out = text;
    return OK;
}

static enum err read_group(const struct request *request, struct security_group *out)
{
    const json_t *body = json_object_get(request->json, "security_group");
    if (!json_is_object(body))
        return fail(E_INVALID, "Missing parameter security_group");
    TRY(check_text(json_object_get(body, "name"), "name", &out->name));
    return check_text(json_object_get(body, "description"), "description", &out->description);
}

/* Two of one name are refused with 400 here, as Nova did while it kept groups itself. */
static enum err as_invalid(enum err result)
{
    return result == E_CONFLICT ? fail(E_INVALID, "%s", err_message()) : result;
}

static enum err group_create(struct request *request, struct response *response)
{
    struct security_group group = {.project_id = request->caller.project_id};
    struct security_group own;
    struct quota_limits limits;
    int64_t count = 0;
    TRY(read_group(request, &group));
    TRY(security_group_default(request->db, request->arena, request->caller.project_id, &own));
    TRY(quota_limits_get(request, request->caller.project_id, NULL, &limits));
    TRY(security_group_count(request->db, request->caller.project_id, &count));
    if (limits.of[Q_SECURITY_GROUPS] >= 0 && count >= limits.of[Q_SECURITY_GROUPS])
        return fail(E_FORBIDDEN, "Quota exceeded, too many security groups.");
    uuid_new(&group.uuid);
    TRY(as_invalid(security_group_add(request->db, &group)));
    return reply_with(request, response, &group);
}

static enum err group_update(struct request *request, struct response *response)
{
    struct security_group group;
    TRY(group_of_path(request, &group));
    if (strcmp(group.name, SECURITY_GROUP_DEFAULT) == 0)
        return fail(E_INVALID, "Unable to update system group 'default'");
    TRY(read_group(request, &group));
    TRY(as_invalid(security_group_update(request->db, &group)));
    return reply_with(request, response, &group);
}

static enum err group_delete(struct request *request, struct response *response)
{
    struct security_group group;
    TRY(group_of_path(request, &group));
    if (strcmp(group.name, SECURITY_GROUP_DEFAULT) == 0)
        return fail(E_INVALID, "Unable to delete system group 'default'");
    response->status = 202;
    return as_invalid(security_group_delete(request->db, &group.uuid));
}

/* --- a server's */

static enum err server_groups(struct request *request, struct response *response)
{
    struct server server;
    struct security_groups groups;
    json_t *list = NULL;
    TRY(server_of_request(request, &server));
    TRY(security_groups_of_server(request->db, request->arena, &server.uuid, &groups));
    TRY(groups_array(request, &groups, &list));
    response->json = json_pack("{s:o}", "security_groups", list);
    return OK;
}

struct membership {
    struct request *request;
    struct uuid server;
    const struct security_group *group;
    bool joins;
};

/* The names in the row are those of the groups that the server is in now. */
static enum err write_names(struct db *db, struct request *request, const struct uuid *server)
{
    struct security_groups groups;
    json_auto_t *names = json_array();
    TRY(security_groups_of_server(db, request->arena, server, &groups));
    for (size_t i = 0; i < groups.count; i++)
        (void)json_array_append_new(names, json_pack("{s:s}", "name", groups.items[i].name));
    char *text = groups.count ? json_dumps(names, JSON_COMPACT) : NULL;
    const enum err result = server_set_security_groups(db, server, text);
    free(text);
    return result;
}

/* Others' rules may mean this server's addresses by its group: those are made anew, and the server's own filter with them. */
static enum err change_in_transaction(struct db *db, void *context)
{
    const struct membership *m = context;
    struct server server;
    TRY(server_get_locked(db, m->request->arena, &m->server, &server));
    if (!server.nics)
        return fail(E_NOT_FOUND, "instance_id %s could not be found as device id on any ports", uuid_to_text(&m->server).text);
    if (m->joins)
        TRY(security_group_join(db, &m->server, &m->group->uuid));
    TRY(firewall_touch_sources(db, &m->server, m->request->request_id));
    TRY(firewall_touch(db, &m->server, m->request->request_id)); /* it may be in no group any more */
    if (m->joins)
        return write_names(db, m->request, &m->server);
    TRY(security_group_leave(db, &m->server, &m->group->uuid));
    return write_names(db, m->request, &m->server);
}

static bool is_in(const struct security_groups *groups, const struct security_group *group)
{
    for (size_t i = 0; i < groups->count; i++) {
        if (uuid_equal(&groups->items[i].uuid, &group->uuid))
            return true;
    }
    return false;
}

static enum err read_name(const json_t *argument, const char **out)
{
    const json_t *name = json_object_get(argument, "name");
    if (!json_is_object(argument))
        return fail(E_INVALID, "Missing parameter dict");
    if (!json_is_string(name))
        return fail(E_INVALID, "Security group not specified");
    if (!json_string_value(name)[strspn(json_string_value(name), " \t\r\n")])
        return fail(E_INVALID, "Security group name cannot be empty");
    *out = json_string_value(name);
    return OK;
}

enum err server_action_security_group(struct request *request, struct response *response, const json_t *argument)
{
    struct membership m = {.request = request, .joins = json_object_get(request->json, "addSecurityGroup") != NULL};
    struct server server;
    struct security_group group;
    struct security_groups groups;
    const char *name = NULL;
    TRY(read_name(argument, &name));
    TRY(server_of_request(request, &server));
    TRY(security_group_named(request->db, request->arena, server.project_id, name, &group));
    TRY(security_groups_of_server(request->db, request->arena, &server.uuid, &groups));
    if (server.nics && !m.joins && !is_in(&groups, &group))
        return fail(E_NOT_FOUND, "Security group %s not associated with the instance %s", name, uuid_to_text(&server.uuid).text);
    m.server = server.uuid;
    m.group = &group;
    TRY(db_transaction(request->db, change_in_transaction, &m));
    task_wake(request->gateway->tasks);
    response->status = 202;
    return OK;
}

#define OLD(m, p, a, h, b)                                                                                                         \
    {                                                                                                                              \
        .method = (m), .path = (p), .access = (a), .max = UNTIL, .handler = (h), .body = (b)                                       \
    }
#define GROUP "/os-security-groups/{group_id}"

const struct route security_group_routes[] = {
    OLD("GET", "/os-security-groups", ACCESS_READER, group_index, BODY_NONE),
    OLD("POST", "/os-security-groups", ACCESS_MEMBER, group_create, BODY_JSON),
    OLD("GET", GROUP, ACCESS_READER, group_show, BODY_NONE),
    OLD("PUT", GROUP, ACCESS_MEMBER, group_update, BODY_JSON),
    OLD("DELETE", GROUP, ACCESS_MEMBER, group_delete, BODY_NONE),
    {.method = "GET",
     .path = "/servers/{server_id}/os-security-groups",
     .access = ACCESS_READER,
     .handler = server_groups,
     .scope = SCOPE_SERVER},
    {.method = NULL},
};
