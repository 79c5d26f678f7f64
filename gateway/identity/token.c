/* Signed tokens; see token.h. The payload is JSON with short keys: the whole token travels in every request. */
#include "gateway/identity/token.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"

#define SIGNATURE_TEXT_SIZE 87 /* base64url of 64 bytes, with NUL */

static const char *const scope_keys[] = {"", "p", "d", "s"};
_Static_assert(ARRAY_LEN(scope_keys) == TOKEN_SCOPES, "one key per scope");

struct claims *claims_new(void)
{
    struct claims *claims = calloc(1, sizeof(*claims));
    if (!claims)
        abort();
    uint8_t random[16];
    char audit_id[AUDIT_ID_SIZE];
    random_bytes(random, sizeof(random));
    base64url_encode(random, sizeof(random), audit_id, sizeof(audit_id));
    atomic_init(&claims->references, 1);
    atomic_init(&claims->checked, -1);
    claims->audit_id = arena_strdup(&claims->arena, audit_id);
    claims->issued_us = clock_wall_us();
    return claims;
}

struct claims *claims_hold(struct claims *claims)
{
    atomic_fetch_add_explicit(&claims->references, 1, memory_order_relaxed);
    return claims;
}

void claims_release(struct claims *claims)
{
    if (!claims || atomic_fetch_sub_explicit(&claims->references, 1, memory_order_acq_rel) != 1)
        return;
    arena_clear(&claims->arena);
    free(claims);
}

void claims_release_at(struct claims **claims)
{
    claims_release(*claims);
}

bool claims_have_method(const struct claims *claims, const char *method)
{
    for (size_t i = 0; i < claims->method_count; i++)
        if (str_equal(claims->methods[i], method))
            return true;
    return false;
}

void token_key_id(const uint8_t public_key[SIGN_PUBLIC_SIZE], char out[KEY_ID_SIZE])
{
    uint8_t digest[32];
    hash_blake2b(public_key, SIGN_PUBLIC_SIZE, digest);
    hex_encode(digest, (KEY_ID_SIZE - 1) / 2, out);
}

static json_t *pack_party(const struct party *party)
{
    return json_pack("[s, s, s?, s?]", party->id, party->name, party->domain_id, party->domain_name);
}

static json_t *pack_roles(const struct claims *claims)
{
    json_t *list = json_array();
    for (size_t i = 0; i < claims->role_count; i++)
        json_array_append_new(list, json_pack("[s, s]", claims->role_ids[i], claims->roles[i]));
    return list;
}

static json_t *pack_methods(const struct claims *claims)
{
    json_t *list = json_array();
    for (size_t i = 0; i < claims->method_count; i++)
        json_array_append_new(list, json_string(claims->methods[i]));
    return list;
}

static json_t *pack_claims(const struct claims *claims)
{
    json_t *object =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:s*, s:I, s:I}", "iss", uuid_to_hex(&claims->issuer).text, "kid", claims->key_id,
                  "u", pack_party(&claims->user), "r", pack_roles(claims), "m", pack_methods(claims), "a", claims->audit_id, "pa",
                  claims->audit_parent, "iat", (json_int_t)claims->issued_us, "exp", (json_int_t)claims->expires_us);
    if (claims->scope == TOKEN_PROJECT || claims->scope == TOKEN_DOMAIN)
        json_object_set_new(object, scope_keys[claims->scope], pack_party(&claims->target));
    if (claims->scope == TOKEN_SYSTEM)
        json_object_set_new(object, scope_keys[TOKEN_SYSTEM], json_true());
    if (claims->credential_id)
        json_object_set_new(
            object, "c",
            json_pack("[s, s, b]", claims->credential_id, claims->credential_name, (int)claims->credential_restricted));
    return object;
}

/* "zg1." P "." S */
static char *sign_payload(const struct zone_keys *keys, const char *payload, struct arena *arena)
{
    const size_t length = strlen(payload);
    const size_t encoded_size = BASE64_SIZE(length);
    char *encoded = arena_alloc(arena, encoded_size);
    base64url_encode(payload, length, encoded, encoded_size);
    const char *signed_part = arena_printf(arena, TOKEN_PREFIX "%s", encoded);
    uint8_t signature[SIGNATURE_SIZE];
    char signature_text[SIGNATURE_TEXT_SIZE];
    sign_bytes(keys->sign_secret, signed_part, strlen(signed_part), signature);
    base64url_encode(signature, sizeof(signature), signature_text, sizeof(signature_text));
    return arena_printf(arena, "%s.%s", signed_part, signature_text);
}

enum err token_issue(const struct zone_keys *keys, struct claims *claims, struct arena *arena, const char **out)
{
    claims->issuer = keys->zone;
    token_key_id(keys->sign_public, claims->key_id);
    json_auto_t *object = pack_claims(claims);
    char *payload = object ? json_dumps(object, JSON_COMPACT) : NULL;
    if (!payload)
        return fail(E_INTERNAL, "The token's claims could not be written.");
    char *token = sign_payload(keys, payload, arena);
    free(payload);
    if (strlen(token) > TOKEN_MAX)
        return fail(E_TOO_LARGE, "The token would have %zu bytes, more than %d: the user has too many roles.", strlen(token),
                    TOKEN_MAX);
    *out = token;
    return OK;
}

bool token_is_ours(const char *token)
{
    return str_starts(token, TOKEN_PREFIX);
}

static enum err malformed(void)
{
    return fail(E_UNAUTHORIZED, "The token is malformed.");
}

/* Where P ends. */
static const char *signature_dot(const char *token, size_t length)
{
    const char *dot = length > strlen(TOKEN_PREFIX) ? memrchr(token, '.', length) : NULL;
    return dot && dot >= token + strlen(TOKEN_PREFIX) ? dot : NULL;
}

static enum err check_signature(const char *token, const char *dot, const uint8_t public_key[SIGN_PUBLIC_SIZE])
{
    uint8_t signature[SIGNATURE_SIZE];
    size_t length = 0;
    if (base64url_decode(dot + 1, strlen(dot + 1), signature, sizeof(signature), &length) != OK || length != sizeof(signature))
        return malformed();
    return sign_verify(public_key, token, (size_t)(dot - token), signature);
}

static bool read_party(struct arena *arena, const json_t *list, struct party *out)
{
    const char *texts[4];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        texts[i] = arena_strdup(arena, json_string_value(json_array_get(list, i)));
    *out = (struct party){texts[0], texts[1], texts[2], texts[3]};
    return out->id && out->name;
}

static bool read_roles(struct claims *claims, const json_t *list)
{
    const size_t count = json_array_size(list);
    if (!json_is_array(list) || count > TOKEN_PARTS_MAX)
        return false;
    claims->roles = arena_alloc(&claims->arena, count * sizeof(char *) + 1);
    claims->role_ids = arena_alloc(&claims->arena, count * sizeof(char *) + 1);
    for (; claims->role_count < count; claims->role_count++) {
        const json_t *pair = json_array_get(list, claims->role_count);
        const char *id = json_string_value(json_array_get(pair, 0));
        const char *name = json_string_value(json_array_get(pair, 1));
        if (!id || !name)
            return false;
        claims->role_ids[claims->role_count] = arena_strdup(&claims->arena, id);
        claims->roles[claims->role_count] = arena_strdup(&claims->arena, name);
    }
    return true;
}

static bool read_methods(struct claims *claims, const json_t *list)
{
    const size_t count = json_array_size(list);
    if (!json_is_array(list) || count > TOKEN_PARTS_MAX)
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

static bool read_scope(struct claims *claims, const json_t *object)
{
    claims->scope = TOKEN_UNSCOPED;
    for (int scope = TOKEN_PROJECT; scope < TOKEN_SCOPES; scope++) {
        const json_t *target = json_object_get(object, scope_keys[scope]);
        if (!target)
            continue;
        if (claims->scope != TOKEN_UNSCOPED)
            return false;
        claims->scope = (enum token_scope)scope;
        if (scope != TOKEN_SYSTEM && !read_party(&claims->arena, target, &claims->target))
            return false;
    }
    return claims->scope != TOKEN_PROJECT || (claims->target.domain_id && claims->target.domain_name);
}

static bool read_credential(struct claims *claims, const json_t *list)
{
    if (!list)
        return true;
    claims->credential_id = arena_strdup(&claims->arena, json_string_value(json_array_get(list, 0)));
    claims->credential_name = arena_strdup(&claims->arena, json_string_value(json_array_get(list, 1)));
    claims->credential_restricted = !json_is_false(json_array_get(list, 2));
    return claims->credential_id && claims->credential_name;
}

static bool read_claims(struct claims *claims, const json_t *object)
{
    const char *issuer = json_string_value(json_object_get(object, "iss"));
    const char *key_id = json_string_value(json_object_get(object, "kid"));
    const json_t *issued = json_object_get(object, "iat");
    const json_t *expires = json_object_get(object, "exp");
    if (!issuer || !key_id || strlen(key_id) != KEY_ID_SIZE - 1 || !json_is_integer(issued) || !json_is_integer(expires))
        return false;
    if (uuid_from_text(issuer, &claims->issuer) != OK)
        return false;
    memcpy(claims->key_id, key_id, KEY_ID_SIZE);
    claims->audit_id = arena_strdup(&claims->arena, json_string_value(json_object_get(object, "a")));
    claims->audit_parent = arena_strdup(&claims->arena, json_string_value(json_object_get(object, "pa")));
    claims->issued_us = json_integer_value(issued);
    claims->expires_us = json_integer_value(expires);
    return claims->audit_id && read_party(&claims->arena, json_object_get(object, "u"), &claims->user) && claims->user.domain_id &&
           claims->user.domain_name && read_scope(claims, object) && read_roles(claims, json_object_get(object, "r")) &&
           read_methods(claims, json_object_get(object, "m")) && read_credential(claims, json_object_get(object, "c"));
}

static enum err read_payload(const char *encoded, size_t length, struct claims **out)
{
    char payload[TOKEN_MAX];
    size_t payload_length = 0;
    if (base64url_decode(encoded, length, payload, sizeof(payload), &payload_length) != OK)
        return malformed();
    json_auto_t *object = NULL;
    if (json_parse_foreign(payload, payload_length, &object) != OK)
        return malformed();
    CLEANUP(claims_release_at) struct claims *claims = claims_new();
    if (!read_claims(claims, object))
        return malformed();
    *out = claims;
    claims = NULL;
    return OK;
}

enum err token_verify(const char *token, const struct uuid *issuer, const uint8_t public_key[SIGN_PUBLIC_SIZE], struct claims **out)
{
    const size_t length = strnlen(token, TOKEN_MAX + 1);
    const char *dot = token_is_ours(token) && length <= TOKEN_MAX ? signature_dot(token, length) : NULL;
    if (!dot)
        return malformed();
    TRY(check_signature(token, dot, public_key));
    char key_id[KEY_ID_SIZE];
    token_key_id(public_key, key_id);
    const char *encoded = token + strlen(TOKEN_PREFIX);
    CLEANUP(claims_release_at) struct claims *claims = NULL;
    TRY(read_payload(encoded, (size_t)(dot - encoded), &claims));
    if (!uuid_equal(&claims->issuer, issuer) || !str_equal(claims->key_id, key_id))
        return fail(E_UNAUTHORIZED, "The token names another issuer.");
    *out = claims;
    claims = NULL;
    return OK;
}

void claims_to_caller(const struct claims *claims, struct caller *out)
{
    const bool project = claims->scope == TOKEN_PROJECT;
    out->user_id = claims->user.id;
    out->user_name = claims->user.name;
    out->user_domain_id = claims->user.domain_id;
    out->user_domain_name = claims->user.domain_name;
    out->project_id = project ? claims->target.id : NULL;
    out->project_name = project ? claims->target.name : NULL;
    out->project_domain_id = project ? claims->target.domain_id : NULL;
    out->project_domain_name = project ? claims->target.domain_name : NULL;
    out->domain_id = claims->scope == TOKEN_DOMAIN ? claims->target.id : NULL;
    out->system_scope = claims->scope == TOKEN_SYSTEM;
    out->roles = (const char *const *)claims->roles;
    out->role_count = claims->role_count;
    out->is_admin = caller_has_role(out, "admin");
    out->is_member = out->is_admin || caller_has_role(out, "member");
    out->audit_id = claims->audit_id;
    out->expires_us = claims->expires_us;
    out->over_link = false;
}
