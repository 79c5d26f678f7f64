/*
 * A page of a plain Nova's list as rows (rows.h): checked, with keys, made ours, in one walk. What comes out needs no other look:
 * it is what rows_read would give of frames made of these rows, but for their order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "zones/json_masks.h"
#include "zones/nova_json.h"
#include "zones/nova_rows.h"
#include "zones/rows.h"

struct nova_page_options {
    const struct nova_list *list;
    const struct nova_rewrite *rules; /* rows of another project than `project_there` are left out, and rows up to list->after */
    const struct json_masker *masker; /* NULL: the fastest */
};

struct nova_page {
    struct row *rows; /* as they came; in the arena, as all that belongs to them */
    size_t count;
    bool more;        /* it says that there is another page */
    bool has_last;    /* there was a row, kept or not */
    struct uuid last; /* of it */
};

/* E_INVALID: it is no list of servers, or a row has no id, no time, or is too long. */
MUST_CHECK enum err nova_page_read(struct arena *arena, const struct nova_page_options *options, const char *bytes, size_t length,
                                   struct nova_page *out);
/* In order, each once. */
void nova_rows_sort(struct row *rows, size_t *count);
