/*
 * zone.in: which part of the tree a list is of (DESIGN section 6). Nothing: this zone and all below it. "/": the whole tree, as far
 * as the links let reads up. "east/east-1": that zone below and what is below it.
 */
#pragma once

#include "gateway/http/core/core.h"
#include "zones/registry.h"

struct zone_in {
    bool whole_tree;
    const struct zone *child; /* the first zone of the path; NULL: no path */
    const char *rest;         /* of the path below that child; "" = the child itself */
};

/* E_NOT_FOUND: no child of that name. */
MUST_CHECK enum err zone_in_read(const struct request *request, const struct zones_view *view, struct zone_in *out);
