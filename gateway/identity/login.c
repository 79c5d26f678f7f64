/*
 * Logins: methods, then scope, then a signed token (Identity API 3, "Password authentication …", "Token authentication …",
 * "Authenticating with an Application Credential").
 *
 * Whatever is wrong, the client reads one and the same 401; the log says why. A login's token counts from the moment before the
 * user's row was read, so that a password change that came between voids it.
 */
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/identity/login_inside.h"

#define MICROSECONDS INT64_C(1000000)

enum err login_refuse(const struct login *login, const char *reason)
{
    const struct log_text user = log_quote(login->asked);
    log_info("login.refused", "user=%s address=%s reason=%s", user.text, login->request->client_address, log_quote(reason).text);
    return fail(E_UNAUTHORIZED, "The request you have made requires authentication.");
}

/* The second method must speak for the same user as the first. */
enum err login_take_user(struct login *login, const struct identity_user *user)
{
    if (login->found && !str_equal(login->user.id, user->id))
        return login_refuse(login, "the methods name different users");
    login->found = true;
    login->user = *user;
    return OK;
}

static const struct {
    const char *name;
    enum err (*run)(struct login *login, const json_t *method);
} methods[] = {
    {"password", login_by_password},
    {"token", login_by_token},
    {"application_credential", login_by_credential},
};

static enum err run_method(struct login *login, const json_t *identity, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (!str_equal(methods[i].name, name))
            continue;
        const json_t *method = json_object_get(identity, name);
        if (!method)
            return fail(E_INVALID,
                        "Expecting to find %s in identity. The server could not comply with the request since it is "
                        "either malformed or otherwise incorrect. The client is assumed to be in error.",
                        name);
        return methods[i].run(login, method);
    }
    return login_refuse(login, "the method is not supported");
}

static void add_method(struct login *login, const char *name)
{
    for (size_t i = 0; i < login->method_count; i++)
        if (str_equal(login->methods[i], name))
            return;
    if (login->method_count < TOKEN_PARTS_MAX)
        login->methods[login->method_count++] = name;
}

static enum err authenticate(struct login *login, const json_t *identity)
{
    const json_t *names = json_object_get(identity, "methods");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        TRY(run_method(login, identity, name));
        add_method(login, name);
    }
    for (size_t i = 0; login->parent && i < login->parent->method_count; i++)
        add_method(login, login->parent->methods[i]);
    if (!login->found)
        return login_refuse(login, "no method was given");
    if (!login->user.enabled || !login->user.domain_enabled)
        return login_refuse(login, "the user is disabled");
    return OK;
}

static bool has_role(const struct identity_roles *roles, const char *id)
{
    for (size_t i = 0; i < roles->count; i++)
        if (str_equal(roles->items[i].id, id))
            return true;
    return false;
}

/* An application credential gives the roles it was made with, as far as the user still has them. */
static enum err find_roles(struct login *login, struct identity_roles *out)
{
    static const char *const scopes[] = {"", "project", "domain", "system"};
    struct identity_roles own;
    struct identity_roles granted;
    TRY(identity_effective_roles(login->db, login->arena, login->user.id, scopes[login->scope.kind], login->scope.target.id, &own));
    *out = own;
    if (!login->credential.id)
        return OK;
    TRY(identity_credential_roles(login->db, login->arena, login->credential.id, &granted));
    struct identity_role *items = arena_alloc(login->arena, granted.count * sizeof(*items) + 1);
    *out = (struct identity_roles){items, 0};
    for (size_t i = 0; i < granted.count; i++)
        if (has_role(&own, granted.items[i].id))
            items[out->count++] = granted.items[i];
    return OK;
}

static enum err set_roles(struct login *login, struct claims *claims)
{
    struct identity_roles roles = {NULL, 0};
    if (login->scope.kind == TOKEN_UNSCOPED)
        return OK;
    TRY(find_roles(login, &roles));
    if (!roles.count)
        return login_refuse(login, "the user has no role there");
    if (roles.count > TOKEN_PARTS_MAX)
        return fail(E_TOO_LARGE, "The user has more than %d roles there.", TOKEN_PARTS_MAX);
    claims->roles = arena_alloc(&claims->arena, roles.count * sizeof(char *));
    claims->role_ids = arena_alloc(&claims->arena, roles.count * sizeof(char *));
    claims->role_count = roles.count;
    for (size_t i = 0; i < roles.count; i++) {
        claims->roles[i] = arena_strdup(&claims->arena, roles.items[i].name);
        claims->role_ids[i] = arena_strdup(&claims->arena, roles.items[i].id);
    }
    return OK;
}

static struct party copy_party(struct arena *arena, const struct party *party)
{
    return (struct party){arena_strdup(arena, party->id), arena_strdup(arena, party->name), arena_strdup(arena, party->domain_id),
                          arena_strdup(arena, party->domain_name)};
}

static int64_t earlier(int64_t a, int64_t b)
{
    return b && b < a ? b : a;
}

/* Whole seconds, as clients print them; never past the parent's or the credential's own end. */
static void set_times(const struct login *login, struct claims *claims)
{
    const int64_t lifetime_s = login->identity->config->identity.token_lifetime_s;
    claims->issued_us = login->started_us;
    claims->expires_us = (login->started_us / MICROSECONDS + lifetime_s) * MICROSECONDS;
    claims->expires_us = earlier(claims->expires_us, login->parent ? login->parent->expires_us : 0);
    claims->expires_us = earlier(claims->expires_us, login->credential.id ? login->credential.expires_us : 0);
}

static void set_names(const struct login *login, struct claims *claims)
{
    struct arena *arena = &claims->arena;
    const struct identity_user *user = &login->user;
    claims->user = copy_party(arena, &(struct party){user->id, user->name, user->domain_id, user->domain_name});
    claims->scope = login->scope.kind;
    claims->target = copy_party(arena, &login->scope.target);
    claims->methods = arena_alloc(arena, login->method_count * sizeof(char *));
    claims->method_count = login->method_count;
    for (size_t i = 0; i < login->method_count; i++)
        claims->methods[i] = arena_strdup(arena, login->methods[i]);
    if (login->parent)
        claims->audit_parent = arena_strdup(arena, login->parent->audit_id);
    if (login->credential.id) {
        claims->credential_id = arena_strdup(arena, login->credential.id);
        claims->credential_name = arena_strdup(arena, login->credential.name);
        claims->credential_restricted = !login->credential.unrestricted;
    }
}

static void release_claims(void *claims)
{
    claims_release(claims);
}

enum err identity_login(struct identity *identity, struct request *request, const json_t *body, const char **out_token,
                        struct claims **out_claims)
{
    const json_t *auth = json_object_get(body, "auth");
    struct login login = {.identity = identity, .request = request, .db = request->db, .arena = request->arena, .asked = ""};
    login.started_us = clock_wall_us();
    TRY(authenticate(&login, json_object_get(auth, "identity")));
    TRY(login_find_scope(&login, json_object_get(auth, "scope")));
    struct claims *claims = claims_new();
    arena_defer(request->arena, release_claims, claims);
    set_times(&login, claims);
    set_names(&login, claims);
    TRY(set_roles(&login, claims));
    TRY(token_issue(identity->keys, claims, request->arena, out_token));
    *out_claims = claims;
    log_info("login.accepted", "user_id=%s audit_id=%s", claims->user.id, claims->audit_id);
    return OK;
}
