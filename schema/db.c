/*
 * Running statements and transactions on a connection, and what to do when that fails: `settle` is the only function that decides
 * whether to go on, to repeat or to give up (what an error number means is the table in db_errors.c).
 *
 * Not here: connections (db_connection.c), statements (db_statement.c), values (db_values.c), URLs (db_target.c).
 */
#include <string.h>
#include <strings.h>
#include <time.h>

#include <errmsg.h>

#include "schema/db_inside.h"
#include "gateway/base/clock.h"
#include "gateway/base/id.h"

#define REPEAT_LIMIT  10
#define PAUSE_MOST_MS 200

static void pause_ms(int64_t ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

/* 1 ms up to 5 · 2^n ms, so that those who collided do not collide again. */
static void pause_before_repeat(int repeats)
{
    const uint32_t most = 5u << (repeats < 6 ? repeats : 6);
    pause_ms(1 + random_below(most < PAUSE_MOST_MS ? most : PAUSE_MOST_MS));
}

/* Running */

static bool is_read(const char *sql)
{
    while (*sql == ' ' || *sql == '\n')
        sql++;
    return strncasecmp(sql, "SELECT", 6) == 0 || strncasecmp(sql, "SHOW", 4) == 0;
}

static enum err settle_in_transaction(struct db *db, const struct trouble *trouble, const struct meaning *meaning)
{
    if (meaning->fate == FATE_FINAL)
        return fail_trouble(trouble, meaning->kind);
    db->doomed = true;
    if (meaning->fate == FATE_LOST)
        db_connection_close(db);
    else if (meaning->fate == FATE_STALE)
        statements_clear(db);
    return fail_trouble(trouble, E_RETRY);
}

/* After a failed attempt: OK means run it again. */
static enum err settle(struct db *db, const char *sql, const struct trouble *trouble, int repeats)
{
    const struct meaning *meaning = meaning_get(trouble->code);
    if (db->in_transaction)
        return settle_in_transaction(db, trouble, meaning);
    if (meaning->fate == FATE_FINAL || repeats >= REPEAT_LIMIT)
        return fail_trouble(trouble, meaning->kind);
    if (meaning->fate == FATE_AGAIN) {
        pause_before_repeat(repeats);
        return OK;
    }
    if (meaning->fate == FATE_STALE) {
        statements_clear(db);
        return repeats == 0 ? OK : fail_trouble(trouble, meaning->kind);
    }
    db_connection_close(db);
    if (trouble->sent && !is_read(sql))
        return fail(E_TIMEOUT, "The connection to the database was lost (%u: %s); whether the change was made is unknown.",
                    trouble->code, trouble->text);
    return repeats == 0 ? OK : fail_trouble(trouble, meaning->kind);
}

static enum err run(struct db *db, const char *sql, const struct sql_value *values, size_t count, struct outcome *outcome)
{
    if (db->in_transaction && db->doomed)
        return fail(E_RETRY, "The transaction was already lost by an earlier statement.");
    if (!db->in_transaction)
        check_idle_connection(db);
    if (!is_read(sql))
        db_cache_forget(db);
    for (int repeats = 0;; repeats++) {
        struct trouble trouble = {0};
        TRY(db_connection_open(db));
        if (statement_run(db, sql, values, count, outcome, &trouble))
            return OK;
        TRY(settle(db, sql, &trouble, repeats));
    }
}

enum err db_exec(struct db *db, const char *sql, const struct sql_value *values, size_t count)
{
    struct outcome outcome = {0};
    return run(db, sql, values, count, &outcome);
}

enum err db_exec_count(struct db *db, const char *sql, const struct sql_value *values, size_t count, uint64_t *out_affected)
{
    struct outcome outcome = {0};
    TRY(run(db, sql, values, count, &outcome));
    *out_affected = outcome.affected;
    return OK;
}

enum err db_insert(struct db *db, const char *sql, const struct sql_value *values, size_t count, uint64_t *out_id)
{
    struct outcome outcome = {0};
    TRY(run(db, sql, values, count, &outcome));
    *out_id = outcome.insert_id;
    return OK;
}

enum err db_query(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                  struct rows *out)
{
    struct outcome outcome = {.arena = arena};
    TRY(run(db, sql, values, count, &outcome));
    *out = outcome.rows;
    return OK;
}

enum err db_query_one(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                      const char *missing, struct rows *out)
{
    struct rows rows;
    TRY(db_query(db, arena, sql, values, count, &rows));
    if (rows.count == 0)
        return fail(E_NOT_FOUND, "%s", missing);
    *out = rows;
    return OK;
}

/* Reads the answers to all statements of a script. */
static int drain_results(MYSQL *mysql)
{
    int next = 0;
    while (next == 0) {
        MYSQL_RES *result = mysql_store_result(mysql);
        if (result)
            mysql_free_result(result);
        else if (mysql_errno(mysql))
            return 1;
        next = mysql_next_result(mysql);
    }
    return next > 0;
}

enum err db_script(struct db *db, const char *sql, size_t length)
{
    check_idle_connection(db);
    db_cache_forget(db);
    TRY(db_connection_open(db));
    if (mysql_set_server_option(db->mysql, MYSQL_OPTION_MULTI_STATEMENTS_ON) == 0 &&
        mysql_real_query(db->mysql, sql, length) == 0 && drain_results(db->mysql) == 0 &&
        mysql_set_server_option(db->mysql, MYSQL_OPTION_MULTI_STATEMENTS_OFF) == 0)
        return OK;
    const struct trouble trouble = trouble_of(db->mysql);
    db_connection_close(db); /* nobody knows what is still to be read there */
    return fail_trouble(&trouble, meaning_get(trouble.code)->kind);
}

/* Transactions */

static bool say(struct db *db, const char *words, struct trouble *trouble)
{
    if (mysql_real_query(db->mysql, words, strlen(words)) == 0)
        return true;
    *trouble = trouble_of(db->mysql);
    trouble->sent = trouble->code != CR_SERVER_GONE_ERROR;
    return false;
}

static enum err begin(struct db *db)
{
    struct trouble trouble = {0};
    check_idle_connection(db);
    for (int attempt = 0; attempt < 2; attempt++) {
        TRY(db_connection_open(db));
        if (say(db, "START TRANSACTION", &trouble)) {
            db->in_transaction = true;
            db->doomed = false;
            return OK;
        }
        db_connection_close(db); /* nothing is in it: a new one is as good */
    }
    return fail_trouble(&trouble, E_UNAVAILABLE);
}

/* Keeps the message of the error that led here. A server that does not hear us rolls back when the connection ends. */
static void rollback(struct db *db)
{
    struct trouble trouble;
    db->in_transaction = false;
    if (db->mysql && !say(db, "ROLLBACK", &trouble))
        db_connection_close(db);
}

static enum err commit(struct db *db)
{
    struct trouble trouble;
    if (db->doomed) {
        rollback(db);
        return fail(E_RETRY, "The transaction was lost by one of its statements.");
    }
    if (say(db, "COMMIT", &trouble)) {
        db->in_transaction = false;
        db->used_ms = clock_mono_ms();
        return OK;
    }
    const struct meaning *meaning = meaning_get(trouble.code);
    if (meaning->fate == FATE_LOST) {
        db->in_transaction = false;
        db_connection_close(db);
        if (!trouble.sent)
            return fail_trouble(&trouble, E_RETRY);
        return fail(E_TIMEOUT,
                    "The connection to the database was lost at COMMIT (%u: %s); whether the change was made is unknown.",
                    trouble.code, trouble.text);
    }
    rollback(db);
    return fail_trouble(&trouble, meaning->kind);
}

enum err db_transaction(struct db *db, enum err (*work)(struct db *db, void *context), void *context)
{
    if (db->in_transaction)
        return work(db, context);
    enum err result = E_RETRY;
    for (int repeats = 0; result == E_RETRY && repeats <= REPEAT_LIMIT; repeats++) {
        if (repeats > 0)
            pause_before_repeat(repeats - 1);
        TRY(begin(db));
        result = work(db, context);
        if (result == OK)
            result = commit(db);
        else
            rollback(db);
    }
    return result;
}

bool db_in_transaction(const struct db *db)
{
    return db->in_transaction;
}
