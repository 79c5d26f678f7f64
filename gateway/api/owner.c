/* Asking children what the client did not, and finding an owner; see owner.h. */
#include "gateway/api/owner.h"

#include <string.h>

#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"

#define LIST_LIMIT (8U << 20)

struct request *owner_question(struct request *request, const char *path)
{
    struct request *question = arena_copy(request->arena, request, sizeof(*request));
    question->method = "GET";
    question->target = arena_printf(request->arena, "%s%s", request->service->mounts[0], path);
    question->body = NULL;
    question->body_length = 0;
    return question;
}

static bool is_among(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(names[i], name))
            return true;
    }
    return false;
}

const char *owner_encoded(struct arena *arena, const char *value)
{
    CLEANUP(text_clear) struct text text = {0};
    text_add_percent(&text, value, "/");
    return arena_strdup(arena, text_str(&text));
}

struct request *owner_whole(struct request *request, const char *const *parameters, size_t count)
{
    CLEANUP(text_clear) struct text path = {0};
    char mark = '?';
    text_add_percent(&path, request->subpath, "/");
    for (size_t i = 0; i < request->query.count; i++) {
        const struct http_pair *pair = &request->query.items[i];
        if (is_among(parameters, count, pair->name))
            continue;
        text_add_char(&path, mark);
        text_add_percent(&path, pair->name, "/");
        text_add_char(&path, '=');
        text_add_percent(&path, pair->value, "/");
        mark = '&';
    }
    return owner_question(request, text_str(&path));
}

bool owner_is_local(const struct request *request)
{
    return str_equal(request_query(request, "zone.local"), "1");
}

bool owner_has_missing(const struct response *response)
{
    return pairs_get(&response->headers, "X-Zone-Missing") != NULL;
}

struct found {
    const struct zone *zone; /* NULL: nobody yet */
    json_t *entry;
    const struct zone_call *silent;
    bool ambiguous;
};

static void consider(const struct owner_search *search, const struct zone_call *call, json_t *entry, struct found *found)
{
    if (!search->matches(entry, search->context))
        return;
    if (found->zone)
        found->ambiguous |= !json_equal(json_object_get(entry, search->same), json_object_get(found->entry, search->same));
    else
        *found = (struct found){call->zone, json_incref(entry), found->silent, found->ambiguous};
}

static void look_into(const struct owner_search *search, const struct zone_call *call, struct found *found)
{
    const struct http_answer *answer = &call->answer;
    json_auto_t *body = NULL;
    size_t index = 0;
    json_t *entry = NULL;
    if (answer->kind == ZONE_ANSWERED && (answer->status == 404 || answer->status == 403))
        return;
    if (answer->kind != ZONE_ANSWERED || answer->status != 200 ||
        json_parse_foreign(answer->body, answer->body_length, &body) != OK || headers_get(&answer->headers, "X-Zone-Missing"))
        found->silent = call;
    json_array_foreach(json_object_get(body, search->key), index, entry) consider(search, call, entry, found);
}

static enum err send_there(struct request *request, struct response *response, const struct zone *zone)
{
    struct zone_call call;
    relay_call_init(request, zone, &call);
    fanout_run(request->fanout, request->arena, &call, 1, request->budget);
    if (call.answer.kind != ZONE_ANSWERED)
        return relay_failure(request, response, zone, &call.answer);
    relay_answer(request, response, zone, &call.answer);
    return OK;
}

static enum err conclude(struct request *request, struct request *question, struct response *response, const struct found *found,
                         bool *answered)
{
    if (found->ambiguous)
        return fail(E_CONFLICT, "Several zones below have what this names: ask one of them, or use the uuid.");
    if (!found->zone && found->silent && found->silent->answer.kind != ZONE_ANSWERED)
        return relay_failure(question, response, found->silent->zone, &found->silent->answer);
    if (!found->zone && found->silent)
        return fail(E_UNAVAILABLE, "A zone below %s does not answer.", relay_zone_name(request, found->silent->zone));
    if (!found->zone)
        return OK;
    *answered = true;
    return send_there(request, response, found->zone);
}

enum err owner_relay(struct request *request, struct response *response, const struct owner_search *search, bool *answered)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    struct request *question = owner_question(request, search->path);
    struct zone_call *calls = arena_alloc(request->arena, (view->child_count + 1) * sizeof(*calls));
    struct found found = {0};
    *answered = false;
    if (view->child_count == 0 || owner_is_local(request))
        return OK;
    for (size_t i = 0; i < view->child_count; i++) {
        relay_call_init(question, &view->children[i], &calls[i]);
        calls[i].answer_limit = LIST_LIMIT;
    }
    fanout_run(request->fanout, request->arena, calls, view->child_count, request->budget);
    for (size_t i = 0; i < view->child_count; i++)
        look_into(search, &calls[i], &found);
    const enum err result = conclude(request, question, response, &found, answered);
    json_decref(found.entry);
    return result;
}
