/* Trees as read from the database, each at most once, and those who share with other trees; see candidates_inside.h. */
#include <string.h>

#include "compute/placement/candidates_inside.h"

static void forest_close(void *object)
{
    struct forest *forest = object;
    HASH_CLEAR(hh, forest->trees); /* the trees themselves are the arena's */
}

void forest_open(struct forest *forest, struct arena *arena, const struct want *want)
{
    *forest = (struct forest){.arena = arena, .want = want, .sharing_trait = want->sharing_trait};
    arena_defer(arena, forest_close, forest);
}

struct tree *forest_find(const struct forest *forest, int64_t root_id)
{
    struct tree *tree;
    HASH_FIND(hh, forest->trees, &root_id, sizeof(root_id), tree);
    return tree;
}

/* Members are ordered by id. */
static const struct member *find_member(const struct tree *tree, int64_t id)
{
    size_t low = 0;
    size_t high = tree->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (tree->members[middle].row->id == id)
            return &tree->members[middle];
        if (tree->members[middle].row->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The rows of one tree stand together. A tree that is being changed while it is read may lack its root: then it is left out. */
static void add_tree(struct forest *forest, const struct tree_provider *rows, size_t count)
{
    struct tree *tree = arena_alloc(forest->arena, sizeof(*tree));
    tree->root_id = rows[0].root_id;
    tree->count = count;
    tree->members = arena_alloc(forest->arena, count * sizeof(*tree->members));
    for (size_t i = 0; i < count; i++) {
        tree->members[i] = (struct member){
            .row = &rows[i],
            .tree = tree,
            .number = forest->member_count++,
            .shares = forest->sharing_trait && ids_have(&rows[i].traits, forest->sharing_trait),
        };
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].parent_id)
            tree->members[i].parent = find_member(tree, rows[i].parent_id);
    }
    tree->root = find_member(tree, tree->root_id);
    if (tree->root)
        HASH_ADD(hh, forest->trees, root_id, sizeof(tree->root_id), tree);
}

static struct id_list leave_out_known(const struct forest *forest, const struct id_list *roots)
{
    int64_t *items = arena_alloc(forest->arena, (roots->count + 1) * sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; i < roots->count; i++) {
        if (!forest_find(forest, roots->items[i]))
            items[count++] = roots->items[i];
    }
    return (struct id_list){items, count};
}

static enum err load_trees(struct db *db, struct forest *forest, const struct id_list *roots, struct tree_details details)
{
    struct tree_providers rows;
    const struct id_list new_roots = leave_out_known(forest, roots);
    if (new_roots.count == 0)
        return OK;
    TRY(trees_load(db, forest->arena, &new_roots, details, &rows));
    for (size_t first = 0, end = 0; first < rows.count; first = end) {
        while (end < rows.count && rows.items[end].root_id == rows.items[first].root_id)
            end++;
        add_tree(forest, &rows.items[first], end - first);
    }
    return OK;
}

enum err forest_load(struct db *db, struct forest *forest, const struct id_list *roots)
{
    const struct want *want = forest->want;
    const struct tree_details details = {
        .traits = want->request->want_traits || want->has_traits,
        .aggregates = want->has_aggregates || forest->sharer_count > 0,
    };
    return load_trees(db, forest, roots, details);
}

static void add_sharer(struct forest *forest, const struct member *member)
{
    const struct want *want = forest->want;
    bool *gives = arena_alloc(forest->arena, want->item_count * sizeof(*gives));
    bool any = false;
    for (size_t i = 0; i < want->item_count; i++) {
        gives[i] = fit_sharing(&want->items[i], member);
        any = any || gives[i];
    }
    if (any)
        forest->sharers[forest->sharer_count++] = (struct sharer){.member = member, .gives = gives};
}

static int compare_shares(const void *a, const void *b)
{
    const struct share *x = a;
    const struct share *y = b;
    if (x->aggregate_id != y->aggregate_id)
        return x->aggregate_id < y->aggregate_id ? -1 : 1;
    return (x->sharer > y->sharer) - (x->sharer < y->sharer);
}

static void index_shares(struct forest *forest)
{
    size_t count = 0;
    for (size_t i = 0; i < forest->sharer_count; i++)
        count += forest->sharers[i].member->row->aggregates.count;
    forest->shares = arena_alloc(forest->arena, (count + 1) * sizeof(*forest->shares));
    for (size_t i = 0; i < forest->sharer_count; i++) {
        const struct id_list *aggregates = &forest->sharers[i].member->row->aggregates;
        for (size_t j = 0; j < aggregates->count; j++)
            forest->shares[forest->share_count++] = (struct share){aggregates->items[j], &forest->sharers[i]};
    }
    qsort(forest->shares, forest->share_count, sizeof(*forest->shares), compare_shares);
}

enum err forest_load_sharers(struct db *db, struct forest *forest)
{
    struct id_list roots;
    if (!forest->sharing_trait)
        return OK;
    TRY(trait_roots_find(db, forest->arena, forest->sharing_trait, &roots));
    TRY(load_trees(db, forest, &roots, (struct tree_details){.traits = true, .aggregates = true}));
    forest->sharers = arena_alloc(forest->arena, (forest->member_count + 1) * sizeof(*forest->sharers));
    for (struct tree *tree = forest->trees; tree; tree = tree->hh.next) {
        for (size_t i = 0; i < tree->count; i++) {
            if (tree->members[i].shares && tree->members[i].row->aggregates.count > 0)
                add_sharer(forest, &tree->members[i]);
        }
    }
    index_shares(forest);
    forest->sharing_trait = 0; /* trees read from now on have no provider that shares: all of those are here */
    return OK;
}

/* Where the shares of the aggregate begin. */
static size_t find_share(const struct forest *forest, int64_t aggregate_id)
{
    size_t low = 0;
    size_t high = forest->share_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (forest->shares[middle].aggregate_id < aggregate_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Each share of an aggregate of the tree, of which some may be of one sharer. */
static size_t count_shares(const struct forest *forest, const struct tree *tree)
{
    size_t count = 0;
    for (size_t i = 0; i < tree->count; i++) {
        const struct id_list *aggregates = &tree->members[i].row->aggregates;
        for (size_t j = 0; j < aggregates->count; j++)
            count += find_share(forest, aggregates->items[j] + 1) - find_share(forest, aggregates->items[j]);
    }
    return count;
}

static void add_reached(struct reach *reach, struct sharer *sharer, const struct tree *tree)
{
    if (sharer->reached == tree || sharer->member->tree == tree)
        return;
    sharer->reached = tree;
    reach->items[reach->count++] = sharer;
}

struct reach forest_reach(const struct forest *forest, const struct tree *tree)
{
    struct reach reach = {0};
    const size_t most = forest->share_count > 0 ? count_shares(forest, tree) : 0;
    if (most == 0)
        return reach;
    reach.items = arena_alloc(forest->arena, most * sizeof(*reach.items));
    for (size_t i = 0; i < tree->count; i++) {
        const struct id_list *aggregates = &tree->members[i].row->aggregates;
        for (size_t j = 0; j < aggregates->count; j++) {
            const size_t end = find_share(forest, aggregates->items[j] + 1);
            for (size_t at = find_share(forest, aggregates->items[j]); at < end; at++)
                add_reached(&reach, forest->shares[at].sharer, tree);
        }
    }
    return reach;
}
