/*
 * Networks of this zone (libvirt networks of its hosts, one by name), and the interfaces of servers on them.
 *
 * Hosts' reports write what there is; a network whose last host lost it keeps its row for the servers on it, and is offered no
 * more. Addresses are IPv4 in host byte order; a network without a DHCP range gives none out.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

struct network {
    struct uuid uuid; /* libvirt's, of the host that was seen first */
    const char *name;
    const char *bridge; /* NULL */
    uint32_t gateway;   /* the host's own address there; 0: none */
    int prefix;
    uint32_t dhcp_first; /* 0: no addresses are given out */
    uint32_t dhcp_last;
};

struct networks {
    const struct network *items;
    size_t count;
};

struct address_text {
    char text[16];
};

struct address_text address_to_text(uint32_t address);
/* Dotted, nothing else. False: it is no such address. */
bool address_from_text(const char *text, uint32_t *out);
/* `address` can be a server's in the network: in its subnet, not the network's, the broadcast's or the gateway's. */
bool network_holds(const struct network *network, uint32_t address);

/* Those that a host has, by name. */
MUST_CHECK enum err network_list(struct db *db, struct arena *arena, struct networks *out);
/* E_NOT_FOUND "Network … could not be found.", also when no host has it any more. */
MUST_CHECK enum err network_get(struct db *db, struct arena *arena, const struct uuid *uuid, struct network *out);
/* Hosts that have all of these networks, in order of uuid; of none: no host. */
MUST_CHECK enum err network_hosts(struct db *db, struct arena *arena, const struct uuid *networks, size_t count,
                                  const struct uuid **out, size_t *out_count);
/* In a transaction: what the host has now; writes only what changed. `items[].uuid` is libvirt's: a name that is known keeps its
 * own. */
MUST_CHECK enum err network_report(struct db *db, const struct uuid *host, const struct network *items, size_t count);

/* An address that the network could give out now is there: `fixed`, or, if that is 0, any of its range. A network that gives out
 * none has room. */
MUST_CHECK enum err network_has_room(struct db *db, const struct network *network, uint32_t fixed, bool *out);

/* An interface's claim on its MAC and address. */
struct port {
    struct uuid uuid;
    struct uuid server;
    struct uuid network;
    char mac[18];
    uint32_t address; /* 0: none */
};

/* E_CONFLICT: MAC or address are taken. */
MUST_CHECK enum err port_add(struct db *db, const struct port *port);
/* All addresses taken in the network, ascending. */
MUST_CHECK enum err port_addresses(struct db *db, struct arena *arena, const struct uuid *network, const uint32_t **out,
                                   size_t *out_count);
MUST_CHECK enum err port_delete(struct db *db, const struct uuid *port);
MUST_CHECK enum err port_delete_of_server(struct db *db, const struct uuid *server);
