/*
 * Flavors of this zone: rows, their extra specs, and which projects may see the private ones.
 *
 * Names and flavor ids are unique and compared byte by byte. Not here: flavors of other zones (gateway/api/flavor_catalog.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "schema/db.h"

struct flavor {
    int64_t id; /* of the row */
    const char *flavorid;
    const char *name;
    int64_t ram_mib;
    int64_t vcpus;
    int64_t disk_gib;
    int64_t ephemeral_gib;
    int64_t swap_mib;
    double rxtx_factor;
    bool is_public;
    bool disabled;
    const char *description; /* NULL */
    const char *extra_specs; /* compact JSON object of strings, never NULL */
    int64_t created_us;
    int64_t updated_us; /* 0 = never */
};

struct flavors {
    const struct flavor *items;
    size_t count;
};

/* Adds the row (id, extra_specs and times are not read). E_CONFLICT "Flavor with name … already exists." or "… with ID …". */
MUST_CHECK enum err flavor_add(struct db *db, const struct flavor *flavor);

/* `project_id` NULL sees all; else public flavors and those the project has access to. E_NOT_FOUND "Flavor … could not be found."
 * Server creation turns that into 400, and refuses disabled ones (nova-api.md section 8). */
MUST_CHECK enum err flavor_get(struct db *db, struct arena *arena, const char *flavorid, const char *project_id,
                               struct flavor *out);

/* Access and extra specs go with it. E_NOT_FOUND. */
MUST_CHECK enum err flavor_delete(struct db *db, const char *flavorid);
/* NULL clears. E_NOT_FOUND. */
MUST_CHECK enum err flavor_set_description(struct db *db, const char *flavorid, const char *description);

enum flavor_publicity { FLAVORS_PUBLIC, FLAVORS_PRIVATE, FLAVORS_ALL };

struct flavor_query {
    enum flavor_publicity publicity;
    const char *project_id; /* FLAVORS_PUBLIC: private ones that this project may see are included; NULL = none */
    bool disabled_too;
    int64_t least_ram_mib;
    int64_t least_disk_gib;
    const char *sort_key; /* one of Nova's (flavor_sort_key_is_known); NULL = flavorid */
    bool descending;
    const char *marker; /* flavorid of the last one seen; NULL = from the start */
    size_t limit;
};

bool flavor_sort_key_is_known(const char *key);
/* Sorted by the key, then by age. E_INVALID "marker [x] not found". */
MUST_CHECK enum err flavor_list(struct db *db, struct arena *arena, const struct flavor_query *query, struct flavors *out);

/* Merges `specs` (an object of strings) into the flavor's, or takes away the key `removed`; either may be NULL. E_NOT_FOUND for the
 * flavor, or "Flavor F has no extra specs with key K.". */
MUST_CHECK enum err flavor_change_extra_specs(struct db *db, struct arena *arena, const char *flavorid, const json_t *specs,
                                              const char *removed);

/* Projects that may see a private flavor, sorted. */
struct flavor_projects {
    const char *const *ids;
    size_t count;
};

MUST_CHECK enum err flavor_access_list(struct db *db, struct arena *arena, const struct flavor *flavor,
                                       struct flavor_projects *out);
/* E_CONFLICT when it has access already. */
MUST_CHECK enum err flavor_access_add(struct db *db, const struct flavor *flavor, const char *project_id);
/* E_NOT_FOUND when it has none. */
MUST_CHECK enum err flavor_access_remove(struct db *db, const struct flavor *flavor, const char *project_id);

/* As it travels in a request spec: {"id", "name", "vcpus", "ram", "disk", "ephemeral", "swap", "extra_specs"}. A new reference. */
json_t *flavor_embed(const struct flavor *flavor);
