/* What a login's token is for: project, domain, system, the user's default project, or nothing. */
#include "gateway/base/text.h"
#include "gateway/identity/login_inside.h"

enum err login_find_domain(const struct login *login, const json_t *domain, struct identity_domain *out)
{
    const char *id = json_string_value(json_object_get(domain, "id"));
    const char *name = json_string_value(json_object_get(domain, "name"));
    if (!id && !name)
        return fail(E_INVALID, "Expecting to find domain id or name.");
    return id ? identity_domain_get(login->db, login->arena, id, out)
              : identity_domain_get_by_name(login->db, login->arena, name, out);
}

static enum err find_project(const struct login *login, const json_t *object, struct identity_project *out)
{
    const char *id = json_string_value(json_object_get(object, "id"));
    const char *name = json_string_value(json_object_get(object, "name"));
    if (id)
        return identity_project_get(login->db, login->arena, id, out);
    if (!name)
        return fail(E_INVALID, "Expecting to find project id or name.");
    struct identity_domain domain;
    TRY(login_find_domain(login, json_object_get(object, "domain"), &domain));
    return identity_project_get_by_name(login->db, login->arena, domain.id, name, out);
}

static void take_project(struct login *login, const struct identity_project *project)
{
    login->scope.kind = TOKEN_PROJECT;
    login->scope.target = (struct party){project->id, project->name, project->domain_id, project->domain_name};
}

static enum err scope_project(struct login *login, const json_t *object)
{
    struct identity_project project;
    const enum err result = find_project(login, object, &project);
    if (result == E_NOT_FOUND)
        return login_refuse(login, "no such project");
    TRY(result);
    if (!project.enabled || !project.domain_enabled)
        return login_refuse(login, "the project is disabled");
    take_project(login, &project);
    return OK;
}

static enum err scope_domain(struct login *login, const json_t *object)
{
    struct identity_domain domain;
    const enum err result = login_find_domain(login, object, &domain);
    if (result == E_NOT_FOUND)
        return login_refuse(login, "no such domain");
    TRY(result);
    if (!domain.enabled)
        return login_refuse(login, "the domain is disabled");
    login->scope.kind = TOKEN_DOMAIN;
    login->scope.target = (struct party){domain.id, domain.name, NULL, NULL};
    return OK;
}

static enum err scope_system(struct login *login, const json_t *object)
{
    if (!json_is_true(json_object_get(object, "all")))
        return fail(E_INVALID, "The system scope is {\"all\": true}.");
    login->scope.kind = TOKEN_SYSTEM;
    login->scope.target = (struct party){.id = "all"};
    return OK;
}

static enum err scope_none(struct login *login, const json_t *object)
{
    (void)object;
    login->scope.kind = TOKEN_UNSCOPED;
    return OK;
}

static const struct {
    const char *key;
    enum err (*run)(struct login *login, const json_t *object);
} scopes[] = {
    {"project", scope_project},
    {"domain", scope_domain},
    {"system", scope_system},
    {"unscoped", scope_none},
};

/* A default project counts only as long as it is there, enabled, and the user has a role on it. */
static enum err scope_default(struct login *login)
{
    struct identity_project project;
    struct identity_roles roles;
    if (!*login->user.default_project_id)
        return OK;
    const enum err result = identity_project_get(login->db, login->arena, login->user.default_project_id, &project);
    if (result == E_NOT_FOUND || (result == OK && (!project.enabled || !project.domain_enabled)))
        return OK;
    TRY(result);
    TRY(identity_effective_roles(login->db, login->arena, login->user.id, "project", project.id, &roles));
    if (roles.count)
        take_project(login, &project);
    return OK;
}

static enum err scope_of_credential(struct login *login, const json_t *scope)
{
    json_auto_t *project = json_pack("{s:s}", "id", login->credential.project_id);
    if (scope)
        return login_refuse(login, "an application credential cannot ask for a scope");
    return scope_project(login, project);
}

enum err login_find_scope(struct login *login, const json_t *scope)
{
    if (login->credential.id)
        return scope_of_credential(login, scope);
    if (!scope)
        return scope_default(login);
    if (json_is_string(scope) && str_equal(json_string_value(scope), "unscoped"))
        return OK;
    if (json_object_size(scope) != 1)
        return fail(E_INVALID, "A scope is one of project, domain, system, unscoped.");
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        const json_t *object = json_object_get(scope, scopes[i].key);
        if (object)
            return scopes[i].run(login, object);
    }
    return fail(E_INVALID, "A scope is one of project, domain, system, unscoped.");
}
