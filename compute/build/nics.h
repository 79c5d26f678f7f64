/*
 * A server's interfaces: what was wished for, and what it has.
 *
 * A wish is JSON text: "any" (the zone's network if it has exactly one, none if it has none), "auto" (that one, or an error), or a
 * list of {"uuid", "fixed_ip", "tag"}. What a server has is the text in its row (struct server.nics), a list in the order of the
 * guest's devices: {"port", "network", "name", "mac"} and, where there are, "address" (IPv4, which DHCP gives), "prefix", "gateway"
 * and "tag". MAC and address are claimed in `ports` in the same transaction (schema/network.h).
 */
#pragma once

#include <jansson.h>

#include "compute/hypervisor/hypervisor.h"
#include "schema/network.h"
#include "schema/server.h"

/* In a transaction: claims what server->networks wishes and sets server->nics (in the arena; NULL: no interface). E_INVALID: a
 * fixed address that is no address there or taken, a network without free addresses. E_NOT_FOUND: no such network. E_CONFLICT:
 * several networks, and none was named. */
MUST_CHECK enum err nics_allocate(struct db *db, struct arena *arena, struct server *server);
/* In a transaction: one more, for a server that exists; errors as above. `wish` is an item of the list. `*out` is a new reference.
 */
MUST_CHECK enum err nics_allocate_one(struct db *db, struct arena *arena, const struct uuid *server, const json_t *wish,
                                      json_t **out);
/* After a restored backup: the claims of what a guest has. Those that are taken are left out. */
MUST_CHECK enum err nics_adopt(struct db *db, const struct server *server);

/* The list in the row, a new reference; an empty one for a server without. */
json_t *nics_load(const struct server *server);
/* For the hypervisor; borrows from `nic`. */
struct guest_nic nics_guest_nic(const json_t *nic);
/* All of them, in the arena. */
void nics_guest(struct arena *arena, const struct server *server, const struct guest_nic **out, size_t *out_count);
/* OpenStack's network_data.json: links and networks; a new reference. */
json_t *nics_document(const struct server *server);

/* The wish for one network of `networks`: E_CONFLICT: there are several; E_NOT_FOUND: none. */
MUST_CHECK enum err nics_only_network(const struct networks *networks, const struct network **out);
/* May the address be given out there? 0 is returned as it is: any. E_INVALID in Nova's words. */
MUST_CHECK enum err nics_check_address(const struct network *network, const char *fixed_ip, uint32_t *out);
