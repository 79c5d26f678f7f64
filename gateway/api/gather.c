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

/* `target` NULL: the request as it came. */
static size_t ask_children(struct request *request, const struct zones_view *view, const char *target, struct zone_call **out)
{
    struct zone_call *calls = arena_alloc(request->arena, (view->child_count + 1) * sizeof(*calls));
    for (size_t i = 0; i < view->child_count; i++) {
        struct zone_call *call = &calls[i];
        relay_call_init(request, &view->children[i], call);
        call->answer_limit = ANSWER_LIMIT;
        if (!target)
            continue;
        call->class = CLASS_READ;
        call->method = "GET";
        call->target = target;
        call->body = NULL;
        call->body_length = 0;
    }
    fanout_run(request->fanout, request->arena, calls, view->child_count, request->budget);
    *out = calls;
    return view->child_count;
}

/* The name under which others of the same thing would stand: its id, host and service, or, of what each zone has a part of its own
 * of, the availability zone or project. "" for what is no entry of such a list. In the arena. */
static const char *name_of(struct arena *arena, const json_t *entry)
{
    const json_t *id = json_object_get(entry, "id");
    if (json_is_string(id))
        return arena_printf(arena, "id %s", json_string_value(id));
    if (json_is_integer(id))
        return arena_printf(arena, "number %lld", (long long)json_integer_value(id));
    const char *host = json_string_value(json_object_get(entry, "host_name"));
    const char *service = json_string_value(json_object_get(entry, "service"));
    if (host && service)
        return arena_printf(arena, "service %s %s", service, host);
    const char *part = json_string_value(json_object_get(entry, "zoneName"));
    if (!part)
        part = json_string_value(json_object_get(entry, "tenant_id"));
    return part && !id ? arena_printf(arena, "part %s", part) : "";
}

/* Entries of one child that are new; false: something in its list is no entry. Parts of one name are all kept. */
static bool take_entries(struct arena *arena, const json_t *entries, json_t *known, json_t *list)
{
    size_t index = 0;
    json_t *entry = NULL;
    json_array_foreach(entries, index, entry)
    {
        if (!*name_of(arena, entry))
            return false;
    }
    json_array_foreach(entries, index, entry)
    {
        const char *name = name_of(arena, entry);
        const bool once = !str_starts(name, "part ");
        if (once && json_object_get(known, name))
            continue;
        (void)json_object_set_new(known, name, json_true());
        (void)json_array_append(list, entry);
    }
    return true;
}

static bool take_list(struct arena *arena, const struct http_answer *answer, const char *key, json_t *known, json_t *list)
{
    json_auto_t *body = NULL;
    if (answer->kind == ZONE_ANSWERED && answer->status == 404)
        return true;
    if (answer->kind != ZONE_ANSWERED || answer->status != 200 ||
        json_parse_foreign(answer->body, answer->body_length, &body) != OK || !json_is_array(json_object_get(body, key)))
        return false;
    return take_entries(arena, json_object_get(body, key), known, list);
}

static json_t *names_of(struct arena *arena, const json_t *list)
{
    json_t *known = json_object();
    size_t index = 0;
    json_t *entry = NULL;
    json_array_foreach(list, index, entry)
    {
        (void)json_object_set_new(known, name_of(arena, entry), json_true());
    }
    return known;
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
    const size_t count = ask_children(request, view, NULL, &calls);
    json_auto_t *known = names_of(request->arena, list);
    for (size_t i = 0; i < count; i++) {
        const char *silent = headers_get(&calls[i].answer.headers, "X-Zone-Missing");
        if (!take_list(request->arena, &calls[i].answer, key, known, list))
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

bool gather_ask(struct request *request, const char *target, const char *key, json_t *list)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    struct zone_call *calls = NULL;
    bool complete = true;
    if (view->child_count == 0)
        return true;
    const size_t count = ask_children(request, view, target, &calls);
    json_auto_t *known = names_of(request->arena, list);
    for (size_t i = 0; i < count; i++) {
        const bool taken = take_list(request->arena, &calls[i].answer, key, known, list);
        complete = complete && taken && !headers_get(&calls[i].answer.headers, "X-Zone-Missing");
    }
    return complete;
}
