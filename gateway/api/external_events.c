/*
 * POST /os-server-external-events (nova-api.md section 14): what other services tell of servers, each event with a code of its own.
 *
 * Events of servers of other zones go to their owners: all of one birth zone in one message, and once more alone those of servers
 * that it says are not there, which may have moved. One that may not go up to the parent is 422; one whose zone is silent has 502,
 * 503 or 504 with the meaning that they have for requests. Over a link the answer is 404 only when no server was found.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/event_effects.h"
#include "gateway/base/id.h"
#include "gateway/conductor/locate.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "zones/link.h"

#define DONE          200
#define MULTI         207
#define NOT_FOUND     404
#define UNPROCESSABLE 422
#define BROKEN        502

static const struct body_schema schemas[] = {{1, "server_external_events_2_1"},   {51, "server_external_events_2_51"},
                                             {76, "server_external_events_2_76"}, {82, "server_external_events_2_82"},
                                             {93, "server_external_events_2_93"}, {0, NULL}};

struct report {
    struct request *request;
    struct response *response;
    json_t *events; /* as they came; each gets its code */
};

/* Some of the report's events, by index. */
struct part {
    size_t *items;
    size_t count;
};

static struct uuid server_of(const json_t *event)
{
    struct uuid uuid = {0};
    (void)!uuid_from_text(json_string_value(json_object_get(event, "server_uuid")), &uuid);
    return uuid;
}

static void set_code(json_t *event, int code)
{
    (void)json_object_set_new(event, "status", json_string(code == DONE ? "completed" : "failed"));
    (void)json_object_set_new(event, "code", json_integer(code));
}

static int code_of(const json_t *event)
{
    return (int)json_integer_value(json_object_get(event, "code")); /* 0: none yet */
}

/* --- here */

/* Servers that this zone never had stay without a code. */
static void act_here(struct report *report)
{
    size_t i = 0;
    json_t *event = NULL;
    json_array_foreach(report->events, i, event)
    {
        const struct uuid uuid = server_of(event);
        const struct server *server = NULL;
        const enum err result = server_find(report->request->db, report->request->arena, &uuid, &server);
        if (result != OK)
            set_code(event, err_status(result));
        else if (server && server->deleted)
            set_code(event, NOT_FOUND);
        else if (server)
            set_code(event, event_act(report->request, server, event));
    }
}

/* --- elsewhere */

/* A repeat of the request repeats its parts: each has a key that follows from the request's and the server. */
static void set_key(struct request *part, const char *server)
{
    const char *given = request_header(part, LINK_IDEMPOTENCY);
    struct http_pairs headers = {0};
    uint8_t hash[32];
    char *key = arena_alloc(part->arena, 24);
    const char *former = part->link ? part->link->key : given;
    if (!former)
        return;
    const char *seed = arena_printf(part->arena, "%s %s", former, server);
    hash_blake2b(seed, strlen(seed), hash);
    base64url_encode(hash, 16, key, 24);
    for (size_t i = 0; i < part->headers.count; i++) {
        const struct http_pair *pair = &part->headers.items[i];
        pairs_add(part->arena, &headers, pair->name, str_equal_nocase(pair->name, LINK_IDEMPOTENCY) ? key : pair->value);
    }
    part->headers = headers;
    if (part->link) {
        struct link_caller *link = arena_copy(part->arena, part->link, sizeof(*link));
        link->key = key;
        part->link = link;
    }
}

static struct request *part_request(const struct report *report, const struct part *part)
{
    struct request *request = arena_copy(report->request->arena, report->request, sizeof(*request));
    json_auto_t *body = json_pack("{s:[]}", "events");
    for (size_t i = 0; i < part->count; i++)
        (void)json_array_append(json_object_get(body, "events"),
                                json_array_get(json_object_get(report->request->json, "events"), part->items[i]));
    char *text = json_dumps(body, JSON_COMPACT);
    request->body = arena_strdup(request->arena, text ? text : "");
    request->body_length = strlen(request->body);
    free(text);
    const struct uuid uuid = server_of(json_array_get(report->events, part->items[0]));
    set_key(request, arena_printf(request->arena, "%s %zu", uuid_to_text(&uuid).text, part->count));
    return request;
}

static void set_codes(struct report *report, const struct part *part, int code)
{
    for (size_t i = 0; i < part->count; i++)
        set_code(json_array_get(report->events, part->items[i]), code);
}

/* The answer of another zone: one code for each event that was sent. */
static void take_codes(struct report *report, const struct part *part, const struct response *answer)
{
    json_auto_t *body = NULL;
    if (json_parse_foreign(answer->body.bytes ? answer->body.bytes : "", answer->body.length, &body) != OK)
        body = NULL;
    const json_t *events = json_object_get(body, "events");
    for (size_t i = 0; i < part->count; i++) {
        const int code = code_of(json_array_get(events, i));
        const bool sound = json_array_size(events) == part->count && code >= DONE && code < 600;
        set_code(json_array_get(report->events, part->items[i]), sound ? code : BROKEN);
    }
}

/* Who is silent, and where a server went. */
static void pass_headers(struct report *report, const struct response *answer)
{
    static const char *const names[] = {"X-Zone-Missing", "X-Zone-Moved"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = pairs_get(&answer->headers, names[i]);
        if (value && !str_equal(value, pairs_get(&report->response->headers, names[i])))
            response_header(report->request, report->response, names[i], value);
    }
}

static void send_part(struct report *report, const struct part *part)
{
    struct request *request = part_request(report, part);
    const struct uuid uuid = server_of(json_array_get(report->events, part->items[0]));
    struct response answer;
    bool answered = false;
    response_init(&answer);
    const enum err result = conductor_locate_id(request, &answer, &uuid, &answered);
    const int status = result != OK ? err_status(result) : answered ? answer.status : NOT_FOUND;
    if (result == OK && answered && (status == DONE || status == MULTI))
        take_codes(report, part, &answer);
    else
        set_codes(report, part, status == NOT_FOUND || status >= 500 ? status : UNPROCESSABLE);
    pass_headers(report, &answer);
    response_clear(&answer);
}

typedef bool together_f(const struct uuid *a, const struct uuid *b);

static bool born_together(const struct uuid *a, const struct uuid *b)
{
    return uuid_tag(a) == uuid_tag(b);
}

/* Events from `first` on that have no code yet and go together with it. */
static struct part part_of(const struct report *report, size_t first, together_f *together)
{
    const size_t count = json_array_size(report->events);
    const struct uuid server = server_of(json_array_get(report->events, first));
    struct part part = {arena_alloc(report->request->arena, (count + 1) * sizeof(size_t)), 0};
    for (size_t i = first; i < count; i++) {
        const json_t *event = json_array_get(report->events, i);
        const struct uuid other = server_of(event);
        if (!code_of(event) && together(&server, &other))
            part.items[part.count++] = i;
    }
    return part;
}

/* Of several servers those that were not found there are looked for one by one. */
static void forget_not_found(struct report *report, const struct part *part)
{
    const struct uuid first = server_of(json_array_get(report->events, part->items[0]));
    bool several = false;
    for (size_t i = 1; i < part->count; i++) {
        const struct uuid other = server_of(json_array_get(report->events, part->items[i]));
        several = several || !uuid_equal(&first, &other);
    }
    for (size_t i = 0; several && i < part->count; i++) {
        json_t *event = json_array_get(report->events, part->items[i]);
        if (code_of(event) == NOT_FOUND)
            (void)json_object_del(event, "code");
    }
}

static void send_all(struct report *report)
{
    const uint32_t own = report->request->gateway->tag;
    const size_t count = json_array_size(report->events);
    for (size_t i = 0; i < count; i++) {
        const struct uuid uuid = server_of(json_array_get(report->events, i));
        if (code_of(json_array_get(report->events, i)) || uuid_tag(&uuid) == own)
            continue;
        const struct part part = part_of(report, i, born_together);
        send_part(report, &part);
        forget_not_found(report, &part);
    }
    for (size_t i = 0; i < count; i++) {
        if (code_of(json_array_get(report->events, i)))
            continue;
        const struct part part = part_of(report, i, uuid_equal);
        send_part(report, &part);
    }
}

/* --- the answer */

static enum err conclude(struct report *report)
{
    const size_t count = json_array_size(report->events);
    size_t done = 0;
    size_t found = 0;
    size_t unknown = 0;
    for (size_t i = 0; i < count; i++) {
        const int code = code_of(json_array_get(report->events, i));
        done += code == DONE;
        found += code != NOT_FOUND;
        unknown += code >= 500;
    }
    if (report->request->link ? found == 0 : done + unknown == 0)
        return fail(E_NOT_FOUND, "No instances found for any event");
    report->response->status = done == count ? DONE : MULTI;
    report->response->json = json_pack("{s:O}", "events", report->events);
    return OK;
}

/* A child's users may never do this, whatever their roles. */
static bool may(const struct request *request)
{
    const bool from_below = request->link && request->link->direction == LINK_UP;
    return request->caller.is_admin || (!from_below && caller_has_role(&request->caller, "service"));
}

static enum err events_create(struct request *request, struct response *response)
{
    json_auto_t *events = json_deep_copy(json_object_get(request->json, "events"));
    struct report report = {request, response, events};
    if (!may(request))
        return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:os-server-external-events:create to be performed.");
    request->caller.is_admin = true; /* a service acts on servers of all projects */
    act_here(&report);
    send_all(&report);
    return conclude(&report);
}

const struct route external_event_routes[] = {
    {.method = "POST",
     .path = "/os-server-external-events",
     .access = ACCESS_READER,
     .handler = events_create,
     .body = BODY_JSON,
     .schemas = schemas},
    {.method = NULL},
};
