/*
 * Batches of anchors, turns, and the limit; see candidates.h.
 *
 * Roots are read by id in batches of about as many as are still wanted. A request that only asks for amounts reads the first batch
 * as it comes; when much of it does not fit, and for all other requests at once, the database is asked for roots that may fit. Each
 * new anchor takes one turn (one candidate); when there are no more anchors, those that have more take turns.
 */
#include "compute/placement/candidates.h"

#include <string.h>

#include "compute/placement/candidates_inside.h"

#define BATCH_MOST 2048
#define TURN_STEPS 20000
#define FREE_STEPS 200     /* of a turn that found something */
#define STEPS_MOST 4000000 /* in turns that found nothing, all together: about a second */

/* A combination of which all providers share: other anchors have it too. */
struct seen {
    UT_hash_handle hh;
    const struct member *const *members;
};

struct run {
    struct db *db;
    struct arena *arena;
    const struct want *want;
    struct forest *forest;
    size_t target;
    struct findings findings;
    size_t finding_capacity;
    struct anchor **anchors; /* with possibly more to give */
    size_t anchor_count;
    size_t anchor_capacity;
    struct seen *seen;
    size_t steps; /* left */
    size_t batch;
    bool is_pruned; /* the database is asked for roots that may fit */
};

static void *grow(struct arena *arena, const void *items, size_t count, size_t size, size_t *capacity)
{
    *capacity = 2 * *capacity + 64;
    void *grown = arena_alloc(arena, *capacity * size);
    if (count > 0)
        memcpy(grown, items, count * size);
    return grown;
}

static bool is_full(const struct run *run)
{
    return run->findings.count >= run->target || run->steps == 0;
}

static bool was_seen(struct run *run, const struct member *const *members)
{
    const size_t size = run->want->item_count * sizeof(*members);
    struct seen *seen;
    for (size_t i = 0; i < run->want->item_count; i++) {
        if (!members[i]->shares)
            return false;
    }
    HASH_FIND(hh, run->seen, members, size, seen);
    if (seen)
        return true;
    seen = arena_alloc(run->arena, sizeof(*seen));
    seen->members = members;
    HASH_ADD_KEYPTR(hh, run->seen, seen->members, size, seen);
    return false;
}

static void add_finding(struct run *run, const struct member **members)
{
    if (run->findings.count == run->finding_capacity)
        run->findings.items =
            grow(run->arena, run->findings.items, run->findings.count, sizeof(*run->findings.items), &run->finding_capacity);
    run->findings.items[run->findings.count++] = members;
}

static void pay(struct run *run, size_t steps)
{
    run->steps -= steps < run->steps ? steps : run->steps;
}

/* One new candidate, or the end of the anchor or of its patience. False: nothing was found. */
static bool take_turn(struct run *run, struct anchor *anchor)
{
    size_t steps = TURN_STEPS;
    enum turn turn = TURN_FOUND;
    while (turn == TURN_FOUND) {
        const struct member **members = arena_alloc(run->arena, run->want->item_count * sizeof(*members));
        turn = anchor_turn(anchor, &steps, members);
        if (turn == TURN_FOUND && !was_seen(run, members)) {
            add_finding(run, members);
            pay(run, TURN_STEPS - steps > FREE_STEPS ? TURN_STEPS - steps - FREE_STEPS : 0);
            return true;
        }
    }
    pay(run, TURN_STEPS - steps);
    anchor->is_done = turn == TURN_OVER;
    return false;
}

static void keep_anchor(struct run *run, struct anchor *anchor)
{
    if (run->anchor_count == run->anchor_capacity)
        run->anchors = grow(run->arena, run->anchors, run->anchor_count, sizeof(*run->anchors), &run->anchor_capacity);
    run->anchors[run->anchor_count++] = anchor;
}

static void shuffle(const void **items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        const size_t other = random_below((uint32_t)i);
        const void *item = items[i - 1];
        items[i - 1] = items[other];
        items[other] = item;
    }
}

static void shuffle_choices(struct anchor *anchor)
{
    for (size_t i = 0; i < anchor->want->item_count; i++)
        shuffle((const void **)anchor->levels[i].members, anchor->levels[i].count);
}

/* False: no candidate there. */
static bool try_tree(struct run *run, struct tree *tree)
{
    struct anchor *anchor = arena_alloc(run->arena, sizeof(*anchor));
    if (tree->is_tried)
        return false;
    tree->is_tried = true;
    if (!anchor_open(run->arena, run->want, run->forest, tree, anchor))
        return false;
    if (run->want->request->randomize)
        shuffle_choices(anchor);
    const bool found = take_turn(run, anchor);
    if (!anchor->is_done)
        keep_anchor(run, anchor);
    return found;
}

static size_t try_trees(struct run *run, struct tree **trees, size_t count)
{
    size_t found = 0;
    if (run->want->request->randomize)
        shuffle((const void **)trees, count);
    for (size_t i = 0; i < count && !is_full(run); i++)
        found += try_tree(run, trees[i]);
    return found;
}

static size_t try_roots(struct run *run, const struct id_list *roots)
{
    struct tree **trees = arena_alloc(run->arena, (roots->count + 1) * sizeof(struct tree *));
    size_t count = 0;
    for (size_t i = 0; i < roots->count; i++) {
        trees[count] = forest_find(run->forest, roots->items[i]);
        count += trees[count] != NULL;
    }
    return try_trees(run, trees, count);
}

/* Those who share are read already. What they can give alone, thousands of other anchors could only repeat. */
static void try_sharers(struct run *run)
{
    struct tree **trees = arena_alloc(run->arena, (run->forest->sharer_count + 1) * sizeof(struct tree *));
    for (size_t i = 0; i < run->forest->sharer_count; i++)
        trees[i] = run->forest->sharers[i].member->tree;
    (void)try_trees(run, trees, run->forest->sharer_count);
}

/* A little more than is wanted, as not all will do; many more after a batch of which most did not. */
static size_t batch_size(const struct run *run)
{
    const size_t missing = run->target - run->findings.count;
    const size_t wanted = missing + missing / 4 + 8;
    const size_t size = wanted > run->batch ? wanted : run->batch;
    return size < BATCH_MOST ? size : BATCH_MOST;
}

/* The roots after < id <= up_to. */
static enum err run_range(struct run *run, int64_t after, int64_t up_to)
{
    struct root_search search = {.after = after, .up_to = up_to};
    prune_conditions(run->arena, run->want, run->forest, &search);
    const size_t condition_count = search.condition_count;
    while (!is_full(run)) {
        struct id_list roots;
        search.condition_count = run->is_pruned ? condition_count : 0;
        search.limit = batch_size(run);
        TRY(tree_roots_find(run->db, run->arena, &search, &roots));
        TRY(forest_load(run->db, run->forest, &roots));
        const size_t found = try_roots(run, &roots);
        if (roots.count < search.limit)
            break;
        search.after = roots.items[roots.count - 1];
        if (found < roots.count / 2 && !is_full(run)) {
            run->batch = 2 * search.limit;
            run->is_pruned = true;
        }
    }
    return OK;
}

static void run_turns(struct run *run)
{
    while (run->anchor_count > 0 && !is_full(run)) {
        size_t kept = 0;
        for (size_t i = 0; i < run->anchor_count; i++) {
            struct anchor *anchor = run->anchors[i];
            if (!is_full(run))
                (void)take_turn(run, anchor);
            if (!anchor->is_done)
                run->anchors[kept++] = anchor;
        }
        run->anchor_count = kept;
    }
}

static enum err run_ranges(struct run *run)
{
    int64_t last = INT64_MAX;
    int64_t start = 0;
    if (run->want->request->randomize) {
        TRY(tree_roots_last(run->db, &last));
        random_bytes(&start, sizeof(start));
        start = (start & INT64_MAX) % (last + 1);
    }
    TRY(run_range(run, start, last));
    return start > 0 && !is_full(run) ? run_range(run, 0, start) : OK;
}

static bool asks_for_more_than_room(const struct want *want)
{
    for (size_t i = 0; i < want->group_count; i++) {
        if (want->groups[i].in_tree)
            return true;
    }
    return want->has_traits || want->has_aggregates;
}

static enum err run_all(struct run *run, struct candidates *out)
{
    const struct candidates_request *request = run->want->request;
    TRY(forest_load_sharers(run->db, run->forest));
    try_sharers(run);
    TRY(run_ranges(run));
    run_turns(run);
    if (request->randomize)
        shuffle((const void **)run->findings.items, run->findings.count);
    TRY(result_make(run->db, run->arena, run->want, run->forest, &run->findings, out));
    const bool is_cut = run->findings.count >= run->target && run->target != request->limit;
    out->truncated = is_cut || run->steps == 0;
    return OK;
}

enum err candidates_find(struct db *db, struct arena *arena, const struct candidates_request *request, struct candidates *out)
{
    struct want want;
    struct forest *forest = arena_alloc(arena, sizeof(*forest)); /* the arena closes it */
    TRY(want_resolve(db, arena, request, &want));
    if (want.impossible) {
        *out = (struct candidates){0};
        return OK;
    }
    forest_open(forest, arena, &want);
    struct run run = {
        .db = db,
        .arena = arena,
        .want = &want,
        .forest = forest,
        .target = request->limit > 0 && request->limit < CANDIDATES_MOST ? request->limit : CANDIDATES_MOST,
        .steps = STEPS_MOST,
        .is_pruned = asks_for_more_than_room(&want),
    };
    const enum err result = run_all(&run, out);
    HASH_CLEAR(hh, run.seen);
    return result;
}
