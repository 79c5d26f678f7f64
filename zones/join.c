/*
 * Joining: tokens, the child's answer to a parent, and the words both sides exchange (spec link.md section 2). The parent's own
 * steps are in join_parent.c. A password or token is kept sealed, and only until the join has succeeded.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "schema/zone_links.h"
#include "zones/inside.h"

#define TOKEN_MAX          4096
#define CREDENTIAL_CONTEXT "zone-credential"
#define KEY_TEXT_SIZE      44 /* 32 bytes as base64url and NUL */
#define US_PER_S           1000000

static void key_text(const uint8_t key[32], char out[KEY_TEXT_SIZE])
{
    base64url_encode(key, 32, out, KEY_TEXT_SIZE);
}

static enum err key_from_json(const json_t *object, const char *name, uint8_t out[32])
{
    uint8_t key[32];
    size_t length = 0;
    const char *text = json_string_value(json_object_get(object, name));
    if (!text || base64url_decode(text, strlen(text), key, sizeof(key), &length) != OK || length != sizeof(key))
        return fail(E_INVALID, "'%s' is not 32 bytes in base64url.", name);
    memcpy(out, key, sizeof(key));
    return OK;
}

static enum err text_from_json(const json_t *object, const char *name, const char **out)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (!text || !text[0])
        return fail(E_INVALID, "'%s' is required.", name);
    *out = text;
    return OK;
}

static enum err uuid_from_json(const json_t *object, struct uuid *out)
{
    const char *text = NULL;
    TRY(text_from_json(object, "uuid", &text));
    return uuid_is_text(text) ? uuid_from_text(text, out) : fail(E_INVALID, "'uuid' is not a UUID.");
}

/* [min, max] of the other side; the lower of both maxima counts. A single number is both. */
static enum err protocol_from_json(const json_t *object, int64_t *out)
{
    const json_t *value = json_object_get(object, "protocol");
    const json_t *low = json_is_array(value) ? json_array_get(value, 0) : value;
    const json_t *high = json_is_array(value) ? json_array_get(value, 1) : value;
    if (!json_is_integer(low) || !json_is_integer(high))
        return fail(E_INVALID, "'protocol' is not [lowest, highest].");
    if (json_integer_value(high) < LINK_PROTOCOL_MIN || json_integer_value(low) > LINK_PROTOCOL_MAX)
        return fail(E_CONFLICT, "The zones speak no common version of the link protocol: %lld to %lld there, %d to %d here.",
                    (long long)json_integer_value(low), (long long)json_integer_value(high), LINK_PROTOCOL_MIN, LINK_PROTOCOL_MAX);
    *out = json_integer_value(high) < LINK_PROTOCOL_MAX ? json_integer_value(high) : LINK_PROTOCOL_MAX;
    return OK;
}

enum err join_peer_read(struct arena *arena, const json_t *body, struct join_peer *out)
{
    struct join_peer peer = {0};
    const char *url = NULL;
    TRY(uuid_from_json(body, &peer.uuid));
    TRY(text_from_json(body, "name", &peer.name));
    TRY(zone_name_check(peer.name));
    TRY(text_from_json(body, "url", &url));
    TRY(url_root(arena, url, &peer.url));
    TRY(key_from_json(body, "link_key", peer.link_key));
    TRY(key_from_json(body, "signing_key", peer.signing_key));
    TRY(protocol_from_json(body, &peer.protocol));
    peer.name = arena_strdup(arena, peer.name);
    *out = peer;
    return OK;
}

json_t *join_peer_write(const struct zones *zones, const uint8_t link_key[LINK_KEY_SIZE])
{
    char link_text[KEY_TEXT_SIZE];
    char signing_text[KEY_TEXT_SIZE];
    const struct zones_options *options = &zones->options;
    key_text(link_key, link_text);
    key_text(options->keys->sign_public, signing_text);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:[i, i]}", "uuid", uuid_to_text(&options->keys->zone).text, "name", options->name,
                     "url", options->url, "link_key", link_text, "signing_key", signing_text, "protocol", LINK_PROTOCOL_MIN,
                     LINK_PROTOCOL_MAX);
}

void credential_seal(const struct zones *zones, struct arena *arena, const char *plain, struct zone_row *row)
{
    const size_t length = strlen(plain);
    uint8_t *sealed = arena_alloc(arena, length + SEAL_OVERHEAD);
    seal_bytes(zones->options.keys->seal, CREDENTIAL_CONTEXT, plain, length, sealed);
    row->credential = sealed;
    row->credential_length = length + SEAL_OVERHEAD;
}

enum err credential_open(const struct zones *zones, struct arena *arena, const struct zone_row *row, char **out)
{
    if (!row->credential || row->credential_length < SEAL_OVERHEAD)
        return fail(E_INVALID, "Zone %s has no password and no join token: set one.", row->name);
    char *plain = arena_alloc(arena, row->credential_length - SEAL_OVERHEAD + 1);
    TRY(unseal_bytes(zones->options.keys->seal, CREDENTIAL_CONTEXT, row->credential, row->credential_length, plain));
    *out = plain;
    return OK;
}

enum err zones_token_new(const struct zones_options *options, struct db *db, struct arena *arena, const char **out)
{
    uint8_t secret[32];
    uint8_t hash[32];
    char link_text[KEY_TEXT_SIZE];
    char secret_text[KEY_TEXT_SIZE];
    const int64_t expires_s = clock_wall_us() / US_PER_S + ZONES_TOKEN_LIFETIME_S;
    random_bytes(secret, sizeof(secret));
    hash_blake2b(secret, sizeof(secret), hash);
    TRY(zone_token_add(db, hash, expires_s * US_PER_S));
    key_text(options->keys->link_public, link_text);
    key_text(secret, secret_text);
    json_auto_t *token =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "uuid", uuid_to_text(&options->keys->zone).text, "name", options->name, "url",
                  options->url, "link_key", link_text, "secret", secret_text, "exp", (json_int_t)expires_s);
    char *json = token ? json_dumps(token, JSON_COMPACT) : NULL;
    if (!json)
        return fail(E_INTERNAL, "The join token cannot be written: the zone's name or URL is not UTF-8.");
    const size_t size = 4 * ((strlen(json) + 2) / 3) + 1;
    char *text = arena_alloc(arena, size);
    base64url_encode(json, strlen(json), text, size);
    link_wipe(json, strlen(json));
    free(json);
    *out = text;
    return OK;
}

enum err join_token_read(struct arena *arena, const char *text, struct join_token *out)
{
    char bytes[TOKEN_MAX];
    size_t length = 0;
    json_auto_t *json = NULL;
    struct join_token token = {0};
    const char *url = NULL;
    const json_t *expires = NULL;
    if (base64url_decode(text, strlen(text), bytes, sizeof(bytes), &length) != OK || json_parse_foreign(bytes, length, &json) != OK)
        return fail(E_INVALID, "The join token is damaged: copy the whole of it.");
    TRY(uuid_from_json(json, &token.zone));
    TRY(text_from_json(json, "name", &token.name));
    TRY(zone_name_check(token.name));
    TRY(text_from_json(json, "url", &url));
    TRY(url_root(arena, url, &token.url));
    TRY(key_from_json(json, "link_key", token.link_key));
    TRY(key_from_json(json, "secret", token.secret));
    expires = json_object_get(json, "exp");
    if (!json_is_integer(expires))
        return fail(E_INVALID, "The join token has no expiry.");
    token.expires_s = json_integer_value(expires);
    token.name = arena_strdup(arena, token.name);
    *out = token;
    return OK;
}

/* What one transaction needs to know. */
struct acceptance {
    struct zones *zones;
    const struct zones_view *view;
    const struct join_peer *peer;
    const struct link_session *session;
    const uint8_t *token_hash; /* to be taken; NULL */
    const char *keep;          /* key id that proved the request: it stays until the parent is seen to have the new one; NULL */
};

static enum err refuse_relatives(const struct zones *zones, const struct zones_view *view, const struct join_peer *peer)
{
    if (uuid_equal(&peer->uuid, &zones->options.keys->zone))
        return fail(E_LOOP, "Zone %s is this zone itself; a zone cannot be its own parent.", zones->options.name);
    for (size_t i = 0; i < view->directory.count; i++) {
        const struct directory_row *row = &view->directory.rows[i];
        if (uuid_equal(&row->zone, &peer->uuid))
            return fail(E_LOOP, "Zone %s lives below zone %s (as %s) and cannot be its parent.", peer->name, zones->options.name,
                        row->path);
    }
    return OK;
}

static enum err find_or_add_parent(struct db *db, const struct acceptance *acceptance, int64_t *out)
{
    const struct join_peer *peer = acceptance->peer;
    const struct zone *known = view_parent_by_uuid(acceptance->view, &peer->uuid);
    if (known) {
        *out = known->row.id;
        return OK;
    }
    const struct zone_row row = {.side = ZONE_PARENT,
                                 .name = peer->name,
                                 .name_given = true,
                                 .api_url = peer->url,
                                 .kind = "zonegate",
                                 .weight_scale = 1,
                                 .max_in_flight = 256};
    return zone_row_add(db, &row, out);
}

static enum err accept_in_transaction(struct db *db, void *context)
{
    const struct acceptance *acceptance = context;
    const struct join_peer *peer = acceptance->peer;
    int64_t id = 0;
    if (acceptance->token_hash)
        TRY(zone_token_take(db, acceptance->token_hash));
    TRY(find_or_add_parent(db, acceptance, &id));
    const struct zone_row joined = {.id = id,
                                    .side = ZONE_PARENT,
                                    .uuid = peer->uuid,
                                    .name = peer->name,
                                    .api_url = peer->url,
                                    .protocol = peer->protocol,
                                    .signing_key = peer->signing_key};
    TRY(zone_row_joined(db, &joined));
    return session_store(acceptance->zones, db, id, acceptance->session, acceptance->keep);
}

/* Which proof there is, strongest first; `hash` is filled for a token. */
static enum err check_proof(const json_t *body, const struct join_peer *peer, const struct join_proof *proof, uint8_t hash[32],
                            bool *uses_token)
{
    uint8_t secret[32];
    *uses_token = false;
    if (proof->link) {
        if (proof->link->direction != LINK_DOWN || !uuid_equal(&proof->link->zone, &peer->uuid))
            return fail(E_FORBIDDEN, "Only the parent of a link can renew its keys.");
        return OK;
    }
    if (proof->admin)
        return OK;
    if (!json_object_get(body, "secret"))
        return fail(E_UNAUTHORIZED, "Joining needs a join token, or a login as an admin of this zone.");
    TRY(key_from_json(body, "secret", secret));
    hash_blake2b(secret, sizeof(secret), hash);
    link_wipe(secret, sizeof(secret));
    *uses_token = true;
    return OK;
}

enum err zones_accept_parent(struct zones *zones, struct db *db, struct arena *arena, const json_t *body,
                             const struct join_proof *proof, json_t **out)
{
    const struct zones_view *view = zones_view(zones, arena);
    struct join_peer peer;
    struct link_pair pair = zones->pair;
    struct link_session session;
    uint8_t hash[32];
    bool uses_token = false;
    TRY(join_peer_read(arena, body, &peer));
    TRY(check_proof(body, &peer, proof, hash, &uses_token));
    TRY(refuse_relatives(zones, view, &peer));
    if (proof->link)
        link_pair_new(&pair);
    TRY(link_session_as_child(&pair, peer.link_key, &session));
    link_wipe(pair.secret_key, sizeof(pair.secret_key));
    struct acceptance acceptance = {.zones = zones,
                                    .view = view,
                                    .peer = &peer,
                                    .session = &session,
                                    .token_hash = uses_token ? hash : NULL,
                                    .keep = proof->link ? proof->link->key_id : NULL};
    const enum err stored = db_transaction(db, accept_in_transaction, &acceptance);
    link_wipe(&session, sizeof(session));
    TRY(stored);
    log_info("zone.parent", "parent=%s uuid=%s", peer.name, uuid_to_text(&peer.uuid).text);
    TRY(zones_reload(zones, db));
    poller_wake(zones);
    *out = join_peer_write(zones, pair.public_key);
    return OK;
}
