/*
 * Lists of values in a statement: `IN (?, ?, …)`. The number of placeholders is rounded up to a power of two and the last value
 * repeated, so that a statement has few texts and is prepared once for each.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "schema/db.h"

struct sql_list {
    struct sql_value *values; /* in the arena; room for a few more behind `count` */
    size_t count;
};

#define SQL_LIST_SPARE 8 /* values that may be put behind (or in front of) the list */

/* Room for `count` values, which the caller sets, and those behind them too (a repeated one does no harm). */
struct sql_list sql_list_new(struct arena *arena, size_t count);
struct sql_list sql_list_uuids(struct arena *arena, const struct uuid *items, size_t count);
struct sql_list sql_list_ids(struct arena *arena, const int64_t *items, size_t count);
struct sql_list sql_list_texts(struct arena *arena, const char *const *items, size_t count);
/* One more value behind the list. */
void sql_list_add(struct sql_list *list, struct sql_value value);
/* "?, ?, ?, ?" for `count` values. */
void sql_list_write(struct text *sql, size_t count);
