/*
 * Allocation candidates: all ways (or some, up to a limit) to take what was asked for from trees of providers and from what they
 * share (Placement 1.10 - 1.39, GET /allocation_candidates; spec placement.md section 6).
 *
 * - A group with suffix "" takes each class from any one provider of a tree, or from a sharing provider (trait
 *   MISC_SHARES_VIA_AGGREGATE) that has an aggregate in common with some provider of the tree. Its traits are met by the providers
 *   that give something, together; none of them has a forbidden one. An aggregate on the root counts for the whole tree.
 * - A group with a suffix takes everything from one provider, which has all traits and is itself in the aggregates. Without
 *   resources it names a provider in the mappings and for same_subtree, and takes nothing.
 * - All providers of a candidate belong to one anchor (the root of a tree): they are in its tree, or share with it.
 *
 * Where Placement 8.0 differs from its own documentation, this is the documentation: a group without resources may have nothing but
 * forbidden traits, and its in_tree counts; amounts are not added twice under group policy isolate; a sharing provider that gives
 * all of the group "" does so for each of its anchors, not for an arbitrary one.
 *
 * Candidates are generated lazily and stop at `limit`; trees take turns, so that one with many combinations starves no other.
 * Rooms are hints: only a claim decides. No JSON, no HTTP, no microversions: what a version changes is a field of the request.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compute/placement/query.h"

struct candidates_group {
    const char *suffix; /* "" at most once; each at most once */
    struct placement_query query;
};

/* One `same_subtree=_A,_B`: one of the groups' providers is an ancestor of (or the same as) all the others. */
struct candidates_subtree {
    const char *const *suffixes; /* each names a group with a suffix */
    size_t count;
};

enum group_policy {
    GROUP_POLICY_NONE,    /* suffixed groups may share a provider */
    GROUP_POLICY_ISOLATE, /* each suffixed group has a provider of its own */
};

/* Everything is borrowed until the call returns; names in the result may point into it, so it lives as long as the result. */
struct candidates_request {
    const struct candidates_group *groups;
    size_t group_count;
    enum group_policy group_policy;
    struct placement_trait_filter root_required; /* of the anchor; its required sets have one name each */
    const struct candidates_subtree *same_subtrees;
    size_t same_subtree_count;
    size_t limit;      /* 0: all there are (up to CANDIDATES_MOST) */
    bool nested_aware; /* >= 1.29. Without it no candidate takes from two providers of one tree, and summaries are only of providers
                          that give something */
    bool all_classes;  /* >= 1.27: summaries of all classes, not only of those asked for */
    bool want_traits;  /* >= 1.17: summaries have traits; else theirs are empty */
    bool randomize;    /* [placement] randomize_allocation_candidates: which candidates, and their order */
};

/* No more than this, limit or not: more would be a denial of service, not an answer. `truncated` says that it happened. */
#define CANDIDATES_MOST 100000

struct candidate_allocation {
    const struct uuid *provider;
    const char *resource_class;
    int64_t amount;
};

struct candidate_mapping {
    const char *suffix;
    const struct uuid *const *providers; /* one for a suffixed group; distinct */
    size_t provider_count;
};

struct candidate {
    const struct candidate_allocation *allocations; /* by provider (those of one stand together), each class once per provider */
    size_t allocation_count;
    const struct candidate_mapping *mappings; /* one per group, in the request's order */
    size_t mapping_count;
};

struct candidate_resource {
    const char *resource_class;
    int64_t capacity; /* (total - reserved) * ratio, truncated */
    int64_t used;
};

struct candidate_summary {
    const struct uuid *uuid;
    const struct uuid *parent; /* NULL: a root */
    const struct uuid *root;
    const struct candidate_resource *resources;
    size_t resource_count;
    const char *const *traits;
    size_t trait_count;
};

struct candidates {
    const struct candidate *items;
    size_t count;
    const struct candidate_summary *summaries; /* each provider once */
    size_t summary_count;
    bool truncated; /* more may exist than was searched, for another reason than `limit`: a request that combines too widely */
};

/*
 * All of the result is in `arena`. No candidate is OK with count 0.
 * E_INVALID: an unknown class ("Invalid resource class in resources parameter: No such resource class X."), an unknown trait
 * ("No such trait(s): X, Y."), a group "" without resources, a same_subtree that names no suffixed group, too many groups (64) or
 * classes. The rest of the grammar (missing group_policy, groups without resources outside same_subtree, required and forbidden at
 * once) is the caller's.
 */
MUST_CHECK enum err candidates_find(struct db *db, struct arena *arena, const struct candidates_request *request,
                                    struct candidates *out);
