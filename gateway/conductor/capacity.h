/*
 * What a zone says of its room in a few numbers (spec link.md section 6, "capacity"): per availability zone the sums of what is
 * free and, for each of them, the most that one host has. By it children are left out that cannot take a server, and it says how
 * many more fit at most; and which traits there are at all. As old as the last poll: who was left out is asked after all when
 * nobody else has a place.
 */
#pragma once

#include "compute/placement/query.h"
#include "compute/scheduler/sizing.h"
#include "zones/registry.h"

struct capacity_need {
    int64_t vcpus;
    int64_t ram_mib;
    int64_t disk_gib;
    const char *availability_zone;        /* NULL: any */
    const struct placement_names *traits; /* sets, of each of which one name at least must be there */
    size_t trait_count;
};

/* What a server takes of them, extra specs included. E_INVALID. */
MUST_CHECK enum err capacity_need_of(struct arena *arena, const struct sizing *sizing, struct capacity_need *out);
/* Adds a host to {zone: {"vcpus", "ram_mib", "disk_gib", "hosts", "largest": {…}}}. */
void capacity_add_host(json_t *zones, const char *availability_zone, int64_t vcpus, int64_t ram_mib, int64_t disk_gib);
/* Adds one such object to another. */
void capacity_add_all(json_t *zones, const json_t *more);
/* At most so many more fit; never fewer than really do, as of the summary. INT64_MAX: it takes nothing. */
int64_t capacity_count(const json_t *zones, const struct capacity_need *need);
/* The availability zones of a child and all below it, as it said last: a new reference; NULL: not known. */
json_t *capacity_of_child(const struct zone *child);
/* Adds the names of a list to an object whose members are names. */
void capacity_add_traits(json_t *set, const json_t *names);
/* The traits that any host of a child, or of a zone below it, has: a new reference; NULL: not known. */
json_t *capacity_traits_of_child(const struct zone *child);
/* The child says that it has no host for the server: no room, or a trait that nobody has. */
bool capacity_is_short(const struct zone *child, const struct capacity_need *need);
/* Servers of a child and all below it; false: not known. */
bool capacity_servers_of_child(const struct zone *child, int64_t *out);
