/*
 * /os-zones/find?id=…|name=…|ip=…|reservation_id=…: where a server is, by which way it was found, how many messages that took and
 * how long each hop. An id goes the way that a request for the server would go; the others are one fan-out. Users find what is
 * theirs.
 *
 * The answer: {"find":{"matches":[{id, name, status, zone, tag, hops:[{zone, ms}]}], "messages"}}; 404 for an id that is nowhere,
 * 503 when a zone that may have it is silent.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/api/server_view.h"
#include "gateway/api/zones.h"
#include "gateway/conductor/locate.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "schema/server.h"

#define ANSWER_LIMIT (4U << 20)
#define MATCHES_MOST 100 /* of one zone */

struct find {
    struct request *request;
    const char *key; /* id, name, ip, reservation_id */
    const char *value;
    json_t *matches;
    int64_t messages;
    struct zones_missing missing;
};

static enum err read_question(struct find *find)
{
    static const char *const keys[] = {"id", "name", "ip", "reservation_id"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *value = request_query(find->request, keys[i]);
        if (value && find->key)
            return fail(E_INVALID, "One of id, name, ip and reservation_id is asked for at a time.");
        if (value) {
            find->key = keys[i];
            find->value = value;
        }
    }
    if (!find->key || !*find->value)
        return fail(E_INVALID, "One of id, name, ip and reservation_id is required.");
    return OK;
}

static bool may_see(const struct request *request, const struct server *server)
{
    return !server->deleted && (request->caller.is_admin || str_equal(server->project_id, request->caller.project_id));
}

static void add_own(struct find *find, const struct server *server)
{
    const struct gateway *gateway = find->request->gateway;
    if (!may_see(find->request, server))
        return;
    (void)json_array_append_new(find->matches,
                                json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[]}", "id", uuid_to_text(&server->uuid).text, "name",
                                          server->name, "status", server_status(server), "reservation_id", server->reservation_id,
                                          "zone", ".", "tag", arena_printf(find->request->arena, "%06x", gateway->tag), "hops"));
}

static enum err find_by_column(struct find *find, enum server_column column)
{
    static const struct sort_column sort[] = {{COLUMN_CREATED_AT, true}, {COLUMN_UUID, false}};
    const struct sql_value value = sql_text(find->value);
    const struct sql_value no = sql_int(0);
    const struct sql_value project = sql_text(find->request->caller.project_id);
    const struct condition conditions[] = {{CONDITION_EQUAL, column, &value, 1},
                                           {CONDITION_EQUAL, COLUMN_DELETED, &no, 1},
                                           {CONDITION_EQUAL, COLUMN_PROJECT_ID, &project, 1}};
    const struct server_query query = {.conditions = conditions,
                                       .condition_count = find->request->caller.is_admin ? 2 : 3,
                                       .sort = sort,
                                       .sort_count = ARRAY_LEN(sort),
                                       .limit = MATCHES_MOST};
    struct servers servers;
    if (!find->request->caller.is_admin && !find->request->caller.project_id)
        return OK;
    TRY(server_list(find->request->db, find->request->arena, &query, &servers));
    for (size_t i = 0; i < servers.count; i++)
        add_own(find, &servers.items[i]);
    return OK;
}

static enum err find_here(struct find *find)
{
    struct in6_addr address;
    if (str_equal(find->key, "name"))
        return find_by_column(find, COLUMN_NAME);
    if (str_equal(find->key, "reservation_id"))
        return find_by_column(find, COLUMN_RESERVATION_ID);
    if (inet_pton(AF_INET, find->value, &address) == 1)
        return find_by_column(find, COLUMN_ACCESS_IP_V4);
    if (inet_pton(AF_INET6, find->value, &address) == 1)
        return find_by_column(find, COLUMN_ACCESS_IP_V6);
    return fail(E_INVALID, "ip must be an address.");
}

/* To a neighbour. */
struct hop {
    const char *zone;
    int64_t ms;
};

/* What a zone found, seen one hop further up. */
static void add_match(struct find *find, const struct hop *from, json_t *match)
{
    const char *name = from->zone;
    const char *path = json_string_value(json_object_get(match, "zone"));
    json_t *hops = json_object_get(match, "hops");
    size_t i;
    json_t *at_hop;
    if (!path || zone_path_check(path) != OK || !json_is_array(hops) || !json_is_string(json_object_get(match, "id")))
        return;
    json_array_foreach(hops, i, at_hop)
    {
        const char *at = json_string_value(json_object_get(at_hop, "zone"));
        if (at && zone_path_check(at) == OK)
            (void)json_object_set_new(at_hop, "zone", json_string(zone_path_join(find->request->arena, name, at)));
    }
    (void)json_array_insert_new(hops, 0, json_pack("{s:s, s:I}", "zone", name, "ms", (json_int_t)from->ms));
    (void)json_object_set_new(match, "zone", json_string(zone_path_join(find->request->arena, name, path)));
    (void)json_array_append(find->matches, match);
}

static void take_answer(struct find *find, const struct zone_call *call)
{
    const struct http_answer *answer = &call->answer;
    const char *silent = headers_get(&answer->headers, "X-Zone-Missing");
    json_auto_t *body = NULL;
    size_t i;
    json_t *match;
    find->messages += answer->sent ? 1 : 0;
    if (silent && missing_add_header(find->request->arena, &find->missing, call->zone->row.name, silent) != OK)
        missing_add(find->request->arena, &find->missing, call->zone->row.name, ZONE_GARBAGE);
    if (answer->kind == ZONE_LOOP || (answer->kind == ZONE_ANSWERED && (answer->status == 403 || answer->status == 404)))
        return;
    if (answer->kind != ZONE_ANSWERED || answer->status != 200 ||
        json_parse_foreign(answer->body, answer->body_length, &body) != OK) {
        missing_add(find->request->arena, &find->missing, call->zone->row.name,
                    answer->kind == ZONE_ANSWERED ? ZONE_GARBAGE : answer->kind);
        return;
    }
    const struct hop hop = {call->zone->row.name, answer->ms};
    const json_t *found = json_object_get(body, "find");
    find->messages += json_integer_value(json_object_get(found, "messages"));
    json_array_foreach(json_object_get(found, "matches"), i, match)
    {
        add_match(find, &hop, match);
    }
}

static void ask(struct find *find, const struct zone *const *zones, size_t count)
{
    struct request *request = find->request;
    const struct link_origin *origin = relay_origin(request);
    struct zone_call *calls = arena_alloc(request->arena, (count + 1) * sizeof(*calls));
    CLEANUP(text_clear) struct text target = {0};
    text_add_format(&target, "/compute/v2.1/os-zones/find?%s=", find->key);
    text_add_percent(&target, find->value, "");
    for (size_t i = 0; i < count; i++)
        calls[i] = (struct zone_call){.zone = zones[i],
                                      .origin = origin,
                                      .class = CLASS_READ,
                                      .method = "GET",
                                      .target = text_str(&target),
                                      .answer_limit = ANSWER_LIMIT};
    fanout_run(request->fanout, request->arena, calls, count, request->budget);
    for (size_t i = 0; i < count; i++)
        take_answer(find, &calls[i]);
}

/* What the zone said that has it; its name and its time are the first hop. */
static enum err take_relayed(struct find *find, struct response *response)
{
    struct arena *arena = find->request->arena;
    const char *path = pairs_get(&response->headers, "X-Zone-Path");
    const char *ms = pairs_get(&response->headers, "X-Zone-Ms");
    json_auto_t *body = NULL;
    int64_t took = 0;
    size_t i;
    json_t *match;
    response_render(response);
    const int status = response->status;
    response->status = 0;
    if (status == 403 || status == 404) {
        text_reset(&response->body);
        return OK;
    }
    if (status != 200 || !path || json_parse_foreign(response->body.bytes, response->body.length, &body) != OK)
        return fail(E_BAD_GATEWAY, "The zone that has server %s does not say where that is.", find->value);
    text_reset(&response->body);
    (void)str_to_int(ms ? ms : "", &took);
    const struct hop hop = {arena_strndup(arena, path, strcspn(path, "/")), took};
    const json_t *found = json_object_get(body, "find");
    find->messages += 1 + json_integer_value(json_object_get(found, "messages"));
    json_array_foreach(json_object_get(found, "matches"), i, match)
    {
        add_match(find, &hop, match);
    }
    return OK;
}

/* The way of a request for the server, records of those that moved included. */
static enum err find_id(struct find *find, struct response *response)
{
    struct request *request = find->request;
    const struct server *server = NULL;
    struct uuid id;
    bool answered = false;
    if (!uuid_is_text(find->value) || uuid_from_text(find->value, &id) != OK)
        return fail(E_INVALID, "id must be a UUID.");
    TRY(server_find(request->db, request->arena, &id, &server));
    if (server) {
        add_own(find, server);
        return OK;
    }
    TRY(conductor_locate_id(request, response, &id, &answered));
    return answered ? take_relayed(find, response) : OK;
}

static enum err find_everywhere(struct find *find)
{
    struct request *request = find->request;
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct zone **asked = arena_alloc(request->arena, (view->child_count + 1) * sizeof(const struct zone *));
    TRY(find_here(find));
    for (size_t i = 0; i < view->child_count; i++)
        asked[i] = &view->children[i];
    ask(find, asked, view->child_count);
    return OK;
}

/* A zone that two ways lead to says the same twice. */
static void drop_repeated(json_t *matches)
{
    for (size_t i = 0; i < json_array_size(matches); i++) {
        const json_t *id = json_object_get(json_array_get(matches, i), "id");
        for (size_t j = json_array_size(matches) - 1; j > i; j--) {
            if (json_equal(id, json_object_get(json_array_get(matches, j), "id")))
                (void)json_array_remove(matches, j);
        }
    }
}

/* Users see tags, not names. */
static void hide_names(const json_t *matches)
{
    size_t i;
    size_t j;
    json_t *match;
    json_t *hop;
    json_array_foreach(matches, i, match)
    {
        (void)json_object_set(match, "zone", json_object_get(match, "tag"));
        json_array_foreach(json_object_get(match, "hops"), j, hop)
        {
            (void)json_object_del(hop, "zone");
        }
    }
}

enum err zones_find(struct request *request, struct response *response)
{
    struct find find = {.request = request};
    TRY(read_question(&find));
    json_auto_t *matches = json_array();
    find.matches = matches;
    const bool by_id = str_equal(find.key, "id");
    TRY(by_id ? find_id(&find, response) : find_everywhere(&find));
    drop_repeated(matches);
    if (!zones_names_shown(request))
        hide_names(matches);
    relay_missing(request, response, &find.missing);
    if (by_id && json_array_size(matches) == 0)
        return fail(E_NOT_FOUND, "Instance %s could not be found.", find.value);
    response->json = json_pack("{s:{s:O, s:I, s:I}}", "find", "matches", matches, "messages", (json_int_t)find.messages, "ms",
                               (json_int_t)((clock_mono_us() - request->started_us) / 1000));
    return OK;
}
