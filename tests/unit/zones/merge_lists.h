/* For tests: a page of lists that are there already, by the merge of zones/row_merge.h. */
#pragma once

#include "zones/row_merge.h"

#define ROW_SOURCE_NONE SIZE_MAX

struct merged_rows {
    const struct row *rows;
    const size_t *sources; /* of each row: the index of its list */
    size_t count;
    bool more;       /* rows exist after the last */
    size_t starving; /* the list that ran out before the page was full; ROW_SOURCE_NONE */
};

static inline void rows_merge(struct arena *arena, const struct row_list *lists, size_t count, size_t limit,
                              struct merged_rows *out)
{
    struct row_merge *merge = row_merge_new(arena, count);
    enum merge_step step = MERGE_ROW;
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        row_merge_give(merge, i, &lists[i]);
        most += lists[i].count;
    }
    most = most < limit ? most : limit;
    struct row *rows = arena_alloc(arena, (most + 1) * sizeof(*rows));
    size_t *sources = arena_alloc(arena, (most + 1) * sizeof(*sources));
    *out = (struct merged_rows){.rows = rows, .sources = sources, .starving = ROW_SOURCE_NONE};
    while (out->count < limit && step == MERGE_ROW) {
        size_t source = 0;
        struct row row;
        step = row_merge_next(merge, &row, &source);
        if (step == MERGE_WANTS)
            out->starving = source;
        if (step != MERGE_ROW)
            break;
        rows[out->count] = row;
        sources[out->count++] = source;
    }
    out->more = row_merge_has_more(merge);
}
