/*
 * Several sorted sources as one stream of rows: a heap over the keys, rows of the same server once (DESIGN section 6).
 *
 * A source gives its rows a window at a time. Where one is used up but said that there is more, the merge stops and asks for its
 * next window: it never guesses what comes first. So its memory is the windows', whatever the number of rows: of the servers that
 * passed it remembers the last MERGE_REMEMBERED at least (the same row of two sources has one key, and stands together; a server
 * that changed while it was read may stand further away).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "zones/rows.h"

#define MERGE_REMEMBERED 16384

struct row_merge;

enum merge_step {
    MERGE_ROW,   /* here it is */
    MERGE_WANTS, /* a source's next window is needed */
    MERGE_END    /* there are no more rows */
};

/* Lives as long as the arena. Every source is to be given its first window. */
struct row_merge *row_merge_new(struct arena *arena, size_t sources);
/* The rows of a source that has none left, all behind those that it had. Borrowed until it is given the next; `missing` is not
 * looked at. */
void row_merge_give(struct row_merge *merge, size_t source, const struct row_list *window);
/* The next row and whose it is, or the source that must be given a window. Of several rows with one uuid the one with the smallest
 * key comes, on equal keys that of the first source. The row is borrowed from its window. */
enum merge_step row_merge_next(struct row_merge *merge, struct row *out, size_t *out_source);
/* Is there anything that was not given out yet? What sources say that they have more of counts. */
bool row_merge_has_more(const struct row_merge *merge);
