/* Application credentials (Identity API 3: /users/{id}/application_credentials). Access rules are not supported. */
#include <string.h>

#include "gateway/api/identity_inside.h"
#include "gateway/base/clock.h"
#include "gateway/base/text.h"

#define SECRET_BYTES 48

static json_t *roles_body(const struct identity_roles *roles)
{
    json_t *list = json_array();
    for (size_t i = 0; i < roles->count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:n}", "id", roles->items[i].id, "name", roles->items[i].name, "domain_id"));
    return list;
}

static enum err credential_body(struct request *request, const struct identity_credential *credential, json_t **out)
{
    struct identity_roles roles;
    const char *self = request_link(request, "/users/%s/application_credentials/%s", credential->user_id, credential->id);
    TRY(identity_credential_roles(request->db, request->arena, credential->id, &roles));
    const struct time_text expires = time_iso_micro(credential->expires_us);
    *out = json_pack("{s:s, s:s, s:s?, s:s, s:o, s:s?, s:b, s:{s:s}}", "id", credential->id, "name", credential->name,
                     "description", *credential->description ? credential->description : NULL, "project_id", credential->project_id,
                     "roles", roles_body(&roles), "expires_at", credential->expires_us ? expires.text : NULL, "unrestricted",
                     (int)credential->unrestricted, "links", "self", self);
    return OK;
}

static enum err list_credentials(struct request *request, struct response *response)
{
    const char *user_id = request_param(request, "user_id");
    struct identity_credentials credentials;
    TRY(identity_require_user(request, user_id));
    TRY(identity_credential_list(request->db, request->arena, user_id, request_query(request, "name"), &credentials));
    json_auto_t *list = json_array();
    for (size_t i = 0; i < credentials.count; i++) {
        json_t *body = NULL;
        TRY(credential_body(request, &credentials.items[i], &body));
        json_array_append_new(list, body);
    }
    identity_reply_list(request, response, "application_credentials", json_incref(list));
    return OK;
}

static enum err find_credential(struct request *request, struct identity_credential *out)
{
    const char *user_id = request_param(request, "user_id");
    const char *id = request_param(request, "credential_id");
    TRY(identity_require_user(request, user_id));
    TRY(identity_credential_get(request->db, request->arena, id, out));
    if (!str_equal(out->user_id, user_id))
        return fail(E_NOT_FOUND, "Could not find application credential: %s.", id);
    return OK;
}

static enum err show_credential(struct request *request, struct response *response)
{
    struct identity_credential credential;
    json_t *body = NULL;
    TRY(find_credential(request, &credential));
    TRY(credential_body(request, &credential, &body));
    identity_reply(response, 200, "application_credential", body);
    return OK;
}

/* Only users for themselves, with a project; with an application credential only if it is unrestricted. */
static enum err require_maker(struct request *request, struct claims **out)
{
    const char *token = request_header(request, "X-Auth-Token");
    TRY(identity_verify(request->gateway->identity, request, token ? token : "", out));
    if (!str_equal((*out)->user.id, request_param(request, "user_id")))
        return identity_forbid(request);
    if ((*out)->credential_id && (*out)->credential_restricted)
        return identity_forbid(request);
    if ((*out)->scope != TOKEN_PROJECT)
        return fail(E_INVALID, "An application credential needs a token that is scoped to a project.");
    return OK;
}

/* Position of the role that {"id"} or {"name"} names among those of the token; -1 = the token has no such role. */
static int find_role(const struct claims *claims, const json_t *role)
{
    const char *id = json_string_value(json_object_get(role, "id"));
    const char *name = json_string_value(json_object_get(role, "name"));
    for (size_t i = 0; i < claims->role_count; i++) {
        if (id ? str_equal(id, claims->role_ids[i]) : str_equal_nocase(name, claims->roles[i]))
            return (int)i;
    }
    return -1;
}

static bool has_id(const char *const *ids, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(ids[i], id))
            return true;
    return false;
}

/* Ids: all of the token's, or those that are asked for, each once. */
static enum err choose_roles(struct request *request, const struct claims *claims, const json_t *wanted, const char ***out,
                             size_t *out_count)
{
    const char **ids = arena_alloc(request->arena, (claims->role_count + 1) * sizeof(char *));
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const int at = find_role(claims, json_array_get(wanted, i));
        if (at < 0)
            return fail(E_INVALID, "Invalid application credential: Could not find role assignment with the role that was asked "
                                   "for.");
        if (!has_id(ids, count, claims->role_ids[at]))
            ids[count++] = claims->role_ids[at];
    }
    if (!wanted || !json_array_size(wanted)) {
        memcpy(ids, claims->role_ids, claims->role_count * sizeof(char *));
        count = claims->role_count;
    }
    *out = ids;
    *out_count = count;
    return OK;
}

static const char *new_secret(struct request *request)
{
    uint8_t random[SECRET_BYTES];
    char text[BASE64_SIZE(SECRET_BYTES)];
    random_bytes(random, sizeof(random));
    base64url_encode(random, sizeof(random), text, sizeof(text));
    return arena_strdup(request->arena, text);
}

static enum err read_expiry(const json_t *object, int64_t *out)
{
    const char *text = json_string_value(json_object_get(object, "expires_at"));
    *out = 0;
    if (!text)
        return OK;
    TRY(time_parse_iso(text, out));
    return *out > clock_wall_us() ? OK : fail(E_INVALID, "The application credential's expires_at lies in the past.");
}

static enum err read_credential(struct request *request, const struct claims *claims, const char **out_secret,
                                struct identity_credential *out)
{
    const json_t *object = json_object_get(request->json, "application_credential");
    const char *secret = json_string_value(json_object_get(object, "secret"));
    const char *description = json_string_value(json_object_get(object, "description"));
    char hash[PASSWORD_HASH_SIZE];
    *out = (struct identity_credential){
        .id = identity_new_id(request),
        .user_id = claims->user.id,
        .project_id = claims->target.id,
        .name = json_string_value(json_object_get(object, "name")),
        .description = description ? description : "",
        .unrestricted = json_is_true(json_object_get(object, "unrestricted")),
    };
    *out_secret = secret ? secret : new_secret(request);
    TRY(read_expiry(object, &out->expires_us));
    TRY(identity_hash(request->gateway->identity, request, *out_secret, hash));
    out->secret = arena_strdup(request->arena, hash);
    return OK;
}

static enum err create_credential(struct request *request, struct response *response)
{
    const json_t *wanted = json_object_get(json_object_get(request->json, "application_credential"), "roles");
    struct identity_credential credential;
    struct claims *claims = NULL;
    const char *secret = NULL;
    const char **roles = NULL;
    size_t role_count = 0;
    json_t *body = NULL;
    TRY(require_maker(request, &claims));
    TRY(choose_roles(request, claims, wanted, &roles, &role_count));
    TRY(read_credential(request, claims, &secret, &credential));
    TRY(identity_credential_add(request->db, &credential, (const char *const *)roles, role_count));
    TRY(credential_body(request, &credential, &body));
    json_object_set_new(body, "secret", json_string(secret));
    identity_reply(response, 201, "application_credential", body);
    return OK;
}

static enum err delete_credential(struct request *request, struct response *response)
{
    struct identity_credential credential;
    struct claims *claims = NULL;
    const char *token = request_header(request, "X-Auth-Token");
    TRY(find_credential(request, &credential));
    TRY(identity_verify(request->gateway->identity, request, token ? token : "", &claims));
    if (claims->credential_id && claims->credential_restricted)
        return identity_forbid(request);
    TRY(identity_credential_delete(request->db, credential.user_id, credential.id));
    return identity_reply_changed(request, response);
}

#define CREDENTIALS "/users/{user_id}/application_credentials"

const struct route identity_credential_routes[] = {
    {.method = "GET", .path = CREDENTIALS, .access = ACCESS_ANY, .handler = list_credentials},
    {.method = "POST",
     .path = CREDENTIALS,
     .access = ACCESS_ANY,
     .handler = create_credential,
     .body = BODY_JSON,
     .schema = "identity_credential_create"},
    {.method = "GET", .path = CREDENTIALS "/{credential_id}", .access = ACCESS_ANY, .handler = show_credential},
    {.method = "DELETE", .path = CREDENTIALS "/{credential_id}", .access = ACCESS_ANY, .handler = delete_credential},
    {0},
};
