/*
 * Roles, grants and role assignments (Identity API 3: /roles, /{projects,domains}/{id}/users/{id}/roles, /system/users/{id}/roles,
 * /role_assignments). Grants to groups, inherited grants and domain roles do not exist; admin implies member, member reader.
 */
#include "gateway/api/identity_inside.h"
#include "gateway/base/text.h"

/* Policies everywhere know these by name. */
static const char *const fixed_roles[] = {"admin", "member", "reader"};

static bool is_fixed(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(fixed_roles); i++)
        if (str_equal_nocase(fixed_roles[i], name))
            return true;
    return false;
}

static json_t *role_body(const struct request *request, const struct identity_role *role)
{
    json_t *options = json_object();
    if (is_fixed(role->name))
        json_object_set_new(options, "immutable", json_true());
    return json_pack("{s:s, s:s, s:n, s:s?, s:o, s:o}", "id", role->id, "name", role->name, "domain_id", "description",
                     *role->description ? role->description : NULL, "options", options, "links",
                     identity_self_link(request, "roles", role->id));
}

static void reply_roles(const struct request *request, const struct identity_roles *roles, struct response *response)
{
    json_t *list = json_array();
    for (size_t i = 0; i < roles->count; i++)
        json_array_append_new(list, role_body(request, &roles->items[i]));
    identity_reply_list(request, response, "roles", list);
}

static enum err list_roles(struct request *request, struct response *response)
{
    const struct identity_filter filter = identity_read_filter(request);
    struct identity_roles roles = {NULL, 0};
    const bool domain_roles = filter.domain_id && *filter.domain_id && !str_equal_nocase(filter.domain_id, "null");
    if (!domain_roles)
        TRY(identity_role_list(request->db, request->arena, &filter, &roles));
    reply_roles(request, &roles, response);
    return OK;
}

static enum err reply_role(struct request *request, const char *id, int status, struct response *response)
{
    struct identity_role role;
    TRY(identity_role_get(request->db, request->arena, id, &role));
    identity_reply(response, status, "role", role_body(request, &role));
    return OK;
}

static enum err show_role(struct request *request, struct response *response)
{
    return reply_role(request, request_param(request, "role_id"), 200, response);
}

static enum err create_role(struct request *request, struct response *response)
{
    const json_t *object = json_object_get(request->json, "role");
    const struct identity_change body = identity_read_change(request, object);
    const struct identity_role role = {identity_new_id(request), body.name, body.description ? body.description : ""};
    if (json_is_string(json_object_get(object, "domain_id")))
        return fail(E_INVALID, "Roles of a domain are not kept here; leave domain_id out.");
    TRY(identity_role_add(request->db, &role));
    return reply_role(request, role.id, 201, response);
}

static enum err require_changeable(struct request *request, const char *id)
{
    struct identity_role role;
    TRY(identity_role_get(request->db, request->arena, id, &role));
    if (is_fixed(role.name))
        return fail(E_FORBIDDEN, "You are not authorized to perform the requested action: the role %s is immutable.", role.name);
    return OK;
}

static enum err change_role(struct request *request, struct response *response)
{
    const char *id = request_param(request, "role_id");
    const struct identity_change change = identity_read_change(request, json_object_get(request->json, "role"));
    TRY(require_changeable(request, id));
    TRY(identity_role_change(request->db, id, &change));
    return reply_role(request, id, 200, response);
}

static enum err delete_role(struct request *request, struct response *response)
{
    const char *id = request_param(request, "role_id");
    TRY(require_changeable(request, id));
    TRY(identity_role_delete(request->db, id));
    return identity_reply_changed(request, response);
}

/* The scope stands in the path: /projects/…, /domains/… or /system/…. */
static struct identity_grant read_grant(const struct request *request)
{
    const char *project = pairs_get(&request->params, "project_id");
    const char *domain = pairs_get(&request->params, "domain_id");
    return (struct identity_grant){
        .user_id = request_param(request, "user_id"),
        .scope = project  ? "project"
                 : domain ? "domain"
                          : "system",
        .scope_id = project  ? project
                    : domain ? domain
                             : "all",
        .role_id = pairs_get(&request->params, "role_id"),
    };
}

static enum err list_grants(struct request *request, struct response *response)
{
    const struct identity_grant grant = read_grant(request);
    struct identity_roles roles;
    TRY(identity_grant_roles(request->db, request->arena, grant.user_id, grant.scope, grant.scope_id, &roles));
    reply_roles(request, &roles, response);
    return OK;
}

static enum err add_grant(struct request *request, struct response *response)
{
    const struct identity_grant grant = read_grant(request);
    TRY(identity_grant_add(request->db, &grant));
    response->status = 204;
    return OK;
}

static enum err check_grant(struct request *request, struct response *response)
{
    const struct identity_grant grant = read_grant(request);
    TRY(identity_grant_check(request->db, request->arena, &grant));
    response->status = 204;
    return OK;
}

static enum err delete_grant(struct request *request, struct response *response)
{
    const struct identity_grant grant = read_grant(request);
    TRY(identity_grant_delete(request->db, &grant));
    return identity_reply_changed(request, response);
}

/* {"id"}, with names also {"name", "domain": {"id", "name"}}. */
static json_t *named(const char *id, const char *name, const char *domain_id, const char *domain_name)
{
    json_t *object = json_pack("{s:s}", "id", id);
    if (name)
        json_object_set_new(object, "name", json_string(name));
    if (name && domain_id)
        json_object_set_new(object, "domain", json_pack("{s:s, s:s}", "id", domain_id, "name", domain_name));
    return object;
}

static json_t *scope_body(const struct identity_grant *grant, bool names)
{
    if (str_equal(grant->scope, "system"))
        return json_pack("{s:{s:b}}", "system", "all", 1);
    return json_pack("{s:o}", grant->scope,
                     named(grant->scope_id, names ? grant->scope_name : NULL, grant->scope_domain_id, grant->scope_domain_name));
}

static const char *assignment_link(const struct request *request, const struct identity_grant *grant)
{
    if (str_equal(grant->scope, "system"))
        return request_link(request, "/system/users/%s/roles/%s", grant->user_id, grant->role_id);
    return request_link(request, "/%ss/%s/users/%s/roles/%s", grant->scope, grant->scope_id, grant->user_id, grant->role_id);
}

static json_t *assignment_body(const struct request *request, const struct identity_grant *grant, bool names)
{
    return json_pack("{s:o, s:o, s:o, s:{s:s}}", "scope", scope_body(grant, names), "user",
                     named(grant->user_id, names ? grant->user_name : NULL, grant->user_domain_id, grant->user_domain_name), "role",
                     named(grant->role_id, names ? grant->role_name : NULL, NULL, NULL), "links", "assignment",
                     assignment_link(request, grant));
}

static struct identity_grant read_assignment_filter(const struct request *request)
{
    const char *project = request_query(request, "scope.project.id");
    const char *domain = request_query(request, "scope.domain.id");
    struct identity_grant filter = {.user_id = request_query(request, "user.id"), .role_id = request_query(request, "role.id")};
    if (project) {
        filter.scope = "project";
        filter.scope_id = project;
    } else if (domain) {
        filter.scope = "domain";
        filter.scope_id = domain;
    } else if (request_query(request, "scope.system")) {
        filter.scope = "system";
    }
    return filter;
}

/* No group has a role, nothing is inherited: such filters leave nothing. `effective` changes nothing for the same reason. */
static enum err list_assignments(struct request *request, struct response *response)
{
    const struct identity_grant filter = read_assignment_filter(request);
    const bool names = identity_query_flag(request, "include_names");
    struct identity_grants grants = {NULL, 0};
    if (!request_query(request, "group.id") && !request_query(request, "scope.OS-INHERIT:inherited_to"))
        TRY(identity_assignment_list(request->db, request->arena, &filter, &grants));
    json_t *list = json_array();
    for (size_t i = 0; i < grants.count; i++)
        json_array_append_new(list, assignment_body(request, &grants.items[i], names));
    identity_reply_list(request, response, "role_assignments", list);
    return OK;
}

#define PROJECT_ROLES "/projects/{project_id}/users/{user_id}/roles"
#define DOMAIN_ROLES  "/domains/{domain_id}/users/{user_id}/roles"
#define SYSTEM_ROLES  "/system/users/{user_id}/roles"

const struct route identity_role_routes[] = {
    {.method = "GET", .path = "/roles", .access = ACCESS_ADMIN, .handler = list_roles},
    {.method = "POST",
     .path = "/roles",
     .access = ACCESS_ADMIN,
     .handler = create_role,
     .body = BODY_JSON,
     .schema = "identity_role_create"},
    {.method = "GET", .path = "/roles/{role_id}", .access = ACCESS_ADMIN, .handler = show_role},
    {.method = "PATCH",
     .path = "/roles/{role_id}",
     .access = ACCESS_ADMIN,
     .handler = change_role,
     .body = BODY_JSON,
     .schema = "identity_role_update"},
    {.method = "DELETE", .path = "/roles/{role_id}", .access = ACCESS_ADMIN, .handler = delete_role},
    {.method = "GET", .path = "/role_assignments", .access = ACCESS_ADMIN, .handler = list_assignments},
    {.method = "GET", .path = PROJECT_ROLES, .access = ACCESS_ADMIN, .handler = list_grants},
    {.method = "GET", .path = PROJECT_ROLES "/{role_id}", .access = ACCESS_ADMIN, .handler = check_grant},
    {.method = "PUT", .path = PROJECT_ROLES "/{role_id}", .access = ACCESS_ADMIN, .handler = add_grant},
    {.method = "DELETE", .path = PROJECT_ROLES "/{role_id}", .access = ACCESS_ADMIN, .handler = delete_grant},
    {.method = "GET", .path = DOMAIN_ROLES, .access = ACCESS_ADMIN, .handler = list_grants},
    {.method = "GET", .path = DOMAIN_ROLES "/{role_id}", .access = ACCESS_ADMIN, .handler = check_grant},
    {.method = "PUT", .path = DOMAIN_ROLES "/{role_id}", .access = ACCESS_ADMIN, .handler = add_grant},
    {.method = "DELETE", .path = DOMAIN_ROLES "/{role_id}", .access = ACCESS_ADMIN, .handler = delete_grant},
    {.method = "GET", .path = SYSTEM_ROLES, .access = ACCESS_ADMIN, .handler = list_grants},
    {.method = "GET", .path = SYSTEM_ROLES "/{role_id}", .access = ACCESS_ADMIN, .handler = check_grant},
    {.method = "PUT", .path = SYSTEM_ROLES "/{role_id}", .access = ACCESS_ADMIN, .handler = add_grant},
    {.method = "DELETE", .path = SYSTEM_ROLES "/{role_id}", .access = ACCESS_ADMIN, .handler = delete_grant},
    {0},
};
