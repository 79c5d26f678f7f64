/*
 * The poller's work: which neighbours are asked for what, and what their answers change. One thread; see poller.h.
 *
 * A child that is down is not polled but probed (prober.c); its directory stays as it was told last. Nothing here waits for one
 * neighbour alone: every step asks all of them together.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "schema/reservation.h"
#include "schema/zone_links.h"
#include "zones/nova.h"
#include "zones/poller.h"

#define JOIN_BUDGET_MS   10000
#define BACKOFF_FIRST_MS 250
#define BACKOFF_DOUBLES  6
#define STORE_PAUSE_MS   3000
#define INFO_LIMIT       (8U << 20)
#define KEY_TEXT_SIZE    23
#define DRAIN_MS         10000 /* longer than a request that took a place there may still be under way */

struct round *round_open(struct zones *zones)
{
    struct round *round = calloc(1, sizeof(*round));
    if (!round || fanout_open(zones, &round->fanout) != OK)
        abort();
    round->zones = zones;
    return round;
}

void round_close(struct round *round)
{
    arena_clear(&round->arena);
    fanout_close(round->fanout);
    db_close(round->db);
    db_thread_end();
    free(round);
}

void round_begin(struct round *round)
{
    const struct zones_options *options = &round->zones->options;
    arena_clear(&round->arena);
    round->began_ms = clock_mono_ms();
    request_id_new(round->request_id);
    log_set_request(round->request_id);
    round->caller = (struct caller){.user_id = arena_strdup(&round->arena, uuid_to_hex(&options->keys->zone).text),
                                    .user_name = options->name,
                                    .user_domain_id = "default",
                                    .user_domain_name = "Default",
                                    .domain_id = "default",
                                    .request_id = round->request_id};
    const char *base = arena_printf(&round->arena, "%s" ZONES_COMPUTE, options->url);
    round->origin = link_origin_from(&round->caller, NULL, base, NULL);
}

struct poll_notes *notes_of(const struct zone *zone)
{
    return &((struct health_entry *)((char *)zone->health - offsetof(struct health_entry, health)))->notes;
}

void back_off(struct poll_notes *notes, int64_t most_ms)
{
    int64_t ms = (int64_t)BACKOFF_FIRST_MS << (notes->failures < BACKOFF_DOUBLES ? notes->failures : BACKOFF_DOUBLES);
    if (ms > most_ms)
        ms = most_ms;
    notes->next_try_ms = clock_mono_ms() + ms - ms / 4 + random_below((uint32_t)(ms / 2 + 1));
    notes->failures++;
}

static bool join_is_due(const struct zone *child)
{
    const struct poll_notes *notes = notes_of(child);
    return zone_wants_join(child) && (child->row.updated_us != notes->tried_us || clock_mono_ms() >= notes->next_try_ms);
}

/* True: somebody was joined. */
static bool join_children(struct round *round, const struct zones_view *view)
{
    const struct zone **due = arena_alloc(&round->arena, (view->child_count + 1) * sizeof(const struct zone *));
    size_t count = 0;
    for (size_t i = 0; i < view->child_count; i++) {
        if (join_is_due(&view->children[i]))
            due[count++] = &view->children[i];
    }
    for (size_t i = 0; i < count; i++) {
        struct poll_notes *notes = notes_of(due[i]);
        if (due[i]->row.updated_us != notes->tried_us)
            notes->failures = 0;
        notes->tried_us = due[i]->row.updated_us;
        back_off(notes, 2 * round->zones->options.poll_interval_ms);
    }
    if (count == 0)
        return false;
    return zones_join(round->zones, round->fanout, round->db, &round->arena, due, count, budget_from_ms(JOIN_BUDGET_MS)) > 0;
}

struct zone_call round_call(const struct round *round, const struct zone *zone, const char *target)
{
    return (struct zone_call){
        .zone = zone, .origin = &round->origin, .class = CLASS_POLL, .method = "GET", .target = target, .answer_limit = INFO_LIMIT};
}

bool is_polled(const struct zone *child)
{
    return child->row.joined && child->row.state != ZONE_ADMIN_DISABLED && !health_is_open(child->health, CLASS_POLL);
}

/* It is down because it refuses the probes: a poll tells why. */
static bool refuses_probes(const struct zone *child)
{
    return child->row.joined && child->row.state != ZONE_ADMIN_DISABLED && atomic_load(&child->health->reason) == ZONE_AUTH;
}

static const char *describe(struct arena *arena, const struct http_answer *answer)
{
    if (answer->kind != ZONE_ANSWERED)
        return arena_printf(arena, "%s: %s", zone_kind_word(answer->kind), answer->why ? answer->why : "");
    return arena_printf(arena, "the child answered %d to /os-zones/info", answer->status);
}

static uint64_t hash_texts(const char *a, const char *b)
{
    uint8_t hash[32];
    uint64_t number = 0;
    CLEANUP(text_clear) struct text both = {0};
    text_add_str(&both, a ? a : "");
    text_add_char(&both, '\n');
    text_add_str(&both, b ? b : "");
    hash_blake2b(text_str(&both), both.length, hash);
    memcpy(&number, hash, sizeof(number));
    return number;
}

/* What changed is stored at once, the time of the last answer every few seconds. */
void store_sight(struct round *round, const struct zone *child, struct zone_sight *sight)
{
    struct poll_notes *notes = notes_of(child);
    const uint64_t hash = hash_texts(sight->error, sight->info);
    const int64_t now_ms = clock_mono_ms();
    if (hash == notes->stored_hash && now_ms - notes->stored_ms < STORE_PAUSE_MS)
        return;
    sight->id = child->row.id;
    sight->seen_us = atomic_load(&child->health->last_seen_us);
    sight->latency_ms = atomic_load(&child->health->latency_us[CLASS_POLL]) / 1000;
    if (zone_row_seen(round->db, sight) != OK) {
        log_error("zones.poll", "child=%s why=%s", child->row.name, log_quote(err_message()).text);
        return;
    }
    notes->stored_hash = hash;
    notes->stored_ms = now_ms;
}

static enum err check_peer(const struct zone *child, const json_t *zone)
{
    struct uuid uuid;
    const char *text = json_string_value(json_object_get(zone, "uuid"));
    if (!text || !uuid_is_text(text) || uuid_from_text(text, &uuid) != OK)
        return fail(E_INVALID, "garbage: the child's info has no uuid");
    if (!uuid_equal(&uuid, &child->row.uuid))
        return fail(E_INVALID, "garbage: another zone (%s) answers at this URL", uuid_to_text(&uuid).text);
    return OK;
}

/* The digest is opaque, and travels in a query: other characters than these are not remembered. */
static void note_digest(const struct zone *child, const json_t *directory)
{
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    struct poll_notes *notes = notes_of(child);
    const char *digest = json_string_value(json_object_get(directory, "digest"));
    const size_t length = digest ? strlen(digest) : 0;
    notes->digest[0] = '\0';
    if (digest && length < sizeof(notes->digest) && strspn(digest, legal) == length)
        memcpy(notes->digest, digest, length + 1);
}

static void release_text(void *text)
{
    free(text);
}

/* `*changed`: the directory did. */
static enum err read_info(struct round *round, const struct zone *child, const struct http_answer *answer, struct zone_sight *sight,
                          bool *changed)
{
    json_auto_t *body = NULL;
    TRY(json_parse_foreign(answer->body, answer->body_length, &body));
    json_t *zone = json_object_get(body, "zone");
    TRY(check_peer(child, zone));
    const json_t *directory = json_object_get(zone, "directory");
    if (json_object_get(directory, "zones") && atomic_load(&child->health->pushed_ms) < round->began_ms) {
        TRY(directory_accept(round->zones, round->db, &round->arena, child, directory));
        note_digest(child, directory);
        *changed = true;
    }
    signs_note_directory(child);
    (void)json_object_del(zone, "directory");
    char *info = json_dumps(zone, JSON_COMPACT);
    arena_defer(&round->arena, release_text, info);
    sight->info = info;
    sight->incarnation = json_integer_value(json_object_get(zone, "incarnation"));
    return OK;
}

/* True: the directory may look different now. */
static bool take_info(struct round *round, const struct zone_call *call)
{
    const struct zone *child = call->zone;
    const struct http_answer *answer = &call->answer;
    struct zone_sight sight = {0};
    bool changed = false;
    enum err result = OK;
    signs_note_answer(child, answer);
    rehomed_note(child, answer);
    if (answer->kind == ZONE_ANSWERED && answer->status == 200)
        result = read_info(round, child, answer, &sight, &changed);
    else
        sight.error = describe(&round->arena, answer);
    if (result != OK)
        sight.error = arena_strdup(&round->arena, err_message());
    if (sight.error && !str_equal(sight.error, child->row.last_error))
        log_warn("zone.poll", "child=%s why=%s", child->row.name, log_quote(sight.error).text);
    if (result == E_LOOP)
        return true; /* it is disabled, and its last_error says why */
    store_sight(round, child, &sight);
    return changed;
}

static bool poll_children(struct round *round, const struct zones_view *view)
{
    struct zone_call *calls = arena_alloc(&round->arena, (view->child_count + 1) * sizeof(*calls));
    size_t count = 0;
    bool changed = false;
    for (size_t i = 0; i < view->child_count; i++) {
        const struct zone *child = &view->children[i];
        const char *digest = notes_of(child)->digest;
        const char *target = digest[0] ? arena_printf(&round->arena, ZONES_INFO "?zone.digest=%s", digest) : ZONES_INFO;
        if (!child->nova && (is_polled(child) || refuses_probes(child)))
            calls[count++] = round_call(round, child, target);
    }
    fanout_run(round->fanout, &round->arena, calls, count, budget_from_ms(round->zones->options.child_timeout_ms));
    for (size_t i = 0; i < count; i++)
        changed = take_info(round, &calls[i]) || changed;
    round_find_rehomed(round, calls, count);
    return changed;
}

static const char *new_key(struct arena *arena)
{
    uint8_t bytes[16];
    char *text = arena_alloc(arena, KEY_TEXT_SIZE);
    random_bytes(bytes, sizeof(bytes));
    base64url_encode(bytes, sizeof(bytes), text, KEY_TEXT_SIZE);
    return text;
}

static bool wants_push(const struct zone *parent, const struct zones_view *view)
{
    const int state = atomic_load(&parent->health->state[CLASS_POLL]);
    return parent->row.joined && parent->row.state != ZONE_ADMIN_DISABLED && state != HEALTH_DOWN && state != HEALTH_PROBING &&
           !str_equal(notes_of(parent)->pushed, view->directory.digest);
}

/* A parent that does not take it is told again at the next round, and polls besides. */
static void push_directory(struct round *round, const struct zones_view *view)
{
    struct zone_call *calls = arena_alloc(&round->arena, (view->parent_count + 1) * sizeof(*calls));
    struct link_origin origin = round->origin;
    size_t count = 0;
    json_auto_t *directory = directory_json(&view->directory, NULL);
    char *body = directory ? json_dumps(directory, JSON_COMPACT) : NULL;
    arena_defer(&round->arena, release_text, body);
    origin.key = new_key(&round->arena);
    for (size_t i = 0; body && i < view->parent_count; i++) {
        if (!wants_push(&view->parents[i], view))
            continue;
        calls[count] = round_call(round, &view->parents[i], ZONES_DIRECTORY);
        calls[count].method = "POST";
        calls[count].origin = &origin;
        calls[count].body = body;
        calls[count].body_length = strlen(body);
        headers_add(&round->arena, &calls[count++].headers, "Content-Type", "application/json");
    }
    fanout_run(round->fanout, &round->arena, calls, count, budget_from_ms(round->zones->options.child_timeout_ms));
    for (size_t i = 0; i < count; i++) {
        const struct http_answer *answer = &calls[i].answer;
        signs_note_answer(calls[i].zone, answer);
        if (answer->kind == ZONE_ANSWERED && answer->status / 100 == 2)
            memcpy(notes_of(calls[i].zone)->pushed, view->directory.digest, DIRECTORY_DIGEST_SIZE);
        else
            log_warn("zone.push", "parent=%s why=%s", calls[i].zone->row.name, log_quote(describe(&round->arena, answer)).text);
    }
}

/* The child and all below it say that they have no server. */
static bool is_empty(const struct zone *child)
{
    json_auto_t *info = NULL;
    if (!child->row.info || json_parse_foreign(child->row.info, strlen(child->row.info), &info) != OK)
        return false;
    const json_t *capacity = json_object_get(info, "capacity");
    const json_t *own = json_object_get(capacity, "servers");
    const json_t *below = json_object_get(capacity, "servers_below"); /* null while a zone below is silent */
    return json_is_integer(own) && json_is_integer(below) && json_integer_value(own) + json_integer_value(below) == 0;
}

/* Draining long enough that nobody holds a place there any more, and empty as its last answer says. */
static bool may_be_deleted(const struct round *round, const struct zone *child)
{
    const int64_t pause_ms = 3 * round->zones->options.poll_interval_ms;
    const int64_t wait_us = (pause_ms > DRAIN_MS ? pause_ms : DRAIN_MS) * 1000;
    return child->row.delete_when_empty && child->row.state == ZONE_DRAINING && health_overall(child->health) == HEALTH_UP &&
           clock_wall_us() - child->row.updated_us >= wait_us && child->row.last_seen_us - child->row.updated_us >= wait_us &&
           is_empty(child);
}

static void delete_drained(struct round *round, const struct zones_view *view)
{
    for (size_t i = 0; i < view->child_count; i++) {
        const struct zone_row *row = &view->children[i].row;
        if (!may_be_deleted(round, &view->children[i]))
            continue;
        log_info("zone.drained", "child=%s id=%lld", row->name, (long long)row->id);
        if (zones_child_delete(round->zones, round->db, row->id) != OK)
            log_error("zone.drained", "child=%s why=%s", row->name, log_quote(err_message()).text);
    }
}

enum err round_run(struct round *round)
{
    round_begin(round);
    if (!round->db)
        TRY(db_open(round->zones->options.database, &round->db));
    TRY(zones_reload(round->zones, round->db));
    const struct zones_view *view = zones_view(round->zones, &round->arena);
    const bool joined = join_children(round, view);
    if (nova_join(round, view) || joined) {
        TRY(zones_reload(round->zones, round->db));
        view = zones_view(round->zones, &round->arena);
    }
    push_directory(round, view); /* news from below do not wait for those who are slow */
    (void)poll_children(round, view);
    nova_poll(round, view);
    /* States are part of the directory, so it is made anew even when nobody told anything. */
    TRY(zones_reload(round->zones, round->db));
    delete_drained(round, zones_view(round->zones, &round->arena));
    push_directory(round, zones_view(round->zones, &round->arena));
    return OK;
}

void round_purge(struct round *round)
{
    if (round->db && (zone_nonce_purge(round->db) != OK || reservation_zones_purge(round->db) != OK))
        log_error("zones.purge", "why=%s", log_quote(err_message()).text);
}
