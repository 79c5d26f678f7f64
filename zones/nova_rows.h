/*
 * Lists of a plain Nova as framed rows (spec link.md section 5, last paragraph): which query it is asked, and which sort key a row
 * of its JSON has. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "gateway/base/text.h"

#define NOVA_SORTS_MOST 32

struct nova_sort {
    const struct nova_column *column;
    bool descending;
};

/* What a list's target says, as a parent wrote it. Borrows nothing. */
struct nova_list {
    bool brief;
    struct nova_sort sorts[NOVA_SORTS_MOST]; /* as asked for; created_at and uuid come behind them */
    size_t sort_count;
    size_t limit;
    const void *after; /* the key after which rows are wanted; NULL */
    size_t after_length;
    bool all_tenants;
    const char *project; /* whose servers are asked for with all_tenants; NULL: everybody's */
    const char *filters; /* the rest of the query as it came, each pair with '&' behind it: "name=x&" */
};

/* `target` is a path and query below a zone's root: "/compute/v2.1/servers/detail?…", or of one server, for its order only.
 * E_INVALID. */
MUST_CHECK enum err nova_list_read(struct arena *arena, const char *target, struct nova_list *out);

/* The target below the compute endpoint for a page of `limit` rows; `marker` NULL: the first. Always with detail: brief rows do not
 * say whose they are and when they were made. */
const char *nova_list_target(struct arena *arena, const struct nova_list *list, size_t limit, const char *marker);

/* The key of a row, an object that passed the scan. `project`: this tree's id of its project. E_INVALID: no id, no time, or a key
 * that is too long. */
MUST_CHECK enum err nova_row_key(const struct nova_list *list, const char *bytes, size_t length, const char *project,
                                 struct text *key, struct uuid *out_uuid);
/* The same for whoever knows the values of "id" and "created" at its top already, as they stand there; NULL: there is none. */
struct nova_piece;
struct nova_row_words {
    const struct nova_piece *id;
    const struct nova_piece *created;
};
MUST_CHECK enum err nova_row_key_of(const struct nova_list *list, const struct nova_piece *row, const struct nova_row_words *words,
                                    const char *project, struct text *key, struct uuid *out_uuid);
