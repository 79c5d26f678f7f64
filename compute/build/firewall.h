/*
 * What security groups do to packets: one nwfilter per server ("zonegate-UUID", with the server's uuid as its own), made from the
 * rules of all its groups. What the server sends passes, answers to it and DHCP come in, and what a rule accepts; nothing else.
 *
 * A change of a group or of who is in it becomes a task that makes the filters of all servers anew whom it concerns; libvirt
 * changes the running guests' at once. On a driver without filters groups are recorded and do nothing: the log says so per server.
 */
#pragma once

#include "compute/build/steps.h"
#include "schema/security_group.h"

/* Pure: the filter's XML. `addresses[i]` are those of the source group of rule i. In the arena. */
struct firewall_sources {
    const uint32_t *items;
    size_t count;
};
const char *firewall_xml(struct arena *arena, const struct uuid *server, const struct security_rules *rules,
                         const struct firewall_sources *sources);
/* "zonegate-UUID", in the arena. */
const char *firewall_name(struct arena *arena, const struct uuid *server);

/* The server's filter on its host; `*out` is its name for the interfaces, NULL on a driver without filters, or for a server without
 * interfaces. Again changes nothing. */
MUST_CHECK enum err firewall_apply(struct db *db, struct arena *arena, struct hypervisors *all, const struct server *server,
                                   const char **out);
MUST_CHECK enum err firewall_remove(struct arena *arena, struct hypervisors *all, const struct server *server);

/* In a transaction: a task for the filters that a change of this group concerns; or of this server, whose own filter is meant. */
MUST_CHECK enum err firewall_touch(struct db *db, const struct uuid *subject, const char *request_id);
/* In a transaction, before or after the server's addresses or groups change: for the filters of others that accept what comes from
 * its groups. */
MUST_CHECK enum err firewall_touch_sources(struct db *db, const struct uuid *server, const char *request_id);

/* In the transaction in which a server with interfaces begins to exist: it joins its groups, the project's default one if none is
 * named, and server->security_groups says their names. */
MUST_CHECK enum err firewall_join(struct db *db, struct arena *arena, struct server *server);

extern const struct task_kind firewall_kind;
