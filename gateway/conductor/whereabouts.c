/* See whereabouts.h. */
#include "gateway/conductor/whereabouts.h"

#include "gateway/gateway.h"
#include "zones/seen.h"

#define FRESHEN_MS 1500 /* a miss waits no longer for news from the children */

static bool has_candidate(const struct location *location, const struct zone *zone)
{
    for (size_t i = 0; i < location->count; i++) {
        if (location->candidates[i].zone == zone)
            return true;
    }
    return false;
}

/* A server of an unknown zone that was ordered or shown through a child is asked for there. */
static void offer_hinted(struct request *request, const struct zones_view *view, const struct uuid *uuid, struct location *location)
{
    struct seen_server seen;
    const struct zone *zone = seen_find(request->gateway->seen, uuid, &seen) ? view_child_by_uuid(view, &seen.zone) : NULL;
    if (!zone || (request->link && request->link->id == zone->row.id) || has_candidate(location, zone))
        return;
    struct candidate *candidates = arena_alloc(request->arena, (location->count + 1) * sizeof(*candidates));
    for (size_t i = 0; i < location->count; i++)
        candidates[i] = location->candidates[i];
    candidates[location->count++] = (struct candidate){zone, NULL};
    location->candidates = candidates;
    location->place = PLACE_UNKNOWN_TAG;
}

static bool is_unknown(const struct location *location)
{
    return location->place == PLACE_NOWHERE || location->place == PLACE_UNKNOWN_TAG || location->place == PLACE_PARENT;
}

/* An unknown tag may be a zone's that joined a moment ago: the children are asked for their directories once (single flight). */
struct location whereabouts_of_server(struct request *request, const struct uuid *uuid)
{
    struct zones *zones = request->gateway->zones;
    const struct zones_view *view = zones_view(zones, request->arena);
    struct location location = zones_locate(zones, view, uuid, request->link, true, request->arena);
    const int64_t left_ms = budget_left_ms(&request->budget);
    if (!is_unknown(&location))
        return location;
    if (view->child_count && zones_freshen(zones, budget_from_ms(left_ms < FRESHEN_MS ? left_ms : FRESHEN_MS))) {
        view = zones_view(zones, request->arena);
        location = zones_locate(zones, view, uuid, request->link, true, request->arena);
    }
    if (is_unknown(&location))
        offer_hinted(request, view, uuid, &location);
    return location;
}

struct location whereabouts_of_zone(struct request *request, const struct uuid *zone)
{
    struct zones *zones = request->gateway->zones;
    return zones_locate_zone(zones, zones_view(zones, request->arena), zone, request->link, request->arena);
}
