/*
 * Joining, the parent's steps: log in at the child (or take the token's secret), agree keys over POST /os-zones/link, store. All
 * children of a list go through the steps together, so that a silent one costs no other any time.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "zones/fanout.h"
#include "zones/inside.h"

#define ANSWER_LIMIT (256U << 10)

/* One child on its way. `error` set: it came no further. */
struct join {
    const struct zone *child;
    char *credential; /* password or join token; wiped at the end */
    bool by_token;
    struct join_token token;
    const char *auth_token; /* of the login */
    const char *error;
    struct zone_call call;
};

struct joins {
    struct zones *zones;
    struct fanout *fanout;
    struct db *db;
    struct arena *arena;
    struct join *items;
    size_t count;
    struct budget budget;
};

bool zone_wants_join(const struct zone *child)
{
    return child->row.state != ZONE_ADMIN_DISABLED && child->row.credential != NULL;
}

static void give_up(struct joins *joins, struct join *join, const char *why)
{
    join->error = arena_strdup(joins->arena, why);
}

static void open_credential(struct joins *joins, struct join *join)
{
    if (credential_open(joins->zones, joins->arena, &join->child->row, &join->credential) != OK) {
        give_up(joins, join, err_message());
        return;
    }
    join->by_token = join->child->row.username == NULL;
    if (join->by_token && join_token_read(joins->arena, join->credential, &join->token) != OK)
        give_up(joins, join, err_message());
}

/* Sends the calls of all joins that got this far, but for those that need none. */
static void run_calls(struct joins *joins, bool (*wanted)(const struct join *join))
{
    struct zone_call *calls = arena_alloc(joins->arena, (joins->count + 1) * sizeof(*calls));
    size_t count = 0;
    for (size_t i = 0; i < joins->count; i++) {
        if (!joins->items[i].error && wanted(&joins->items[i]))
            calls[count++] = joins->items[i].call;
    }
    fanout_run(joins->fanout, joins->arena, calls, count, joins->budget);
    count = 0;
    for (size_t i = 0; i < joins->count; i++) {
        if (joins->items[i].error || !wanted(&joins->items[i]))
            continue;
        joins->items[i].call = calls[count++];
        signs_note_answer(joins->items[i].child, &joins->items[i].call.answer);
    }
}

static void plain_call(struct joins *joins, struct join *join, const char *target, const char *body)
{
    join->call = (struct zone_call){.url = join->child->row.api_url,
                                    .trust = join->child->trust,
                                    .class = CLASS_POLL,
                                    .method = "POST",
                                    .target = target,
                                    .body = body,
                                    .body_length = strlen(body),
                                    .answer_limit = ANSWER_LIMIT};
    headers_add(joins->arena, &join->call.headers, "Content-Type", "application/json");
    headers_add(joins->arena, &join->call.headers, "Accept", "application/json");
}

/* Keystone v3, password, scoped to the project `admin`. */
static void prepare_login(struct joins *joins, struct join *join)
{
    CLEANUP(text_clear) struct text body = {0};
    text_add_str(&body, "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":");
    text_add_json(&body, join->child->row.username);
    text_add_str(&body, ",\"domain\":{\"id\":\"default\"},\"password\":");
    text_add_json(&body, join->credential);
    text_add_str(&body, "}}},\"scope\":{\"project\":{\"name\":\"admin\",\"domain\":{\"id\":\"default\"}}}}}");
    plain_call(joins, join, ZONES_TOKENS, arena_strdup(joins->arena, text_str(&body)));
    link_wipe(body.bytes, body.length);
}

static bool needs_login(const struct join *join)
{
    return !join->by_token;
}

/* The words for the admin who looks at last_error. */
static const char *describe(struct joins *joins, const struct join *join, const char *step)
{
    const struct http_answer *answer = &join->call.answer;
    if (answer->kind != ZONE_ANSWERED)
        return arena_printf(joins->arena, "%s: %s (%s)", step, zone_kind_word(answer->kind), answer->why ? answer->why : "");
    json_auto_t *body = NULL;
    const char *message = NULL;
    if (json_parse_foreign(answer->body, answer->body_length, &body) == OK)
        message = json_string_value(json_object_get(json_object_iter_value(json_object_iter(body)), "message"));
    return arena_printf(joins->arena, "%s: the child answered %d%s%.400s", step, answer->status, message ? ": " : "",
                        message ? message : "");
}

static void finish_login(struct joins *joins, struct join *join)
{
    const struct http_answer *answer = &join->call.answer;
    const char *token = headers_get(&answer->headers, "X-Subject-Token");
    link_wipe((void *)join->call.body, join->call.body_length);
    if (answer->kind == ZONE_ANSWERED && answer->status == 401)
        give_up(joins, join, "login: the child does not accept the username or the password");
    else if (answer->kind != ZONE_ANSWERED || answer->status != 201 || !token)
        give_up(joins, join, describe(joins, join, "login"));
    else
        join->auth_token = token;
}

static void prepare_link(struct joins *joins, struct join *join)
{
    json_auto_t *body = join_peer_write(joins->zones, joins->zones->pair.public_key);
    if (join->by_token) {
        char secret[44];
        base64url_encode(join->token.secret, sizeof(join->token.secret), secret, sizeof(secret));
        (void)json_object_set_new(body, "secret", json_string(secret));
        link_wipe(secret, sizeof(secret));
    }
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (!text) {
        give_up(joins, join, "link: this zone's name or URL is not UTF-8");
        return;
    }
    plain_call(joins, join, ZONES_LINK, arena_strdup(joins->arena, text));
    free(text);
    if (!join->by_token)
        headers_add(joins->arena, &join->call.headers, "X-Auth-Token", join->auth_token);
}

static bool needs_link(const struct join *join)
{
    return join->error == NULL;
}

/* The child's answer; a token says beforehand who must answer. */
static enum err read_peer(struct joins *joins, struct join *join, struct join_peer *out)
{
    const struct http_answer *answer = &join->call.answer;
    json_auto_t *body = NULL;
    TRY(json_parse_foreign(answer->body, answer->body_length, &body));
    TRY(join_peer_read(joins->arena, body, out));
    if (join->by_token &&
        (!uuid_equal(&join->token.zone, &out->uuid) || memcmp(join->token.link_key, out->link_key, sizeof(out->link_key)) != 0))
        return fail(E_INVALID, "Another zone answered than the one that made the join token.");
    if (join->child->row.joined && !uuid_equal(&join->child->row.uuid, &out->uuid))
        return fail(E_INVALID, "Another zone answered than the one that is registered; delete it and register the new one.");
    if (uuid_equal(&out->uuid, &joins->zones->options.keys->zone))
        return fail(E_LOOP, "loop: the child is this zone itself");
    if (view_parent_by_uuid(zones_view(joins->zones, joins->arena), &out->uuid))
        return fail(E_LOOP, "loop: the child is a parent of this zone");
    return OK;
}

struct joined {
    struct zones *zones;
    struct zone_row row;
    const struct link_session *session;
};

static enum err store_joined(struct db *db, void *context)
{
    const struct joined *joined = context;
    TRY(zone_rehomed_delete(db, &joined->row.uuid, joined->row.name));
    TRY(zone_row_joined(db, &joined->row));
    return session_store(joined->zones, db, joined->row.id, joined->session, NULL);
}

static enum err store_peer(struct joins *joins, const struct join *join, const struct join_peer *peer)
{
    const struct zone_row *row = &join->child->row;
    struct link_session session;
    TRY(link_session_as_parent(&joins->zones->pair, peer->link_key, &session));
    struct joined joined = {.zones = joins->zones,
                            .row = {.id = row->id,
                                    .side = ZONE_CHILD,
                                    .uuid = peer->uuid,
                                    .name = row->name_given ? row->name : peer->name,
                                    .api_url = row->api_url,
                                    .protocol = peer->protocol,
                                    .signing_key = peer->signing_key},
                            .session = &session};
    const enum err result = db_transaction(joins->db, store_joined, &joined);
    link_wipe(&session, sizeof(session));
    return result;
}

static void finish_link(struct joins *joins, struct join *join)
{
    const struct http_answer *answer = &join->call.answer;
    struct join_peer peer;
    if (join->by_token)
        link_wipe((void *)join->call.body, join->call.body_length);
    enum err result = OK;
    if (answer->kind == ZONE_ANSWERED && answer->status == 508) /* the child knows this zone as itself or as one below it */
        result = fail(E_LOOP, "%s", describe(joins, join, "loop"));
    else if (answer->kind != ZONE_ANSWERED || answer->status / 100 != 2)
        result = fail(E_UNAVAILABLE, "%s", describe(joins, join, "link"));
    if (result == OK)
        result = read_peer(joins, join, &peer);
    if (result == OK)
        result = store_peer(joins, join, &peer);
    if (result == E_LOOP && zone_row_set_state(joins->db, join->child->row.id, ZONE_ADMIN_DISABLED, err_message()) != OK)
        log_error("zone.join", "child=%s why=%s", join->child->row.name, log_quote(err_message()).text);
    if (result != OK)
        give_up(joins, join, err_message());
}

/* One step for all that got this far. */
static void each(struct joins *joins, bool (*wanted)(const struct join *join), void (*step)(struct joins *joins, struct join *join))
{
    for (size_t i = 0; i < joins->count; i++) {
        if (!joins->items[i].error && wanted(&joins->items[i]))
            step(joins, &joins->items[i]);
    }
}

static void store_error(struct joins *joins, const struct join *join)
{
    const struct zone_row *row = &join->child->row;
    const struct zone_sight sight = {.id = row->id, .error = join->error, .latency_ms = row->latency_ms};
    log_warn("zone.join", "child=%s why=%s", row->name, log_quote(join->error).text);
    if (!str_equal(row->last_error, join->error) && zone_row_seen(joins->db, &sight) != OK)
        log_error("zone.join", "child=%s why=%s", row->name, log_quote(err_message()).text);
}

static size_t conclude(struct joins *joins)
{
    size_t joined = 0;
    for (size_t i = 0; i < joins->count; i++) {
        struct join *join = &joins->items[i];
        if (join->credential)
            link_wipe(join->credential, strlen(join->credential));
        link_wipe(&join->token, sizeof(join->token));
        if (join->error)
            store_error(joins, join);
        else
            log_info("zone.joined", "child=%s", join->child->row.name);
        joined += join->error ? 0 : 1;
    }
    return joined;
}

size_t zones_join(struct zones *zones, struct fanout *fanout, struct db *db, struct arena *arena,
                  const struct zone *const *children, size_t count, struct budget budget)
{
    struct joins joins = {zones, fanout, db, arena, arena_alloc(arena, (count + 1) * sizeof(*joins.items)), count, budget};
    for (size_t i = 0; i < count; i++) {
        joins.items[i].child = children[i];
        open_credential(&joins, &joins.items[i]);
    }
    each(&joins, needs_login, prepare_login);
    run_calls(&joins, needs_login);
    each(&joins, needs_login, finish_login);
    each(&joins, needs_link, prepare_link);
    run_calls(&joins, needs_link);
    each(&joins, needs_link, finish_link);
    return conclude(&joins);
}
