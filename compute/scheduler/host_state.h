/* A host as the scheduler sees it, and the choice that is to be made. Filled by gather.h, or by a test; read by filters, weighers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "compute/scheduler/sizing.h"
#include "schema/aggregate.h"

struct host_room {
    int64_t vcpus;
    int64_t ram_mib;
    int64_t disk_gib;
};

struct host_state {
    struct uuid uuid;
    const char *name;
    const char *availability_zone; /* never NULL: the zone's default where it has none of its own */
    bool up;
    bool disabled;
    const char *disabled_reason;               /* NULL */
    const struct aggregate *const *aggregates; /* that it is in */
    size_t aggregate_count;
    struct host_room total; /* with allocation ratios, less what is reserved */
    struct host_room free;  /* before the claim; may be negative */
    const char *no_room;    /* why Placement has no candidate on it, in words; NULL: it has one */
    const char *no_network; /* why a server cannot have its interfaces there, in words; NULL: it can */
    int64_t servers;        /* -1: not counted, no filter wanted it */
    int64_t io_ops;         /* builds and moves in flight */
    int64_t failed_builds;  /* in a row and recent */
    const char *ip;
    const json_t *capabilities; /* what it reported (compute/build/host_watch), as an object; NULL: nothing, or not wanted */
    const char *const *traits;  /* of its provider */
    size_t trait_count;
    const struct uuid *placed; /* of the servers that the hints and the group name, those that are on it */
    size_t placed_count;
    int64_t group_servers; /* live members of the request's group on it */
};

struct host_states {
    struct host_state *items;
    size_t count;
};

/* One choice: the same for all hosts. */
struct schedule_spec {
    const struct sizing *sizing;
    const char *project_id;
    const json_t *query;  /* the JsonFilter hint, parsed; NULL: none */
    int64_t group_hosts;  /* hosts of this zone that have members of the group */
    bool group_elsewhere; /* the group has members, and other zones own them */
};
