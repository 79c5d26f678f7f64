/*
 * Who may call a route: one row per `enum access`.
 *
 * Finer rules (the owner of a server, an admin's extra fields) belong to the handlers.
 */
#include <string.h>

#include "gateway/http/core/inside.h"

enum { UUID_HEX = 32 };

static bool allow_all(const struct request *request)
{
    (void)request;
    return true;
}

static bool allow_reader(const struct request *request)
{
    return request->caller.project_id || request->route->unscoped_ok;
}

static bool allow_member(const struct request *request)
{
    return allow_reader(request) && request->caller.is_member;
}

static bool allow_admin(const struct request *request)
{
    return request->caller.is_admin;
}

static bool allow_link(const struct request *request)
{
    return request->link || request->caller.is_admin;
}

static const struct access_rule {
    bool token;
    bool (*allows)(const struct request *request);
} access_rules[] = {
    [ACCESS_PUBLIC] = {false, allow_all},   [ACCESS_ANY] = {true, allow_all},     [ACCESS_READER] = {true, allow_reader},
    [ACCESS_MEMBER] = {true, allow_member}, [ACCESS_ADMIN] = {true, allow_admin}, [ACCESS_LINK] = {true, allow_link},
};

/* The same id, written with or without dashes, in any case. */
static bool same_project(const char *hex, const char *project_id)
{
    for (; *project_id; project_id++) {
        if (*project_id == '-')
            continue;
        const char c = *project_id >= 'A' && *project_id <= 'F' ? (char)(*project_id | 0x20) : *project_id;
        if (*hex++ != c)
            return false;
    }
    return *hex == '\0';
}

/* Nova's words for a path with the id of another project than the token's. */
static enum err other_project(const struct request *request)
{
    char own[UUID_HEX + 1] = "None";
    size_t length = 0;
    for (const char *from = request->caller.project_id; from && *from && length < UUID_HEX; from++) {
        if (*from != '-')
            own[length++] = *from;
    }
    if (length)
        own[length] = '\0';
    return fail(E_INVALID, "Malformed request URL: URL's project_id '%.64s' doesn't match Context's project_id '%s'",
                request->project, own);
}

static enum err refuse(const struct route *route)
{
    if (route->policy)
        return fail(E_FORBIDDEN, "Policy doesn't allow %s to be performed.", route->policy);
    return fail(E_FORBIDDEN, "Policy doesn't allow %s %s to be performed.", route->method, route->path);
}

enum err access_check(const struct http_hooks *hooks, struct request *request)
{
    const struct access_rule *rule = &access_rules[request->route->access];
    if (!rule->token || request->authenticated)
        return OK;
    TRY(hooks->authenticate(request));
    if (!request->caller.request_id)
        request->caller.request_id = request->request_id;
    if (request->project && (!request->caller.project_id || !same_project(request->project, request->caller.project_id)))
        return other_project(request);
    if (!rule->allows(request))
        return refuse(request->route);
    request->authenticated = true;
    return OK;
}
