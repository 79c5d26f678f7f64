/* Domains and projects (Identity API 3: /domains, /projects, /auth/projects, /auth/domains). Projects do not nest. */
#include "gateway/api/identity_inside.h"
#include "gateway/base/text.h"

static json_t *domain_body(const struct request *request, const struct identity_domain *domain)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:[], s:{}, s:o}", "id", domain->id, "name", domain->name, "description",
                     domain->description, "enabled", (int)domain->enabled, "tags", "options", "links",
                     identity_self_link(request, "domains", domain->id));
}

static json_t *project_body(const struct request *request, const struct identity_project *project)
{
    json_t *tags = json_loads(project->tags, 0, NULL);
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:b, s:o, s:{}, s:o}", "id", project->id, "name", project->name, "domain_id",
                     project->domain_id, "description", project->description, "enabled", (int)project->enabled, "parent_id",
                     project->domain_id, "is_domain", 0, "tags", tags ? tags : json_array(), "options", "links",
                     identity_self_link(request, "projects", project->id));
}

static enum err list_some_domains(struct request *request, const char *user_id, struct response *response)
{
    struct identity_filter filter = identity_read_filter(request);
    struct identity_domains domains;
    filter.user_id = user_id;
    TRY(identity_domain_list(request->db, request->arena, &filter, &domains));
    json_t *list = json_array();
    for (size_t i = 0; i < domains.count; i++)
        json_array_append_new(list, domain_body(request, &domains.items[i]));
    identity_reply_list(request, response, "domains", list);
    return OK;
}

static enum err list_domains(struct request *request, struct response *response)
{
    return list_some_domains(request, NULL, response);
}

static enum err list_my_domains(struct request *request, struct response *response)
{
    return list_some_domains(request, request->caller.user_id, response);
}

static enum err reply_domain(struct request *request, const char *id, int status, struct response *response)
{
    struct identity_domain domain;
    TRY(identity_domain_get(request->db, request->arena, id, &domain));
    identity_reply(response, status, "domain", domain_body(request, &domain));
    return OK;
}

static enum err show_domain(struct request *request, struct response *response)
{
    const char *id = request_param(request, "domain_id");
    const struct caller *caller = &request->caller;
    const bool own = str_equal(id, caller->domain_id) || str_equal(id, caller->project_domain_id);
    if (!caller->is_admin && !own)
        return identity_forbid(request);
    return reply_domain(request, id, 200, response);
}

static enum err create_domain(struct request *request, struct response *response)
{
    const struct identity_change body = identity_read_change(request, json_object_get(request->json, "domain"));
    const struct identity_domain domain = {identity_new_id(request), body.name, body.description ? body.description : "",
                                           body.enabled != 0};
    TRY(identity_domain_add(request->db, &domain));
    return reply_domain(request, domain.id, 201, response);
}

static enum err change_domain(struct request *request, struct response *response)
{
    const char *id = request_param(request, "domain_id");
    const struct identity_change change = identity_read_change(request, json_object_get(request->json, "domain"));
    TRY(identity_domain_change(request->db, id, &change));
    TRY(identity_revoked(request->gateway->identity, request->db));
    return reply_domain(request, id, 200, response);
}

static enum err delete_domain(struct request *request, struct response *response)
{
    TRY(identity_domain_delete(request->db, request_param(request, "domain_id")));
    return identity_reply_changed(request, response);
}

static enum err list_some_projects(struct request *request, const char *user_id, struct response *response)
{
    struct identity_filter filter = identity_read_filter(request);
    struct identity_projects projects;
    filter.user_id = user_id;
    TRY(identity_project_list(request->db, request->arena, &filter, &projects));
    json_t *list = json_array();
    for (size_t i = 0; i < projects.count; i++)
        json_array_append_new(list, project_body(request, &projects.items[i]));
    identity_reply_list(request, response, "projects", list);
    return OK;
}

static enum err list_projects(struct request *request, struct response *response)
{
    return list_some_projects(request, NULL, response);
}

static enum err list_my_projects(struct request *request, struct response *response)
{
    return list_some_projects(request, request->caller.user_id, response);
}

static enum err list_users_projects(struct request *request, struct response *response)
{
    const char *user_id = request_param(request, "user_id");
    struct identity_user user;
    TRY(identity_require_user(request, user_id));
    TRY(identity_user_get(request->db, request->arena, user_id, &user));
    return list_some_projects(request, user_id, response);
}

static enum err reply_project(struct request *request, const char *id, int status, struct response *response)
{
    struct identity_project project;
    TRY(identity_project_get(request->db, request->arena, id, &project));
    identity_reply(response, status, "project", project_body(request, &project));
    return OK;
}

static enum err show_project(struct request *request, struct response *response)
{
    const char *id = request_param(request, "project_id");
    if (!request->caller.is_admin && !str_equal(id, request->caller.project_id))
        return identity_forbid(request);
    return reply_project(request, id, 200, response);
}

static enum err create_project(struct request *request, struct response *response)
{
    const json_t *object = json_object_get(request->json, "project");
    const struct identity_change body = identity_read_change(request, object);
    const char *domain_id = identity_home_domain(request, object);
    const char *parent_id = json_string_value(json_object_get(object, "parent_id"));
    const struct identity_project project = {.id = identity_new_id(request),
                                             .domain_id = domain_id,
                                             .name = body.name,
                                             .description = body.description ? body.description : "",
                                             .enabled = body.enabled != 0,
                                             .tags = body.tags ? body.tags : "[]"};
    if (parent_id && !str_equal(parent_id, domain_id))
        return fail(E_INVALID, "Projects do not nest here: parent_id can only be the domain %s.", domain_id);
    if (json_is_true(json_object_get(object, "is_domain")))
        return fail(E_INVALID, "A project cannot act as a domain; make a domain.");
    TRY(identity_project_add(request->db, &project));
    return reply_project(request, project.id, 201, response);
}

static enum err change_project(struct request *request, struct response *response)
{
    const char *id = request_param(request, "project_id");
    const struct identity_change change = identity_read_change(request, json_object_get(request->json, "project"));
    TRY(identity_project_change(request->db, id, &change));
    TRY(identity_revoked(request->gateway->identity, request->db));
    return reply_project(request, id, 200, response);
}

static enum err delete_project(struct request *request, struct response *response)
{
    TRY(identity_project_delete(request->db, request_param(request, "project_id")));
    return identity_reply_changed(request, response);
}

const struct route identity_project_routes[] = {
    {.method = "GET", .path = "/auth/projects", .access = ACCESS_ANY, .handler = list_my_projects},
    {.method = "GET", .path = "/auth/domains", .access = ACCESS_ANY, .handler = list_my_domains},
    {.method = "GET", .path = "/domains", .access = ACCESS_ADMIN, .handler = list_domains},
    {.method = "POST",
     .path = "/domains",
     .access = ACCESS_ADMIN,
     .handler = create_domain,
     .body = BODY_JSON,
     .schema = "identity_domain_create"},
    {.method = "GET", .path = "/domains/{domain_id}", .access = ACCESS_ANY, .handler = show_domain},
    {.method = "PATCH",
     .path = "/domains/{domain_id}",
     .access = ACCESS_ADMIN,
     .handler = change_domain,
     .body = BODY_JSON,
     .schema = "identity_domain_update"},
    {.method = "DELETE", .path = "/domains/{domain_id}", .access = ACCESS_ADMIN, .handler = delete_domain},
    {.method = "GET", .path = "/projects", .access = ACCESS_ADMIN, .handler = list_projects},
    {.method = "POST",
     .path = "/projects",
     .access = ACCESS_ADMIN,
     .handler = create_project,
     .body = BODY_JSON,
     .schema = "identity_project_create"},
    {.method = "GET", .path = "/projects/{project_id}", .access = ACCESS_ANY, .handler = show_project},
    {.method = "PATCH",
     .path = "/projects/{project_id}",
     .access = ACCESS_ADMIN,
     .handler = change_project,
     .body = BODY_JSON,
     .schema = "identity_project_update"},
    {.method = "DELETE", .path = "/projects/{project_id}", .access = ACCESS_ADMIN, .handler = delete_project},
    {.method = "GET", .path = "/users/{user_id}/projects", .access = ACCESS_ANY, .handler = list_users_projects},
    {0},
};
