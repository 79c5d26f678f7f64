/*
 * Links as settings: /os-zones/links (children and parents: policy, keys, certificate), new keys for a link, join tokens. A token
 * is a secret of this zone: it is made for admins who are here, not over a link.
 */
#include <string.h>

#include "gateway/api/zones.h"
#include "gateway/gateway.h"
#include "gateway/http/core/core.h"
#include "schema/json/json.h"

enum err zones_links_list(struct request *request, struct response *response)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    json_t *list = json_array();
    for (size_t i = 0; i < view->parent_count; i++)
        (void)json_array_append_new(list, zones_link_object(&view->parents[i]));
    for (size_t i = 0; i < view->child_count + view->rehomed_count; i++)
        (void)json_array_append_new(list, zones_link_object(&view->children[i]));
    response->json = json_pack("{s:o}", "links", list);
    return OK;
}

static const struct zone *find_by_name(const struct zone *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(list[i].row.name, name))
            return &list[i];
    }
    return NULL;
}

/* By a row's id, or by name: a child goes before a parent of the same name. */
static enum err link_of(const struct request *request, const struct zone **out)
{
    const char *text = request_param(request, "link_id");
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct zone *zone = NULL;
    int64_t id = 0;
    if (str_to_int(text, &id))
        zone = view_child(view, id) ? view_child(view, id) : view_parent(view, id);
    if (!zone)
        zone = view_child_by_name(view, text);
    if (!zone)
        zone = find_by_name(view->parents, view->parent_count, text);
    if (!zone)
        return fail(E_NOT_FOUND, "There is no link to a zone %.64s.", text);
    *out = zone;
    return OK;
}

enum err zones_links_show(struct request *request, struct response *response)
{
    const struct zone *zone = NULL;
    TRY(link_of(request, &zone));
    response->json = json_pack("{s:o}", "link", zones_link_object(zone));
    return OK;
}

enum err zones_links_update(struct request *request, struct response *response)
{
    const struct zone *zone = NULL;
    const json_t *spec = json_object_get(request->json, "link");
    struct zones *zones = request->gateway->zones;
    TRY(link_of(request, &zone));
    if (request->link && request->link->id == zone->row.id)
        return fail(E_FORBIDDEN, "What a link allows is not changed over the link itself.");
    if (zone->row.side == ZONE_CHILD)
        TRY(zones_child_update(zones, request->db, request->arena, zone->row.id, spec));
    else
        TRY(zones_parent_update(zones, request->db, request->arena, zone->row.id, spec));
    return zones_links_show(request, response);
}

enum err zones_links_delete(struct request *request, struct response *response)
{
    const struct zone *zone = NULL;
    struct zones *zones = request->gateway->zones;
    TRY(link_of(request, &zone));
    if (zone->row.side == ZONE_CHILD)
        TRY(zones_child_delete(zones, request->db, zone->row.id));
    else
        TRY(zones_parent_delete(zones, request->db, zone->row.id));
    response->status = 204;
    return OK;
}

enum err zones_rekey(struct request *request, struct response *response)
{
    struct zones *zones = request->gateway->zones;
    const struct zone *zone = NULL;
    TRY(zones_child_of(request, &zone));
    const int64_t id = zone->row.id;
    TRY(zones_child_rekey(zones, request->fanout, request->db, request->arena, &request->caller, id, request->budget));
    zone = view_child(zones_view(zones, request->arena), id);
    if (!zone)
        return fail(E_NOT_FOUND, "The zone was deleted meanwhile.");
    response->json = json_pack("{s:o}", "link", zones_link_object(zone));
    return OK;
}

enum err zones_token(struct request *request, struct response *response)
{
    const char *token = NULL;
    if (request->link)
        return fail(E_FORBIDDEN, "A join token is made in the zone itself, not over a link.");
    TRY(zones_token_new(zones_options(request->gateway->zones), request->db, request->arena, &token));
    response->json = json_pack("{s:{s:s, s:o}}", "token", "token", token, "expires_at",
                               zones_time(clock_wall_us() + (int64_t)ZONES_TOKEN_LIFETIME_S * 1000000));
    response_header(request, response, "Cache-Control", "no-store");
    return OK;
}
