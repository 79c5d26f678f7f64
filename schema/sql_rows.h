/*
 * INSERT of many rows, in as few statements as powers of two make (at most 16 rows each): a statement has five texts, whatever the
 * number of rows, and each is prepared once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "schema/db.h"

struct sql_insert {
    const char *head; /* "INSERT INTO t (a, b) VALUES " */
    const char *row;  /* "(?, ?)" */
    size_t columns;   /* the question marks of a row */
};

/* `values` row by row, count × columns. Errors as of db_exec; outside a transaction the first rows may have been written then. */
MUST_CHECK enum err sql_insert_rows(struct db *db, const struct sql_insert *insert, const struct sql_value *values, size_t count);
/* The same, with the new AUTO_INCREMENT values of the column `id` in the order of the rows, in the arena. */
MUST_CHECK enum err sql_insert_rows_ids(struct db *db, struct arena *arena, const struct sql_insert *insert,
                                        const struct sql_value *values, size_t count, const int64_t **out_ids);
