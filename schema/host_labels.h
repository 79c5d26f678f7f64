/* What of a host's row and aggregates is shown in Placement as traits and aggregates; what it means is
 * compute/build/host_labels.h's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "schema/db.h"

/* Locks the host's row until the transaction ends. E_NOT_FOUND. */
MUST_CHECK enum err host_lock(struct db *db, const struct uuid *uuid);

struct host_aggregate {
    struct uuid uuid;
    bool has_host;
};

struct host_aggregates {
    const struct host_aggregate *items;
    size_t count;
};

/* All host aggregates of the zone, and which of them the host is in. */
MUST_CHECK enum err host_aggregates_get(struct db *db, struct arena *arena, const char *host, struct host_aggregates *out);
