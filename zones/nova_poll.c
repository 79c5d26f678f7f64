/*
 * The poller's part for plain Novas: the first login (which makes a registered one a zone of the tree), versions and limits now and
 * then, and each round which of its servers changed. Ids there carry no tag: what is read here goes to the remembered servers
 * (seen.h), so that a request goes straight to it, and so that its servers are shown as UNKNOWN while it is silent.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "schema/json/json.h"
#include "zones/json_scan.h"
#include "zones/nova.h"
#include "zones/nova_caps.h"
#include "zones/poller.h"
#include "zones/row_key.h"
#include "zones/rows.h"
#include "zones/seen.h"

#define LOGIN_MS     10000
#define LOOK_MS      30000  /* versions and limits */
#define SWEEP_MS     600000 /* the whole directory again */
#define OVERLAP_US   5000000
#define PAGE         1000
#define PAGES_MOST   50
#define SIMPLE_LIMIT (1U << 20)
#define LIST_LIMIT   (64U << 20)

/* What one login of a round is about. */
struct first {
    const struct zone *child;
    char *secret;
};

static bool login_is_due(const struct zone *child)
{
    const struct poll_notes *notes = notes_of(child);
    return child->nova && !child->row.joined && child->row.state != ZONE_ADMIN_DISABLED && child->nova->row.project_count &&
           (child->row.updated_us != notes->tried_us || clock_mono_ms() >= notes->next_try_ms);
}

static enum err join_one(struct round *round, const struct zone *child, const struct http_answer *answer)
{
    struct nova_login login;
    struct uuid uuid;
    const struct nova_token_key key = {child->row.id, child->nova->stamp, child->nova->row.projects[0].local};
    TRY(nova_login_read(child, answer, &round->arena, &login));
    uuid_new(&uuid);
    TRY(zone_nova_joined(round->db, child->row.id, &uuid, login.endpoint));
    nova_tokens_put(round->zones->nova_tokens, &key, &login);
    log_info("nova.joined", "child=%s compute=%s", child->row.name, log_quote(login.endpoint).text);
    return OK;
}

static bool take_first(struct round *round, const struct first *first, const struct http_answer *answer)
{
    struct zone_sight sight = {.id = first->child->row.id};
    link_wipe(first->secret, strlen(first->secret));
    if (join_one(round, first->child, answer) == OK)
        return true;
    sight.error = arena_strdup(&round->arena, err_message());
    if (!str_equal(sight.error, first->child->row.last_error))
        log_warn("nova.login", "child=%s why=%s", first->child->row.name, log_quote(sight.error).text);
    if (zone_row_seen(round->db, &sight) != OK)
        log_error("nova.login", "child=%s why=%s", first->child->row.name, log_quote(err_message()).text);
    return false;
}

bool nova_join(struct round *round, const struct zones_view *view)
{
    struct zone_call *calls = arena_alloc(&round->arena, (view->child_count + 1) * sizeof(*calls));
    struct first *firsts = arena_alloc(&round->arena, (view->child_count + 1) * sizeof(*firsts));
    size_t count = 0;
    bool joined = false;
    for (size_t i = 0; i < view->child_count; i++) {
        const struct zone *child = &view->children[i];
        if (!login_is_due(child))
            continue;
        notes_of(child)->tried_us = child->row.updated_us;
        back_off(notes_of(child), 2 * round->zones->options.poll_interval_ms);
        firsts[count].child = child;
        if (nova_login_call(round->zones, child, &child->nova->row.projects[0], &round->arena, &calls[count],
                            &firsts[count].secret) == OK)
            count++;
        else
            log_error("nova.login", "child=%s why=%s", child->row.name, log_quote(err_message()).text);
    }
    fanout_run(round->fanout, &round->arena, calls, count, budget_from_ms(LOGIN_MS));
    for (size_t i = 0; i < count; i++)
        joined = take_first(round, &firsts[i], &calls[i].answer) || joined;
    return joined;
}

/* A GET through nova_run for a project of this tree. */
static void ask(struct round *round, const struct zone *child, const char *project, const char *target, size_t limit,
                struct http_answer *out)
{
    struct caller caller = round->caller;
    caller.project_id = project;
    const struct link_origin origin = link_origin_from(&caller, NULL, round->origin.base, NULL);
    struct zone_call call = {
        .zone = child, .origin = &origin, .class = CLASS_POLL, .method = "GET", .target = target, .answer_limit = limit};
    headers_add(&round->arena, &call.headers, "Accept", ROWS_MEDIA_TYPE);
    fanout_run(round->fanout, &round->arena, &call, 1, budget_from_ms(LOGIN_MS));
    signs_note_answer(child, &call.answer);
    *out = call.answer;
}

static enum err check_answer(const struct http_answer *answer, const char *what)
{
    if (answer->kind != ZONE_ANSWERED && answer->why && strchr(answer->why, ':'))
        return fail(E_UNAVAILABLE, "%s", answer->why);
    if (answer->kind != ZONE_ANSWERED)
        return fail(E_UNAVAILABLE, "%s: %s", zone_kind_word(answer->kind), answer->why ? answer->why : "");
    if (answer->status != 200)
        return fail(E_BAD_GATEWAY, "garbage: it answered %d to %s", answer->status, what);
    return OK;
}

struct directory_read {
    struct seen_server *servers;
    size_t count;
    size_t capacity;
    struct uuid *gone;
    size_t gone_count;
};

static bool is_deleted(const struct row *row)
{
    const char *status = NULL;
    size_t length = 0;
    return json_scan_string(row->body, row->body_length, "status", &status, &length) && length == 7 &&
           memcmp(status, "DELETED", length) == 0;
}

static void take_rows(struct round *round, const struct zone *child, const char *project, const struct row_list *list,
                      struct directory_read *out)
{
    const size_t needed = out->count + list->count;
    if (needed > out->capacity) {
        struct seen_server *servers = arena_alloc(&round->arena, 2 * needed * sizeof(*servers));
        struct uuid *gone = arena_alloc(&round->arena, 2 * needed * sizeof(*gone));
        if (out->count)
            memcpy(servers, out->servers, out->count * sizeof(*servers));
        if (out->gone_count)
            memcpy(gone, out->gone, out->gone_count * sizeof(*gone));
        *out = (struct directory_read){servers, out->count, 2 * needed, gone, out->gone_count};
    }
    for (size_t i = 0; i < list->count; i++) {
        struct seen_server server = {.uuid = list->rows[i].uuid, .zone = child->row.uuid};
        if (is_deleted(&list->rows[i])) {
            out->gone[out->gone_count++] = server.uuid;
            continue;
        }
        (void)snprintf(server.project, sizeof(server.project), "%s", project);
        if (row_key_created(list->rows[i].key, list->rows[i].key_length, &server.created_us))
            out->servers[out->count++] = server;
    }
}

/* All rows of the query, page by page. */
static enum err read_rows(struct round *round, const struct zone *child, const char *project, const char *query,
                          struct directory_read *out)
{
    const char *after = "";
    for (int page = 0; page < PAGES_MOST; page++) {
        const char *target = arena_printf(&round->arena, "/compute/v2.1/servers/detail?%slimit=%d%s", query, PAGE, after);
        struct http_answer answer;
        struct row_list list;
        ask(round, child, project, target, LIST_LIMIT, &answer);
        TRY(check_answer(&answer, "a list of servers"));
        if (!answer.rows)
            return fail(E_BAD_GATEWAY, "garbage: no rows");
        list = *answer.rows;
        take_rows(round, child, project, &list, out);
        if (!list.more || list.count == 0)
            return OK;
        const struct row *last = &list.rows[list.count - 1];
        const size_t size = 2 * last->key_length + 4;
        char *key = arena_alloc(&round->arena, size);
        base64url_encode(last->key, last->key_length, key, size);
        after = arena_printf(&round->arena, "&zone.after=%s", key);
    }
    return OK; /* the rest is asked for when somebody wants it */
}

static enum err read_directory(struct round *round, const struct zone *child, int64_t since_us)
{
    const struct zone_nova_row *row = &child->nova->row;
    struct seen *seen = round->zones->options.seen;
    const char *query = since_us ? arena_printf(&round->arena, "changes-since=%s&", time_iso_z(since_us).text) : "";
    for (size_t i = 0; i < row->project_count; i++) {
        struct directory_read read = {0};
        TRY(read_rows(round, child, row->projects[i].local, query, &read));
        if (since_us)
            seen_note(seen, read.servers, read.count);
        else
            seen_replace(seen, &child->row.uuid, row->projects[i].local, read.servers, read.count);
        for (size_t g = 0; g < read.gone_count; g++)
            seen_forget(seen, &read.gone[g]);
    }
    return OK;
}

/* The whole of it at first and every ten minutes, what changed in between; by that Nova's clock, since it is asked about it. */
static enum err poll_directory(struct round *round, const struct zone *child)
{
    struct poll_notes *notes = notes_of(child);
    const int64_t now_ms = clock_mono_ms();
    const bool whole = notes->swept_stamp != child->nova->stamp || now_ms - notes->swept_ms > SWEEP_MS;
    const struct zone_signs signs = zone_signs_get(child);
    const int64_t began_us = clock_wall_us() + signs.skew_s * 1000000 - OVERLAP_US;
    TRY(read_directory(round, child, whole ? 0 : notes->changed_us));
    if (whole) {
        notes->swept_ms = now_ms;
        notes->swept_stamp = child->nova->stamp;
    }
    notes->changed_us = began_us;
    return OK;
}

/* http://h:8774/v2.1/PROJECT → http://h:8774/v2.1 */
static const char *version_url(struct arena *arena, const char *endpoint)
{
    const char *version = strstr(endpoint, "/v2");
    const size_t length = version ? strcspn(version + 1, "/") + 1 : 0;
    return version ? arena_strndup(arena, endpoint, (size_t)(version - endpoint) + length) : endpoint;
}

/* GET of the version document: the range of microversions, without a token (Nova API guide, versions). */
enum err nova_read_versions(struct fanout *fanout, const struct zone *child, struct arena *arena, struct budget budget,
                            struct http_answer *out_answer, const char **out_min, const char **out_max)
{
    struct zone_call call = {.url = version_url(arena, child->row.api_url),
                             .trust = child->trust,
                             .class = CLASS_READ,
                             .method = "GET",
                             .target = "/",
                             .answer_limit = SIMPLE_LIMIT};
    json_auto_t *body = NULL;
    headers_add(arena, &call.headers, "Accept", "application/json");
    fanout_run(fanout, arena, &call, 1, budget);
    *out_answer = call.answer;
    if (call.answer.kind != ZONE_ANSWERED)
        return fail(E_UNAVAILABLE, "%s: version document: %s", zone_kind_word(call.answer.kind),
                    call.answer.why ? call.answer.why : "");
    if (call.answer.status != 200 || json_parse_foreign(call.answer.body, call.answer.body_length, &body) != OK)
        return fail(E_INVALID, "version: its compute endpoint answered %d, no version document", call.answer.status);
    const json_t *version = json_object_get(body, "version");
    const char *max = json_string_value(json_object_get(version, "version"));
    const char *min = json_string_value(json_object_get(version, "min_version"));
    if (!max || !*max || !min)
        return fail(E_INVALID, "version: it knows no microversions");
    *out_min = arena_strdup(arena, min);
    *out_max = arena_strdup(arena, max);
    return OK;
}

static json_t *read_limits(struct round *round, const struct zone *child)
{
    json_auto_t *body = NULL;
    struct http_answer answer;
    ask(round, child, child->nova->row.projects[0].local, NOVA_LIMITS, SIMPLE_LIMIT, &answer);
    if (check_answer(&answer, "its limits") != OK || json_parse_foreign(answer.body, answer.body_length, &body) != OK)
        return json_null();
    json_t *absolute = json_object_get(json_object_get(body, "limits"), "absolute");
    return json_is_object(absolute) ? json_incref(absolute) : json_null();
}

static const char *role_names(struct round *round, const struct zone *child)
{
    const struct nova_token_key key = {child->row.id, child->nova->stamp, child->nova->row.projects[0].local};
    struct nova_login login;
    return nova_tokens_get(round->zones->nova_tokens, &key, &round->arena, &login) ? login.roles : "";
}

static void release_json(void *text)
{
    free(text);
}

static enum err look(struct round *round, const struct zone *child, const char **out)
{
    struct http_answer answer;
    struct seen_servers servers;
    const char *min = NULL;
    const char *max = NULL;
    TRY(nova_read_versions(round->fanout, child, &round->arena, budget_from_ms(round->zones->options.child_timeout_ms), &answer,
                           &min, &max));
    json_t *limits = read_limits(round, child);
    seen_of_zone(round->zones->options.seen, &round->arena, &child->row.uuid, NULL, &servers);
    json_auto_t *info = json_pack("{s:s, s:s, s:[s, s], s:{s:s, s:o}, s:{s:I, s:i}}", "name", child->row.name, "version", "nova",
                                  "microversion", min, max, "nova", "roles", role_names(round, child), "limits", limits, "capacity",
                                  "servers", (json_int_t)servers.count, "servers_below", 0);
    char *text = info ? json_dumps(info, JSON_COMPACT) : NULL;
    arena_defer(&round->arena, release_json, text);
    *out = text;
    return OK;
}

/* The catalog may name another endpoint with a later token. */
static void follow_endpoint(struct round *round, const struct zone *child)
{
    const struct nova_token_key key = {child->row.id, child->nova->stamp, child->nova->row.projects[0].local};
    struct nova_login login;
    if (!nova_tokens_get(round->zones->nova_tokens, &key, &round->arena, &login) || str_equal(login.endpoint, child->row.api_url))
        return;
    log_info("nova.moved", "child=%s compute=%s", child->row.name, log_quote(login.endpoint).text);
    if (zone_nova_joined(round->db, child->row.id, &child->row.uuid, login.endpoint) != OK)
        log_error("nova.moved", "child=%s why=%s", child->row.name, log_quote(err_message()).text);
}

static void poll_one(struct round *round, const struct zone *child)
{
    struct poll_notes *notes = notes_of(child);
    struct zone_sight sight = {0};
    const int64_t now_ms = clock_mono_ms();
    enum err result = poll_directory(round, child);
    if (result == OK &&
        (!child->row.info || notes->looked_ms == 0 || now_ms - notes->looked_ms > LOOK_MS || child->row.last_error)) {
        result = look(round, child, &sight.info);
        notes->looked_ms = now_ms;
    }
    if (result != OK)
        sight.error = arena_strdup(&round->arena, err_message());
    if (sight.error && !str_equal(sight.error, child->row.last_error))
        log_warn("nova.poll", "child=%s why=%s", child->row.name, log_quote(sight.error).text);
    follow_endpoint(round, child);
    store_sight(round, child, &sight);
}

void nova_poll(struct round *round, const struct zones_view *view)
{
    for (size_t i = 0; i < view->child_count; i++) {
        const struct zone *child = &view->children[i];
        if (child->nova && child->nova->row.project_count && is_polled(child))
            poll_one(round, child);
    }
}
