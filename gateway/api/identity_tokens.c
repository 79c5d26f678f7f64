/* Tokens: login, check, revocation; what a token may be used for (/auth/…); keys and revocations for other zones. */
#include "gateway/api/identity_tokens.h"

#include "gateway/api/identity_inside.h"
#include "gateway/base/text.h"

static json_t *catalog_body(struct request *request)
{
    struct catalog catalog;
    identity_catalog(request->gateway->identity, request, &catalog);
    return catalog_to_json(&catalog);
}

static void reply_token(struct request *request, struct response *response, int status, const struct claims *claims)
{
    json_t *catalog = request_query(request, "nocatalog") ? NULL : catalog_body(request);
    response->json = claims_to_body(claims, catalog);
    response->status = status;
    json_decref(catalog);
}

static enum err login(struct request *request, struct response *response)
{
    const char *token = NULL;
    struct claims *claims = NULL;
    TRY(identity_login(request->gateway->identity, request, request->json, &token, &claims));
    reply_token(request, response, 201, claims);
    response_header(request, response, "X-Subject-Token", token);
    return OK;
}

static enum err delegated_login(struct request *request, struct response *response)
{
    return identity_relay_login(request->gateway->identity, request, response);
}

/* The token that X-Subject-Token names; its own user and admins may look at it. */
static enum err subject(struct request *request, struct claims **out)
{
    const char *token = request_header(request, "X-Subject-Token");
    if (!token || !*token)
        return fail(E_INVALID, "Expecting to find the header X-Subject-Token.");
    const enum err result = identity_verify(request->gateway->identity, request, token, out);
    if (result == E_UNAUTHORIZED)
        return fail(E_NOT_FOUND, "Could not find token.");
    TRY(result);
    return identity_require_user(request, (*out)->user.id);
}

static enum err check(struct request *request, struct response *response)
{
    struct claims *claims = NULL;
    TRY(subject(request, &claims));
    reply_token(request, response, 200, claims);
    response_header(request, response, "X-Subject-Token", request_header(request, "X-Subject-Token"));
    return OK;
}

static enum err revoke(struct request *request, struct response *response)
{
    struct claims *claims = NULL;
    TRY(subject(request, &claims));
    TRY(identity_revoke_token(request->gateway->identity, request->db, claims));
    response->status = 204;
    return OK;
}

/* The authority's word counts everywhere; here it counts at once. */
static enum err delegated_revoke(struct request *request, struct response *response)
{
    struct claims *claims = NULL;
    TRY(subject(request, &claims));
    TRY(identity_relay(request->gateway->identity, request, response));
    return response->status == 204 ? identity_revoke_token(request->gateway->identity, request->db, claims) : OK;
}

static enum err show_catalog(struct request *request, struct response *response)
{
    const char *self = request_link(request, "/auth/catalog");
    response->json = json_pack("{s:o, s:{s:s}}", "catalog", catalog_body(request), "links", "self", self);
    return OK;
}

static enum err show_keys(struct request *request, struct response *response)
{
    return identity_keys(request->gateway->identity, request, &response->json);
}

static enum err list_revocations(struct request *request, struct response *response)
{
    struct identity_revocations list;
    TRY(identity_revocation_list(request->db, request->arena, &list));
    response->json = identity_revocations_to_json(&list);
    return OK;
}

static enum err list_system(struct request *request, struct response *response)
{
    struct identity_roles roles;
    TRY(identity_grant_roles(request->db, request->arena, request->caller.user_id, "system", "all", &roles));
    json_t *list = json_array();
    if (roles.count)
        json_array_append_new(list, json_pack("{s:b}", "all", 1));
    response->json = json_pack("{s:o, s:{s:s}}", "system", list, "links", "self", request_link(request, "/auth/system"));
    return OK;
}

const struct route identity_auth_routes[] = {
    {.method = "POST",
     .path = "/auth/tokens",
     .access = ACCESS_PUBLIC,
     .handler = login,
     .body = BODY_JSON,
     .schema = "identity_auth"},
    {.method = "DELETE", .path = "/auth/tokens", .access = ACCESS_ANY, .handler = revoke},
    {.method = "GET", .path = "/auth/system", .access = ACCESS_ANY, .handler = list_system},
    {0},
};

const struct route identity_delegated_token_routes[] = {
    {.method = "POST", .path = "/auth/tokens", .access = ACCESS_PUBLIC, .handler = delegated_login, .body = BODY_JSON},
    {.method = "DELETE", .path = "/auth/tokens", .access = ACCESS_ANY, .handler = delegated_revoke},
    {0},
};

const struct route identity_token_routes[] = {
    {.method = "GET", .path = "/auth/tokens", .access = ACCESS_ANY, .handler = check},
    {.method = "GET", .path = "/auth/catalog", .access = ACCESS_ANY, .handler = show_catalog},
    {.method = "GET", .path = "/zonegate/keys", .access = ACCESS_PUBLIC, .handler = show_keys},
    {.method = "GET", .path = "/zonegate/revocations", .access = ACCESS_LINK, .handler = list_revocations},
    {0},
};
