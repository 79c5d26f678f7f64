/* The first admin: see identity.h. Each step looks before it adds, so that it can be run again after anything. */
#include "gateway/base/text.h"
#include "gateway/identity/inside.h"

#define DOMAIN_ID "default"

static const char *const role_names[] = {"admin", "member", "reader"};

static const char *new_id(struct arena *arena)
{
    struct uuid uuid;
    uuid_new(&uuid);
    return arena_strdup(arena, uuid_to_hex(&uuid).text);
}

static enum err ensure_domain(struct db *db, struct arena *arena)
{
    struct identity_domain domain;
    const enum err found = identity_domain_get(db, arena, DOMAIN_ID, &domain);
    if (found != E_NOT_FOUND)
        return found;
    return identity_domain_add(db, &(struct identity_domain){DOMAIN_ID, "Default", "The default domain", true});
}

static enum err ensure_project(struct db *db, struct arena *arena, const char *name, const char **out_id)
{
    struct identity_project project;
    const enum err found = identity_project_get_by_name(db, arena, DOMAIN_ID, name, &project);
    if (found == E_NOT_FOUND) {
        project = (struct identity_project){.id = new_id(arena), .domain_id = DOMAIN_ID, .name = name, .enabled = true};
        project.description = "Bootstrap project for initializing the cloud.";
        project.tags = "[]";
        TRY(identity_project_add(db, &project));
    } else {
        TRY(found);
    }
    *out_id = project.id;
    return OK;
}

static enum err ensure_role(struct db *db, struct arena *arena, const char *name, const char **out_id)
{
    struct identity_roles roles;
    TRY(identity_role_list(db, arena, &(struct identity_filter){.name = name, .enabled = -1}, &roles));
    if (roles.count) {
        *out_id = roles.items[0].id;
        return OK;
    }
    *out_id = new_id(arena);
    return identity_role_add(db, &(struct identity_role){*out_id, name, ""});
}

static enum err ensure_user(struct db *db, struct arena *arena, const char *name, const char *hash, const char *project_id,
                            const char **out_id)
{
    struct identity_user user;
    const enum err found = identity_user_get_by_name(db, arena, DOMAIN_ID, name, &user);
    if (found == OK) {
        *out_id = user.id;
        return identity_user_change(db, user.id, &(struct identity_change){.password = hash, .enabled = 1});
    }
    if (found != E_NOT_FOUND)
        return found;
    user = (struct identity_user){.id = new_id(arena), .domain_id = DOMAIN_ID, .name = name, .enabled = true, .password = hash};
    user.description = "";
    user.email = "";
    user.default_project_id = project_id;
    *out_id = user.id;
    return identity_user_add(db, &user);
}

static enum err grant_role(struct db *db, const char *user_id, const char *project_id, const char *role_id)
{
    const struct identity_grant grants[] = {
        {.user_id = user_id, .scope = "project", .scope_id = project_id, .role_id = role_id},
        {.user_id = user_id, .scope = "domain", .scope_id = DOMAIN_ID, .role_id = role_id},
        {.user_id = user_id, .scope = "system", .scope_id = "all", .role_id = role_id},
    };
    for (size_t i = 0; i < ARRAY_LEN(grants); i++)
        TRY(identity_grant_add(db, &grants[i]));
    return OK;
}

enum err identity_bootstrap(struct db *db, const struct bootstrap *bootstrap)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    char hash[PASSWORD_HASH_SIZE];
    const char *project_id = NULL;
    const char *user_id = NULL;
    const char *project = bootstrap->project ? bootstrap->project : "admin";
    if (!*bootstrap->username || !*project || (bootstrap->region && !*bootstrap->region))
        return fail(E_INVALID, "The names of user, project and region must not be empty.");
    TRY(password_hash(bootstrap->password, hash));
    TRY(ensure_domain(db, &arena));
    TRY(ensure_project(db, &arena, project, &project_id));
    TRY(ensure_user(db, &arena, bootstrap->username, hash, project_id, &user_id));
    for (size_t i = 0; i < ARRAY_LEN(role_names); i++) {
        const char *role_id = NULL;
        TRY(ensure_role(db, &arena, role_names[i], &role_id));
        TRY(grant_role(db, user_id, project_id, role_id));
    }
    return bootstrap->region ? identity_set_region(db, bootstrap->region) : OK;
}
