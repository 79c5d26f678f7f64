/* Users and their passwords (Identity API 3: /users). Password history, expiry and lockout are not kept. */
#include "gateway/api/identity_inside.h"
#include "gateway/base/text.h"

/* What is empty is left out, as Keystone does with attributes that were never given. */
static void set_if_given(json_t *object, const char *key, const char *value)
{
    if (*value)
        json_object_set_new(object, key, json_string(value));
}

static json_t *user_body(const struct request *request, const struct identity_user *user)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:b, s:n, s:{}, s:o}", "id", user->id, "name", user->name, "domain_id",
                               user->domain_id, "enabled", (int)user->enabled, "password_expires_at", "options", "links",
                               identity_self_link(request, "users", user->id));
    set_if_given(object, "description", user->description);
    set_if_given(object, "email", user->email);
    set_if_given(object, "default_project_id", user->default_project_id);
    return object;
}

static enum err list_users(struct request *request, struct response *response)
{
    const struct identity_filter filter = identity_read_filter(request);
    struct identity_users users;
    TRY(identity_user_list(request->db, request->arena, &filter, &users));
    json_t *list = json_array();
    for (size_t i = 0; i < users.count; i++)
        json_array_append_new(list, user_body(request, &users.items[i]));
    identity_reply_list(request, response, "users", list);
    return OK;
}

static enum err reply_user(struct request *request, const char *id, int status, struct response *response)
{
    struct identity_user user;
    TRY(identity_user_get(request->db, request->arena, id, &user));
    identity_reply(response, status, "user", user_body(request, &user));
    return OK;
}

static enum err show_user(struct request *request, struct response *response)
{
    const char *id = request_param(request, "user_id");
    TRY(identity_require_user(request, id));
    return reply_user(request, id, 200, response);
}

/* NULL without a password: such a user cannot log in with one. */
static enum err hash_given(struct request *request, const json_t *object, const char **out)
{
    const char *password = json_string_value(json_object_get(object, "password"));
    char hash[PASSWORD_HASH_SIZE];
    *out = NULL;
    if (!password)
        return OK;
    TRY(identity_hash(request->gateway->identity, request, password, hash));
    *out = arena_strdup(request->arena, hash);
    return OK;
}

static enum err create_user(struct request *request, struct response *response)
{
    const json_t *object = json_object_get(request->json, "user");
    const struct identity_change body = identity_read_change(request, object);
    struct identity_user user = {.id = identity_new_id(request),
                                 .domain_id = identity_home_domain(request, object),
                                 .name = body.name,
                                 .description = body.description ? body.description : "",
                                 .email = body.email ? body.email : "",
                                 .default_project_id = body.default_project_id ? body.default_project_id : "",
                                 .enabled = body.enabled != 0};
    TRY(hash_given(request, object, &user.password));
    TRY(identity_user_add(request->db, &user));
    return reply_user(request, user.id, 201, response);
}

static enum err change_user(struct request *request, struct response *response)
{
    const char *id = request_param(request, "user_id");
    const json_t *object = json_object_get(request->json, "user");
    struct identity_change change = identity_read_change(request, object);
    TRY(hash_given(request, object, &change.password));
    TRY(identity_user_change(request->db, id, &change));
    TRY(identity_revoked(request->gateway->identity, request->db));
    return reply_user(request, id, 200, response);
}

static enum err delete_user(struct request *request, struct response *response)
{
    TRY(identity_user_delete(request->db, request_param(request, "user_id")));
    return identity_reply_changed(request, response);
}

static enum err change_password(struct request *request, struct response *response)
{
    const json_t *object = json_object_get(request->json, "user");
    const char *original = json_string_value(json_object_get(object, "original_password"));
    const char *password = json_string_value(json_object_get(object, "password"));
    TRY(identity_change_password(request->gateway->identity, request, request_param(request, "user_id"), original, password));
    response->status = 204;
    return OK;
}

static enum err list_groups(struct request *request, struct response *response)
{
    identity_reply_list(request, response, "groups", json_array());
    return OK;
}

static enum err list_users_groups(struct request *request, struct response *response)
{
    TRY(identity_require_user(request, request_param(request, "user_id")));
    return list_groups(request, response);
}

static enum err no_group(struct request *request, struct response *response)
{
    (void)response;
    const char *id = pairs_get(&request->params, "group_id");
    return id ? fail(E_NOT_FOUND, "Could not find group: %s.", id) : fail(E_NOT_FOUND, "Groups are not kept here.");
}

const struct route identity_user_routes[] = {
    {.method = "GET", .path = "/users", .access = ACCESS_ADMIN, .handler = list_users},
    {.method = "POST",
     .path = "/users",
     .access = ACCESS_ADMIN,
     .handler = create_user,
     .body = BODY_JSON,
     .schema = "identity_user_create"},
    {.method = "GET", .path = "/users/{user_id}", .access = ACCESS_ANY, .handler = show_user},
    {.method = "PATCH",
     .path = "/users/{user_id}",
     .access = ACCESS_ADMIN,
     .handler = change_user,
     .body = BODY_JSON,
     .schema = "identity_user_update"},
    {.method = "DELETE", .path = "/users/{user_id}", .access = ACCESS_ADMIN, .handler = delete_user},
    {.method = "POST",
     .path = "/users/{user_id}/password",
     .access = ACCESS_PUBLIC,
     .handler = change_password,
     .body = BODY_JSON,
     .schema = "identity_password"},
    {.method = "GET", .path = "/users/{user_id}/groups", .access = ACCESS_ANY, .handler = list_users_groups},
    {.method = "GET", .path = "/groups", .access = ACCESS_ADMIN, .handler = list_groups},
    {.method = "POST", .path = "/groups", .access = ACCESS_ADMIN, .handler = no_group},
    {.method = "GET", .path = "/groups/{group_id}", .access = ACCESS_ADMIN, .handler = no_group},
    {0},
};
