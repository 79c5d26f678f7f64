/* A binary heap of list heads; see row_merge.h. */
#include "zones/row_merge.h"

#include <string.h>

#include <uthash.h>

#include "zones/row_key.h"

struct head {
    size_t list;
    size_t at;
};

struct merge {
    const struct row_list *lists;
    struct head *heap;
    size_t heads;
};

/* Servers that are in the page. */
struct seen {
    struct uuid uuid;
    UT_hash_handle hh;
};

static const struct row *row_of(const struct merge *merge, const struct head *head)
{
    return &merge->lists[head->list].rows[head->at];
}

static bool is_before(const struct merge *merge, const struct head *a, const struct head *b)
{
    const struct row *left = row_of(merge, a);
    const struct row *right = row_of(merge, b);
    const int order = row_key_compare(left->key, left->key_length, right->key, right->key_length);
    return order ? order < 0 : a->list < b->list;
}

static void swap_heads(struct head *a, struct head *b)
{
    const struct head old = *a;
    *a = *b;
    *b = old;
}

static void sift_down(struct merge *merge, size_t at)
{
    while (2 * at + 1 < merge->heads) {
        size_t child = 2 * at + 1;
        if (child + 1 < merge->heads && is_before(merge, &merge->heap[child + 1], &merge->heap[child]))
            child++;
        if (!is_before(merge, &merge->heap[child], &merge->heap[at]))
            return;
        swap_heads(&merge->heap[child], &merge->heap[at]);
        at = child;
    }
}

static void open_heap(struct arena *arena, struct merge *merge, size_t count)
{
    merge->heap = arena_alloc(arena, (count + 1) * sizeof(*merge->heap));
    for (size_t i = 0; i < count; i++) {
        if (merge->lists[i].count)
            merge->heap[merge->heads++] = (struct head){.list = i};
    }
    for (size_t at = merge->heads / 2; at-- > 0;)
        sift_down(merge, at);
}

/* Takes the smallest head. False: its list is used up and says that there is more, so nothing greater may be taken. */
static bool advance(struct merge *merge)
{
    struct head *top = &merge->heap[0];
    const struct row_list *list = &merge->lists[top->list];
    top->at++;
    if (top->at == list->count) {
        if (list->more)
            return false;
        *top = merge->heap[--merge->heads];
    }
    sift_down(merge, 0);
    return true;
}

/* A list without rows that says that there is more can say nothing about what comes first. */
static size_t find_starving(const struct row_list *lists, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (lists[i].count == 0 && lists[i].more)
            return i;
    }
    return ROW_SOURCE_NONE;
}

static bool is_new(struct arena *arena, struct seen **seen, const struct uuid *uuid)
{
    struct seen *found = NULL;
    HASH_FIND(hh, *seen, uuid, sizeof(*uuid), found);
    if (found)
        return false;
    found = arena_alloc(arena, sizeof(*found));
    found->uuid = *uuid;
    HASH_ADD(hh, *seen, uuid, sizeof(found->uuid), found);
    return true;
}

/* Anything left that the page does not have? */
static bool has_more(struct merge *merge, const struct seen *seen, const struct row_list *lists, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (lists[i].more)
            return true;
    }
    for (size_t i = 0; i < merge->heads; i++) {
        const struct head *head = &merge->heap[i];
        for (size_t at = head->at; at < lists[head->list].count; at++) {
            struct seen *found = NULL;
            HASH_FIND(hh, seen, &lists[head->list].rows[at].uuid, sizeof(struct uuid), found);
            if (!found)
                return true;
        }
    }
    return false;
}

static size_t smallest(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t total_rows(const struct row_list *lists, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += lists[i].count;
    return total;
}

void rows_merge(struct arena *arena, const struct row_list *lists, size_t count, size_t limit, struct merged_rows *out)
{
    const size_t most = smallest(total_rows(lists, count), limit);
    struct row *rows = arena_alloc(arena, (most + 1) * sizeof(*rows));
    size_t *sources = arena_alloc(arena, (most + 1) * sizeof(*sources));
    struct merge merge = {.lists = lists};
    struct seen *seen = NULL;
    *out = (struct merged_rows){.rows = rows, .sources = sources, .starving = find_starving(lists, count)};
    open_heap(arena, &merge, count);
    while (out->starving == ROW_SOURCE_NONE && merge.heads && out->count < most) {
        const size_t list = merge.heap[0].list;
        const struct row *row = row_of(&merge, &merge.heap[0]);
        if (is_new(arena, &seen, &row->uuid)) {
            rows[out->count] = *row;
            sources[out->count++] = list;
        }
        if (!advance(&merge) && out->count < limit)
            out->starving = list;
    }
    out->more = has_more(&merge, seen, lists, count);
    HASH_CLEAR(hh, seen);
}
