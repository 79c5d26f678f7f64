/* The networks of POST /servers (nova-api.md sections 5.2 and 8): from what was asked to what the owner gives. */
#pragma once

#include <jansson.h>

#include "compute/scheduler/sizing.h"
#include "gateway/http/core/core.h"

/* Checks `networks` of the request's server object, puts the wish into `embedded` ("networks", compute/build/nics.h) and what hosts
 * must have into the sizing; neither when there is no interface to be had. Networks of zones below count. E_INVALID with Nova's
 * words; E_CONFLICT: several networks and none named; E_UNAVAILABLE: a zone that may have the network is silent. */
MUST_CHECK enum err server_networks_plan(struct request *request, const json_t *server, int64_t max_count, json_t *embedded,
                                         struct sizing *out);
