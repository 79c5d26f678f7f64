/*
 * Preparing several servers over a link: hold, commit, release (gateway/conductor/places.h; DESIGN section 7). Only a neighbouring
 * zone or an admin may. Each answers {"done": [uuids]} with the places for which it was done, here or below.
 */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/zone_sizing.h"
#include "gateway/conductor/places.h"
#include "gateway/conductor/quota.h"
#include "gateway/conductor/sealed.h"
#include "gateway/gateway.h"
#include "zones/link.h"
#include "zones/registry.h"
#include "zones/resolve.h"

#define PLACES_MOST 10000

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static enum err read_places(struct request *request, struct batch_place **out, size_t *out_count)
{
    const json_t *list = json_object_get(request->json, "places");
    const size_t count = json_array_size(list);
    if (!count || count > PLACES_MOST)
        return fail(E_INVALID, "places must be a list of 1 to %d places.", PLACES_MOST);
    struct batch_place *places = arena_alloc(request->arena, count * sizeof(*places));
    for (size_t i = 0; i < count; i++) {
        const json_t *place = json_array_get(list, i);
        const char *uuid = text_of(place, "uuid");
        places[i] = (struct batch_place){.launch_index = json_integer_value(json_object_get(place, "launch_index")),
                                         .name = text_of(place, "name")};
        if (request->link)
            places[i].from = (struct ticket_from){text_of(place, "onward"), request->link->zone};
        TRY(uuid_from_text(uuid ? uuid : "", &places[i].server));
    }
    *out = places;
    *out_count = count;
    return OK;
}

/* An entry that is not ours or has expired is no place; one that is forged is an error. */
static enum err open_entry(struct request *request, const char *blob, const char *sizing_text, struct batch_place *place)
{
    struct sealed_entry entry;
    if (!blob)
        return fail(E_INVALID, "A place lacks its entry.");
    const enum err result = sealed_open(request->arena, request->gateway, blob, sizing_text, request->caller.project_id, &entry);
    if (result == E_CONFLICT) {
        place->state = HOLD_GONE;
        return OK;
    }
    TRY(result);
    place->zone = entry.zone;
    place->host = entry.host;
    place->blob = entry.blob;
    place->use = entry.use;
    if (uuid_is_zero(&entry.zone) && uuid_tag(&place->server) != request->gateway->tag)
        return fail(E_INVALID, "The uuid does not carry this zone's tag.");
    return OK;
}

static void answer(struct response *response, const struct batch_place *places, size_t count, enum hold_state done)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (places[i].state == done)
            (void)json_array_append_new(list, json_string(uuid_to_text(&places[i].server).text));
    }
    response->json = json_pack("{s:o}", "done", list);
}

static enum err hold(struct request *request, struct response *response)
{
    const json_t *list = json_object_get(request->json, "places");
    const char *sizing_text = NULL;
    struct sizing sizing;
    struct batch_place *places = NULL;
    size_t count = 0;
    TRY(zone_sizing_decode(request, &sizing_text, &sizing));
    TRY(read_places(request, &places, &count));
    for (size_t i = 0; i < count; i++)
        TRY(open_entry(request, text_of(json_array_get(list, i), "blob"), sizing_text, &places[i]));
    int64_t most = (int64_t)count;
    TRY(quota_check_order(request, &sizing, &most));
    TRY(places_hold(request, sizing_text, places, (size_t)most));
    answer(response, places, count, HOLD_HELD);
    return OK;
}

/* Where each server's owner is: the tag says it. A place whose way is lost is left out. */
static void find_ways(struct request *request, struct batch_place *places, size_t count)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    for (size_t i = 0; i < count; i++) {
        if (uuid_tag(&places[i].server) == request->gateway->tag) {
            places[i].state = HOLD_HELD;
            continue;
        }
        const struct location way =
            zones_locate(request->gateway->zones, view, &places[i].server, request->link, false, request->arena);
        if (way.place != PLACE_CHILD || way.count == 0)
            continue;
        places[i].zone = way.candidates[0].zone->row.uuid;
        places[i].state = HOLD_HELD;
    }
}

static enum err commit(struct request *request, struct response *response)
{
    const json_t *server = json_object_get(request->json, "server");
    const json_t *embedded = json_object_get(request->json, "embedded");
    const char *reservation = text_of(request->json, "reservation_id");
    const char *sizing_text = NULL;
    struct sizing sizing;
    struct batch_place *places = NULL;
    size_t count = 0;
    TRY(zone_sizing_decode(request, &sizing_text, &sizing));
    if (!json_is_object(server) || !json_is_object(embedded) || !reservation)
        return fail(E_INVALID, "server, embedded and reservation_id are required.");
    TRY(read_places(request, &places, &count));
    for (size_t i = 0; i < count; i++) {
        if (!places[i].name)
            return fail(E_INVALID, "A place lacks its name.");
    }
    find_ways(request, places, count);
    const struct batch_order order = {sizing_text, reservation, server, embedded,
                                      json_integer_value(json_object_get(request->json, "minted_us"))};
    TRY(places_commit(request, &order, places, count));
    for (size_t i = 0; i < count; i++) {
        if (places[i].state == HOLD_HELD)
            return fail(E_UNAVAILABLE, "A zone below does not answer; the order may be repeated.");
    }
    answer(response, places, count, HOLD_COMMITTED);
    return OK;
}

static enum err release(struct request *request, struct response *response)
{
    struct batch_place *places = NULL;
    size_t count = 0;
    TRY(read_places(request, &places, &count));
    find_ways(request, places, count);
    places_release(request, places, count);
    answer(response, places, count, HOLD_NONE);
    return OK;
}

const struct route zone_holds_routes[] = {
    {.method = "POST", .path = "/os-zones/holds", .access = ACCESS_LINK, .handler = hold, .body = BODY_JSON},
    {.method = "POST", .path = "/os-zones/holds/commit", .access = ACCESS_LINK, .handler = commit, .body = BODY_JSON},
    {.method = "POST", .path = "/os-zones/holds/release", .access = ACCESS_LINK, .handler = release, .body = BODY_JSON},
    {.method = NULL},
};
