/* See create_child.h. */
#include "gateway/conductor/create_child.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/conductor/compensate.h"
#include "gateway/conductor/parts.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "zones/seen.h"

static const char *order_text(struct request *request, const struct child_order *order, int64_t minted_us)
{
    const struct record_parts parts = {order->uuid, order->server, order->embedded, order->reservation_id, order->launch_index};
    struct arena *arena = request->arena;
    const size_t length = strlen(order->sizing_text);
    char *sizing = arena_alloc(arena, BASE64_SIZE(length));
    base64_encode(order->sizing_text, length, sizing, BASE64_SIZE(length));
    json_auto_t *body = json_pack("{s:s, s:s, s:s, s:s, s:i, s:O, s:O}", "uuid", uuid_to_text(order->uuid).text, "blob",
                                  order->blob, "sizing", sizing, "reservation_id", order->reservation_id, "launch_index",
                                  order->launch_index, "server", order->server, "embedded", order->embedded);
    (void)json_object_set_new(body, "onward",
                              json_string(ticket_make(request, order->zone, &parts, order->sizing_text, order->from)));
    if (minted_us)
        (void)json_object_set_new(body, "minted_us", json_integer(minted_us));
    if (order->move)
        (void)json_object_set_new(body, "moved",
                                  json_pack("{s:I, s:I}", "created_us", (json_int_t)order->move->past.created_us, "attempts",
                                            (json_int_t)order->move->past.attempts));
    char *text = json_dumps(body, JSON_COMPACT);
    const char *copy = arena_strdup(arena, text);
    free(text);
    return copy;
}

static enum err read_refusal(const struct zone *zone, const struct http_answer *answer)
{
    json_auto_t *body = NULL;
    const char *message = NULL;
    if (json_parse_foreign(answer->body, answer->body_length, &body) == OK)
        message = json_string_value(json_object_get(json_object_iter_value(json_object_iter(body)), "message"));
    const enum err kind = err_from_status(answer->status);
    log_info("create.refused", "child=%s status=%d message=%s", zone->row.name, answer->status, log_quote(message).text);
    if (kind == E_INVALID || kind == E_CONFLICT || kind == E_NOT_FOUND)
        return fail(E_CONFLICT, "Zone %s has no room any more.", zone->row.name);
    return fail(kind, "%s", message ? message : "A zone refused the server without saying why.");
}

/* The outcome is unknown: the entry zone takes the server back. The error stays what it was. */
static enum err undo_later(struct request *request, const struct uuid *uuid, enum err result)
{
    const char *message = arena_strdup(request->arena, err_message());
    if (compensate_add(request, uuid) != OK)
        log_error("create.compensate", "server=%s message=%s", uuid_to_text(uuid).text, log_quote(err_message()).text);
    return fail(result, "%s", message);
}

/* The child's clock gave the row its time; ours is near enough for a hint, and a list sets it right. */
static void note_created(struct request *request, const struct zone *zone, const struct uuid *uuid)
{
    struct seen_server server = {.uuid = *uuid, .zone = zone->row.uuid, .created_us = clock_wall_us(), .guessed = true};
    const char *project = request->caller.project_id;
    if (!project || strlen(project) >= sizeof(server.project))
        return;
    memcpy(server.project, project, strlen(project));
    seen_note(request->gateway->seen, &server, 1);
}

/* A moved server's owner names itself. */
static enum err read_owner(const struct zone *zone, const struct http_answer *answer, struct order_move *move)
{
    const char *owner = headers_get(&answer->headers, CREATE_OWNER_HEADER);
    return owner && uuid_is_text(owner) && uuid_from_text(owner, &move->owner) == OK
               ? OK
               : fail(E_BAD_GATEWAY, "Zone %s took the server and does not say who has it.", zone->row.name);
}

enum err create_at_child(struct request *request, const struct child_order *order, struct text *out)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct zone *zone = view_child_by_uuid(view, order->zone);
    struct response unused;
    int64_t minted_us = 0;
    if (!zone)
        return fail(E_CONFLICT, "The zone that offered the place is gone.");
    TRY(parts_note(request, order->reservation_id, order->minted_us, order->zone, 1));
    TRY(parts_minted(request, order->reservation_id, order->minted_us, &minted_us));
    const char *body = order_text(request, order, minted_us);
    if (!body)
        return fail(E_INTERNAL, "The order for zone %s cannot be written.", zone->row.name);
    struct zone_call call;
    relay_call_init(request, zone, &call);
    call.method = "POST";
    call.target = "/compute/v2.1/os-zones/servers";
    call.body = body;
    call.body_length = strlen(body);
    fanout_run(request->fanout, request->arena, &call, 1, request->budget);
    if (call.answer.kind == ZONE_ANSWERED && call.answer.status == 202) {
        text_add(out, call.answer.body, call.answer.body_length);
        note_created(request, zone, order->uuid);
        return order->move ? read_owner(zone, &call.answer, order->move) : OK;
    }
    enum err result;
    if (call.answer.kind == ZONE_ANSWERED) {
        result = read_refusal(zone, &call.answer);
    } else {
        response_init(&unused);
        result = relay_failure(request, &unused, zone, &call.answer);
        response_clear(&unused);
    }
    const bool unknown = result == E_TIMEOUT || result == E_BAD_GATEWAY;
    return unknown && !request->link && !order->move ? undo_later(request, order->uuid, result) : result;
}
