/*
 * What a caller asks of providers: amounts, traits, aggregates, a tree. The shapes only, as the query string names them
 * (Placement 1.39, `resources`, `required`, `member_of`, `in_tree`); names, not ids. Everything is borrowed.
 *
 * Used by the list of providers (there: all on that provider alone) and by each group of allocation candidates (candidates.h says
 * what it means there). Not here: parsing, and which microversion allows what.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "compute/placement/placement.h"
#include "gateway/base/id.h"

/* `resources=VCPU:2,MEMORY_MB:512`. A class at most once, amounts >= 1. */
struct placement_resources {
    const struct resource_amount *items;
    size_t count;
};

/* One `required=in:A,B` (any of them), or one name of `required=A`. Never empty where it is required. */
struct placement_names {
    const char *const *items;
    size_t count;
};

/* All sets of `required` must be met (by any one name of each); none of `forbidden` may be there. */
struct placement_trait_filter {
    const struct placement_names *required;
    size_t required_count;
    struct placement_names forbidden;
};

struct placement_uuids {
    const struct uuid *items;
    size_t count;
};

/* `member_of=u` and `member_of=in:u,v` (any of them), repeated: all; `member_of=!u`, `!in:u,v`: none of them. An aggregate that
 * nobody is in is no error. */
struct placement_aggregate_filter {
    const struct placement_uuids *required;
    size_t required_count;
    struct placement_uuids forbidden;
};

/* An empty one is `{0}`: no condition. */
struct placement_query {
    struct placement_resources resources;
    struct placement_trait_filter traits;
    struct placement_aggregate_filter aggregates;
    const struct uuid *in_tree; /* any provider of the wanted tree; NULL: no condition. An unknown one matches nothing. */
};
