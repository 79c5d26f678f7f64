/*
 * GET /os-zones/where?zone=UUID → {"where":{"path"}}: where a zone is, from the zone that answers: below it, by another way than
 * the child's that asks, or elsewhere below the zones above, who are asked on. A child asks that has lost one of its own
 * (zones/rehomed.h). 404: not known here nor above. This zone itself and those above it are below nobody here: 404.
 */
#include "gateway/api/zones.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "zones/rehomed.h"

static enum err read_zone(const struct request *request, struct uuid *out)
{
    const char *text = request_query(request, "zone");
    return text && uuid_is_text(text) ? uuid_from_text(text, out) : fail(E_INVALID, "zone is a UUID.");
}

/* Each of the parents may be another top of a tree. One that was visited is not asked: the link refuses to make the loop. */
static const char *ask_above(struct request *request, const struct zones_view *view)
{
    struct zone_call *calls = arena_alloc(request->arena, (view->parent_count + 1) * sizeof(*calls));
    const char *path = NULL;
    for (size_t i = 0; i < view->parent_count; i++)
        relay_call_init(request, &view->parents[i], &calls[i]);
    fanout_run(request->fanout, request->arena, calls, view->parent_count, request->budget);
    for (size_t i = 0; i < view->parent_count && !path; i++)
        path = rehomed_path_told(request->arena, &calls[i]);
    return path;
}

enum err zones_where(struct request *request, struct response *response)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    struct uuid zone;
    if (!request->link || request->link->direction != LINK_UP)
        return fail(E_FORBIDDEN, "Only a child zone asks where a zone is.");
    TRY(read_zone(request, &zone));
    const struct directory_row *row = directory_find_zone(&view->directory, &zone, request->link->id);
    const char *path = row ? row->path : ask_above(request, view);
    if (!path)
        return fail(E_NOT_FOUND, "Zone %s could not be found.", uuid_to_text(&zone).text);
    response->json = json_pack("{s:{s:s}}", "where", "path", path);
    return OK;
}
