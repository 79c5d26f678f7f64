/*
 * Everything that filters and weighers look at, read from this zone's database: Placement's candidates, the hosts behind them,
 * their aggregates and loads, and where the servers of hints and group are. A fixed number of statements.
 */
#pragma once

#include "compute/scheduler/scheduler.h"
#include "schema/db.h"

struct gather_order {
    const struct sizing *sizing;
    const char *project_id;
    const struct scheduler_settings *settings;
    const char *default_zone; /* availability zone of hosts without one */
    size_t candidates_most;   /* [scheduler] max_placement_results; not heeded with a group or same_host, different_host */
    bool all_hosts;           /* also those that Placement refuses, with the reason */
};

struct gathered {
    struct host_states hosts;
    struct schedule_spec spec; /* borrows from the order */
};

/* A class or trait that this zone does not know is no error: no host has it. E_INVALID: the extra specs are no request at all. */
MUST_CHECK enum err scheduler_gather(struct db *db, struct arena *arena, const struct gather_order *order, struct gathered *out);
/* The address in a libvirt URI; "127.0.0.1" for this machine. In the arena. */
const char *host_address(struct arena *arena, const char *uri);
