/*
 * Prepared statements of one connection: found by their text, bound, run, and their rows copied into an arena.
 *
 * Every column is fetched as a string into a small buffer; what is longer is fetched once more, straight into the arena. The whole
 * result is read before the call returns, so statements never overlap. Not here: what to do about an error (db.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errmsg.h>
#include <mysqld_error.h>

#include "schema/db_inside.h"
#include "gateway/base/text.h"

#define STATEMENT_LIMIT 200
#define COLUMN_MOST     1024 /* a double as text needs 400 */

static void statement_free(struct statement *statement)
{
    if (statement->stmt)
        (void)mysql_stmt_close(statement->stmt);
    free(statement->parameters);
    free(statement->sql);
    free(statement);
}

static void statement_drop(struct db *db, struct statement *statement)
{
    HASH_DEL(db->statements, statement);
    statement_free(statement);
}

static void columns_clear(struct columns *columns)
{
    free(columns->binds);
    free(columns->states);
    free(columns->buffer);
    *columns = (struct columns){0};
}

void statements_clear(struct db *db)
{
    struct statement *statement;
    struct statement *next;
    HASH_ITER(hh, db->statements, statement, next)
    statement_drop(db, statement);
    columns_clear(&db->columns);
}

void statement_forget(struct db *db, const char *sql)
{
    struct statement *statement;
    HASH_FIND_STR(db->statements, sql, statement);
    if (statement)
        statement_drop(db, statement);
}

static void note_trouble(struct trouble *trouble, unsigned code, const char *text)
{
    trouble->code = code;
    (void)snprintf(trouble->text, sizeof(trouble->text), "%s", text);
}

static bool out_of_memory(struct trouble *trouble)
{
    note_trouble(trouble, ER_OUTOFMEMORY, "Out of memory.");
    return false;
}

static bool widen(struct columns *columns, size_t capacity)
{
    columns_clear(columns);
    columns->binds = calloc(capacity, sizeof(*columns->binds));
    columns->states = calloc(capacity, sizeof(*columns->states));
    columns->buffer = malloc(capacity * COLUMN_MOST);
    if (!columns->binds || !columns->states || !columns->buffer)
        return false;
    columns->capacity = capacity;
    for (size_t i = 0; i < capacity; i++) {
        columns->binds[i] = (MYSQL_BIND){
            .buffer_type = MYSQL_TYPE_STRING,
            .buffer = columns->buffer + i * COLUMN_MOST,
            .buffer_length = COLUMN_MOST,
            .length = &columns->states[i].length,
            .is_null = &columns->states[i].is_null,
            .error = &columns->states[i].error,
        };
    }
    return true;
}

/* For the columns that the statement has now. */
static bool prepare_columns(struct columns *columns, MYSQL_STMT *stmt)
{
    const size_t count = mysql_stmt_field_count(stmt);
    if (count > columns->capacity && !widen(columns, count))
        return false;
    columns->count = count;
    return mysql_stmt_bind_result(stmt, columns->binds) == 0;
}

static bool statement_prepare(struct db *db, struct statement *statement, const char *sql, struct trouble *trouble)
{
    statement->sql = strdup(sql);
    statement->stmt = mysql_stmt_init(db->mysql);
    if (!statement->sql || !statement->stmt)
        return out_of_memory(trouble);
    if (mysql_stmt_prepare(statement->stmt, sql, strlen(sql)) != 0) {
        note_trouble(trouble, mysql_stmt_errno(statement->stmt), mysql_stmt_error(statement->stmt));
        return false;
    }
    statement->parameter_count = mysql_stmt_param_count(statement->stmt);
    statement->parameters = calloc(statement->parameter_count + 1, sizeof(*statement->parameters));
    return statement->parameters ? true : out_of_memory(trouble);
}

static struct statement *statement_get(struct db *db, const char *sql, struct trouble *trouble)
{
    struct statement *statement;
    HASH_FIND_STR(db->statements, sql, statement);
    if (statement)
        return statement;
    if (HASH_COUNT(db->statements) >= STATEMENT_LIMIT)
        statement_drop(db, db->statements); /* the oldest: uthash keeps the order of insertion */
    statement = calloc(1, sizeof(*statement));
    if (!statement) {
        (void)out_of_memory(trouble);
        return NULL;
    }
    if (!statement_prepare(db, statement, sql, trouble)) {
        statement_free(statement);
        return NULL;
    }
    /* The analyzer does not know that uthash never leaves a deleted element reachable. */
    HASH_ADD_KEYPTR(hh, db->statements, statement->sql, strlen(statement->sql), statement); /* NOLINT(clang-analyzer-unix.Malloc) */
    return statement;
}

static void bind_value(const struct sql_value *value, MYSQL_BIND *bind)
{
    static const enum enum_field_types types[] = {
        [SQL_NULL] = MYSQL_TYPE_NULL,   [SQL_INT] = MYSQL_TYPE_LONGLONG, [SQL_DOUBLE] = MYSQL_TYPE_DOUBLE,
        [SQL_TEXT] = MYSQL_TYPE_STRING, [SQL_BYTES] = MYSQL_TYPE_BLOB,
    };
    const void *bytes = value->bytes ? value->bytes : value->inline_bytes;
    if (value->type == SQL_INT)
        bytes = &value->number;
    else if (value->type == SQL_DOUBLE)
        bytes = &value->real;
    *bind = (MYSQL_BIND){.buffer_type = types[value->type], .buffer_length = value->length};
    memcpy(&bind->buffer, &bytes, sizeof(bytes)); /* the library does not write to what is bound, but does not say const */
}

static bool statement_send(struct statement *statement, const struct sql_value *values, size_t count, struct trouble *trouble)
{
    if (count != statement->parameter_count) {
        note_trouble(trouble, ER_WRONG_ARGUMENTS, "The number of values differs from the number of placeholders.");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        bind_value(&values[i], &statement->parameters[i]);
    const bool bound = count == 0 || mysql_stmt_bind_param(statement->stmt, statement->parameters) == 0;
    if (bound && mysql_stmt_execute(statement->stmt) == 0)
        return true;
    note_trouble(trouble, mysql_stmt_errno(statement->stmt), mysql_stmt_error(statement->stmt));
    return false;
}

static bool keep_cells(struct db *db, size_t needed)
{
    if (needed <= db->cell_capacity)
        return true;
    const size_t capacity = needed > 2 * db->cell_capacity ? needed + 64 : 2 * db->cell_capacity;
    struct sql_cell *cells = realloc(db->cells, capacity * sizeof(*cells));
    if (!cells)
        return false;
    db->cells = cells;
    db->cell_capacity = capacity;
    return true;
}

/* A cell longer than the column's buffer, fetched straight to where it stays. */
static struct sql_cell fetch_long(MYSQL_STMT *stmt, const struct column_state *column, size_t index, struct arena *arena)
{
    struct column_state state = *column;
    const size_t length = state.length;
    char *bytes = arena_alloc(arena, length + 1);
    MYSQL_BIND bind = {
        .buffer_type = MYSQL_TYPE_STRING,
        .buffer = bytes,
        .buffer_length = length,
        .length = &state.length,
        .is_null = &state.is_null,
        .error = &state.error,
    };
    if (mysql_stmt_fetch_column(stmt, &bind, (unsigned)index, 0) != 0)
        return (struct sql_cell){NULL, 0};
    return (struct sql_cell){bytes, length};
}

static bool copy_row(const struct columns *columns, MYSQL_STMT *stmt, struct arena *arena, struct sql_cell *cells)
{
    for (size_t i = 0; i < columns->count; i++) {
        const struct column_state *column = &columns->states[i];
        if (column->is_null)
            cells[i] = (struct sql_cell){NULL, 0};
        else if (column->length > COLUMN_MOST)
            cells[i] = fetch_long(stmt, column, i, arena);
        else
            cells[i] = (struct sql_cell){arena_strndup(arena, columns->binds[i].buffer, column->length), column->length};
        if (!column->is_null && !cells[i].bytes)
            return false;
    }
    return true;
}

/* Reads rows to the end. The number of rows, or -1. */
static ssize_t read_rows(struct db *db, MYSQL_STMT *stmt, struct arena *arena)
{
    const size_t width = db->columns.count;
    size_t count = 0;
    int fetched;
    while ((fetched = mysql_stmt_fetch(stmt)) == 0 || fetched == MYSQL_DATA_TRUNCATED) {
        if (!keep_cells(db, (count + 1) * width))
            return -1;
        if (!copy_row(&db->columns, stmt, arena, db->cells + count * width))
            return -1;
        count++;
    }
    return fetched == MYSQL_NO_DATA ? (ssize_t)count : -1;
}

static bool statement_read(struct db *db, struct statement *statement, struct outcome *outcome, struct trouble *trouble)
{
    ssize_t count = -1;
    if (prepare_columns(&db->columns, statement->stmt))
        count = read_rows(db, statement->stmt, outcome->arena);
    if (count < 0) {
        note_trouble(trouble, mysql_stmt_errno(statement->stmt), mysql_stmt_error(statement->stmt));
        if (trouble->code == 0) /* what ends a result in its middle (a deadlock) is the connection's error, not the statement's */
            note_trouble(trouble, mysql_errno(db->mysql), mysql_error(db->mysql));
        if (trouble->code == 0)
            return out_of_memory(trouble);
        return false;
    }
    const size_t cells = (size_t)count * db->columns.count;
    outcome->rows = (struct rows){
        .count = (size_t)count,
        .columns = db->columns.count,
        .cells = arena_copy(outcome->arena, db->cells, cells * sizeof(*db->cells)),
    };
    return true;
}

static bool statement_finish(struct db *db, struct statement *statement, struct outcome *outcome, struct trouble *trouble)
{
    outcome->rows = (struct rows){0};
    if (mysql_stmt_field_count(statement->stmt) == 0) {
        outcome->affected = mysql_stmt_affected_rows(statement->stmt);
        outcome->insert_id = mysql_stmt_insert_id(statement->stmt);
        return true;
    }
    const bool read = !outcome->arena || statement_read(db, statement, outcome, trouble);
    if (mysql_stmt_free_result(statement->stmt) == 0)
        return read;
    if (read)
        note_trouble(trouble, mysql_stmt_errno(statement->stmt), mysql_stmt_error(statement->stmt));
    return false;
}

bool statement_run(struct db *db, const char *sql, const struct sql_value *values, size_t count, struct outcome *outcome,
                   struct trouble *trouble)
{
    struct statement *statement = statement_get(db, sql, trouble);
    if (!statement)
        return false;
    if (!statement_send(statement, values, count, trouble)) {
        trouble->sent = trouble->code != CR_SERVER_GONE_ERROR;
        return false;
    }
    trouble->sent = true;
    return statement_finish(db, statement, outcome, trouble);
}
