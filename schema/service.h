/*
 * The nova-compute service of each host: what an admin says of it, and which servers it has.
 *
 * A service that is disabled or forced down gets no new servers: both are columns of the host's row, which the choice of hosts
 * reads (schema/host.h). Forgetting a service is forgetting its host (host_forget).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "schema/host.h"

/* What an update changes. */
struct service_change {
    bool sets_disabled;
    bool disabled;
    const char *disabled_reason; /* with sets_disabled: NULL clears */
    bool sets_forced_down;
    bool forced_down;
};

/* By the host's uuid. E_NOT_FOUND "Could not find binary nova-compute on host …." */
MUST_CHECK enum err service_update(struct db *db, const struct host *host, const struct service_change *change);

struct host_server {
    struct uuid uuid;
    const char *name; /* as the hypervisor calls it: Nova's instance name */
};

struct host_servers {
    const struct host_server *items;
    size_t count;
};

/* Live servers on the host, oldest first. */
MUST_CHECK enum err service_servers(struct db *db, struct arena *arena, const char *host, struct host_servers *out);
