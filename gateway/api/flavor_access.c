/*
 * Who may see a private flavor: /flavors/{id}/os-flavor-access, and the actions that add and remove a project. A project that is to
 * be added must exist where users are kept in this zone; elsewhere its id is taken as it is.
 */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/flavor_catalog.h"
#include "gateway/gateway.h"
#include "schema/identity.h"
#include "schema/json/json.h"

static enum err reply_projects(struct request *request, struct response *response, const struct flavor *flavor)
{
    struct flavor_projects projects;
    TRY(flavor_access_list(request->db, request->arena, flavor, &projects));
    json_t *list = json_array();
    for (size_t i = 0; i < projects.count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "flavor_id", flavor->flavorid, "tenant_id", projects.ids[i]));
    response->json = json_pack("{s:o}", "flavor_access", list);
    return OK;
}

static enum err access_index(struct request *request, struct response *response)
{
    struct flavor flavor;
    TRY(flavor_catalog_get(request, request_param(request, "flavor_id"), &flavor));
    if (flavor.is_public)
        return fail(E_NOT_FOUND, "Access list not available for public flavors.");
    return reply_projects(request, response, &flavor);
}

static enum err check_project(struct request *request, const char *project_id)
{
    struct identity_project project;
    if (request->gateway->config.identity.url[0])
        return OK;
    const enum err found = identity_project_get(request->db, request->arena, project_id, &project);
    return found == E_NOT_FOUND ? fail(E_INVALID, "Project ID %s is not a valid project.", project_id) : found;
}

static enum err add_project(struct request *request, struct response *response, const char *project_id)
{
    struct flavor flavor;
    TRY(check_project(request, project_id));
    TRY(flavor_catalog_get(request, request_param(request, "flavor_id"), &flavor));
    if (flavor.is_public && request->version >= 7)
        return fail(E_CONFLICT, "Can not add access to a public flavor.");
    TRY(flavor_access_add(request->db, &flavor, project_id));
    return reply_projects(request, response, &flavor);
}

static enum err remove_project(struct request *request, struct response *response, const char *project_id)
{
    struct flavor flavor;
    TRY(flavor_catalog_get(request, request_param(request, "flavor_id"), &flavor));
    TRY(flavor_access_remove(request->db, &flavor, project_id));
    return reply_projects(request, response, &flavor);
}

static const struct {
    const char *key;
    const char *schema;
    const char *policy;
    enum err (*run)(struct request *request, struct response *response, const char *project_id);
} actions[] = {
    {"addTenantAccess", "flavor_add_tenant_access", "add_tenant_access", add_project},
    {"removeTenantAccess", "flavor_remove_tenant_access", "remove_tenant_access", remove_project},
};

static enum err flavor_action(struct request *request, struct response *response)
{
    if (json_object_size(request->json) != 1)
        return fail(E_INVALID, "Malformed request body");
    const char *key = json_object_iter_key(json_object_iter(request->json));
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (!str_equal(actions[i].key, key))
            continue;
        TRY(json_validate(json_schema_named(actions[i].schema), request->json));
        if (!request->caller.is_admin)
            return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:os-flavor-access:%s to be performed.", actions[i].policy);
        const json_t *tenant = json_object_get(json_object_get(request->json, key), "tenant");
        return actions[i].run(request, response, json_string_value(tenant));
    }
    return fail(E_INVALID, "There is no such action: %.200s", key);
}

const struct route flavor_access_routes[] = {
    {.method = "GET", .path = "/flavors/{flavor_id}/os-flavor-access", .access = ACCESS_READER, .handler = access_index},
    {.method = "POST", .path = "/flavors/{flavor_id}/action", .access = ACCESS_READER, .handler = flavor_action, .body = BODY_JSON},
    {.method = NULL},
};
