/* How long servers of this zone ran, deleted ones too: what os-simple-tenant-usage adds up. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

struct usage_row {
    struct uuid uuid;
    const char *project_id;
    const char *name;
    const char *vm_state;
    const char *flavor; /* its name */
    int64_t vcpus;
    int64_t ram_mib;
    int64_t disk_gib; /* root and ephemeral */
    int64_t launched_us;
    int64_t terminated_us; /* 0: it lives */
};

struct usage_rows {
    const struct usage_row *items;
    size_t count;
};

/* Servers that were launched before `stop_us` and had not ended by `start_us`; `project_id` NULL: of all projects. */
MUST_CHECK enum err usage_list(struct db *db, struct arena *arena, const char *project_id, int64_t start_us, int64_t stop_us,
                               struct usage_rows *out);
