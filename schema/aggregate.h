/*
 * Host aggregates of this zone: a name, hosts, metadata; the metadata item `availability_zone` gives its hosts their zone.
 *
 * Guaranteed by one transaction per change: a host is in one availability zone only, a zone is not changed under servers, and the
 * servers of a host show the host's zone. Not here: what metadata mean to the scheduler.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "schema/db.h"

struct aggregate_item {
    const char *name;
    const char *value;
};

struct aggregate {
    int64_t id; /* 31 bits, derived from the uuid */
    struct uuid uuid;
    const char *name;
    const char *availability_zone; /* NULL */
    const char *const *hosts;      /* in the order in which they were added */
    size_t host_count;
    const struct aggregate_item *metadata; /* by name; availability_zone too */
    size_t metadata_count;
    int64_t created_us;
    int64_t updated_us; /* 0 = never */
};

struct aggregates {
    const struct aggregate *items;
    size_t count;
};

/* What may change at once. */
struct aggregate_change {
    const char *name;         /* NULL: stays */
    const json_t *metadata;   /* to be merged: texts, null takes the item away; NULL: stays */
    const char *verb;         /* in refusals: "update aggregate", "update metadata of aggregate" */
    const char *default_zone; /* of hosts in no availability zone */
};

/* By age. */
MUST_CHECK enum err aggregate_list(struct db *db, struct arena *arena, struct aggregates *out);
/* E_NOT_FOUND "Aggregate … could not be found.". */
MUST_CHECK enum err aggregate_get(struct db *db, struct arena *arena, int64_t id, struct aggregate *out);
/* `zone` NULL: none. E_CONFLICT "Aggregate … already exists.". */
MUST_CHECK enum err aggregate_add(struct db *db, const char *name, const char *zone, int64_t *out_id);
/* E_NOT_FOUND; E_CONFLICT for the name; E_INVALID "Cannot VERB ID. Reason: …" for a zone that is empty, conflicts, or has servers.
 */
MUST_CHECK enum err aggregate_update(struct db *db, int64_t id, const struct aggregate_change *change);
/* E_NOT_FOUND; E_INVALID while it has hosts. */
MUST_CHECK enum err aggregate_delete(struct db *db, int64_t id);
/* E_NOT_FOUND for the host or the aggregate; E_CONFLICT: it is there already, or in another availability zone. */
MUST_CHECK enum err aggregate_add_host(struct db *db, int64_t id, const char *host, const char *default_zone);
/* E_NOT_FOUND "Cannot remove host … in aggregate …". */
MUST_CHECK enum err aggregate_remove_host(struct db *db, int64_t id, const char *host, const char *default_zone);
