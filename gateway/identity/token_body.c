/*
 * The body of a token in Keystone's form (POST and GET /v3/auth/tokens): written from claims, and read into claims, since the
 * tokens of a real Keystone are opaque to us.
 */
#include "gateway/identity/token.h"

#include "gateway/base/clock.h"

static const char *copy_member(struct arena *arena, const json_t *object, const char *key)
{
    return arena_strdup(arena, json_string_value(json_object_get(object, key)));
}

static bool read_party(struct arena *arena, const json_t *object, struct party *out)
{
    const json_t *domain = json_object_get(object, "domain");
    *out = (struct party){copy_member(arena, object, "id"), copy_member(arena, object, "name"), copy_member(arena, domain, "id"),
                          copy_member(arena, domain, "name")};
    return out->id && out->name;
}

static bool read_scope(struct claims *claims, const json_t *token)
{
    const json_t *project = json_object_get(token, "project");
    const json_t *domain = json_object_get(token, "domain");
    if (project) {
        claims->scope = TOKEN_PROJECT;
        return read_party(&claims->arena, project, &claims->target) && claims->target.domain_id && claims->target.domain_name;
    }
    if (domain) {
        claims->scope = TOKEN_DOMAIN;
        return read_party(&claims->arena, domain, &claims->target);
    }
    claims->scope = json_object_get(token, "system") ? TOKEN_SYSTEM : TOKEN_UNSCOPED;
    return true;
}

static bool read_roles(struct claims *claims, const json_t *list)
{
    const size_t count = json_array_size(list);
    if (count > TOKEN_PARTS_MAX)
        return false;
    claims->roles = arena_alloc(&claims->arena, count * sizeof(char *) + 1);
    claims->role_ids = arena_alloc(&claims->arena, count * sizeof(char *) + 1);
    for (; claims->role_count < count; claims->role_count++) {
        const json_t *role = json_array_get(list, claims->role_count);
        const char *id = copy_member(&claims->arena, role, "id");
        const char *name = copy_member(&claims->arena, role, "name");
        if (!id || !name)
            return false;
        claims->role_ids[claims->role_count] = id;
        claims->roles[claims->role_count] = name;
    }
    return true;
}

static bool read_methods(struct claims *claims, const json_t *list)
{
    const size_t count = json_array_size(list);
    if (count > TOKEN_PARTS_MAX)
        return false;
    claims->methods = arena_alloc(&claims->arena, count * sizeof(char *) + 1);
    for (; claims->method_count < count; claims->method_count++) {
        const char *method = json_string_value(json_array_get(list, claims->method_count));
        if (!method)
            return false;
        claims->methods[claims->method_count] = arena_strdup(&claims->arena, method);
    }
    return true;
}

static bool read_times(struct claims *claims, const json_t *token)
{
    const char *issued = json_string_value(json_object_get(token, "issued_at"));
    const char *expires = json_string_value(json_object_get(token, "expires_at"));
    return issued && expires && time_parse_iso(issued, &claims->issued_us) == OK &&
           time_parse_iso(expires, &claims->expires_us) == OK;
}

enum err claims_from_body(const json_t *body, struct claims **out)
{
    const json_t *token = json_object_get(body, "token");
    CLEANUP(claims_release_at) struct claims *claims = claims_new();
    const bool good = json_is_object(token) && read_party(&claims->arena, json_object_get(token, "user"), &claims->user) &&
                      claims->user.domain_id && claims->user.domain_name && read_scope(claims, token) &&
                      read_roles(claims, json_object_get(token, "roles")) &&
                      read_methods(claims, json_object_get(token, "methods")) && read_times(claims, token);
    if (!good)
        return fail(E_BAD_GATEWAY, "The identity service answered with something that is no token.");
    const char *audit_id = json_string_value(json_array_get(json_object_get(token, "audit_ids"), 0));
    if (audit_id)
        claims->audit_id = arena_strdup(&claims->arena, audit_id);
    *out = claims;
    claims = NULL;
    return OK;
}

static json_t *write_party(const struct party *party)
{
    json_t *object = json_pack("{s:s, s:s}", "id", party->id, "name", party->name);
    if (party->domain_id)
        json_object_set_new(object, "domain", json_pack("{s:s, s:s}", "id", party->domain_id, "name", party->domain_name));
    return object;
}

static json_t *write_methods(const struct claims *claims)
{
    json_t *list = json_array();
    for (size_t i = 0; i < claims->method_count; i++)
        json_array_append_new(list, json_string(claims->methods[i]));
    return list;
}

static json_t *write_audit_ids(const struct claims *claims)
{
    json_t *list = json_array();
    json_array_append_new(list, json_string(claims->audit_id));
    if (claims->audit_parent)
        json_array_append_new(list, json_string(claims->audit_parent));
    return list;
}

static json_t *write_roles(const struct claims *claims)
{
    json_t *list = json_array();
    for (size_t i = 0; i < claims->role_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "id", claims->role_ids[i], "name", claims->roles[i]));
    return list;
}

static void write_scope(const struct claims *claims, json_t *token)
{
    if (claims->scope == TOKEN_PROJECT) {
        json_object_set_new(token, "project", write_party(&claims->target));
        json_object_set_new(token, "is_domain", json_false());
    }
    if (claims->scope == TOKEN_DOMAIN)
        json_object_set_new(token, "domain", write_party(&claims->target));
    if (claims->scope == TOKEN_SYSTEM)
        json_object_set_new(token, "system", json_pack("{s:b}", "all", 1));
    if (claims->scope != TOKEN_UNSCOPED)
        json_object_set_new(token, "roles", write_roles(claims));
}

json_t *claims_to_body(const struct claims *claims, json_t *catalog)
{
    json_t *user = write_party(&claims->user);
    json_object_set_new(user, "password_expires_at", json_null());
    json_t *token =
        json_pack("{s:o, s:o, s:o, s:s, s:s}", "methods", write_methods(claims), "user", user, "audit_ids", write_audit_ids(claims),
                  "expires_at", time_iso_micro_z(claims->expires_us).text, "issued_at", time_iso_micro_z(claims->issued_us).text);
    write_scope(claims, token);
    if (claims->credential_id)
        json_object_set_new(token, "application_credential",
                            json_pack("{s:s, s:s, s:b}", "id", claims->credential_id, "name", claims->credential_name, "restricted",
                                      (int)claims->credential_restricted));
    if (catalog && claims->scope != TOKEN_UNSCOPED)
        json_object_set(token, "catalog", catalog);
    return json_pack("{s:o}", "token", token);
}
