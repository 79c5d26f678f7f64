/*
 * What a project, and one of its users, uses in this zone and in all zones below it: what quotas are judged by (DESIGN section 7).
 *
 * Used are servers that are not deleted and places that are held for servers to come (instances, cores, memory), and server groups.
 * Zones are asked at once and answer for their subtrees; a zone that is reached by two ways is added once. A child that is silent
 * counts with what it said last, which outlives this process; one that never spoke of the project counts as nothing. Nothing is
 * asked upward, and nothing of plain Novas, which have quotas of their own.
 */
#pragma once

#include <jansson.h>

#include "gateway/http/core/core.h"
#include "schema/quota.h"
#include "zones/reason.h"

enum usage_of { USAGE_INSTANCES, USAGE_CORES, USAGE_RAM_MIB, USAGE_SERVER_GROUPS, USAGE_COUNT };

struct quota_usage {
    int64_t project[USAGE_COUNT];
    int64_t user[USAGE_COUNT];    /* 0 without a user */
    struct zones_missing missing; /* who was silent; in the request's arena */
};

/* `user_id` NULL: of no user. With zone.local=1 only of this zone. */
MUST_CHECK enum err quota_usage_get(struct request *request, const char *project_id, const char *user_id, struct quota_usage *out);
/* The same, zone by zone, as a parent gets it: [{"id": zone, "project": [instances, cores, ram_mib, server_groups], "user": […]}],
 * a new reference. */
MUST_CHECK enum err quota_usage_list(struct request *request, const char *project_id, const char *user_id, json_t **out,
                                     struct zones_missing *out_missing);
