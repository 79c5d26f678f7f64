/*
 * GET /os-zones/forgotten?zone=UUID&servers=UUID,…: of these servers, those of which nothing is left in that zone. Neighbours ask,
 * who keep forwarding records to it (zones/forwarding_sweep.c); a zone that is not meant asks on. Not here: whoever cannot tell
 * answers 503, and the record is kept.
 */
#include <string.h>

#include "gateway/api/zones.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/zone_forwarding.h"
#include "schema/zone_self.h"

static enum err read_uuid(const char *text, size_t length, struct uuid *out)
{
    char copy[UUID_TEXT_SIZE] = "";
    if (length == UUID_TEXT_SIZE - 1)
        memcpy(copy, text, length);
    return uuid_is_text(copy) ? uuid_from_text(copy, out) : fail(E_INVALID, "zone and servers are UUIDs, with commas between.");
}

static enum err read_servers(struct request *request, const char *text, struct uuids *out)
{
    struct uuid *items = arena_alloc(request->arena, (strlen(text) / (UUID_TEXT_SIZE - 1) + 1) * sizeof(*items));
    size_t count = 0;
    for (const char *at = text; *at; at += *at == ',') {
        const size_t length = strcspn(at, ",");
        TRY(read_uuid(at, length, &items[count++]));
        at += length;
    }
    *out = (struct uuids){items, count};
    return OK;
}

/* One that was restored from a backup may have forgotten what is there. */
static enum err answer(struct request *request, struct response *response, const struct uuids *servers)
{
    const int64_t keep_s = zones_options(request->gateway->zones)->forwarding_keep_s;
    struct uuids forgotten;
    bool reconciled = false;
    TRY(zone_self_is_reconciled(request->db, &reconciled));
    if (!reconciled)
        return fail(E_UNAVAILABLE, "The zone was restored from a backup and has not been compared with its hosts yet.");
    TRY(zone_forwarding_forgotten(request->db, request->arena, keep_s, servers, &forgotten));
    json_t *list = json_array();
    for (size_t i = 0; i < forgotten.count; i++)
        (void)json_array_append_new(list, json_string(uuid_to_text(&forgotten.items[i]).text));
    response->json = json_pack("{s:o}", "forgotten", list);
    return OK;
}

static enum err ask_on(struct request *request, struct response *response, const struct uuid *owner)
{
    struct zones *zones = request->gateway->zones;
    const struct zones_view *view = zones_view(zones, request->arena);
    const struct location way = zones_locate_zone(zones, view, owner, request->link, request->arena);
    const struct zone *hop = way.count ? way.candidates[0].zone : way.parent;
    struct zone_call call;
    if (!hop)
        return fail(E_UNAVAILABLE, "Zone %s is not known here.", uuid_to_text(owner).text);
    relay_call_init(request, hop, &call);
    call.class = CLASS_POLL;
    fanout_run(request->fanout, request->arena, &call, 1, request->budget);
    if (call.answer.kind != ZONE_ANSWERED)
        return relay_failure(request, response, hop, &call.answer);
    relay_answer(request, response, hop, &call.answer);
    return OK;
}

enum err zones_forgotten(struct request *request, struct response *response)
{
    const char *zone = request_query(request, "zone");
    const char *list = request_query(request, "servers");
    struct uuid owner;
    struct uuids servers;
    if (!zone || !list)
        return fail(E_INVALID, "zone and servers are required.");
    TRY(read_uuid(zone, strlen(zone), &owner));
    TRY(read_servers(request, list, &servers));
    if (uuid_equal(&owner, &request->gateway->keys.zone))
        return answer(request, response, &servers);
    return ask_on(request, response, &owner);
}
