/*
 * libFuzzer target: tokens. The first byte says which way the rest goes: as a token as it came; as claims that are signed rightly
 * (issuer and key id are filled in), so that inputs reach what lies behind the signature; as the body of a Keystone's answer.
 * Besides crashes: bytes that nobody signed are never accepted, and claims that were accepted say the same after a way through the
 * body of GET /v3/auth/tokens.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/identity/token.h"
#include "schema/json/json.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct zone_keys keys; /* one key pair for the life of the fuzzer: its thread alone uses it */

static void must(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    char name[] = "/tmp/zonegate-fuzz-key.XXXXXX";
    const char *directory = mkdtemp(name);
    CLEANUP(arena_clear) struct arena arena = {0};
    must(directory && seal_setup() == OK);
    const char *path = arena_printf(&arena, "%s/key", directory);
    must(zone_keys_open(path, &keys) == OK);
    must(remove(path) == 0 && remove(directory) == 0);
    return 0;
}

static void look(const struct claims *claims)
{
    struct caller caller = {0};
    claims_to_caller(claims, &caller);
    must(caller.user_id && caller.user_name && caller.role_count <= TOKEN_PARTS_MAX);
    must(!caller.is_admin || caller_has_role(&caller, "admin"));
    must(!(caller.project_id && caller.domain_id));
    (void)claims_have_method(claims, "password");
    json_auto_t *body = claims_to_body(claims, NULL);
    struct claims *again = NULL;
    must(body != NULL);
    if (claims_from_body(body, &again) != OK)
        return;
    must(str_equal(again->user.id, claims->user.id) && again->scope == claims->scope);
    must(claims->scope == TOKEN_UNSCOPED || again->role_count == claims->role_count); /* the body has none then */
    claims_release(again);
}

static void try_raw(const char *token)
{
    struct claims *claims = NULL;
    must(token_verify(token, &keys.zone, keys.sign_public, &claims) == E_UNAUTHORIZED);
}

/* "zg1." P "." S with the right S. */
static char *sign(const char *payload, struct arena *arena)
{
    const size_t length = strlen(payload);
    char *encoded = arena_alloc(arena, 4 * (length / 3) + 8);
    uint8_t signature[SIGNATURE_SIZE];
    char signature_text[4 * SIGNATURE_SIZE];
    base64url_encode(payload, length, encoded, 4 * (length / 3) + 8);
    const char *signed_part = arena_printf(arena, TOKEN_PREFIX "%s", encoded);
    sign_bytes(keys.sign_secret, signed_part, strlen(signed_part), signature);
    base64url_encode(signature, sizeof(signature), signature_text, sizeof(signature_text));
    return arena_printf(arena, "%s.%s", signed_part, signature_text);
}

static void set_default(json_t *object, const char *name, const char *value)
{
    if (!json_object_get(object, name))
        must(json_object_set_new(object, name, json_string(value)) == 0);
}

static void try_signed(const char *text, size_t length, struct arena *arena)
{
    json_t *object = NULL;
    struct claims *claims = NULL;
    char key_id[KEY_ID_SIZE];
    if (json_parse_foreign(text, length, &object) != OK)
        return;
    token_key_id(keys.sign_public, key_id);
    if (json_is_object(object)) {
        set_default(object, "iss", uuid_to_hex(&keys.zone).text);
        set_default(object, "kid", key_id);
    }
    char *payload = json_dumps(object, JSON_COMPACT | JSON_ENCODE_ANY);
    must(payload != NULL);
    if (token_verify(sign(payload, arena), &keys.zone, keys.sign_public, &claims) == OK)
        look(claims);
    claims_release(claims);
    free(payload);
    json_decref(object);
}

static void try_body(const char *text, size_t length)
{
    json_t *body = NULL;
    struct claims *claims = NULL;
    if (json_parse_foreign(text, length, &body) != OK)
        return;
    if (claims_from_body(body, &claims) == OK)
        look(claims);
    claims_release(claims);
    json_decref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    if (size == 0)
        return 0;
    const char *text = arena_strndup(&arena, (const char *)data + 1, size - 1);
    switch (data[0]) {
    case 'T':
        try_raw(text);
        break;
    case 'S':
        try_signed(text, strlen(text), &arena);
        break;
    default:
        try_body(text, strlen(text));
    }
    arena_clear(&arena);
    return 0;
}
