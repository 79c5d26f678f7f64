/* The scheduler hints of POST /servers (Nova: os:scheduler_hints), and what else of a create the choice of a host goes by. */
#pragma once

#include "compute/scheduler/sizing.h"
#include "gateway/http/core/core.h"

/*
 * Checks the hints in Nova's way and puts them into the sizing: group (its policy and members are read where it lives), same_host,
 * different_host, query, build_near_host_ip, cidr. Others are tolerated. E_INVALID with Nova's words; E_FORBIDDEN: the group is
 * full.
 */
MUST_CHECK enum err server_hints_read(struct request *request, const json_t *server, struct sizing *out);
/* Extra specs and image properties of what was embedded, checked for what they ask of Placement. E_INVALID. */
MUST_CHECK enum err server_hints_embed(struct request *request, const json_t *embedded, struct sizing *out);
