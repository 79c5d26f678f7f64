/* See server_networks.h. */
#include "gateway/api/server_networks.h"

#include "compute/build/nics.h"
#include "gateway/api/gather.h"
#include "gateway/api/networks.h"
#include "gateway/gateway.h"
#include "zones/registry.h"

struct planning {
    struct request *request;
    const json_t *wishes;
    json_t *below; /* networks of zones below, when they were asked */
    bool complete;
};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void release_json(void *json)
{
    json_decref(json);
}

static bool has_children(const struct request *request)
{
    return request->gateway->zones && zones_view(request->gateway->zones, request->arena)->child_count > 0;
}

static enum err find_below(struct planning *p, const char *id)
{
    size_t index = 0;
    json_t *entry = NULL;
    if (!p->below) {
        p->below = json_array();
        arena_defer(p->request->arena, release_json, p->below);
        p->complete = gather_ask(p->request, NETWORKS_BELOW, "networks", p->below);
    }
    json_array_foreach(p->below, index, entry)
    {
        if (str_equal(text_of(entry, "id"), id))
            return OK;
    }
    if (!p->complete)
        return fail(E_UNAVAILABLE, "A zone below does not answer; it may have network %s.", id);
    return fail(E_INVALID, "Network %s could not be found.", id);
}

/* The owner's claim decides; this is so that a refusal says why. */
static enum err check_room(struct request *request, const struct network *network, uint32_t address)
{
    bool room = false;
    TRY(network_has_room(request->db, network, address, &room));
    if (!room && address)
        return fail(E_INVALID, "Fixed IP address %s is already in use.", address_to_text(address).text);
    return room ? OK : fail(E_INVALID, "No fixed IP addresses available for network: %s", uuid_to_text(&network->uuid).text);
}

/* One entry of the list; its network is here or below. */
static enum err check_wish(struct planning *p, const json_t *wish)
{
    const char *id = text_of(wish, "uuid");
    struct network network;
    struct uuid uuid;
    uint32_t address = 0;
    if (text_of(wish, "port"))
        return fail(E_INVALID, "Port id %s could not be found.", text_of(wish, "port"));
    if (!id)
        return fail(E_INVALID, "Bad networks format: network uuid is not in proper format (None)");
    if (uuid_from_text(id, &uuid) != OK)
        return fail(E_INVALID, "Bad networks format: network uuid is not in proper format (%s)", id);
    const enum err found = network_get(p->request->db, p->request->arena, &uuid, &network);
    if (found == E_NOT_FOUND)
        return find_below(p, uuid_to_text(&uuid).text);
    TRY(found);
    TRY(nics_check_address(&network, text_of(wish, "fixed_ip"), &address));
    return check_room(p->request, &network, address);
}

static enum err plan_list(struct planning *p, int64_t max_count, json_t *embedded, struct sizing *out)
{
    json_t *ids = json_array();
    arena_defer(p->request->arena, release_json, ids);
    for (size_t i = 0; i < json_array_size(p->wishes); i++) {
        const json_t *wish = json_array_get(p->wishes, i);
        if (text_of(wish, "fixed_ip") && max_count > 1)
            return fail(E_INVALID, "Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.");
        TRY(check_wish(p, wish));
        const char *address = text_of(wish, "fixed_ip");
        (void)json_array_append_new(ids, json_sprintf("%s%s%s", text_of(wish, "uuid"), address ? " " : "", address ? address : ""));
    }
    (void)json_object_set_new(embedded, "networks", json_deep_copy(p->wishes));
    out->networks = ids;
    return OK;
}

static enum err refuse_auto(const struct request *request)
{
    return fail(E_INVALID, "Unable to automatically allocate a network for project %s: this zone has no networks; ask for none.",
                request->caller.project_id);
}

/* None was named. Where zones below may own the server, each has its own say. */
static enum err plan_any(struct planning *p, bool needed, json_t *embedded, struct sizing *out)
{
    struct request *request = p->request;
    const bool children = has_children(request);
    struct networks networks = {NULL, 0};
    if (*request->gateway->config.compute.networks)
        TRY(network_list(request->db, request->arena, &networks));
    if (!networks.count && !children)
        return needed ? refuse_auto(request) : OK;
    if (networks.count > 1)
        return fail(E_CONFLICT, "Multiple possible networks found, use a Network ID to be more specific.");
    json_t *word = json_string(needed ? "auto" : "any");
    arena_defer(request->arena, release_json, word);
    (void)json_object_set(embedded, "networks", word);
    out->networks = word;
    return OK;
}

enum err server_networks_plan(struct request *request, const json_t *server, int64_t max_count, json_t *embedded,
                              struct sizing *out)
{
    const json_t *networks = json_object_get(server, "networks");
    struct planning p = {.request = request, .wishes = networks};
    if (json_array_size(networks))
        return plan_list(&p, max_count, embedded, out);
    if (str_equal(json_string_value(networks), "none"))
        return OK;
    return plan_any(&p, str_equal(json_string_value(networks), "auto"), embedded, out);
}
