/*
 * What the files candidates*.c share: the request with ids instead of names, trees in memory, and the search under one anchor.
 * Nobody else includes this.
 *
 *   candidates_want.c    the request, resolved
 *   candidates_prune.c   which conditions a root must meet to be worth reading
 *   candidates_forest.c  trees as read from the database; who shares with whom
 *   candidates_fit.c     who can give what: one provider, one thing wanted
 *   candidates_match.c   whether groups can have a provider each
 *   candidates_search.c  one anchor: its combinations, one at a time
 *   candidates_result.c  what was found, as the caller gets it
 *   candidates.c         batches of anchors, turns, the limit
 */
#pragma once

#include <uthash.h>

#include "compute/placement/candidates.h"
#include "schema/placement_candidates.h"

#define GROUPS_MOST   64 /* groups, and required sets of the group "", are bits of one word */
#define ITEMS_MOST    128
#define SHARING_TRAIT "MISC_SHARES_VIA_AGGREGATE"

struct want_group {
    const char *suffix;
    bool one_provider; /* it has a suffix */
    const struct class_amount *amounts;
    size_t amount_count;
    const struct id_list *traits;
    size_t trait_set_count;
    struct id_list forbidden_traits;
    const struct id_list *aggregates;
    size_t aggregate_set_count;
    struct id_list forbidden_aggregates;
    bool in_tree;
    int64_t root_id; /* of in_tree */
};

/* What one provider gives: one class of the group "", or all of a group with a suffix. */
struct want_item {
    const struct want_group *group;
    size_t group_number;
    const struct class_amount *amounts;
    size_t amount_count;
};

struct want {
    const struct candidates_request *request;
    const struct want_group *groups;
    size_t group_count;
    const struct want_group *loose; /* the group "", or NULL */
    struct want_item *items;
    size_t item_count;
    struct name_rows classes; /* asked for, by id */
    const struct id_list *root_traits;
    size_t root_trait_set_count;
    struct id_list root_forbidden_traits;
    const uint64_t *subtrees; /* bits: groups */
    int64_t sharing_trait;    /* 0: nobody shares */
    bool has_traits;          /* some are asked for */
    bool has_aggregates;
    bool impossible; /* nothing can meet it */
};

/* Reads ids for all names. E_INVALID as candidates_find says. */
MUST_CHECK enum err want_resolve(struct db *db, struct arena *arena, const struct candidates_request *request, struct want *out);

struct tree;

struct member {
    const struct tree_provider *row;
    struct tree *tree;
    const struct member *parent; /* NULL: a root */
    size_t number;               /* in the order of reading: distinct */
    bool shares;
    bool gives; /* something, in a candidate that was taken */
};

struct tree {
    UT_hash_handle hh;
    int64_t root_id;
    struct member *members;
    size_t count;
    const struct member *root;
    bool is_tried; /* as an anchor */
    bool is_used;  /* by a candidate that was taken */
};

/* A provider that shares, and for each item: whether it can give it to other trees. */
struct sharer {
    const struct member *member;
    const bool *gives;
    const struct tree *reached; /* the last tree that was looked at for it */
};

/* A sharer's aggregate. */
struct share {
    int64_t aggregate_id;
    struct sharer *sharer;
};

struct forest {
    struct arena *arena;
    const struct want *want;
    struct tree *trees; /* a hash by root, in the order of reading */
    size_t member_count;
    struct sharer *sharers;
    size_t sharer_count;
    struct share *shares; /* by aggregate */
    size_t share_count;
    int64_t sharing_trait; /* 0: no tree that is still to be read has a provider that shares */
};

void forest_open(struct forest *forest, struct arena *arena, const struct want *want); /* closed with the arena */
/* Reads the trees that are not there yet. */
MUST_CHECK enum err forest_load(struct db *db, struct forest *forest, const struct id_list *roots);
/* Reads the trees of all that share, and finds what they can give. First of all. */
MUST_CHECK enum err forest_load_sharers(struct db *db, struct forest *forest);
struct tree *forest_find(const struct forest *forest, int64_t root_id);

/* Those of other trees who share with the tree, each once. */
struct reach {
    const struct sharer **items;
    size_t count;
};

struct reach forest_reach(const struct forest *forest, const struct tree *tree);
bool ids_have(const struct id_list *ids, int64_t id); /* ascending ids */
const struct provider_stock *member_stock(const struct member *member, int64_t class_id);

/* Room, own traits and tree; whether the aggregates allow it is told apart, as they depend on the anchor. */
bool fit_alone(const struct want_item *item, const struct member *member);
bool fit_local(const struct want_item *item, const struct member *member);   /* for the tree it is in */
bool fit_sharing(const struct want_item *item, const struct member *member); /* for other trees; what their roots say is left out */
bool fit_sharing_with(const struct want_item *item, const struct member *root);
bool fit_root(const struct want *want, const struct member *root);
uint64_t fit_trait_sets(const struct want_group *group, const struct member *member); /* bits: sets of which it has one */

/* The conditions that a root's tree must meet: necessary, not sufficient. */
void prune_conditions(struct arena *arena, const struct want *want, const struct forest *forest, struct root_search *out);

/* An item with the providers that can give it here, and which one is tried. */
struct level {
    const struct want_item *item;
    const struct member **members;
    size_t count;
    size_t at;
    uint64_t met;   /* trait sets of the group "" met up to here */
    uint64_t later; /* and those that deeper levels may meet */
};

struct anchor {
    const struct want *want;
    struct tree *tree;
    struct level *levels; /* one per item, those with the fewest choices first */
    size_t depth;
    bool is_done;
};

/* Each group with a suffix can have a provider that no other such group has. */
bool match_groups(const struct level *levels, size_t count);

enum turn {
    TURN_FOUND, /* levels[].members[at] is a combination; the next turn goes on behind it */
    TURN_OVER,  /* no more combinations */
    TURN_LATER, /* the steps were used up */
};

/* False: nothing can be found there. */
bool anchor_open(struct arena *arena, const struct want *want, const struct forest *forest, struct tree *tree, struct anchor *out);
/* `steps` is lowered by those that were taken. */
enum turn anchor_turn(struct anchor *anchor, size_t *steps, const struct member **out);

/* Combinations: item_count providers each, in the order of the items. */
struct findings {
    const struct member ***items;
    size_t count;
};

MUST_CHECK enum err result_make(struct db *db, struct arena *arena, const struct want *want, const struct forest *forest,
                                const struct findings *findings, struct candidates *out);
