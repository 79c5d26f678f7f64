/* See sql_rows.h. */
#include "schema/sql_rows.h"

#include "gateway/base/text.h"

#define ROWS_MOST 16

static size_t chunk_of(size_t count)
{
    size_t size = ROWS_MOST;
    while (size > count)
        size /= 2;
    return size;
}

static void write_statement(struct text *sql, const struct sql_insert *insert, size_t rows, const char *tail)
{
    text_add_str(sql, insert->head);
    for (size_t i = 0; i < rows; i++)
        text_add_format(sql, "%s%s", i ? ", " : "", insert->row);
    text_add_str(sql, tail);
}

enum err sql_insert_rows(struct db *db, const struct sql_insert *insert, const struct sql_value *values, size_t count)
{
    size_t size = 0;
    for (size_t at = 0; at < count; at += size) {
        CLEANUP(text_clear) struct text sql = {0};
        size = chunk_of(count - at);
        write_statement(&sql, insert, size, "");
        TRY(db_exec(db, text_str(&sql), values + at * insert->columns, size * insert->columns));
    }
    return OK;
}

enum err sql_insert_rows_ids(struct db *db, struct arena *arena, const struct sql_insert *insert, const struct sql_value *values,
                             size_t count, const int64_t **out_ids)
{
    int64_t *ids = arena_alloc(arena, (count + 1) * sizeof(*ids));
    size_t size = 0;
    for (size_t at = 0; at < count; at += size) {
        CLEANUP(text_clear) struct text sql = {0};
        struct rows rows;
        size = chunk_of(count - at);
        write_statement(&sql, insert, size, " RETURNING id");
        TRY(db_query(db, arena, text_str(&sql), values + at * insert->columns, size * insert->columns, &rows));
        if (rows.count != size)
            return fail(E_INTERNAL, "The database made %zu rows of %zu.", rows.count, size);
        for (size_t i = 0; i < size; i++)
            ids[at + i] = rows_int(&rows, i, 0);
    }
    *out_ids = ids;
    return OK;
}
