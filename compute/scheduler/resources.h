/*
 * What a server takes from Placement, by its flavor: the sizes, and extra specs `resources[SUFFIX]:CLASS=N`,
 * `trait[SUFFIX]:NAME=required|forbidden`, `group_policy=none|isolate` (Nova, flavor extra specs; Placement 1.33, group suffixes);
 * traits of the image count for the group without suffix.
 *
 * `resources:VCPU`, `MEMORY_MB` and `DISK_GB` stand for the flavor's own numbers; 0 leaves the class out.
 */
#pragma once

#include "compute/placement/placement.h"
#include "compute/scheduler/sizing.h"

struct candidates_request;

struct resource_amounts {
    const struct resource_amount *items;
    size_t count;
};

/* The claim of a server of this sizing by class, all groups together; amounts ≥ 1. E_INVALID names the bad extra spec. */
MUST_CHECK enum err spec_amounts(struct arena *arena, const struct sizing *sizing, struct resource_amounts *out);
/* The same as a search: groups and policy; the rest of `out` is zero. E_INVALID; also for several groups without group_policy. */
MUST_CHECK enum err spec_request(struct arena *arena, const struct sizing *sizing, struct candidates_request *out);
/* The claim may touch more than the host's own provider: the extra specs ask for resources or groups. */
bool spec_is_wide(const struct sizing *sizing);
