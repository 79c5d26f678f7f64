/* Claims by sizing, and the late check; see claim.h. */
#include "compute/scheduler/claim.h"

#include <string.h>

#include "compute/placement/allocation.h"
#include "compute/placement/candidates.h"
#include "compute/scheduler/resources.h"
#include "schema/host_state.h"
#include "schema/server_group.h"

#define MEMBERS_UNLIMITED (-1) /* the quota was checked where the request came in */

/* The candidate's amounts, those of one provider together. */
static enum err claim_candidate(struct db *db, struct arena *arena, const struct candidate *candidate,
                                const struct claim_order *order)
{
    struct placement_share *shares = arena_alloc(arena, (candidate->allocation_count + 1) * sizeof(*shares));
    struct resource_amount *amounts = arena_alloc(arena, (candidate->allocation_count + 1) * sizeof(*amounts));
    size_t count = 0;
    for (size_t i = 0; i < candidate->allocation_count; i++) {
        const struct candidate_allocation *part = &candidate->allocations[i];
        amounts[i] = (struct resource_amount){part->resource_class, part->amount};
        if (count && uuid_equal(&shares[count - 1].provider, part->provider))
            shares[count - 1].count++;
        else
            shares[count++] = (struct placement_share){*part->provider, &amounts[i], 1};
    }
    const struct placement_claim_of claim = {.consumer = *order->server,
                                             .project_id = order->project_id,
                                             .user_id = order->user_id,
                                             .type = "INSTANCE",
                                             .shares = shares,
                                             .count = count};
    return placement_allocations_replace(db, &claim, 1);
}

static enum err claim_wide(struct db *db, struct arena *arena, const struct sizing *sizing, const struct claim_order *order)
{
    struct candidates_request request;
    struct candidates found;
    TRY(spec_request(arena, sizing, &request));
    struct candidates_group *groups = arena_alloc(arena, (request.group_count + 1) * sizeof(*groups));
    size_t count = 0;
    for (size_t i = 0; i < request.group_count; i++) {
        groups[count] = request.groups[i];
        groups[count].query.in_tree = order->provider;
        count += groups[count].query.resources.count || groups[count].query.traits.required_count;
    }
    request.groups = groups;
    request.group_count = count;
    request.limit = 1;
    request.nested_aware = true;
    TRY(candidates_find(db, arena, &request, &found));
    if (found.count == 0)
        return fail(E_CONFLICT, "Host %s has no room for what the flavor asks for.", order->host);
    return claim_candidate(db, arena, &found.items[0], order);
}

enum err scheduler_claim(struct db *db, const struct sizing *sizing, const struct claim_order *order)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct resource_amounts amounts;
    if (spec_is_wide(sizing))
        return claim_wide(db, &arena, sizing, order);
    TRY(spec_amounts(&arena, sizing, &amounts));
    return placement_claim(db, order->provider, order->server, order->project_id, order->user_id, amounts.items, amounts.count);
}

bool scheduler_is_plain(const struct sizing *sizing)
{
    return !sizing->group && !spec_is_wide(sizing);
}

static enum err plain_claim(struct arena *arena, const struct sizing *sizing, const struct claim_order *order,
                            struct placement_claim_of *out)
{
    struct resource_amounts amounts;
    TRY(spec_amounts(arena, sizing, &amounts));
    const struct placement_share share = {*order->provider, amounts.items, amounts.count};
    *out = (struct placement_claim_of){.consumer = *order->server,
                                       .project_id = order->project_id,
                                       .user_id = order->user_id,
                                       .type = "INSTANCE",
                                       .shares = arena_copy(arena, &share, sizeof(share)),
                                       .count = 1};
    return OK;
}

enum err scheduler_claim_all(struct db *db, const struct sizing *sizings, const struct claim_order *orders, size_t count)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct placement_claim_of *claims = arena_alloc(&arena, (count + 1) * sizeof(*claims));
    for (size_t i = 0; i < count; i++)
        TRY(plain_claim(&arena, &sizings[i], &orders[i], &claims[i]));
    return placement_allocations_replace(db, claims, count);
}

static int64_t count_others(const struct server_places *places, const struct claim_order *order, const char *host, bool on_host)
{
    int64_t count = 0;
    for (size_t i = 0; i < places->count; i++) {
        const bool here = strcmp(places->items[i].host, host) == 0;
        count += !uuid_equal(&places->items[i].server, order->server) && here == on_host;
    }
    return count;
}

static enum err host_name(struct db *db, struct arena *arena, const struct claim_order *order, const char **out)
{
    struct host host;
    *out = order->host;
    if (*out)
        return OK;
    TRY(host_get_by_uuid(db, arena, order->provider, &host));
    *out = host.name;
    return OK;
}

enum err scheduler_late_check(struct db *db, const struct sizing *sizing, const struct claim_order *order)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const bool together = sizing_has_policy(sizing, "affinity");
    const bool apart = sizing_has_policy(sizing, "anti-affinity");
    const char *host = NULL;
    struct server_places places;
    if (sizing->host || (!together && !apart)) /* forced, or soft */
        return OK;
    TRY(host_name(db, &arena, order, &host));
    TRY(server_places_lock(db, &sizing->group->uuid));
    TRY(server_places_of_group(db, &arena, &sizing->group->uuid, order->project_id, apart ? host : NULL, &places));
    const int64_t here = count_others(&places, order, host, true);
    const int64_t most = sizing->group->max_server_per_host ? sizing->group->max_server_per_host : 1;
    if (apart && here >= most)
        return fail(E_CONFLICT, "Anti-affinity instance group policy was violated.");
    if (together && here == 0 && count_others(&places, order, host, false) > 0)
        return fail(E_CONFLICT, "Affinity instance group policy was violated.");
    return OK;
}

enum err scheduler_join(struct db *db, const struct sizing *sizing, const struct uuid *server, const char *user_id)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct server_group group;
    if (!sizing->group)
        return OK;
    const enum err result = server_group_get(db, &arena, &sizing->group->uuid, &group);
    if (result == E_NOT_FOUND)
        return OK;
    TRY(result);
    return server_group_join(db, group.id, server, user_id, MEMBERS_UNLIMITED);
}
