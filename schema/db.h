/*
 * MariaDB: one synchronous connection per thread, prepared statements kept per connection, READ COMMITTED, rows copied into an
 * arena.
 *
 * A statement stands directly above the one function that runs it (STYLE section 9). A connection that the server closed is opened
 * again before the next statement outside a transaction. Not here: the meaning of any table.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"

struct db;
struct db_cache;

/* Where the database is. Parsed from `[database] connection`; strings owned, released by db_target_clear. */
struct db_target {
    char *host;
    char *socket;
    char *user;
    char *password;
    char *name;
    unsigned port;
    struct db_cache *cache; /* schema/db_cache.h; borrowed, not copied by db_target_copy; NULL: nothing is kept */
};

/* E_INVALID names what is wrong with the URL (mariadb://user:password@host:port/name, mariadb:///name?socket=PATH&user=U). */
MUST_CHECK enum err db_target_parse(const char *url, struct db_target *out);
MUST_CHECK enum err db_target_copy(const struct db_target *from, struct db_target *out);
void db_target_clear(struct db_target *target);

/* CREATE DATABASE IF NOT EXISTS for `target->name`. E_UNAVAILABLE, E_FORBIDDEN. */
MUST_CHECK enum err db_create_database(const struct db_target *target);

/* Opens a connection (E_UNAVAILABLE: server not reachable; E_FORBIDDEN: login refused; E_NOT_FOUND: no such database). `target`
 * must outlive it. */
MUST_CHECK enum err db_open(const struct db_target *target, struct db **out);
void db_close(struct db *db);
/* For a thread that ends: releases what the client library keeps for it. */
void db_thread_end(void);

enum sql_type { SQL_NULL, SQL_INT, SQL_DOUBLE, SQL_TEXT, SQL_BYTES };

/* A bound value; borrows what it points to until the call returns. Text is compared by the column's collation, bytes as bytes. */
struct sql_value {
    enum sql_type type;
    int64_t number;
    double real;
    const void *bytes;
    size_t length;
    char inline_bytes[32]; /* times and uuids; then `bytes` is NULL */
};

struct sql_value sql_null(void);
struct sql_value sql_int(int64_t number);
struct sql_value sql_bool(bool value);
struct sql_value sql_double(double number);
struct sql_value sql_text(const char *text);                  /* NULL becomes NULL */
struct sql_value sql_bytes(const void *bytes, size_t length); /* NULL becomes NULL */
struct sql_value sql_uuid(const struct uuid *uuid);           /* BINARY(16); NULL becomes NULL */
struct sql_value sql_time(int64_t us);                        /* DATETIME(6) UTC; 0 becomes NULL */

/* One column of one row. `bytes` is NULL for SQL NULL, else NUL-terminated behind `length`. */
struct sql_cell {
    const char *bytes;
    size_t length;
};

struct rows {
    size_t count;
    size_t columns;
    const struct sql_cell *cells; /* count × columns, in the arena */
};

const char *rows_text(const struct rows *rows, size_t row, size_t column); /* NULL for SQL NULL */
int64_t rows_int(const struct rows *rows, size_t row, size_t column);      /* 0 for NULL */
double rows_double(const struct rows *rows, size_t row, size_t column);
bool rows_is_null(const struct rows *rows, size_t row, size_t column);
struct uuid rows_uuid(const struct rows *rows, size_t row, size_t column); /* zero for NULL */
int64_t rows_time(const struct rows *rows, size_t row, size_t column);     /* us; 0 for NULL */
struct sql_cell rows_bytes(const struct rows *rows, size_t row, size_t column);

/*
 * Runs one statement with `?` placeholders. `values` may be NULL when `count` is 0.
 * Errors: E_CONFLICT a unique key exists (1062), a row is still referred to (1451) or refers to none (1452), E_RETRY a deadlock or
 * lost connection inside a transaction (db_transaction runs it again), E_UNAVAILABLE no connection, E_INTERNAL anything else, with
 * the server's words. Outside a transaction deadlocks are repeated here, and so is what a lost connection cannot have carried out;
 * a change whose connection was lost after it was sent is E_TIMEOUT, its outcome unknown (the message says so).
 */
MUST_CHECK enum err db_exec(struct db *db, const char *sql, const struct sql_value *values, size_t count);
/* As db_exec; `out_affected` = rows matched (not rows changed: CLIENT_FOUND_ROWS). */
MUST_CHECK enum err db_exec_count(struct db *db, const char *sql, const struct sql_value *values, size_t count,
                                  uint64_t *out_affected);
/* As db_exec, with the new AUTO_INCREMENT value. */
MUST_CHECK enum err db_insert(struct db *db, const char *sql, const struct sql_value *values, size_t count, uint64_t *out_id);
MUST_CHECK enum err db_query(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                             struct rows *out);
/* As db_query, E_NOT_FOUND (with message `missing`, a printf-free text) when there is no row. */
MUST_CHECK enum err db_query_one(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                                 const char *missing, struct rows *out);
/* Several statements separated by `;` in the text protocol, without values: migrations only. Never repeated. */
MUST_CHECK enum err db_script(struct db *db, const char *sql, size_t length);

/*
 * Runs `work` between BEGIN and COMMIT. An error rolls back and is returned; E_RETRY (1213, 1205, 1020, 1047, 1180, also at COMMIT)
 * runs the whole of `work` again, up to 10 times with a short random pause. `work` must therefore set all it changes outside the
 * database anew. Does not nest: inside a transaction it just calls `work`. After E_RETRY the transaction is doomed: every further
 * statement in it is refused, even when `work` swallows the error. A connection lost at COMMIT is E_TIMEOUT (outcome unknown:
 * look by key).
 */
MUST_CHECK enum err db_transaction(struct db *db, enum err (*work)(struct db *db, void *context), void *context);
bool db_in_transaction(const struct db *db);
