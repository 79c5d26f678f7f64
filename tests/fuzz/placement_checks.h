/*
 * What the domain of Placement may rely on, as its headers say: asked of every call that a fuzzed request leads to. A contradiction
 * ends the program.
 */
#pragma once

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compute/placement/allocation.h"
#include "compute/placement/candidates.h"
#include "compute/placement/inventory.h"
#include "gateway/api/placement/inside.h"

#define INT32_MOST INT64_C(2147483647)

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void must_name(const char *name)
{
    must(name && *name && strlen(name) <= 16 * 1024 * 1024);
}

/* A provider's: up to 200 characters, an empty one too. */
static void must_provider_name(const char *name)
{
    must(name && strlen(name) <= 800);
}

static void must_names(const char *const *names, size_t count)
{
    must(count <= PLACEMENT_LIST_MOST);
    for (size_t i = 0; i < count; i++)
        must_name(names[i]);
}

static void must_amounts(const struct resource_amount *amounts, size_t count)
{
    must(count <= PLACEMENT_LIST_MOST);
    for (size_t i = 0; i < count; i++) {
        must(amounts[i].resource_class != NULL); /* "resources=:1" names a class that nobody knows */
        must(amounts[i].amount >= 1);
        for (size_t j = 0; j < i && count < 64; j++)
            must(strcmp(amounts[i].resource_class, amounts[j].resource_class) != 0);
    }
}

static void must_query(const struct placement_query *query)
{
    must_amounts(query->resources.items, query->resources.count);
    for (size_t i = 0; i < query->traits.required_count; i++) {
        must(query->traits.required[i].count > 0);
        must_names(query->traits.required[i].items, query->traits.required[i].count);
    }
    must_names(query->traits.forbidden.items, query->traits.forbidden.count);
    for (size_t i = 0; i < query->aggregates.required_count; i++)
        must(query->aggregates.required[i].count > 0 && query->aggregates.required[i].count <= PLACEMENT_LIST_MOST);
    must(query->aggregates.forbidden.count <= PLACEMENT_LIST_MOST);
}

static void must_inventory(const struct placement_inventory *inventory)
{
    must_name(inventory->resource_class);
    must(inventory->total >= 1 && inventory->total <= INT32_MOST && inventory->reserved >= 0 && inventory->reserved <= INT32_MOST);
    must(inventory->min_unit >= 1 && inventory->min_unit <= INT32_MOST && inventory->max_unit >= 1 &&
         inventory->max_unit <= INT32_MOST);
    must(inventory->step_size >= 1 && inventory->step_size <= INT32_MOST && isfinite(inventory->allocation_ratio));
}

static void must_inventories(const struct placement_inventory *inventories, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        must_inventory(&inventories[i]);
        for (size_t j = 0; j < i && count < 64; j++)
            must(strcmp(inventories[i].resource_class, inventories[j].resource_class) != 0);
    }
}

static void must_claim(const struct placement_claim_of *claim)
{
    must(claim->count <= PLACEMENT_LIST_MOST);
    must((!claim->project_id || *claim->project_id) && (!claim->user_id || *claim->user_id) && (!claim->type || *claim->type));
    for (size_t i = 0; i < claim->count; i++) {
        must_amounts(claim->shares[i].resources, claim->shares[i].count);
        for (size_t j = 0; j < i && claim->count < 64; j++)
            must(!uuid_equal(&claim->shares[i].provider, &claim->shares[j].provider));
    }
}

static void must_claims(const struct placement_claim_of *claims, size_t count)
{
    must(count <= PLACEMENT_LIST_MOST);
    for (size_t i = 0; i < count; i++) {
        must_claim(&claims[i]);
        for (size_t j = 0; j < i && count < 64; j++)
            must(!uuid_equal(&claims[i].consumer, &claims[j].consumer));
    }
}

static void must_groups(const struct candidates_request *request)
{
    must(request->group_count >= 1);
    for (size_t i = 0; i < request->group_count; i++) {
        must_query(&request->groups[i].query);
        must(strlen(request->groups[i].suffix) <= 64 || /* before 1.33 a number, however long, as in Placement */
             strspn(request->groups[i].suffix, "0123456789") == strlen(request->groups[i].suffix));
        must(*request->groups[i].suffix || request->groups[i].query.resources.count);
        for (size_t j = 0; j < i && request->group_count < 64; j++)
            must(strcmp(request->groups[i].suffix, request->groups[j].suffix) != 0);
    }
}

static void must_subtrees(const struct candidates_request *request)
{
    for (size_t i = 0; i < request->same_subtree_count; i++) {
        for (size_t j = 0; j < request->same_subtrees[i].count; j++) {
            const char *suffix = request->same_subtrees[i].suffixes[j];
            size_t at = 0;
            while (at < request->group_count && strcmp(request->groups[at].suffix, suffix) != 0)
                at++;
            must(*suffix && at < request->group_count);
        }
    }
}
