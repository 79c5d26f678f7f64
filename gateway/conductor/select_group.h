/*
 * The server group of a create: what travels of it, and its members at the zone that keeps it (DESIGN section 3: "group").
 *
 * The owner of a new server makes it a member when the group is the owner's own (compute/scheduler/claim.h). When owner and group
 * are of different zones, the zone that keeps the group is told by select_group_join, if the create came through it. It is not told
 * when such a server is deleted at its owner: who needs the truth asks (select_group_prune).
 *
 * Servers that must be together (policy affinity) and may go to several zones are created one request after the other: the first
 * decides, and the next ones know it.
 */
#pragma once

#include "compute/scheduler/sizing.h"
#include "gateway/http/core/core.h"

/* Policy, rule and live members of a group of the caller's project. E_NOT_FOUND: there is none, or it is another project's. */
MUST_CHECK enum err select_group_get(struct request *request, const struct uuid *uuid, struct sizing_group *out);
/* The same, without members that other zones had and have no more. A member of a zone that does not answer stays one. */
MUST_CHECK enum err select_group_prune(struct request *request, const struct uuid *uuid, struct sizing_group *out);

/* Waits for the turn of a create whose servers must be with those of others in one of several zones, and reads the members again
 * into `sizing`. `*waited` false: there is no such need. E_UNAVAILABLE: no turn within the request's time. */
MUST_CHECK enum err select_group_enter(struct request *request, struct sizing *sizing, bool *waited);
void select_group_leave(struct request *request, const struct sizing *sizing);

/* A server that another zone owns is a member of this zone's group. Without a group, or when it is another zone's, nothing happens;
 * a failure is logged: the server exists. */
void select_group_join(struct request *request, const struct sizing *sizing, const struct uuid *server);
/* A server that another zone owns is deleted, by what that zone answered. */
void select_group_forget(struct request *request, const struct uuid *server);
