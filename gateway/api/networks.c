/*
 * /os-networks and /os-tenant-networks up to 2.35 (nova-api.md sections 5.1 and 14): the views that clients ask when there is no
 * network service. The libvirt networks of this zone's hosts that servers may use, and those of the zones below. They are made on
 * the hosts: what would change them is 410, as in Nova since nova-network is gone.
 */
#include "gateway/api/networks.h"

#include "gateway/api/api.h"
#include "gateway/api/gather.h"
#include "schema/network.h"

#define UNTIL 35

/* Members that Nova shows and that have no meaning here. */
static const char *const empty_for_all[] = {"dns1", "dns2", "cidr_v6", "gateway_v6", "netmask_v6"};
static const char *const empty_for_admins[] = {
    "created_at",         "updated_at",      "deleted_at",          "deleted",    "injected", "vlan",
    "vpn_public_address", "vpn_public_port", "vpn_private_address", "project_id", "host",     "bridge_interface",
    "multi_host",         "priority",        "rxtx_base",           "mtu"};

static void set_text(json_t *object, const char *key, const char *value)
{
    (void)json_object_set_new(object, key, value ? json_string(value) : json_null());
}

static void set_address(json_t *object, const char *key, uint32_t address)
{
    set_text(object, key, address ? address_to_text(address).text : NULL);
}

static void set_nulls(json_t *object, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)json_object_set_new(object, keys[i], json_null());
}

static const char *cidr_of(struct arena *arena, const struct network *network)
{
    if (!network->gateway)
        return NULL;
    const uint32_t mask = network->prefix ? UINT32_MAX << (32 - network->prefix) : 0;
    return arena_printf(arena, "%s/%d", address_to_text(network->gateway & mask).text, network->prefix);
}

static json_t *network_object(const struct request *request, const struct network *network)
{
    const uint32_t mask = network->gateway && network->prefix ? UINT32_MAX << (32 - network->prefix) : 0;
    json_t *object = json_pack("{s:s, s:s}", "id", uuid_to_text(&network->uuid).text, "label", network->name);
    set_text(object, "cidr", cidr_of(request->arena, network));
    set_address(object, "netmask", mask);
    set_address(object, "gateway", network->gateway);
    set_address(object, "broadcast", network->gateway ? network->gateway | ~mask : 0);
    set_nulls(object, empty_for_all, ARRAY_LEN(empty_for_all));
    if (!request->caller.is_admin)
        return object;
    set_nulls(object, empty_for_admins, ARRAY_LEN(empty_for_admins));
    set_text(object, "bridge", network->bridge);
    set_address(object, "dhcp_start", network->dhcp_first);
    set_address(object, "dhcp_server", network->dhcp_first ? network->gateway : 0);
    (void)json_object_set_new(object, "enable_dhcp", json_boolean(network->dhcp_first));
    (void)json_object_set_new(object, "share_address", json_false());
    return object;
}

static json_t *tenant_object(const struct request *request, const struct network *network)
{
    const char *cidr = cidr_of(request->arena, network);
    return json_pack("{s:s, s:s, s:s}", "id", uuid_to_text(&network->uuid).text, "label", network->name, "cidr",
                     cidr ? cidr : "None");
}

typedef json_t *view_f(const struct request *request, const struct network *network);

static enum err index_with(struct request *request, struct response *response, view_f *view)
{
    struct networks networks;
    response->json = json_pack("{s:[]}", "networks");
    json_t *list = json_object_get(response->json, "networks");
    TRY(network_list(request->db, request->arena, &networks));
    for (size_t i = 0; i < networks.count; i++)
        (void)json_array_append_new(list, view(request, &networks.items[i]));
    return gather_lists(request, response, "networks", list);
}

static enum err network_index(struct request *request, struct response *response)
{
    return index_with(request, response, network_object);
}

static enum err tenant_network_index(struct request *request, struct response *response)
{
    return index_with(request, response, tenant_object);
}

/* `id` as the entry of the list has it; a zone that is silent may have it. */
static enum err show_with(struct request *request, struct response *response, view_f *view, const char *list_path)
{
    const char *id = request_param(request, "network_id");
    json_auto_t *list = json_array();
    struct network network;
    struct uuid uuid;
    size_t index = 0;
    json_t *entry = NULL;
    if (uuid_from_text(id, &uuid) == OK && network_get(request->db, request->arena, &uuid, &network) == OK) {
        response->json = json_pack("{s:o}", "network", view(request, &network));
        return OK;
    }
    const bool complete = gather_ask(request, list_path, "networks", list);
    json_array_foreach(list, index, entry)
    {
        if (!str_equal(json_string_value(json_object_get(entry, "id")), id))
            continue;
        response->json = json_pack("{s:O}", "network", entry);
        return OK;
    }
    return complete ? fail(E_NOT_FOUND, "Network not found") : fail(E_UNAVAILABLE, "A zone below does not answer; it may have it.");
}

static enum err network_show(struct request *request, struct response *response)
{
    return show_with(request, response, network_object, "/compute/v2.1/os-networks");
}

static enum err tenant_network_show(struct request *request, struct response *response)
{
    return show_with(request, response, tenant_object, "/compute/v2.1/os-tenant-networks");
}

static enum err network_gone(struct request *request, struct response *response)
{
    (void)request;
    (void)response;
    return fail(E_GONE, "This resource is no longer available. No forwarding address is given.");
}

#define OLD(m, p, a, h, b)                                                                                                         \
    {                                                                                                                              \
        .method = (m), .path = (p), .access = (a), .max = UNTIL, .handler = (h), .body = (b)                                       \
    }

const struct route network_routes[] = {
    OLD("GET", "/os-networks", ACCESS_READER, network_index, BODY_NONE),
    OLD("GET", "/os-networks/{network_id}", ACCESS_READER, network_show, BODY_NONE),
    OLD("POST", "/os-networks", ACCESS_ADMIN, network_gone, BODY_RAW),
    OLD("POST", "/os-networks/add", ACCESS_ADMIN, network_gone, BODY_RAW),
    OLD("POST", "/os-networks/{network_id}/action", ACCESS_ADMIN, network_gone, BODY_RAW),
    OLD("DELETE", "/os-networks/{network_id}", ACCESS_ADMIN, network_gone, BODY_NONE),
    OLD("GET", "/os-tenant-networks", ACCESS_READER, tenant_network_index, BODY_NONE),
    OLD("GET", "/os-tenant-networks/{network_id}", ACCESS_READER, tenant_network_show, BODY_NONE),
    OLD("POST", "/os-tenant-networks", ACCESS_MEMBER, network_gone, BODY_RAW),
    OLD("DELETE", "/os-tenant-networks/{network_id}", ACCESS_MEMBER, network_gone, BODY_NONE),
    {.method = "GET", .path = "/os-zones/networks", .access = ACCESS_READER, .handler = network_index},
    {.method = NULL},
};
