/* Relaying; see relay.h. */
#include "gateway/conductor/relay.h"

#include <string.h>

#include "gateway/base/log.h"
#include "gateway/conductor/once.h"
#include "gateway/conductor/select_group.h"
#include "gateway/gateway.h"
#include "zones/json_scan.h"
#include "zones/resolve.h"
#include "zones/seen.h"

#define RELAY_BODY_LIMIT (16U << 20)
#define ZONES_MOST       1000000 /* in a tree */

const struct link_origin *relay_origin(struct request *request)
{
    struct link_origin *origin = arena_alloc(request->arena, sizeof(*origin));
    const char *base = arena_printf(request->arena, "%s%s", request->base_url, request->mount);
    *origin = link_origin_from(&request->caller, request->link, base, once_key(request));
    origin->trace = request->trace.parent;
    return origin;
}

enum zone_class relay_class(const struct request *request)
{
    return link_is_mutation(request->method) ? CLASS_MUTATE : CLASS_READ;
}

void relay_call_init(struct request *request, const struct zone *zone, struct zone_call *out)
{
    struct link_headers headers = {0};
    struct link_headers mine = {0};
    for (size_t i = 0; i < request->headers.count; i++)
        headers_add(request->arena, &mine, request->headers.items[i].name, request->headers.items[i].value);
    link_copy_headers(request->arena, &mine, &headers);
    *out = (struct zone_call){
        .zone = zone,
        .origin = relay_origin(request),
        .class = relay_class(request),
        .method = request->method,
        .target = request->target,
        .headers = headers,
        .body = request->body_length ? request->body : NULL,
        .body_length = request->body_length,
        .answer_limit = RELAY_BODY_LIMIT,
    };
}

static bool sees_names(const struct request *request)
{
    return request->caller.is_admin || request->link || request->gateway->config.zone.expose_names;
}

const char *relay_zone_name(struct request *request, const struct zone *zone)
{
    if (sees_names(request))
        return zone->row.name;
    return arena_printf(request->arena, "%06x", zone->tag);
}

void relay_missing(struct request *request, struct response *response, const struct zones_missing *missing)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct zones_view *view = zones_view(request->gateway->zones, &arena);
    const char *value = zones_missing_header(view, missing, sees_names(request), request->arena);
    if (value)
        response_header(request, response, "X-Zone-Missing", value);
}

/* {"server":{…}}: the object inside, as it stands. */
static bool find_shown(const struct http_answer *answer, const char **out, size_t *out_length)
{
    static const char head[] = "{\"server\":";
    const size_t length = sizeof(head) - 1;
    if (answer->body_length < length + 3 || memcmp(answer->body, head, length) != 0)
        return false;
    *out = (const char *)answer->body + length;
    *out_length = answer->body_length - length - 1;
    return json_scan_object(*out, *out_length);
}

/* Hints for lists: a server that was shown is remembered, one that was deleted or is not there is forgotten. */
static void note_server(struct request *request, const struct zone *zone, const struct http_answer *answer)
{
    const char *id = request->route->scope == SCOPE_SERVER ? request_param(request, "server_id") : NULL;
    struct seen_server server = {.zone = zone->row.uuid};
    const char *body = NULL;
    const char *value = NULL;
    size_t length = 0;
    if (!id || strcmp(request->route->path, "/servers/{server_id}") != 0 || uuid_from_text(id, &server.uuid) != OK)
        return;
    const bool deleted = strcmp(request->method, "DELETE") == 0 && answer->status / 100 == 2;
    if (deleted || answer->status == 404) {
        seen_forget(request->gateway->seen, &server.uuid);
        if (deleted)
            select_group_forget(request, &server.uuid);
        return;
    }
    if (answer->status != 200 || seen_again(request->gateway->seen, &server.uuid, &server.zone) ||
        !find_shown(answer, &body, &length))
        return;
    size_t size = 0;
    if (!json_scan_string(body, length, "tenant_id", &value, &size) || size >= sizeof(server.project))
        return;
    memcpy(server.project, value, size);
    if (json_scan_string(body, length, "created", &value, &size) &&
        time_parse_iso(arena_strndup(request->arena, value, size), &server.created_us) == OK)
        seen_note(request->gateway->seen, &server, 1);
}

int64_t relay_asked_below(const struct http_answer *answer)
{
    const char *header = headers_get(&answer->headers, "X-Zone-Asked");
    int64_t count = 0;
    return header && str_to_int(header, &count) && count > 0 && count <= ZONES_MOST ? count : 0;
}

uint64_t relay_content_length(const struct http_answer *answer)
{
    const char *header = headers_get(&answer->headers, "Content-Length");
    int64_t length = 0;
    return header && str_to_int(header, &length) && length >= 0 ? (uint64_t)length : UINT64_MAX;
}

void relay_answer(struct request *request, struct response *response, const struct zone *zone, const struct http_answer *answer)
{
    struct link_headers passed = {0};
    struct zones_missing missing = {0};
    const char *path = headers_get(&answer->headers, "X-Zone-Path");
    const char *silent = headers_get(&answer->headers, "X-Zone-Missing");
    link_copy_answer_headers(request->arena, &answer->headers, &passed);
    for (size_t i = 0; i < passed.count; i++) {
        if (str_equal_nocase(passed.items[i].name, "Content-Type"))
            response->content_type = passed.items[i].value;
        else
            response_header(request, response, passed.items[i].name, passed.items[i].value);
    }
    note_server(request, zone, answer);
    response->status = answer->status;
    if (strcmp(request->method, "HEAD") == 0)
        response->source_length = relay_content_length(answer);
    text_add(&response->body, answer->body, answer->body_length);
    response_header(
        request, response, "X-Zone-Path",
        zones_path_header(zones_view(request->gateway->zones, request->arena), zone, path, sees_names(request), request->arena));
    response_header(request, response, "X-Zone-Asked",
                    arena_printf(request->arena, "%lld", (long long)(1 + relay_asked_below(answer))));
    response_header(request, response, "X-Zone-Ms", arena_printf(request->arena, "%lld", (long long)answer->ms));
    if (silent && missing_add_header(request->arena, &missing, zone->row.name, silent) == OK)
        relay_missing(request, response, &missing);
}

/* The zone itself said so before it did anything. */
static bool changed_nothing(enum zone_kind_of_answer kind)
{
    return kind == ZONE_BUSY || kind == ZONE_STORE || kind == ZONE_AUTH || kind == ZONE_NO_BUDGET || kind == ZONE_LOOP ||
           kind == ZONE_DISABLED;
}

enum err relay_failure(struct request *request, struct response *response, const struct zone *zone,
                       const struct http_answer *answer)
{
    struct zones_missing missing = {0};
    const char *name = relay_zone_name(request, zone);
    const char *word = zone_kind_word(answer->kind);
    missing_add(request->arena, &missing, zone->row.name, answer->kind);
    relay_missing(request, response, &missing);
    log_warn("zone.silent", "child=%s reason=%s sent=%d after_ms=%lld why=%s", zone->row.name, word, answer->sent,
             (long long)answer->ms, log_quote(answer->why).text);
    if (!link_is_mutation(request->method) || !answer->sent || changed_nothing(answer->kind))
        return fail(E_UNAVAILABLE, "Zone %s does not answer (%s).", name, word);
    if (answer->kind == ZONE_TIMEOUT)
        return fail(E_TIMEOUT,
                    "Zone %s did not answer in time; whether it has done this is unknown: look at the server before you repeat it.",
                    name);
    return fail(E_BAD_GATEWAY,
                "Zone %s broke off its answer (%s); whether it has done this is unknown: look at the server before you repeat it.",
                name, word);
}
