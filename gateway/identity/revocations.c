/* Revocations and keys between zones: what is told, and what is taken over. See identity.h. */
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/identity/inside.h"
#include "schema/json/json.h"

static const char *const kinds[] = {"audit", "user", "project", "domain", "credential"};

void identity_set_listener(struct identity *identity, identity_revoked_f *listener, void *context)
{
    identity->listener = listener;
    identity->listener_context = context;
}

enum err identity_revoked(struct identity *identity, struct db *db)
{
    TRY(revoked_refresh(identity->revoked, db));
    if (!identity->listener)
        return OK;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct identity_revocations list;
    TRY(identity_revocation_list(db, &arena, &list));
    identity->listener(identity->listener_context, &list);
    return OK;
}

enum err identity_revoke_token(struct identity *identity, struct db *db, const struct claims *claims)
{
    if (!claims->audit_id)
        return fail(E_INVALID, "The token has no audit id.");
    const struct identity_revocation revocation = {"audit", claims->audit_id, claims->issued_us, claims->expires_us};
    TRY(identity_revoke(db, &revocation));
    return identity_revoked(identity, db);
}

json_t *identity_revocations_to_json(const struct identity_revocations *revocations)
{
    json_t *list = json_array();
    for (size_t i = 0; i < revocations->count; i++) {
        const struct identity_revocation *item = &revocations->items[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}", "kind", item->kind, "subject", item->subject, "revoked_us",
                                              (json_int_t)item->revoked_us, "expires_us", (json_int_t)item->expires_us));
    }
    return json_pack("{s:o}", "revocations", list);
}

static bool is_kind(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_equal(kinds[i], kind))
            return true;
    return false;
}

static enum err read_revocation(const json_t *object, struct identity_revocation *out)
{
    const char *subject = json_string_value(json_object_get(object, "subject"));
    const json_t *revoked = json_object_get(object, "revoked_us");
    const json_t *expires = json_object_get(object, "expires_us");
    out->kind = json_string_value(json_object_get(object, "kind"));
    if (!is_kind(out->kind) || !subject || strlen(subject) > 64 || !json_is_integer(revoked) || !json_is_integer(expires))
        return fail(E_INVALID, "The list of revocations is malformed.");
    out->subject = subject;
    out->revoked_us = json_integer_value(revoked);
    out->expires_us = json_integer_value(expires);
    return OK;
}

enum err identity_accept_revocations(struct identity *identity, struct db *db, const json_t *list)
{
    const json_t *items = json_object_get(list, "revocations");
    if (!json_is_array(items))
        return fail(E_INVALID, "The list of revocations is malformed.");
    CLEANUP(arena_clear) struct arena arena = {0};
    const size_t count = json_array_size(items);
    struct identity_revocation *read = arena_alloc(&arena, count * sizeof(*read) + 1);
    for (size_t i = 0; i < count; i++)
        TRY(read_revocation(json_array_get(items, i), &read[i]));
    TRY(identity_revoke_all(db, &(struct identity_revocations){read, count}));
    return identity_revoked(identity, db);
}

static enum err pull(struct identity *identity, struct db *db, const struct budget *budget)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct http_pairs none = {0};
    const struct identity_call call = {.method = "GET", .headers = &none, .budget = *budget};
    struct identity_answer answer;
    TRY(authority_call(identity->authority, &arena, &call, "/zonegate/revocations", &answer));
    if (answer.status != 200)
        return fail(E_UNAVAILABLE, "The identity service %s does not tell its revocations (HTTP %d).",
                    authority_url(identity->authority), answer.status);
    json_auto_t *body = NULL;
    TRY(json_parse_foreign(answer.body ? answer.body : "", answer.body_length, &body));
    return identity_accept_revocations(identity, db, body);
}

/* Makes sure that the authority's kind and key are known. */
static enum err know_authority(struct identity *identity, struct db *db, const struct budget *budget, struct authority_state *out)
{
    authority_get(identity->authority, out);
    if (out->known || out->keystone)
        return OK;
    bool changed = false;
    TRY(authority_fetch(identity->authority, db, budget, &changed));
    authority_get(identity->authority, out);
    if (!out->known && !out->keystone)
        return fail(E_UNAVAILABLE, "The identity service %s is not known yet.", authority_url(identity->authority));
    return OK;
}

enum err identity_pull_revocations(struct identity *identity, struct db *db, const struct budget *budget)
{
    struct authority_state state;
    if (!identity->authority)
        return OK;
    TRY(know_authority(identity, db, budget, &state));
    return state.keystone ? OK : pull(identity, db, budget);
}

enum err identity_keys(struct identity *identity, struct request *request, json_t **out)
{
    struct authority_state state = {.known = true, .zone = identity->keys->zone};
    memcpy(state.public_key, identity->keys->sign_public, SIGN_PUBLIC_SIZE);
    if (identity->authority)
        TRY(know_authority(identity, request->db, &request->budget, &state));
    if (!state.known)
        return fail(E_NOT_FOUND, "Logins of this zone are answered by a Keystone, which signs nothing.");
    char key[BASE64_SIZE(SIGN_PUBLIC_SIZE)];
    base64url_encode(state.public_key, SIGN_PUBLIC_SIZE, key, sizeof(key));
    *out = json_pack("{s:{s:s, s:s}}", "zone", "uuid", uuid_to_text(&state.zone).text, "public_key", key);
    return OK;
}

enum err identity_learn_authority(struct identity *identity, struct db *db, const struct uuid *zone,
                                  const uint8_t public_key[SIGN_PUBLIC_SIZE])
{
    bool changed = false;
    if (!identity->authority)
        return fail(E_CONFLICT, "This zone keeps its users itself; it has no [identity] url.");
    TRY(authority_learn(identity->authority, db, zone, public_key, &changed));
    if (changed)
        token_cache_clear(identity->cache);
    return OK;
}
