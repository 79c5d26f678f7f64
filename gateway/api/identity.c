/*
 * The identity service: its tables, version discovery and error bodies (Identity API 3.14).
 *
 * A zone with an authority passes on what is not in its short table; discovery, the catalog and the check of tokens stay here.
 */
#include "gateway/api/identity.h"

#include "gateway/api/identity_inside.h"
#include "gateway/api/identity_tokens.h"

#define VERSION_ID      "v3.14"
#define VERSION_UPDATED "2020-04-07T00:00:00Z"

static const struct {
    int status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Request Entity Too Large"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *title_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

void identity_write_error(const struct request *request, int status, const char *message, struct response *response)
{
    (void)request;
    text_reset(&response->body);
    text_add_format(&response->body, "{\"error\":{\"code\":%d,\"message\":", status);
    text_add_json(&response->body, message);
    text_add_str(&response->body, ",\"title\":");
    text_add_json(&response->body, title_of(status));
    text_add_str(&response->body, "}}");
    response->status = status;
    response->content_type = "application/json";
}

static void decorate(const struct request *request, struct response *response)
{
    if (!pairs_get_nocase(&response->headers, "Vary"))
        pairs_add(request->arena, &response->headers, "Vary", "X-Auth-Token");
}

static json_t *describe_version(const struct request *request)
{
    const char *self = arena_printf(request->arena, "%s/identity/v3/", request->base_url);
    return json_pack("{s:s, s:s, s:s, s:[{s:s, s:s}], s:[{s:s, s:s}]}", "id", VERSION_ID, "status", "stable", "updated",
                     VERSION_UPDATED, "links", "rel", "self", "href", self, "media-types", "base", "application/json", "type",
                     "application/vnd.openstack.identity-v3+json");
}

static enum err show_version(struct request *request, struct response *response)
{
    identity_reply(response, 200, "version", describe_version(request));
    return OK;
}

static enum err list_versions(struct request *request, struct response *response)
{
    response->status = 300;
    response->json = json_pack("{s:{s:[o]}}", "versions", "values", describe_version(request));
    return OK;
}

static enum err relay(struct request *request, struct response *response)
{
    return identity_relay(request->gateway->identity, request, response);
}

static const struct route version_routes[] = {
    {.method = "GET", .path = "", .access = ACCESS_PUBLIC, .handler = show_version, .inline_ok = 1},
    {0},
};

static const struct route versions_routes[] = {
    {.method = "GET", .path = "", .access = ACCESS_PUBLIC, .handler = list_versions, .inline_ok = 1},
    {0},
};

/* The authority decides who may: this zone only carries it there. */
static const struct route relay_routes[] = {
    {.method = "GET", .path = "/{rest...}", .access = ACCESS_PUBLIC, .handler = relay},
    {.method = "HEAD", .path = "/{rest...}", .access = ACCESS_PUBLIC, .handler = relay},
    {.method = "POST", .path = "/{rest...}", .access = ACCESS_PUBLIC, .handler = relay, .body = BODY_OPAQUE},
    {.method = "PUT", .path = "/{rest...}", .access = ACCESS_PUBLIC, .handler = relay, .body = BODY_OPAQUE},
    {.method = "PATCH", .path = "/{rest...}", .access = ACCESS_PUBLIC, .handler = relay, .body = BODY_OPAQUE},
    {.method = "DELETE", .path = "/{rest...}", .access = ACCESS_PUBLIC, .handler = relay},
    {0},
};

static const char *const mounts[] = {"/identity/v3", NULL};
static const char *const versions_mounts[] = {"/identity", NULL};

static const struct route *const tables[] = {
    version_routes,
    identity_auth_routes,
    identity_token_routes,
    identity_project_routes,
    identity_user_routes,
    identity_role_routes,
    identity_credential_routes,
    identity_catalog_routes,
    NULL,
};
static const struct route *const delegated_tables[] = {
    version_routes, identity_delegated_token_routes, identity_token_routes, identity_catalog_routes, relay_routes, NULL,
};
static const struct route *const versions_tables[] = {versions_routes, NULL};

const struct service identity_service = {
    .name = "identity",
    .mounts = mounts,
    .tables = tables,
    .write_error = identity_write_error,
    .decorate = decorate,
    .method_not_allowed = true,
};

const struct service identity_delegated_service = {
    .name = "identity",
    .mounts = mounts,
    .tables = delegated_tables,
    .write_error = identity_write_error,
    .decorate = decorate,
    .method_not_allowed = true,
};

const struct service identity_versions_service = {
    .name = "identity-versions",
    .mounts = versions_mounts,
    .tables = versions_tables,
    .write_error = identity_write_error,
    .decorate = decorate,
    .method_not_allowed = true,
};
