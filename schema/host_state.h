/*
 * What the scheduler wants to know of many hosts at once: a handful of statements, whatever the number of hosts.
 *
 * Counted are live servers only. Not here: room (Placement's), aggregates (aggregate.h), and what follows from any of it.
 */
#pragma once

#include "schema/host.h"

/* The hosts with these uuids, by uuid; `uuids` NULL: all. `inventory` is NULL unless it is wanted: it is long. */
MUST_CHECK enum err host_states_get(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count, bool with_inventory,
                                    struct hosts *out);

struct host_number {
    const char *host;
    int64_t number;
};

struct host_numbers {
    const struct host_number *items; /* by host, byte by byte */
    size_t count;
};

/* Hosts that have any: servers that are being built, moved or copied there. */
MUST_CHECK enum err host_states_io_ops(struct db *db, struct arena *arena, struct host_numbers *out);
/* Hosts that have any: live servers. */
MUST_CHECK enum err host_states_servers(struct db *db, struct arena *arena, struct host_numbers *out);
/* Hosts whose last builds failed: how many since the last one that did not, among the zone's latest builds of the last hour. */
MUST_CHECK enum err host_states_failures(struct db *db, struct arena *arena, struct host_numbers *out);

struct server_place {
    struct uuid server;
    const char *host;
};

struct server_places {
    const struct server_place *items;
    size_t count;
};

/* Those of the named servers that are on a host of this zone. */
MUST_CHECK enum err server_places_get(struct db *db, struct arena *arena, const struct uuid *servers, size_t count,
                                      struct server_places *out);
/* Servers of the project that were created into the group, and places that are held for such, wherever the group lives. `host`
 * NULL: on any host of this zone. */
MUST_CHECK enum err server_places_of_group(struct db *db, struct arena *arena, const struct uuid *group, const char *project_id,
                                           const char *host, struct server_places *out);
/* Until the transaction ends no other one places a server of the group here. Groups of other zones, which have no row, share one
 * lock. */
MUST_CHECK enum err server_places_lock(struct db *db, const struct uuid *group);
