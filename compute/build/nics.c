/* See nics.h. */
#include "compute/build/nics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/id.h"
#include "gateway/base/text.h"

#define TRIES 32 /* of one port: a MAC or an address that another transaction just took */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* --- addresses */

enum err nics_only_network(const struct networks *networks, const struct network **out)
{
    if (networks->count > 1)
        return fail(E_CONFLICT, "Multiple possible networks found, use a Network ID to be more specific.");
    if (!networks->count)
        return fail(E_NOT_FOUND, "There is no network.");
    *out = &networks->items[0];
    return OK;
}

enum err nics_check_address(const struct network *network, const char *fixed_ip, uint32_t *out)
{
    uint32_t address = 0;
    if (fixed_ip && (!address_from_text(fixed_ip, &address) || !network_holds(network, address)))
        return fail(E_INVALID, "Fixed IP %s is not a valid ip address for network %s.", fixed_ip,
                    uuid_to_text(&network->uuid).text);
    if (fixed_ip && !network->dhcp_first)
        return fail(E_INVALID, "Network %s gives out no addresses: fixed IP %s cannot be promised.",
                    uuid_to_text(&network->uuid).text, fixed_ip);
    *out = address;
    return OK;
}

/* How many addresses of the range are neither taken nor the host's own. */
static uint32_t count_free(const struct network *network, const uint32_t *taken, size_t count)
{
    uint32_t left = network->dhcp_last - network->dhcp_first + 1;
    left -= network->gateway >= network->dhcp_first && network->gateway <= network->dhcp_last;
    for (size_t i = 0; i < count; i++)
        left -= taken[i] >= network->dhcp_first && taken[i] <= network->dhcp_last && taken[i] != network->gateway;
    return left;
}

/* The `skip`th free address of the range; there are more than `skip`. */
static uint32_t nth_free(const struct network *network, const uint32_t *taken, size_t count, uint32_t skip)
{
    size_t next = 0;
    for (uint32_t address = network->dhcp_first;; address++) {
        while (next < count && taken[next] < address)
            next++;
        if ((next < count && taken[next] == address) || address == network->gateway)
            continue;
        if (skip-- == 0)
            return address;
    }
}

/* A random one, so that creates at the same time seldom want the same. */
static enum err choose_address(struct db *db, struct arena *arena, const struct network *network, uint32_t *out)
{
    const uint32_t *taken = NULL;
    size_t count = 0;
    if (!network->dhcp_first)
        return OK;
    TRY(port_addresses(db, arena, &network->uuid, &taken, &count));
    const uint32_t left = count_free(network, taken, count);
    if (!left)
        return fail(E_INVALID, "No fixed IP addresses available for network: %s", uuid_to_text(&network->uuid).text);
    *out = nth_free(network, taken, count, random_below(left));
    return OK;
}

static enum err refuse_taken(struct db *db, struct arena *arena, const struct network *network, uint32_t address)
{
    const uint32_t *taken = NULL;
    size_t count = 0;
    TRY(port_addresses(db, arena, &network->uuid, &taken, &count));
    for (size_t i = 0; i < count; i++) {
        if (taken[i] == address)
            return fail(E_INVALID, "Fixed IP address %s is already in use.", address_to_text(address).text);
    }
    return OK; /* it was the MAC */
}

static void random_mac(char out[18])
{
    unsigned char bytes[3];
    random_bytes(bytes, sizeof(bytes));
    (void)snprintf(out, 18, "fa:16:3e:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2]);
}

static enum err claim(struct db *db, struct arena *arena, const struct network *network, uint32_t fixed, struct port *port)
{
    for (int i = 0; i < TRIES; i++) {
        port->address = fixed;
        if (!fixed)
            TRY(choose_address(db, arena, network, &port->address));
        random_mac(port->mac);
        const enum err result = port_add(db, port);
        if (result != E_CONFLICT)
            return result;
        if (fixed)
            TRY(refuse_taken(db, arena, network, fixed));
    }
    return fail(E_UNAVAILABLE, "Other requests take the addresses of network %s; try again.", network->name);
}

/* --- claims */

static json_t *nic_object(const struct network *network, const struct port *port, const char *tag)
{
    json_t *nic = json_pack("{s:s, s:s, s:s, s:s}", "port", uuid_to_text(&port->uuid).text, "network",
                            uuid_to_text(&network->uuid).text, "name", network->name, "mac", port->mac);
    if (port->address) {
        (void)json_object_set_new(nic, "address", json_string(address_to_text(port->address).text));
        (void)json_object_set_new(nic, "prefix", json_integer(network->prefix));
        (void)json_object_set_new(nic, "gateway", json_string(address_to_text(network->gateway).text));
    }
    if (tag)
        (void)json_object_set_new(nic, "tag", json_string(tag));
    return nic;
}

static enum err allocate(struct db *db, struct arena *arena, const struct uuid *server, const struct network *network,
                         const json_t *wish, json_t **out)
{
    struct port port = {.server = *server, .network = network->uuid};
    uint32_t fixed = 0;
    TRY(nics_check_address(network, text_of(wish, "fixed_ip"), &fixed));
    uuid_new(&port.uuid);
    TRY(claim(db, arena, network, fixed, &port));
    *out = nic_object(network, &port, text_of(wish, "tag"));
    return OK;
}

enum err nics_allocate_one(struct db *db, struct arena *arena, const struct uuid *server, const json_t *wish, json_t **out)
{
    struct network network;
    struct uuid uuid;
    TRY(uuid_from_text(text_of(wish, "uuid") ? text_of(wish, "uuid") : "", &uuid));
    TRY(network_get(db, arena, &uuid, &network));
    return allocate(db, arena, server, &network, wish, out);
}

static enum err allocate_listed(struct db *db, struct arena *arena, const struct uuid *server, const json_t *wishes, json_t *list)
{
    for (size_t i = 0; i < json_array_size(wishes); i++) {
        json_t *nic = NULL;
        TRY(nics_allocate_one(db, arena, server, json_array_get(wishes, i), &nic));
        (void)json_array_append_new(list, nic);
    }
    return OK;
}

static enum err allocate_only(struct db *db, struct arena *arena, const struct uuid *server, bool needed, json_t *list)
{
    struct networks networks;
    const struct network *only = NULL;
    json_t *nic = NULL;
    TRY(network_list(db, arena, &networks));
    if (!networks.count && !needed)
        return OK;
    TRY(nics_only_network(&networks, &only));
    TRY(allocate(db, arena, server, only, NULL, &nic));
    (void)json_array_append_new(list, nic);
    return OK;
}

enum err nics_allocate(struct db *db, struct arena *arena, struct server *server)
{
    json_auto_t *wishes = json_loads(server->networks, JSON_DECODE_ANY, NULL);
    json_auto_t *list = json_array();
    if (json_is_array(wishes))
        TRY(allocate_listed(db, arena, &server->uuid, wishes, list));
    else
        TRY(allocate_only(db, arena, &server->uuid, str_equal(json_string_value(wishes), "auto"), list));
    server->nics = NULL;
    if (!json_array_size(list))
        return OK;
    char *text = json_dumps(list, JSON_COMPACT);
    server->nics = arena_strdup(arena, text);
    free(text);
    return OK;
}

enum err nics_adopt(struct db *db, const struct server *server)
{
    json_auto_t *list = nics_load(server);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *nic = json_array_get(list, i);
        struct port port = {.server = server->uuid};
        const char *mac = text_of(nic, "mac");
        if (uuid_from_text(text_of(nic, "port") ? text_of(nic, "port") : "", &port.uuid) != OK ||
            uuid_from_text(text_of(nic, "network") ? text_of(nic, "network") : "", &port.network) != OK || !mac ||
            strlen(mac) != 17)
            continue;
        memcpy(port.mac, mac, sizeof(port.mac));
        (void)address_from_text(text_of(nic, "address"), &port.address);
        const enum err result = port_add(db, &port);
        if (result != E_CONFLICT)
            TRY(result);
    }
    return OK;
}

/* --- what others make of them */

json_t *nics_load(const struct server *server)
{
    json_t *list = server->nics ? json_loads(server->nics, 0, NULL) : NULL;
    return list ? list : json_array();
}

struct guest_nic nics_guest_nic(const json_t *nic)
{
    return (struct guest_nic){text_of(nic, "name"), text_of(nic, "mac"), text_of(nic, "address"), NULL};
}

void nics_guest(struct arena *arena, const struct server *server, const struct guest_nic **out, size_t *out_count)
{
    json_auto_t *list = nics_load(server);
    const size_t count = json_array_size(list);
    struct guest_nic *nics = arena_alloc(arena, (count + 1) * sizeof(*nics));
    for (size_t i = 0; i < count; i++) {
        const struct guest_nic nic = nics_guest_nic(json_array_get(list, i));
        nics[i] = (struct guest_nic){arena_strdup(arena, nic.network), arena_strdup(arena, nic.mac),
                                     arena_strdup(arena, nic.address), arena_strdup(arena, nic.filter)};
    }
    *out = nics;
    *out_count = count;
}

json_t *nics_document(const struct server *server)
{
    json_auto_t *list = nics_load(server);
    json_t *links = json_array();
    json_t *networks = json_array();
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *nic = json_array_get(list, i);
        char link[32];
        char network[32];
        (void)snprintf(link, sizeof(link), "nic%zu", i);
        (void)snprintf(network, sizeof(network), "network%zu", i);
        (void)json_array_append_new(links, json_pack("{s:s, s:s, s:s, s:s, s:n}", "id", link, "vif_id", text_of(nic, "port"),
                                                     "type", "bridge", "ethernet_mac_address", text_of(nic, "mac"), "mtu"));
        (void)json_array_append_new(networks, json_pack("{s:s, s:s, s:s, s:s}", "id", network, "type", "ipv4_dhcp", "link", link,
                                                        "network_id", text_of(nic, "network")));
    }
    return json_pack("{s:o, s:o, s:[]}", "links", links, "networks", networks, "services");
}
