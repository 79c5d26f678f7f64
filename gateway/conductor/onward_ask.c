/* See onward_ask.h. */
#include "gateway/conductor/onward_ask.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/conductor/create_child.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "zones/fanout.h"
#include "zones/registry.h"

static const char *question_text(struct arena *arena, const struct onward_question *question)
{
    const struct record_parts *parts = &question->parts;
    const size_t length = strlen(question->sizing_text);
    char *sizing = arena_alloc(arena, BASE64_SIZE(length));
    base64_encode(question->sizing_text, length, sizing, BASE64_SIZE(length));
    json_auto_t *body = json_pack("{s:s, s:s, s:s, s:s, s:i, s:O, s:O, s:{s:I, s:I}, s:b}", "ticket", question->ticket->text,
                                  "uuid", uuid_to_text(parts->uuid).text, "sizing", sizing, "reservation_id", parts->reservation_id,
                                  "launch_index", parts->launch_index, "server", parts->server, "embedded", parts->embedded,
                                  "moved", "created_us", (json_int_t)question->past.created_us, "attempts",
                                  (json_int_t)question->past.attempts, "cancel", question->cancel ? 1 : 0);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    const char *copy = text ? arena_strdup(arena, text) : NULL;
    free(text);
    return copy;
}

static enum err read_answer(const struct zone *parent, const struct http_answer *answer, struct uuid *owner)
{
    const char *named = headers_get(&answer->headers, CREATE_OWNER_HEADER);
    if (answer->kind == ZONE_ANSWERED && answer->status == 202 && named && uuid_is_text(named))
        return uuid_from_text(named, owner);
    if (answer->kind == ZONE_ANSWERED && (answer->status == 409 || answer->status == 400)) {
        log_info("onward.refused", "parent=%s status=%d", parent->row.name, answer->status);
        return fail(E_CONFLICT, "Zone %s found no other place for the server.", parent->row.name);
    }
    return fail(E_UNAVAILABLE, "Zone %s has not said yet who takes the server.", parent->row.name);
}

enum err onward_ask(struct request *request, const struct onward_question *question, struct uuid *owner)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct zone *parent = view_parent_by_uuid(view, &question->ticket->zone);
    if (!parent) /* for good: the link was deleted, and with it what that zone would be asked for */
        return fail(E_CONFLICT, "The zone above that ordered the server is gone.");
    const char *body = question_text(request->arena, question);
    if (!body)
        return fail(E_INTERNAL, "The question for zone %s cannot be written.", parent->row.name);
    struct zone_call call = {.zone = parent,
                             .origin = relay_origin(request),
                             .class = CLASS_MUTATE,
                             .method = "POST",
                             .target = "/compute/v2.1/os-zones/onward",
                             .body = body,
                             .body_length = strlen(body)};
    headers_add(request->arena, &call.headers, "Content-Type", "application/json");
    fanout_run(request->fanout, request->arena, &call, 1, request->budget);
    return read_answer(parent, &call.answer, owner);
}
