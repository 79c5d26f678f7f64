/*
 * Several sorted lists as one: a heap over the keys, rows of the same server once (DESIGN section 6).
 *
 * It stops where it would have to guess: at a list that is used up but says that there is more. Then the page may be short, and the
 * caller asks that source again from the last key.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "zones/rows.h"

#define ROW_SOURCE_NONE SIZE_MAX

struct merged_rows {
    const struct row *rows;
    const size_t *sources; /* of each row: the index of its list */
    size_t count;
    bool more;       /* rows exist after the last */
    size_t starving; /* the list that ran out before the page was full; ROW_SOURCE_NONE */
};

/* At most `limit` rows, of lists that rows_read (or this zone's own query) gave. Of several rows with one uuid the one with the
 * smallest key counts, on equal keys that of the first list. */
void rows_merge(struct arena *arena, const struct row_list *lists, size_t count, size_t limit, struct merged_rows *out);
