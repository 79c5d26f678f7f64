/* Opening and closing, and what a token says: see identity.h. */
#include "gateway/identity/identity.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/identity/inside.h"

#define INTERNAL_USER "zonegate"

static enum err load(struct identity *identity, const struct db_target *database)
{
    struct db *db = NULL;
    TRY(db_open(database, &db));
    enum err result = revoked_refresh(identity->revoked, db);
    if (result == OK && identity->authority)
        result = authority_load(identity->authority, db);
    db_close(db);
    return result;
}

enum err identity_open(const struct config *config, const struct zone_keys *keys, const struct db_target *database,
                       struct identity **out)
{
    struct identity *identity = calloc(1, sizeof(*identity));
    if (!identity)
        abort();
    identity->config = config;
    identity->keys = keys;
    identity->authority = *config->identity.url ? authority_new(config->identity.url) : NULL;
    identity->revoked = revoked_new();
    identity->cache = token_cache_new();
    identity->failures = failures_new(config->identity.failure_delay_ms);
    enum err result = password_slots_new(config->identity.hash_queue, &identity->slots);
    if (result == OK)
        result = load(identity, database);
    if (result != OK) {
        identity_close(identity);
        return result;
    }
    *out = identity;
    return OK;
}

void identity_close(struct identity *identity)
{
    if (!identity)
        return;
    password_slots_free(identity->slots);
    failures_free(identity->failures);
    token_cache_free(identity->cache);
    revoked_free(identity->revoked);
    authority_free(identity->authority);
    free(identity);
}

const char *identity_authority_url(const struct identity *identity)
{
    return identity->authority ? authority_url(identity->authority) : NULL;
}

void identity_set_forwarder(struct identity *identity, identity_forward_f *forward, void *context)
{
    if (identity->authority)
        authority_set_forwarder(identity->authority, forward, context);
}

static enum err refuse(void)
{
    return fail(E_UNAUTHORIZED, "The request you have made requires authentication.");
}

static bool is_other_key(const struct authority_state *a, const struct authority_state *b)
{
    return a->known != b->known || memcmp(a->public_key, b->public_key, sizeof(a->public_key)) != 0;
}

/* The authority's signature; when it does not fit, perhaps its key is a new one. */
static enum err verify_of_authority(struct identity *identity, struct request *request, const char *token, struct claims **out)
{
    struct authority_state state;
    bool changed = false;
    authority_get(identity->authority, &state);
    if (state.known && token_verify(token, &state.zone, state.public_key, out) == OK)
        return OK;
    TRY(authority_fetch(identity->authority, request->db, &request->budget, &changed));
    const struct authority_state before = state;
    authority_get(identity->authority, &state);
    if (!changed && !is_other_key(&before, &state)) /* another request may have learnt it meanwhile */
        return refuse();
    token_cache_clear(identity->cache);
    return state.known ? token_verify(token, &state.zone, state.public_key, out) : refuse();
}

static enum err verify_signed(struct identity *identity, struct request *request, const char *token, struct claims **out)
{
    if (token_verify(token, &identity->keys->zone, identity->keys->sign_public, out) == OK)
        return OK;
    return identity->authority ? verify_of_authority(identity, request, token, out) : refuse();
}

static enum err verify_opaque(struct identity *identity, struct request *request, const char *token, struct claims **out)
{
    if (!identity->authority || strnlen(token, TOKEN_MAX + 1) > TOKEN_MAX)
        return refuse();
    TRY(authority_validate(identity->authority, request->arena, token, &request->budget, out));
    atomic_store(&(*out)->ask_again_us, clock_wall_us() + AUTHORITY_ASK_US);
    return OK;
}

/* True for one of those who find that the issuer of an opaque token is to be asked again. */
static bool must_ask(struct claims *claims)
{
    int64_t due = atomic_load(&claims->ask_again_us);
    const int64_t now = clock_wall_us();
    return due && now >= due && atomic_compare_exchange_strong(&claims->ask_again_us, &due, now + AUTHORITY_AWAY_US);
}

/* What is known of the token already. An opaque one stays known while its Keystone is away. */
static struct claims *recall(struct identity *identity, struct request *request, const char *token,
                             const uint8_t hash[TOKEN_HASH_SIZE])
{
    struct claims *claims = token_cache_get(identity->cache, hash);
    struct claims *fresh = NULL;
    if (!claims || !must_ask(claims))
        return claims;
    const enum err asked = verify_opaque(identity, request, token, &fresh);
    if (asked == E_UNAVAILABLE || asked == E_BAD_GATEWAY)
        return claims;
    claims_release(claims);
    token_cache_drop(identity->cache, hash);
    if (asked == OK)
        token_cache_put(identity->cache, hash, fresh);
    return fresh;
}

static void release_claims(void *claims)
{
    claims_release(claims);
}

static enum err find_claims(struct identity *identity, struct request *request, const char *token, struct claims **out)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    token_hash(token, hash);
    struct claims *claims = recall(identity, request, token, hash);
    if (!claims) {
        TRY(token_is_ours(token) ? verify_signed(identity, request, token, &claims)
                                 : verify_opaque(identity, request, token, &claims));
        token_cache_put(identity->cache, hash, claims);
    }
    arena_defer(request->arena, release_claims, claims);
    *out = claims;
    return OK;
}

/* The database being away is no reason to forget what is revoked, nor to refuse who is known. */
static enum err keep_fresh(struct identity *identity, struct db *db)
{
    const bool never = revoked_version(identity->revoked) < 0;
    if (!db || (!revoked_is_due(identity->revoked) && !never))
        return OK;
    const enum err result = revoked_refresh(identity->revoked, db);
    if (result == OK || never)
        return result;
    const struct log_text cause = log_quote(err_message());
    log_warn("identity.revocations_stale", "cause=%s", cause.text);
    return OK;
}

enum err identity_verify(struct identity *identity, struct request *request, const char *token, struct claims **out)
{
    struct claims *claims = NULL;
    TRY(keep_fresh(identity, request->db));
    TRY(find_claims(identity, request, token, &claims));
    if (clock_wall_us() >= claims->expires_us || revoked_voids(identity->revoked, claims))
        return refuse();
    *out = claims;
    return OK;
}

enum err identity_authenticate(struct identity *identity, struct request *request)
{
    const char *token = request_header(request, "X-Auth-Token");
    struct claims *claims = NULL;
    if (!token || !*token)
        return refuse();
    TRY(identity_verify(identity, request, token, &claims));
    claims_to_caller(claims, &request->caller);
    request->caller.request_id = request->request_id;
    return OK;
}

enum err identity_issue_token(const struct zone_keys *keys, int64_t lifetime_s, struct arena *arena, const char **out)
{
    static const char *roles[] = {"admin", "member", "reader"};
    static const char *methods[] = {"key_file"};
    CLEANUP(claims_release_at) struct claims *claims = claims_new();
    claims->user = (struct party){INTERNAL_USER, INTERNAL_USER, "default", "Default"};
    claims->scope = TOKEN_SYSTEM;
    claims->roles = claims->role_ids = roles;
    claims->role_count = ARRAY_LEN(roles);
    claims->methods = methods;
    claims->method_count = ARRAY_LEN(methods);
    claims->expires_us = claims->issued_us + lifetime_s * INT64_C(1000000);
    return token_issue(keys, claims, arena, out);
}
