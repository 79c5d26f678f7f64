/*
 * The server group of a create: what travels of it, and its members at the zone that keeps it (DESIGN section 3: "group").
 *
 * The owner of a new server makes it a member when the group is the owner's own (compute/scheduler/claim.h). When owner and group
 * are of different zones, the zone that keeps the group is told by select_group_join.
 */
#pragma once

#include "compute/scheduler/sizing.h"
#include "gateway/http/core/core.h"

/* Policy, rule and live members of a group of the caller's project. E_NOT_FOUND: there is none, or it is another project's. */
MUST_CHECK enum err select_group_get(struct request *request, const struct uuid *uuid, struct sizing_group *out);
/* A server that another zone owns is a member of this zone's group. Without a group, or when it is another zone's, nothing happens;
 * a failure is logged: the server exists. */
void select_group_join(struct request *request, const struct sizing *sizing, const struct uuid *server);
