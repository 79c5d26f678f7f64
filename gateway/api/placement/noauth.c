/*
 * auth_strategy = noauth2: tokens are believed, as Placement's own tests have it. Refused where other machines could use it, and
 * told in the log at every start.
 */
#include <string.h>

#include "gateway/api/placement/inside.h"
#include "gateway/api/placement/service.h"
#include "gateway/base/log.h"

static const char *split_token(struct arena *arena, const char *token, const char **project)
{
    const size_t length = strcspn(token, ":");
    const char *user = arena_strndup(arena, token, length);
    *project = token[length] && token[length + 1] ? token + length + 1 : user;
    return user;
}

static void split_roles(struct arena *arena, const char *list, struct caller *caller)
{
    size_t count = 1;
    for (const char *p = list; *p; p++)
        count += *p == ',';
    const char **roles = arena_alloc(arena, count * sizeof(*roles));
    caller->roles = roles;
    while (*list) {
        const size_t blanks = strspn(list, " ");
        const size_t length = strcspn(list, ",");
        if (length > blanks)
            roles[caller->role_count++] = arena_strndup(arena, list + blanks, length - blanks);
        list += length + (list[length] == ',');
    }
}

enum err placement_authenticate_noauth(struct request *request)
{
    const char *token = request_header(request, "X-Auth-Token");
    if (!token || !*token)
        return fail(E_UNAUTHORIZED, "Authentication required");
    struct caller *caller = &request->caller;
    const char *own_project = NULL;
    const char *roles = request_header(request, "X-Roles");
    const char *project = request_header(request, "X-Project-Id");
    const char *scope = request_header(request, "OpenStack-System-Scope");
    *caller = (struct caller){.user_id = split_token(request->arena, token, &own_project)};
    caller->user_name = caller->user_id;
    caller->user_domain_id = caller->user_domain_name = "default";
    caller->system_scope = str_equal(scope, "all");
    caller->project_id = project ? project : scope && *scope ? NULL : own_project;
    split_roles(request->arena, roles ? roles : strcmp(caller->user_id, "admin") == 0 ? "admin" : "", caller);
    caller->is_admin = caller_has_role(caller, "admin");
    caller->is_member = caller->is_admin || caller_has_role(caller, "member");
    return OK;
}

bool placement_is_noauth(const struct config *config)
{
    return strcmp(config->placement.auth_strategy, "noauth2") == 0;
}

static bool is_loopback(const char *listen)
{
    static const char *const prefixes[] = {"127.", "[::1]:", "localhost:"};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_starts(listen, prefixes[i]))
            return true;
    return false;
}

enum err placement_check_config(const struct config *config)
{
    if (config->placement.open_policy)
        log_warn("placement.open_policy", "text=\"everybody with a token may do everything in Placement\"");
    if (!placement_is_noauth(config))
        return OK;
    const char *const addresses[] = {config->api.listen, config->placement.listen};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
        if (*addresses[i] && !is_loopback(addresses[i]))
            return fail(E_INVALID,
                        "[placement] auth_strategy = noauth2 believes every token; it is for tests and refused on %s. Listen on "
                        "127.0.0.1, or set auth_strategy = identity.",
                        addresses[i]);
    log_error("placement.noauth2",
              "text=\"EVERY TOKEN IS BELIEVED: whoever reaches this machine's loopback is an admin of Placement\"");
    return OK;
}
