/* See ticket.h. */
#include "gateway/conductor/ticket.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/seal.h"
#include "gateway/conductor/on_behalf.h"
#include "gateway/conductor/sealed.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"

#define TICKET_LIFETIME_US (INT64_C(24) * 3600 * 1000000)
#define CONTEXT            "zonegate onward ticket"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void release_json(void *json)
{
    json_decref(json);
}

/* Of what was ordered: the same parts have the same, whoever wrote their JSON. NULL without memory. */
static const char *order_hash(struct arena *arena, const struct record_parts *parts, const char *sizing_text)
{
    uint8_t hash[32];
    char *hex = arena_alloc(arena, 2 * sizeof(hash) + 1);
    json_auto_t *sizing = json_loads(sizing_text, 0, NULL);
    (void)json_object_del(sizing, "excluded"); /* each zone on the way adds to it */
    json_auto_t *order =
        json_pack("{s:s, s:O, s:O, s:s, s:i, s:O?}", "uuid", uuid_to_text(parts->uuid).text, "server", parts->server, "embedded",
                  parts->embedded, "reservation_id", parts->reservation_id, "launch_index", parts->launch_index, "sizing", sizing);
    char *text = order ? json_dumps(order, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (!text)
        return NULL;
    hash_sha256(text, strlen(text), hash);
    free(text);
    hex_encode(hash, sizeof(hash), hex);
    return hex;
}

const char *ticket_make(struct request *request, const struct uuid *child, const struct record_parts *parts,
                        const char *sizing_text, const struct ticket_from *up)
{
    uint8_t nonce[16];
    char nonce_hex[2 * sizeof(nonce) + 1];
    random_bytes(nonce, sizeof(nonce));
    hex_encode(nonce, sizeof(nonce), nonce_hex);
    const bool wraps = up && up->text;
    json_auto_t *plain =
        json_pack("{s:s, s:s, s:s?, s:o?, s:I, s:s, s:s?, s:s?}", "server", uuid_to_text(parts->uuid).text, "child",
                  uuid_to_text(child).text, "order", order_hash(request->arena, parts, sizing_text), "told",
                  on_behalf_write(request), "exp", (json_int_t)(clock_wall_us() + TICKET_LIFETIME_US), "nonce", nonce_hex, "up",
                  wraps ? up->text : NULL, "up_zone", wraps ? arena_strdup(request->arena, uuid_to_text(&up->zone).text) : NULL);
    char *text = plain ? json_dumps(plain, JSON_COMPACT) : NULL;
    if (!text)
        return NULL;
    const char *sealed = sealed_text(request->arena, request->gateway, CONTEXT, text);
    free(text);
    return sealed;
}

enum err ticket_open(struct request *request, const char *text, const struct uuid *child, const struct record_parts *parts,
                     const char *sizing_text, struct ticket *out)
{
    const char *plain = NULL;
    size_t length = 0;
    json_t *object = NULL;
    struct ticket ticket = {0};
    TRY(sealed_plain(request->arena, request->gateway, CONTEXT, text, &plain, &length, ticket.hash));
    TRY(json_parse_foreign(plain, length, &object));
    arena_defer(request->arena, release_json, object);
    const char *hash = order_hash(request->arena, parts, sizing_text);
    TRY(uuid_from_text(text_of(object, "server"), &ticket.server));
    TRY(uuid_from_text(text_of(object, "child"), &ticket.child));
    if (!uuid_equal(&ticket.child, child))
        return fail(E_INVALID, "The ticket was made for another zone.");
    if (!uuid_equal(&ticket.server, parts->uuid))
        return fail(E_INVALID, "The ticket was made for another server.");
    if (!hash || strcmp(text_of(object, "order"), hash) != 0)
        return fail(E_INVALID, "The ticket was made for another order.");
    ticket.told = json_object_get(object, "told");
    ticket.expires_us = json_integer_value(json_object_get(object, "exp"));
    if (json_is_string(json_object_get(object, "up"))) {
        TRY(uuid_from_text(text_of(object, "up_zone"), &ticket.up.zone));
        ticket.up.text = text_of(object, "up");
    }
    *out = ticket;
    return OK;
}
