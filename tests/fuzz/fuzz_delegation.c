/*
 * libFuzzer target: what says that it came over a link. The first byte says which way the rest goes: as the header as it came; as
 * claims that are MACed rightly by the parent, or by the child, so that inputs reach all checks. Of claims, members that are
 * missing or "@" are filled in as they should be. The first line of signed claims is the question: METHOD TARGET.
 *
 * Besides crashes: bytes without a MAC are never accepted, nothing that is accepted is an admin from below, is for another zone,
 * has this zone in its path, or comes twice, and a refusal has words.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "tests/unit/zones/pair.h"
#include "zones/link.h"

#define NONCES_RENEWED 1000 /* runs after which the remembered nonces are forgotten */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pair *pair; /* two joined zones for the life of the fuzzer: its thread alone uses them */

static void must(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    must(seal_setup() == OK);
    log_setup(LOG_LEVEL_ERROR, "fuzz");
    pair = pair_open();
    return 0;
}

static void renew_nonces(struct side *side)
{
    nonces_close(side->zones.nonces);
    nonces_open(&side->zones.nonces);
}

static enum err ask(struct side *at, const struct link_question *question, struct arena *arena, struct caller *caller,
                    struct link_caller **link)
{
    const enum err result = link_check(&at->zones, question, NULL, arena, caller, link);
    must(result == OK || (*err_message() && str_is_utf8(err_message(), strlen(err_message()))));
    return result;
}

static void try_raw(struct arena *arena, const char *header)
{
    const struct link_question question = {.method = "GET", .target = "/compute/v2.1/servers", .delegation = header};
    struct caller caller;
    struct link_caller *link = NULL;
    must(ask(&pair->child, &question, arena, &caller, &link) != OK);
    must(ask(&pair->parent, &question, arena, &caller, &link) != OK);
    (void)link_budget_read(header, true, 10000);
}

static void set_default(json_t *claims, const char *name, json_t *value)
{
    const char *given = json_string_value(json_object_get(claims, name));
    if (json_object_get(claims, name) && !str_equal(given, "@"))
        json_decref(value);
    else
        must(json_object_set_new(claims, name, value) == 0);
}

static json_t *hash(const void *bytes, size_t length)
{
    uint8_t digest[32];
    char text[48];
    hash_sha256(bytes, length, digest);
    base64url_encode(digest, sizeof(digest), text, sizeof(text));
    return json_string(text);
}

static void complete(json_t *claims, const struct side *from, const struct side *to, const struct link_question *question)
{
    const int64_t now_s = clock_wall_us() / 1000000;
    uint8_t nonce[NONCE_SIZE];
    char nonce_text[32];
    random_bytes(nonce, sizeof(nonce));
    base64url_encode(nonce, sizeof(nonce), nonce_text, sizeof(nonce_text));
    set_default(claims, "iss", json_string(uuid_to_text(&from->keys.zone).text));
    set_default(claims, "aud", json_string(uuid_to_text(&to->keys.zone).text));
    set_default(claims, "method", json_string(question->method));
    set_default(claims, "target", hash(question->target, strlen(question->target)));
    set_default(claims, "body", hash("", 0));
    set_default(claims, "iat", json_integer(now_s));
    set_default(claims, "exp", json_integer(now_s + 30));
    set_default(claims, "nonce", json_string(nonce_text));
    set_default(claims, "path", json_pack("[s]", uuid_to_text(&from->keys.zone).text));
    set_default(claims, "hops", json_integer(LINK_HOPS));
    set_default(claims, "user", json_string("u"));
    set_default(claims, "roles", json_pack("[s, s]", "member", "admin"));
}

static const char *mac(const struct side *from, bool upward, const char *payload, struct arena *arena)
{
    const size_t size = 4 * (strlen(payload) / 3) + 8;
    char *encoded = arena_alloc(arena, size);
    uint8_t bytes[LINK_MAC_SIZE];
    char text[64];
    base64url_encode(payload, strlen(payload), encoded, size);
    const char *signed_part = arena_printf(arena, "v1.%s.%s", from->session.key_id, encoded);
    link_mac(upward ? from->session.up : from->session.down, signed_part, strlen(signed_part), bytes);
    base64url_encode(bytes, sizeof(bytes), text, sizeof(text));
    return arena_printf(arena, "%s.%s", signed_part, text);
}

static void look(struct side *to, bool upward, const struct link_question *question, const struct caller *caller,
                 const struct link_caller *link, struct arena *arena)
{
    struct caller other;
    struct link_caller *other_link = NULL;
    must(caller->over_link && caller->user_id && link->direction == (upward ? LINK_UP : LINK_DOWN));
    must(!upward || (!caller->is_admin && !link_is_mutation(question->method)));
    must(link->hops > 0 && link->hops <= LINK_HOPS && link->path_count > 0);
    for (size_t i = 0; i < link->path_count; i++)
        must(!uuid_equal(&link->path[i], &to->keys.zone));
    must(ask(to, question, arena, &other, &other_link) == E_UNAUTHORIZED);
    const struct link_origin on = link_origin_from(caller, link, "http://zone/compute/v2.1", NULL);
    const char *header = NULL;
    must(link_make(&to->zones, &to->other, "GET", question->target, NULL, 0, &on, arena, &header) != OK ||
         strlen(header) <= LINK_HEADER_MAX);
}

static void try_signed(struct arena *arena, char *text, bool upward)
{
    struct side *from = upward ? &pair->child : &pair->parent;
    struct side *to = upward ? &pair->parent : &pair->child;
    char *end = strchr(text, '\n');
    char *blank = end ? memchr(text, ' ', (size_t)(end - text)) : NULL;
    json_t *claims = NULL;
    if (!blank || json_parse_foreign(end + 1, strlen(end + 1), &claims) != OK)
        return;
    *blank = *end = '\0';
    struct link_question question = {.method = text, .target = blank + 1};
    /* the nonces of mutations are rows of a database, and there is none */
    if (json_is_object(claims) && !link_is_mutation(question.method)) {
        complete(claims, from, to, &question);
        question.idempotency = json_string_value(json_object_get(claims, "key"));
    }
    char *payload = json_dumps(claims, JSON_COMPACT | JSON_ENCODE_ANY);
    must(payload != NULL);
    if (!link_is_mutation(question.method)) {
        struct caller caller;
        struct link_caller *link = NULL;
        question.delegation = mac(from, upward, payload, arena);
        if (ask(to, &question, arena, &caller, &link) == OK)
            look(to, upward, &question, &caller, link, arena);
    }
    free(payload);
    json_decref(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned runs; /* one thread */
    struct arena arena = {0};
    if (size == 0)
        return 0;
    if (++runs % NONCES_RENEWED == 0) {
        renew_nonces(&pair->parent);
        renew_nonces(&pair->child);
    }
    char *text = arena_strndup(&arena, (const char *)data + 1, size - 1);
    if (data[0] == 'D' || data[0] == 'U')
        try_signed(&arena, text, data[0] == 'U');
    else
        try_raw(&arena, text);
    arena_clear(&arena);
    return 0;
}
