/* The delegation as it is sent, and the rules of budgets; see link.h. The checks are in link_check.c. */
#include "zones/link.h"

#include <string.h>

#include "gateway/base/text.h"
#include "zones/inside.h"

#define LIFETIME_S       30 /* of one send: longer than any queue, shorter than what may be accepted */
#define BUDGET_MARGIN_MS 50
#define NONCE_TEXT_SIZE  23
#define HASH_TEXT_SIZE   44

bool link_is_mutation(const char *method)
{
    return !str_equal(method, "GET") && !str_equal(method, "HEAD") && !str_equal(method, "OPTIONS");
}

int64_t link_budget(int64_t left_ms, int64_t probe_p99_us)
{
    int64_t margin_ms = BUDGET_MARGIN_MS;
    if (left_ms / 10 > margin_ms)
        margin_ms = left_ms / 10;
    /* One late probe must not eat every budget from then on: at most half of what is left. */
    const int64_t probe_ms = probe_p99_us / 1000 < left_ms / 2 ? probe_p99_us / 1000 : left_ms / 2;
    if (probe_ms > margin_ms)
        margin_ms = probe_ms;
    return left_ms - margin_ms;
}

struct budget link_budget_read(const char *header, bool over_link, int64_t most_ms)
{
    int64_t ms = most_ms;
    if (over_link && header && str_to_int(header, &ms) && ms > most_ms)
        ms = most_ms;
    return budget_from_ms(ms);
}

struct link_origin link_origin_from(const struct caller *caller, const struct link_caller *link, const char *base, const char *key)
{
    struct link_origin origin = {.caller = caller, .base = base, .hops = LINK_HOPS, .key = key};
    if (link) {
        origin.base = link->base;
        origin.path = link->path;
        origin.path_count = link->path_count;
        origin.hops = link->hops - 1;
        origin.key = link->key;
    }
    return origin;
}

static void add_member(struct text *json, const char *name, const char *value)
{
    if (json->length > 1)
        text_add_char(json, ',');
    text_add_char(json, '"');
    text_add_str(json, name);
    text_add_str(json, "\":");
    text_add_json(json, value);
}

static void add_hash(struct text *json, const char *name, const void *bytes, size_t length)
{
    uint8_t hash[32];
    char text[HASH_TEXT_SIZE];
    hash_sha256(bytes ? bytes : "", length, hash);
    base64url_encode_open(hash, sizeof(hash), text);
    add_member(json, name, text);
}

/* What reads up a link is never an admin. */
static void add_roles(struct text *json, const struct caller *caller, bool upward)
{
    bool first = true;
    text_add_str(json, ",\"roles\":[");
    for (size_t i = 0; i < caller->role_count; i++) {
        if (upward && str_equal_nocase(caller->roles[i], "admin"))
            continue;
        if (!first)
            text_add_char(json, ',');
        text_add_json(json, caller->roles[i]);
        first = false;
    }
    text_add_char(json, ']');
}

static void add_caller(struct text *json, const struct caller *caller, bool upward)
{
    add_member(json, "user", caller->user_id);
    add_member(json, "user_name", caller->user_name);
    add_member(json, "project", caller->project_id);
    add_member(json, "project_name", caller->project_name);
    add_member(json, "domain", caller->project_id ? caller->project_domain_id : caller->domain_id);
    add_roles(json, caller, upward);
    add_member(json, "request_id", caller->request_id);
}

static void add_path(struct text *json, const struct link_origin *origin, const struct uuid *self)
{
    text_add_str(json, ",\"path\":[");
    for (size_t i = 0; i < origin->path_count; i++) {
        text_add_json(json, uuid_to_text(&origin->path[i]).text);
        text_add_char(json, ',');
    }
    text_add_json(json, uuid_to_text(self).text);
    text_add_str(json, "],\"hops\":");
    text_add_int(json, origin->hops);
}

static void add_times(struct text *json)
{
    const int64_t now_s = clock_wall_us() / 1000000;
    uint8_t nonce[NONCE_SIZE];
    char text[NONCE_TEXT_SIZE];
    random_bytes(nonce, sizeof(nonce));
    base64url_encode_open(nonce, sizeof(nonce), text);
    text_add_str(json, ",\"iat\":");
    text_add_int(json, now_s);
    text_add_str(json, ",\"exp\":");
    text_add_int(json, now_s + LIFETIME_S);
    add_member(json, "nonce", text);
}

/* "v1.KEYID.P.M" */
static enum err write_header(const struct link_session *session, bool upward, const struct text *json, struct arena *arena,
                             const char **out)
{
    uint8_t mac[LINK_MAC_SIZE];
    static const char version[] = {'v', '1', '.'};
    const size_t head = sizeof(version) + LINK_KEY_ID_SIZE; /* with both points */
    const size_t size = head + 4 * ((json->length + 2) / 3) + sizeof(".") + HASH_TEXT_SIZE;
    if (size > LINK_HEADER_MAX)
        return fail(E_HEADERS_TOO_LARGE, "The user's roles and names are too long for a delegation.");
    char *header = arena_alloc(arena, size);
    memcpy(header, version, sizeof(version));
    memcpy(header + sizeof(version), session->key_id, LINK_KEY_ID_SIZE - 1);
    header[head - 1] = '.';
    base64url_encode_open(json->bytes, json->length, header + head);
    char *end = header + head + strlen(header + head);
    link_mac(upward ? session->up : session->down, header, (size_t)(end - header), mac);
    *end++ = '.';
    base64url_encode_open(mac, sizeof(mac), end);
    *out = header;
    return OK;
}

static enum err may_send(const struct zone *to, const struct link_origin *origin)
{
    if (to->session_count == 0)
        return fail(E_UNAVAILABLE, "Zone %s is not joined yet.", to->row.name);
    if (origin->hops <= 0)
        return fail(E_LOOP, "The request went through too many zones.");
    for (size_t i = 0; i < origin->path_count; i++) {
        if (uuid_equal(&origin->path[i], &to->row.uuid))
            return fail(E_LOOP, "The request came through zone %s already.", to->row.name);
    }
    return OK;
}

/* Upwards: the one that the parent was seen to have; a parent that renewed the keys may not have got the answer. Downwards, and
 * before anything was seen: the newest. */
static const struct link_session *session_for(const struct zone *to, bool upward)
{
    const uint32_t proved = atomic_load(&to->health->proved_key);
    for (size_t i = 0; upward && i < to->session_count; i++) {
        if (link_key_number(to->sessions[i].key_id) == proved)
            return &to->sessions[i];
    }
    return &to->sessions[0];
}

enum err link_make(const struct zones *zones, const struct zone *to, const char *method, const char *target, const void *body,
                   size_t body_length, const struct link_origin *origin, struct arena *arena, const char **out)
{
    const bool upward = to->row.side == ZONE_PARENT;
    const struct uuid *self = &zones->options.keys->zone;
    CLEANUP(text_clear) struct text json = {0};
    TRY(may_send(to, origin));
    text_add_char(&json, '{');
    add_member(&json, "iss", uuid_to_text(self).text);
    add_member(&json, "aud", uuid_to_text(&to->row.uuid).text);
    add_caller(&json, origin->caller, upward);
    add_member(&json, "method", method);
    add_hash(&json, "target", target, strlen(target));
    if (!origin->streamed)
        add_hash(&json, "body", body, body_length);
    add_member(&json, "base", origin->base ? origin->base : "");
    add_path(&json, origin, self);
    add_times(&json);
    if (origin->key)
        add_member(&json, "key", origin->key);
    text_add_char(&json, '}');
    return write_header(session_for(to, upward), upward, &json, arena, out);
}
