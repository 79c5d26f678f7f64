/* Sealed entries; see sealed.h. The plain form is a small JSON object; the key's id stands in front of the sealed bytes. */
#include "gateway/conductor/sealed.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/seal.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"

#define ENTRY_LIFETIME_US (INT64_C(60) * 1000000)
#define KEY_ID_SIZE       4
#define CONTEXT           "zonegate plan entry"

static void key_id(const struct gateway *gateway, uint8_t out[KEY_ID_SIZE])
{
    uint8_t hash[32];
    hash_blake2b(gateway->keys.plan, sizeof(gateway->keys.plan), hash);
    memcpy(out, hash, KEY_ID_SIZE);
}

static const char *sizing_hash(struct arena *arena, const char *sizing_text)
{
    uint8_t hash[32];
    char *hex = arena_alloc(arena, 2 * sizeof(hash) + 1);
    hash_sha256(sizing_text, strlen(sizing_text), hash);
    hex_encode(hash, sizeof(hash), hex);
    return hex;
}

static char *plain_text(struct arena *arena, const struct plan_entry *entry, const char *sizing_text, const char *project_id)
{
    uint8_t nonce[16];
    char nonce_hex[2 * sizeof(nonce) + 1];
    random_bytes(nonce, sizeof(nonce));
    hex_encode(nonce, sizeof(nonce), nonce_hex);
    json_auto_t *plain =
        json_pack("{s:s, s:s, s:s?, s:s, s:s?, s:I, s:s}", "host", uuid_to_text(&entry->host).text, "zone",
                  uuid_to_text(&entry->zone).text, "blob", entry->blob, "sizing", sizing_hash(arena, sizing_text), "project",
                  project_id, "exp", (json_int_t)(clock_wall_us() + ENTRY_LIFETIME_US), "nonce", nonce_hex);
    char *text = json_dumps(plain, JSON_COMPACT);
    char *copy = arena_strdup(arena, text ? text : "");
    free(text);
    return copy;
}

const char *sealed_text(struct arena *arena, const struct gateway *gateway, const char *context, const char *plain)
{
    const size_t length = strlen(plain);
    const size_t sealed_length = KEY_ID_SIZE + length + SEAL_OVERHEAD;
    uint8_t *sealed = arena_alloc(arena, sealed_length);
    key_id(gateway, sealed);
    seal_bytes(gateway->keys.plan, context, plain, length, sealed + KEY_ID_SIZE);
    char *text = arena_alloc(arena, BASE64_SIZE(sealed_length));
    base64_encode(sealed, sealed_length, text, BASE64_SIZE(sealed_length));
    return text;
}

const char *sealed_make(struct arena *arena, const struct gateway *gateway, const struct plan_entry *entry, const char *sizing_text,
                        const char *project_id)
{
    return sealed_text(arena, gateway, CONTEXT, plain_text(arena, entry, sizing_text, project_id));
}

enum err sealed_plain(struct arena *arena, const struct gateway *gateway, const char *context, const char *text, const char **out,
                      size_t *out_length, uint8_t out_hash[32])
{
    const size_t capacity = strlen(text);
    uint8_t expected[KEY_ID_SIZE];
    uint8_t *sealed = arena_alloc(arena, capacity + 1);
    size_t length = 0;
    TRY(base64_decode(text, capacity, sealed, capacity, &length));
    key_id(gateway, expected);
    if (length < KEY_ID_SIZE + SEAL_OVERHEAD || memcmp(sealed, expected, KEY_ID_SIZE) != 0)
        return fail(E_INVALID, "The plan entry was not made by this zone.");
    char *plain = arena_alloc(arena, length);
    TRY(unseal_bytes(gateway->keys.plan, context, sealed + KEY_ID_SIZE, length - KEY_ID_SIZE, plain));
    hash_blake2b(sealed, length, out_hash);
    *out = plain;
    *out_length = length - KEY_ID_SIZE - SEAL_OVERHEAD;
    return OK;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

enum err sealed_open(struct arena *arena, const struct gateway *gateway, const char *text, const char *sizing_text,
                     const char *project_id, struct sealed_entry *out)
{
    const char *plain = NULL;
    size_t length = 0;
    json_auto_t *object = NULL;
    struct sealed_entry entry = {0};
    TRY(sealed_plain(arena, gateway, CONTEXT, text, &plain, &length, entry.use.entry));
    TRY(json_parse_foreign(plain, length, &object));
    entry.use.expires_us = json_integer_value(json_object_get(object, "exp"));
    if (strcmp(text_of(object, "sizing"), sizing_hash(arena, sizing_text)) != 0)
        return fail(E_INVALID, "The plan entry was made for another sizing.");
    if (strcmp(text_of(object, "project"), project_id ? project_id : "") != 0)
        return fail(E_INVALID, "The plan entry was made for another project.");
    TRY(uuid_from_text(text_of(object, "host"), &entry.host));
    TRY(uuid_from_text(text_of(object, "zone"), &entry.zone));
    entry.blob = arena_strdup(arena, text_of(object, "blob"));
    *out = entry;
    return entry.use.expires_us < clock_wall_us() ? fail(E_CONFLICT, "The plan entry has expired.") : OK;
}
