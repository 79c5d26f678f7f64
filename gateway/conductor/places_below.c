/* See places_below.h. */
#include "gateway/conductor/places_below.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/conductor/parts.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"

#define ANSWER_LIMIT   (4U << 20)
#define PLACES_AT_ONCE 256

/* One question to all children that have places. */
struct asking {
    struct request *request;
    const char *target;
    struct batch_place *places;
    size_t count;
    enum hold_state wanted;                               /* which places the question is about */
    bool blobs;                                           /* they go with their entries, else with names */
    const json_t *common;                                 /* members of every body */
    void (*take)(struct batch_place *place, bool listed); /* the answer's word about a place */
    const struct batch_order *order;                      /* its servers are to begin; NULL: not yet */
};

static bool is_asked(const struct asking *asking, const struct batch_place *place, const struct zone *zone)
{
    return place->state == asking->wanted && uuid_equal(&place->zone, &zone->row.uuid);
}

/* What becomes of the server, should the child's hosts fail it, is this zone's to say. */
static const char *ticket_of(const struct asking *asking, const struct batch_place *place)
{
    const struct batch_order *order = asking->order;
    if (!order)
        return NULL;
    json_auto_t *server = place_server(order, place);
    const struct record_parts parts = {&place->server, server, order->embedded, order->reservation_id, (int)place->launch_index};
    return ticket_make(asking->request, &place->zone, &parts, order->sizing_text, &place->from);
}

static json_t *place_json(const struct asking *asking, const struct batch_place *place)
{
    const struct uuid_text uuid = uuid_to_text(&place->server);
    if (asking->blobs)
        return json_pack("{s:s, s:s}", "uuid", uuid.text, "blob", place->blob);
    return json_pack("{s:s, s:s?, s:I, s:s*}", "uuid", uuid.text, "name", place->name, "launch_index",
                     (json_int_t)place->launch_index, "onward", ticket_of(asking, place));
}

/* NULL: the child has none of the places. */
static const char *body_for(const struct asking *asking, const struct zone *zone)
{
    json_auto_t *list = json_array();
    json_auto_t *body = json_copy((json_t *)asking->common); /* jansson's copy does not change it */
    for (size_t i = 0; i < asking->count; i++) {
        if (is_asked(asking, &asking->places[i], zone))
            (void)json_array_append_new(list, place_json(asking, &asking->places[i]));
    }
    if (!json_array_size(list) || json_object_set(body, "places", list))
        return NULL;
    char *text = json_dumps(body, JSON_COMPACT);
    const char *copy = text ? arena_strdup(asking->request->arena, text) : NULL;
    free(text);
    return copy;
}

static bool is_listed(const json_t *list, const struct uuid *uuid)
{
    const struct uuid_text text = uuid_to_text(uuid);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (str_equal(json_string_value(json_array_get(list, i)), text.text))
            return true;
    }
    return false;
}

/* {"done": [uuids]}; without an answer that can be read nothing is known, and nothing changes. */
static void take_answer(const struct asking *asking, const struct zone_call *call)
{
    json_auto_t *body = NULL;
    const bool read = call->answer.kind == ZONE_ANSWERED && call->answer.status == 200 &&
                      json_parse_foreign(call->answer.body, call->answer.body_length, &body) == OK &&
                      json_is_array(json_object_get(body, "done"));
    if (!read) {
        log_warn("places.silent", "child=%s target=%s reason=%s status=%d", call->zone->row.name, asking->target,
                 zone_kind_word(call->answer.kind), call->answer.status);
        return;
    }
    for (size_t i = 0; i < asking->count; i++) {
        if (is_asked(asking, &asking->places[i], call->zone))
            asking->take(&asking->places[i], is_listed(json_object_get(body, "done"), &asking->places[i].server));
    }
}

static void ask_at_once(const struct asking *asking)
{
    struct request *request = asking->request;
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    struct zone_call *calls = arena_alloc(request->arena, (view->child_count + 1) * sizeof(*calls));
    struct link_headers headers = {0};
    size_t count = 0;
    headers_add(request->arena, &headers, "Content-Type", "application/json");
    for (size_t i = 0; i < view->child_count; i++) {
        const char *body = body_for(asking, &view->children[i]);
        if (body)
            calls[count++] = (struct zone_call){.zone = &view->children[i],
                                                .origin = relay_origin(request),
                                                .class = CLASS_MUTATE,
                                                .method = "POST",
                                                .target = asking->target,
                                                .headers = headers,
                                                .body = body,
                                                .body_length = strlen(body),
                                                .answer_limit = ANSWER_LIMIT};
    }
    fanout_run(request->fanout, request->arena, calls, count, request->budget);
    for (size_t i = 0; i < count; i++)
        take_answer(asking, &calls[i]);
}

/* In bodies of a bounded size: so many places at a time. */
static void ask(const struct asking *asking)
{
    struct asking part = *asking;
    for (size_t done = 0; done < asking->count; done += PLACES_AT_ONCE) {
        const size_t left = asking->count - done;
        part.places = asking->places + done;
        part.count = left < PLACES_AT_ONCE ? left : PLACES_AT_ONCE;
        ask_at_once(&part);
    }
}

static const char *encoded(struct arena *arena, const char *text)
{
    const size_t length = strlen(text);
    char *out = arena_alloc(arena, BASE64_SIZE(length));
    base64_encode(text, length, out, BASE64_SIZE(length));
    return out;
}

static void take_held(struct batch_place *place, bool listed)
{
    place->state = listed ? HOLD_HELD : HOLD_NONE;
}

static void take_committed(struct batch_place *place, bool listed)
{
    place->state = listed ? HOLD_COMMITTED : HOLD_GONE;
}

static void take_released(struct batch_place *place, bool listed)
{
    (void)listed;
    place->state = HOLD_NONE;
}

enum err places_hold_below(struct request *request, const char *sizing_text, struct batch_place *places, size_t count)
{
    json_auto_t *common = json_pack("{s:s}", "sizing", encoded(request->arena, sizing_text));
    const struct asking asking = {request, "/compute/v2.1/os-zones/holds", places, count, HOLD_NONE, true, common, take_held, NULL};
    if (!common)
        return fail(E_INTERNAL, "The question cannot be written.");
    ask(&asking);
    return OK;
}

/* Whose places are to become servers: they have parts of the reservation then. */
static enum err note_parts(struct request *request, const struct batch_order *order, const struct batch_place *places, size_t count)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    struct uuid *zones = arena_alloc(request->arena, (view->child_count + 1) * sizeof(*zones));
    size_t used = 0;
    for (size_t i = 0; i < view->child_count; i++) {
        const struct uuid *zone = &view->children[i].row.uuid;
        size_t at = 0;
        while (at < count && !(places[at].state == HOLD_HELD && uuid_equal(&places[at].zone, zone)))
            at++;
        if (at < count)
            zones[used++] = *zone;
    }
    return parts_note(request, order->reservation_id, order->minted_us, zones, used);
}

enum err places_commit_below(struct request *request, const struct batch_order *order, struct batch_place *places, size_t count)
{
    int64_t minted_us = 0;
    TRY(note_parts(request, order, places, count));
    TRY(parts_minted(request, order->reservation_id, order->minted_us, &minted_us));
    json_auto_t *common =
        json_pack("{s:s, s:s, s:O, s:O, s:I}", "sizing", encoded(request->arena, order->sizing_text), "reservation_id",
                  order->reservation_id, "server", order->server, "embedded", order->embedded, "minted_us", (json_int_t)minted_us);
    const struct asking asking = {
        request, "/compute/v2.1/os-zones/holds/commit", places, count, HOLD_HELD, false, common, take_committed, order};
    if (!common)
        return fail(E_INTERNAL, "The order cannot be written.");
    ask(&asking);
    return OK;
}

void places_release_below(struct request *request, struct batch_place *places, size_t count)
{
    json_auto_t *common = json_object();
    const struct asking asking = {
        request, "/compute/v2.1/os-zones/holds/release", places, count, HOLD_HELD, false, common, take_released, NULL};
    ask(&asking);
}
