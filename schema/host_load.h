/* What the live servers of a host were promised by their flavors, by project. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

struct host_load {
    const char *project_id;
    int64_t vcpus;
    int64_t ram_mib;
    int64_t disk_gib; /* root and ephemeral */
};

struct host_loads {
    const struct host_load *items; /* by project */
    size_t count;
};

MUST_CHECK enum err host_load_by_project(struct db *db, struct arena *arena, const char *host, struct host_loads *out);
