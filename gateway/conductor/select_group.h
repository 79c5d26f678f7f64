/*
 * The server group of a create: what travels of it, and its members at the zone that keeps it (DESIGN section 3: "group").
 *
 * A group lives in the zone that made it, wherever the create came in and wherever the server goes. That zone is the arbiter: the
 * zone that places a server claims it there before it orders it, confirms it when it exists, and releases it when it was not made
 * (POST /os-zones/groups/{id}). For a group of one zone without children none of that is needed: the owner of a new server makes it
 * a member, in the transaction in which it begins to exist (compute/scheduler/claim.h). A member that is deleted at its owner stays
 * one until somebody needs the truth (select_group_prune).
 *
 * Servers that must be together (policy affinity) and may go to several zones are created one request after the other: the first
 * decides, and the next ones know it. Who has the turn claims a uuid of its own in the group; as long as that stands others wait.
 */
#pragma once

#include "compute/scheduler/sizing.h"
#include "gateway/http/core/core.h"

/* Policy, rule and live members of a group of the caller's project, which any zone may keep. E_NOT_FOUND: there is none, or it is
 * another project's. E_UNAVAILABLE: its zone does not say. */
MUST_CHECK enum err select_group_get(struct request *request, const struct uuid *uuid, struct sizing_group *out);
/* The same of a group of this zone, without members that other zones had and have no more. A member of a zone that does not answer
 * stays one. */
MUST_CHECK enum err select_group_prune(struct request *request, const struct uuid *uuid, struct sizing_group *out);

/* Before `servers` are ordered: they are members of their group. E_CONFLICT: others came since its members were read, and choices
 * are to be made anew (select_group_refresh). E_FORBIDDEN: too many members. E_UNAVAILABLE: its zone does not answer. */
MUST_CHECK enum err select_group_claim(struct request *request, const struct sizing *sizing, const struct uuid *servers,
                                       size_t count);
/* Its members as they are now. */
MUST_CHECK enum err select_group_refresh(struct request *request, struct sizing *sizing);
/* They exist, in another zone if the group is this one's. A failure is logged: the claim becomes a member all the same when
 * somebody looks. Without a group nothing happens, here and below. */
void select_group_confirm(struct request *request, const struct sizing *sizing, const struct uuid *servers, size_t count);
/* They were not made. A failure is logged: claims end by themselves. */
void select_group_release(struct request *request, const struct sizing *sizing, const struct uuid *servers, size_t count);

/* Waits for the turn of a create whose servers must be with those of others in one of several zones, and reads the members again
 * into `sizing`, whose group is the request's own then. `*waited` false: there is no such need. E_UNAVAILABLE: no turn within the
 * request's time, or the group's zone does not answer. */
MUST_CHECK enum err select_group_enter(struct request *request, struct sizing *sizing, bool *waited);
void select_group_leave(struct request *request, const struct sizing *sizing);

/* A server that another zone owns is deleted, by what that zone answered. */
void select_group_forget(struct request *request, const struct uuid *server);
