/* The connection against a real server: types there and back, errors by number, transactions, lost connections. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "schema/db.h"
#include "gateway/base/clock.h"
#include "gateway/base/text.h"

struct fixture {
    struct db_target target;
    struct db *db;
    struct db *other;
    struct arena arena;
};

static void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static int setup(void **state)
{
    static const char schema[] =
        "DROP TABLE IF EXISTS child; DROP TABLE IF EXISTS thing;"
        "CREATE TABLE thing (id INT PRIMARY KEY AUTO_INCREMENT, n BIGINT, r DOUBLE, t VARCHAR(200), b LONGBLOB,"
        " u BINARY(16), at DATETIME(6), j LONGTEXT, UNIQUE (t)) CHARSET utf8mb4 COLLATE utf8mb4_bin;"
        "CREATE TABLE child (id INT PRIMARY KEY, thing INT, FOREIGN KEY (thing) REFERENCES thing (id));";
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    if (!url)
        return 0;
    must(db_target_parse(url, &fixture->target));
    free(fixture->target.name);
    fixture->target.name = strdup("zonegate_test_db");
    must(db_create_database(&fixture->target));
    must(db_open(&fixture->target, &fixture->db));
    must(db_open(&fixture->target, &fixture->other));
    must(db_script(fixture->db, schema, strlen(schema)));
    return 0;
}

static int teardown(void **state)
{
    static const char sql[] = "DROP DATABASE zonegate_test_db";
    struct fixture *fixture = *state;
    if (fixture->db)
        must(db_script(fixture->db, sql, strlen(sql)));
    db_close(fixture->db);
    db_close(fixture->other);
    db_target_clear(&fixture->target);
    arena_clear(&fixture->arena);
    free(fixture);
    return 0;
}

static struct fixture *fixture_get(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture->db)
        skip();
    return fixture;
}

static int64_t ask_int(struct fixture *fixture, struct db *db, const char *sql)
{
    struct rows rows;
    must(db_query_one(db, &fixture->arena, sql, NULL, 0, "no row", &rows));
    return rows_int(&rows, 0, 0);
}

static void values_come_back_as_they_went_in(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct uuid uuid;
    uuid_new(&uuid);
    uuid.bytes[3] = 0;
    uuid.bytes[4] = 0xff;
    const unsigned char blob[] = {0, 1, 0xfe, 0xff, '\'', 0};
    const int64_t at = 1767225600123456;
    const struct sql_value values[] = {sql_int(INT64_MIN),        sql_double(1.0 / 3),
                                       sql_text("grüße ' \" \\"), sql_bytes(blob, sizeof(blob)),
                                       sql_uuid(&uuid),           sql_time(at)};
    uint64_t id = 0;
    must(db_insert(fixture->db, "INSERT INTO thing (n, r, t, b, u, at) VALUES (?, ?, ?, ?, ?, ?)", values, 6, &id));
    assert_int_equal(id, 1);
    struct rows rows;
    must(db_query(fixture->db, &fixture->arena,
                  "SELECT n, r, t, b, u, at, j, n IS NULL FROM thing WHERE u = ? AND at = ? AND t = ?",
                  (const struct sql_value[]){sql_uuid(&uuid), sql_time(at), sql_text("grüße ' \" \\")}, 3, &rows));
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.columns, 8);
    assert_true(rows_int(&rows, 0, 0) == INT64_MIN);
    assert_true(rows_double(&rows, 0, 1) == 1.0 / 3);
    assert_string_equal(rows_text(&rows, 0, 2), "grüße ' \" \\");
    assert_int_equal(rows_bytes(&rows, 0, 3).length, sizeof(blob));
    assert_memory_equal(rows_bytes(&rows, 0, 3).bytes, blob, sizeof(blob));
    const struct uuid back = rows_uuid(&rows, 0, 4);
    assert_true(uuid_equal(&back, &uuid));
    assert_true(rows_time(&rows, 0, 5) == at);
    assert_true(rows_is_null(&rows, 0, 6));
    assert_int_equal(rows_int(&rows, 0, 7), 0);
}

static void null_is_null_and_empty_is_empty(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct rows rows;
    must(db_query(fixture->db, &fixture->arena, "SELECT ?, ?, ?, ?, ?",
                  (const struct sql_value[]){sql_text(NULL), sql_time(0), sql_uuid(NULL), sql_text(""), sql_bool(true)}, 5, &rows));
    assert_true(rows_is_null(&rows, 0, 0) && rows_is_null(&rows, 0, 1) && rows_is_null(&rows, 0, 2));
    assert_string_equal(rows_text(&rows, 0, 3), "");
    assert_int_equal(rows_int(&rows, 0, 4), 1);
    assert_true(rows_time(&rows, 0, 1) == 0);
    const struct uuid none = rows_uuid(&rows, 0, 2);
    assert_true(uuid_is_zero(&none));
}

static void long_columns_come_whole(void **state)
{
    struct fixture *fixture = fixture_get(state);
    static const size_t sizes[] = {1, 1023, 1024, 1025, 65536, 3000000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *bytes = malloc(sizes[i] + 1);
        for (size_t k = 0; k < sizes[i]; k++)
            bytes[k] = (char)('a' + k % 23);
        bytes[sizes[i]] = '\0';
        must(db_exec(fixture->db, "UPDATE thing SET j = ?, b = ? WHERE id = 1",
                     (const struct sql_value[]){sql_text(bytes), sql_bytes(bytes, sizes[i])}, 2));
        struct rows rows;
        must(db_query(fixture->db, &fixture->arena, "SELECT j, b, id FROM thing WHERE id = 1", NULL, 0, &rows));
        assert_int_equal(rows_bytes(&rows, 0, 0).length, sizes[i]);
        assert_string_equal(rows_text(&rows, 0, 0), bytes);
        assert_int_equal(rows_bytes(&rows, 0, 1).length, sizes[i]);
        assert_memory_equal(rows_text(&rows, 0, 1), bytes, sizes[i]);
        assert_int_equal(rows_int(&rows, 0, 2), 1);
        free(bytes);
    }
}

static void many_rows_keep_their_order(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct rows rows;
    must(db_query(fixture->db, &fixture->arena, "SELECT seq, seq * 2, NULL FROM seq_1_to_20000 ORDER BY seq", NULL, 0, &rows));
    assert_int_equal(rows.count, 20000);
    for (size_t i = 0; i < rows.count; i++) {
        assert_int_equal(rows_int(&rows, i, 0), i + 1);
        assert_int_equal(rows_int(&rows, i, 1), 2 * i + 2);
        assert_true(rows_is_null(&rows, i, 2));
    }
    must(db_query(fixture->db, &fixture->arena, "SELECT seq FROM seq_1_to_5 WHERE seq > 9", NULL, 0, &rows));
    assert_int_equal(rows.count, 0);
    assert_int_equal(rows.columns, 1);
}

static void numbers_of_all_kinds_are_text(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct rows rows;
    must(db_query(
        fixture->db, &fixture->arena,
        "SELECT 1.5, CAST(7 AS UNSIGNED), 9223372036854775807, -1, 1e300, TRUE, CAST('2026-01-02' AS DATE), COUNT(*), SUM(id),"
        " CAST('2026-01-02 03:04:05' AS DATETIME), 0.1E0 FROM thing",
        NULL, 0, &rows));
    assert_string_equal(rows_text(&rows, 0, 0), "1.5");
    assert_int_equal(rows_int(&rows, 0, 1), 7);
    assert_true(rows_int(&rows, 0, 2) == INT64_MAX);
    assert_int_equal(rows_int(&rows, 0, 3), -1);
    assert_true(rows_double(&rows, 0, 4) == 1e300);
    assert_int_equal(rows_int(&rows, 0, 5), 1);
    assert_string_equal(rows_text(&rows, 0, 6), "2026-01-02");
    assert_int_equal(rows_int(&rows, 0, 7), 1);
    assert_true(rows_time(&rows, 0, 9) == 1767323045000000);
    assert_true(rows_double(&rows, 0, 10) == 0.1);
}

static void errors_have_their_kind(void **state)
{
    struct fixture *fixture = fixture_get(state);
    static const struct {
        const char *sql;
        enum err kind;
    } cases[] = {
        {"INSERT INTO child (id, thing) VALUES (1, 1)", OK},
        {"INSERT INTO thing (t) SELECT t FROM thing WHERE id = 1", E_CONFLICT},
        {"DELETE FROM thing WHERE id = 1", E_CONFLICT},
        {"INSERT INTO child (id, thing) VALUES (2, 77)", E_CONFLICT},
        {"INSERT INTO thing (t) VALUES (REPEAT('x', 201))", E_INTERNAL}, /* strict */
        {"INSERT INTO thing (at) VALUES ('2026-02-31 00:00:00')", E_INTERNAL},
        {"SELECT nothing FROM thing", E_INTERNAL},
        {"SELEC", E_INTERNAL},
        {"SELECT ?", E_INTERNAL}, /* no value */
        {"DELETE FROM child", OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const enum err kind = db_exec(fixture->db, cases[i].sql, NULL, 0);
        if (kind != cases[i].kind)
            print_error("%s: %s\n", cases[i].sql, err_message());
        assert_int_equal(kind, cases[i].kind);
    }
    struct rows rows;
    assert_int_equal(
        db_query_one(fixture->db, &fixture->arena, "SELECT 1 FROM thing WHERE id = 99", NULL, 0, "It 100% is not here.", &rows),
        E_NOT_FOUND);
    assert_string_equal(err_message(), "It 100% is not here.");
}

static void affected_counts_matched_rows(void **state)
{
    struct fixture *fixture = fixture_get(state);
    uint64_t affected = 99;
    must(db_exec_count(fixture->db, "UPDATE thing SET n = 5 WHERE id = 1", NULL, 0, &affected));
    assert_int_equal(affected, 1);
    must(db_exec_count(fixture->db, "UPDATE thing SET n = 5 WHERE id = 1", NULL, 0, &affected));
    assert_int_equal(affected, 1);
    must(db_exec_count(fixture->db, "UPDATE thing SET n = 5 WHERE id = 42", NULL, 0, &affected));
    assert_int_equal(affected, 0);
}

static void session_is_as_promised(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct rows rows;
    must(db_query(fixture->db, &fixture->arena, "SELECT @@tx_isolation, @@time_zone, @@character_set_client, @@sql_mode", NULL, 0,
                  &rows));
    assert_string_equal(rows_text(&rows, 0, 0), "READ-COMMITTED");
    assert_string_equal(rows_text(&rows, 0, 1), "+00:00");
    assert_string_equal(rows_text(&rows, 0, 2), "utf8mb4");
    assert_non_null(strstr(rows_text(&rows, 0, 3), "STRICT_ALL_TABLES"));
}

static void statements_are_evicted_and_survive_schema_changes(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct rows rows;
    const char *star = "SELECT * FROM child";
    must(db_query(fixture->db, &fixture->arena, star, NULL, 0, &rows));
    assert_int_equal(rows.columns, 2);
    must(db_exec(fixture->other, "ALTER TABLE child ADD COLUMN extra INT", NULL, 0));
    must(db_query(fixture->db, &fixture->arena, star, NULL, 0, &rows));
    assert_int_equal(rows.columns, 3);
    for (int i = 0; i < 450; i++) {
        char sql[64];
        (void)snprintf(sql, sizeof(sql), "SELECT %d + 0", i);
        assert_int_equal(ask_int(fixture, fixture->db, sql), i);
    }
    assert_true(ask_int(fixture, fixture->db,
                        "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = "
                        "'Com_stmt_close'") > 200);
}

/* Transactions */

struct work {
    struct fixture *fixture;
    int runs;
    int lose_first; /* how many runs end with E_RETRY made by a killed connection */
    enum err end;
};

static void kill_connection(struct fixture *fixture, int64_t id)
{
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "KILL CONNECTION %lld", (long long)id);
    must(db_script(fixture->other, sql, strlen(sql)));
}

static enum err add_row(struct db *db, void *context)
{
    struct work *work = context;
    work->runs++;
    assert_true(db_in_transaction(db));
    TRY(db_exec(db, "INSERT INTO thing (t) VALUES ('in transaction')", NULL, 0));
    if (work->runs <= work->lose_first) {
        kill_connection(work->fixture, ask_int(work->fixture, db, "SELECT CONNECTION_ID()"));
        TRY(db_exec(db, "INSERT INTO thing (t) VALUES ('after the kill')", NULL, 0));
    }
    if (work->end != OK)
        return fail(work->end, "as asked");
    return OK;
}

static void transactions_commit_roll_back_and_run_again(void **state)
{
    struct fixture *fixture = fixture_get(state);
    static const struct {
        enum err end;
        int lose_first, runs, rows;
    } cases[] = {{E_CONFLICT, 0, 1, 0}, {OK, 0, 1, 1}, {OK, 2, 3, 1}, {E_RETRY, 0, 11, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct work work = {.fixture = fixture, .lose_first = cases[i].lose_first, .end = cases[i].end};
        assert_int_equal(db_transaction(fixture->db, add_row, &work), cases[i].end);
        if (cases[i].end != OK)
            assert_string_equal(err_message(), "as asked");
        assert_int_equal(work.runs, cases[i].runs);
        assert_false(db_in_transaction(fixture->db));
        assert_int_equal(ask_int(fixture, fixture->other, "SELECT COUNT(*) FROM thing WHERE t LIKE '%a%tion'"), cases[i].rows);
        must(db_exec(fixture->db, "DELETE FROM thing WHERE id > 1", NULL, 0));
    }
}

static enum err swallow_loss(struct db *db, void *context)
{
    struct work *work = context;
    if (++work->runs > 1)
        return OK;
    kill_connection(work->fixture, ask_int(work->fixture, db, "SELECT CONNECTION_ID()"));
    assert_int_equal(db_exec(db, "INSERT INTO thing (t) VALUES ('lost 1')", NULL, 0), E_RETRY);
    assert_int_equal(db_exec(db, "INSERT INTO thing (t) VALUES ('lost 2')", NULL, 0), E_RETRY);
    return OK;
}

static void a_swallowed_loss_does_not_commit_half(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct work work = {.fixture = fixture};
    must(db_transaction(fixture->db, swallow_loss, &work));
    assert_int_equal(work.runs, 2);
    assert_int_equal(ask_int(fixture, fixture->other, "SELECT COUNT(*) FROM thing WHERE t LIKE 'lost%'"), 0);
}

static enum err nested(struct db *db, void *context)
{
    TRY(db_transaction(db, add_row, context));
    assert_true(db_in_transaction(db));
    return fail(E_GONE, "outer");
}

static void nested_work_belongs_to_the_outer_transaction(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct work work = {.fixture = fixture};
    assert_int_equal(db_transaction(fixture->db, nested, &work), E_GONE);
    assert_int_equal(ask_int(fixture, fixture->db, "SELECT COUNT(*) FROM thing WHERE id > 1"), 0);
}

struct crossing {
    struct db *db;
    pthread_barrier_t *meet;
    int first, second, runs;
    enum err result;
};

static enum err lock_crosswise(struct db *db, void *context)
{
    struct crossing *crossing = context;
    const struct sql_value one = sql_int(crossing->first);
    const struct sql_value two = sql_int(crossing->second);
    TRY(db_exec(db, "UPDATE thing SET n = n + 1 WHERE id = ?", &one, 1));
    if (crossing->runs++ == 0)
        (void)pthread_barrier_wait(crossing->meet);
    return db_exec(db, "UPDATE thing SET n = n + 1 WHERE id = ?", &two, 1);
}

static void *cross(void *argument)
{
    struct crossing *crossing = argument;
    crossing->result = db_transaction(crossing->db, lock_crosswise, crossing);
    db_thread_end();
    return NULL;
}

static void deadlocks_run_again(void **state)
{
    struct fixture *fixture = fixture_get(state);
    pthread_barrier_t meet;
    pthread_t threads[2];
    must(db_exec(fixture->db, "INSERT INTO thing (id, n) VALUES (101, 0), (102, 0)", NULL, 0));
    assert_int_equal(pthread_barrier_init(&meet, NULL, 2), 0);
    struct crossing crossings[2] = {{fixture->db, &meet, 101, 102, 0, E_INTERNAL},
                                    {fixture->other, &meet, 102, 101, 0, E_INTERNAL}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, cross, &crossings[i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)pthread_barrier_destroy(&meet);
    assert_int_equal(crossings[0].result, OK);
    assert_int_equal(crossings[1].result, OK);
    assert_true(crossings[0].runs + crossings[1].runs > 2);
    assert_int_equal(ask_int(fixture, fixture->db, "SELECT SUM(n) FROM thing WHERE id IN (101, 102)"), 4);
}

/* Lost connections */

static void wait_until_gone(struct fixture *fixture, int64_t id)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %lld", (long long)id);
    const int64_t limit = clock_mono_ms() + 10000;
    while (ask_int(fixture, fixture->other, sql) != 0)
        assert_true(clock_mono_ms() < limit);
}

static void a_connection_closed_by_the_server_is_opened_again(void **state)
{
    struct fixture *fixture = fixture_get(state);
    for (int round = 0; round < 3; round++) {
        const int64_t before = ask_int(fixture, fixture->db, "SELECT CONNECTION_ID()");
        kill_connection(fixture, before);
        wait_until_gone(fixture, before);
        if (round == 0)
            must(db_exec(fixture->db, "UPDATE thing SET n = 1 WHERE id = 1", NULL, 0));
        assert_int_not_equal(ask_int(fixture, fixture->db, "SELECT CONNECTION_ID()"), before);
    }
}

struct killer {
    struct fixture *fixture;
    int64_t victim;
};

static void *kill_when_it_sleeps(void *argument)
{
    struct killer *killer = argument;
    char sql[160];
    (void)snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %lld AND STATE = 'User sleep'",
                   (long long)killer->victim);
    const int64_t limit = clock_mono_ms() + 10000;
    while (clock_mono_ms() < limit && ask_int(killer->fixture, killer->fixture->other, sql) == 0)
        continue;
    kill_connection(killer->fixture, killer->victim);
    db_thread_end();
    return NULL;
}

static void a_change_lost_on_its_way_has_an_unknown_outcome(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct killer killer = {fixture, ask_int(fixture, fixture->db, "SELECT CONNECTION_ID()")};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, kill_when_it_sleeps, &killer), 0);
    assert_int_equal(db_exec(fixture->db, "INSERT INTO thing (n) SELECT SLEEP(20)", NULL, 0), E_TIMEOUT);
    assert_non_null(strstr(err_message(), "unknown"));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(ask_int(fixture, fixture->db, "SELECT CONNECTION_ID()") != killer.victim);
}

static void a_missing_server_and_database_are_named(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct db_target target = fixture->target;
    struct db *db = NULL;
    target.socket = (char[]){"/nonexistent/socket"};
    assert_int_equal(db_open(&target, &db), E_UNAVAILABLE);
    assert_int_equal(db_create_database(&target), E_UNAVAILABLE);
    target = fixture->target;
    target.name = (char[]){"zonegate_is_not_here"};
    assert_int_equal(db_open(&target, &db), E_NOT_FOUND);
    target.user = (char[]){"nobody_of_that_name"};
    assert_int_equal(db_open(&target, &db), E_FORBIDDEN);
    assert_null(db);
}

static void scripts_report_the_statement_that_failed(void **state)
{
    struct fixture *fixture = fixture_get(state);
    static const char bad[] =
        "UPDATE thing SET n = 2 WHERE id = 1; SELECT n FROM thing; SELECT wrong FROM thing; DELETE FROM thing;";
    assert_int_equal(db_script(fixture->db, bad, strlen(bad)), E_INTERNAL);
    assert_non_null(strstr(err_message(), "wrong"));
    assert_true(ask_int(fixture, fixture->db, "SELECT COUNT(*) FROM thing") > 0);
    static const char good[] = "SELECT 1; -- the end\n";
    must(db_script(fixture->db, good, strlen(good)));
    assert_int_equal(db_exec(fixture->db, "SELECT 1; SELECT 2", NULL, 0), E_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_as_they_went_in),
        cmocka_unit_test(null_is_null_and_empty_is_empty),
        cmocka_unit_test(long_columns_come_whole),
        cmocka_unit_test(many_rows_keep_their_order),
        cmocka_unit_test(numbers_of_all_kinds_are_text),
        cmocka_unit_test(errors_have_their_kind),
        cmocka_unit_test(affected_counts_matched_rows),
        cmocka_unit_test(session_is_as_promised),
        cmocka_unit_test(statements_are_evicted_and_survive_schema_changes),
        cmocka_unit_test(transactions_commit_roll_back_and_run_again),
        cmocka_unit_test(a_swallowed_loss_does_not_commit_half),
        cmocka_unit_test(nested_work_belongs_to_the_outer_transaction),
        cmocka_unit_test(deadlocks_run_again),
        cmocka_unit_test(a_connection_closed_by_the_server_is_opened_again),
        cmocka_unit_test(a_change_lost_on_its_way_has_an_unknown_outcome),
        cmocka_unit_test(a_missing_server_and_database_are_named),
        cmocka_unit_test(scripts_report_the_statement_that_failed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
