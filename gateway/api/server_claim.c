/* See server_claim.h. */
#include "gateway/api/server_claim.h"

#include "gateway/gateway.h"
#include "schema/server.h"
#include "schema/task/task.h"
#include "schema/zone_forwarding.h"
#include "zones/registry.h"
#include "zones/resolve.h"

/* A record of this zone's says that the server went to a zone below this child. */
static enum err has_moved_to(struct request *request, const struct zone *zone, const struct uuid *server, bool *out)
{
    struct uuid owner;
    TRY(zone_forwarding_get(request->db, server, &owner, out));
    if (!*out)
        return OK;
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct location place = zones_locate_zone(request->gateway->zones, view, &owner, NULL, request->arena);
    *out = place.count > 0 && place.candidates[0].zone->row.id == zone->row.id;
    return OK;
}

/* It waits for another host, here or where it came back from, and may be below already: the row that waits counts. */
static enum err is_between(struct request *request, const struct uuid *uuid, bool *out)
{
    const struct server *server = NULL;
    int64_t live = 0;
    TRY(server_find(request->db, request->arena, uuid, &server));
    *out = server && !server->deleted && !server->host && str_equal(server->vm_state, "building");
    if (server)
        return OK;
    TRY(task_live(request->db, uuid, &live)); /* of kind "onward": gone with the beginning of the record */
    *out = live > 0;
    return OK;
}

enum err server_claim_check(struct request *request, const struct zone *zone, const struct uuid *server, bool *out_drop)
{
    bool moved = false;
    TRY(is_between(request, server, out_drop));
    if (*out_drop)
        return OK;
    TRY(has_moved_to(request, zone, server, &moved)); /* looked at last: a row ends with the beginning of its record */
    return moved ? OK : fail(E_INVALID, "server %s is another zone's by its id", uuid_to_text(server).text);
}
