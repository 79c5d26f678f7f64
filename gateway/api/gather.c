/* Fan-outs with small reducers; see gather.h. */
#include "gateway/api/gather.h"

#include <string.h>

#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "zones/resolve.h"

#define ANSWER_LIMIT (8U << 20)

static bool is_local(const struct request *request)
{
    const char *local = request_query(request, "zone.local");
    return local && strcmp(local, "1") == 0;
}

static size_t ask_children(struct request *request, const struct zones_view *view, struct zone_call **out)
{
    struct zone_call *calls = arena_alloc(request->arena, (view->child_count + 1) * sizeof(*calls));
    for (size_t i = 0; i < view->child_count; i++) {
        relay_call_init(request, &view->children[i], &calls[i]);
        calls[i].answer_limit = ANSWER_LIMIT;
    }
    fanout_run(request->fanout, request->arena, calls, view->child_count, request->budget);
    *out = calls;
    return view->child_count;
}

static bool has_id(const json_t *list, const json_t *entry)
{
    const json_t *id = json_object_get(entry, "id");
    size_t index = 0;
    json_t *other = NULL;
    if (!id)
        return false;
    json_array_foreach(list, index, other)
    {
        if (json_equal(json_object_get(other, "id"), id))
            return true;
    }
    return false;
}

static bool take_list(const struct http_answer *answer, const char *key, json_t *list)
{
    json_auto_t *body = NULL;
    size_t index = 0;
    json_t *entry = NULL;
    if (answer->kind == ZONE_ANSWERED && answer->status == 404)
        return true;
    if (answer->kind != ZONE_ANSWERED || answer->status != 200 ||
        json_parse_foreign(answer->body, answer->body_length, &body) != OK || !json_is_array(json_object_get(body, key)))
        return false;
    json_array_foreach(json_object_get(body, key), index, entry)
    {
        if (!has_id(list, entry))
            (void)json_array_append(list, entry);
    }
    return true;
}

static void note_missing(struct request *request, struct zones_missing *missing, const struct zone_call *call)
{
    const bool answered = call->answer.kind == ZONE_ANSWERED;
    missing_add(request->arena, missing, call->zone->row.name, answered ? ZONE_GARBAGE : call->answer.kind);
}

enum err gather_lists(struct request *request, struct response *response, const char *key, json_t *list)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    struct zones_missing missing = {0};
    struct zone_call *calls = NULL;
    if (view->child_count == 0 || is_local(request))
        return OK;
    const size_t count = ask_children(request, view, &calls);
    for (size_t i = 0; i < count; i++) {
        const char *silent = headers_get(&calls[i].answer.headers, "X-Zone-Missing");
        if (!take_list(&calls[i].answer, key, list))
            note_missing(request, &missing, &calls[i]);
        if (silent && missing_add_header(request->arena, &missing, calls[i].zone->row.name, silent) != OK)
            note_missing(request, &missing, &calls[i]);
    }
    relay_missing(request, response, &missing);
    const char *strict = request_query(request, "zone.strict");
    if (missing.count && strict && strcmp(strict, "1") == 0)
        return fail(E_UNAVAILABLE, "The list would be incomplete: %zu zones do not answer.", missing.count);
    return OK;
}

enum err gather_one(struct request *request, struct response *response, bool *answered)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    struct zone_call *calls = NULL;
    const struct zone_call *found = NULL;
    const struct zone_call *silent = NULL;
    *answered = false;
    if (view->child_count == 0 || is_local(request))
        return OK;
    const size_t count = ask_children(request, view, &calls);
    for (size_t i = 0; i < count; i++) {
        const enum resolved word = resolve_answer(calls[i].answer.kind, calls[i].answer.status);
        if (word == RESOLVED_UNKNOWN)
            silent = &calls[i];
        if (word == RESOLVED_FOUND && found)
            return fail(E_CONFLICT, "Several zones have this id: ask one of them (zone.in), or use the uuid.");
        if (word == RESOLVED_FOUND)
            found = &calls[i];
    }
    if (!found && silent)
        return relay_failure(request, response, silent->zone, &silent->answer);
    if (!found)
        return OK;
    relay_answer(request, response, found->zone, &found->answer);
    *answered = true;
    return OK;
}
