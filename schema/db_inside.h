/* What the files db*.c share: the connection and its prepared statements. Nobody else includes this. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mysql.h>
#include <uthash.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "schema/db_cache.h"

#define DB_READ_TIMEOUT_S 30

struct statement {
    UT_hash_handle hh;
    char *sql; /* the key */
    MYSQL_STMT *stmt;
    MYSQL_BIND *parameters;
    size_t parameter_count;
};

struct column_state {
    unsigned long length;
    my_bool is_null;
    my_bool error;
};

/* What the row that is being read is fetched into: one result at a time. */
struct columns {
    MYSQL_BIND *binds; /* one buffer per column, all in `buffer` */
    struct column_state *states;
    char *buffer;
    size_t count;    /* of this result */
    size_t capacity; /* of the widest one until now */
};

struct db {
    MYSQL *mysql; /* NULL: closed, to be opened again */
    const struct db_target *target;
    unsigned read_timeout_s;
    struct statement *statements;
    int64_t used_ms; /* when it last spoke to the server */
    bool in_transaction;
    bool doomed; /* this transaction cannot be committed any more */
    struct columns columns;
    struct sql_cell *cells; /* scratch of the result that is being read */
    size_t cell_capacity;
    int64_t counters[COUNTED_END]; /* of change_counters; 0: there is no such row */
    int64_t counters_ms;           /* when they were read; 0: ask before use */
};

/* What one statement gives back. `arena` NULL: rows are not wanted. */
struct outcome {
    struct arena *arena;
    struct rows rows;
    uint64_t affected;
    uint64_t insert_id;
};

/* What went wrong in one attempt: the server's or client library's number, and how far the statement got. */
struct trouble {
    unsigned code;
    bool sent;
    char text[512];
};

/* Opens a connection with another read timeout (migrations). */
MUST_CHECK enum err db_open_patient(const struct db_target *target, unsigned read_timeout_s, struct db **out);

/* What an error number means for the statement. */
enum fate {
    FATE_FINAL, /* tell the caller */
    FATE_AGAIN, /* rolled back by the server: run again */
    FATE_LOST,  /* the connection is gone */
    FATE_STALE, /* the prepared statement is no longer valid */
};

struct meaning {
    unsigned code;
    enum fate fate;
    enum err kind;
};

const struct meaning *meaning_get(unsigned code);
struct trouble trouble_of(MYSQL *mysql);
MUST_CHECK enum err fail_trouble(const struct trouble *trouble, enum err kind);

/* Opens it when it is closed. */
MUST_CHECK enum err db_connection_open(struct db *db);
void db_connection_close(struct db *db);
/* An idle connection has nothing to say: what is readable there is its end, or the reason for it. Then it is closed. Seen before a
 * change is sent, this costs nobody an unknown outcome. */
void check_idle_connection(struct db *db);

/* One attempt to run `sql` on the open connection; false with `trouble` filled. */
bool statement_run(struct db *db, const char *sql, const struct sql_value *values, size_t count, struct outcome *outcome,
                   struct trouble *trouble);
/* And what their results were read into. */
void statements_clear(struct db *db);
void statement_forget(struct db *db, const char *sql);
