/* Kept results: used while their counter stands, forgotten after any change by anyone, never used inside a transaction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "schema/db_cache.h"
#include "tests/unit/schema/store.h"

static const char by_id[] = "SELECT name FROM flavors WHERE flavorid = ?";
static const char without_count[] = "SELECT value FROM kept_values WHERE id = ?";

/* The store with a cache, one flavor, and a table that no trigger counts. */
static struct store *fresh(void **state)
{
    struct store *store = *state;
    if (!store->db)
        skip();
    db_cache_free(store->target.cache);
    store->target.cache = db_cache_new();
    run_sql(store, "DELETE FROM flavors; INSERT INTO flavors (flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap,"
                   " rxtx_factor, is_public, disabled, extra_specs, created_at) VALUES ('1', 'one', 1, 1, 1, 0, 0, 1, 1, 0, '{}',"
                   " UTC_TIMESTAMP(6)); CREATE TABLE IF NOT EXISTS kept_values (id INT PRIMARY KEY, value VARCHAR(20));"
                   " REPLACE INTO kept_values VALUES (1, 'first'), (2, NULL)");
    return store;
}

static const char *ask(struct store *store, const char *sql, int64_t id)
{
    struct rows rows;
    const struct sql_value value = sql_int(id);
    must(db_query_counted(store->db, &store->arena, COUNTED_FLAVORS, sql, &value, 1, &rows));
    return rows.count ? rows_text(&rows, 0, 0) : "no row";
}

/* Another program's connection: our own would forget at once. */
static void elsewhere(struct store *store, const char *sql)
{
    struct db *other = NULL;
    must(db_open(&store->target, &other));
    must(db_script(other, sql, strlen(sql)));
    db_close(other);
}

static void a_result_is_kept_while_its_counter_stands(void **state)
{
    struct store *store = fresh(state);
    assert_string_equal(ask(store, without_count, 1), "first");
    elsewhere(store, "UPDATE kept_values SET value = 'second' WHERE id = 1");
    db_cache_forget(store->db);
    assert_string_equal(ask(store, without_count, 1), "first"); /* so it was not asked for */
    assert_null(ask(store, without_count, 2));
    assert_null(ask(store, without_count, 2));
    assert_string_equal(ask(store, without_count, 3), "no row");
    assert_string_equal(ask(store, without_count, 3), "no row");
}

static void a_change_elsewhere_is_seen_by_the_next_request(void **state)
{
    struct store *store = fresh(state);
    assert_string_equal(ask(store, by_id, 1), "one");
    elsewhere(store, "UPDATE flavors SET name = 'uno' WHERE flavorid = '1'");
    db_cache_forget(store->db);
    assert_string_equal(ask(store, by_id, 1), "uno");
    elsewhere(store, "DELETE FROM flavors");
    db_cache_forget(store->db);
    assert_string_equal(ask(store, by_id, 1), "no row");
}

static void a_change_of_ones_own_is_seen_at_once(void **state)
{
    struct store *store = fresh(state);
    assert_string_equal(ask(store, by_id, 1), "one");
    must(db_exec(store->db, "UPDATE flavors SET name = 'uno'", NULL, 0));
    assert_string_equal(ask(store, by_id, 1), "uno");
}

static enum err rename_and_ask(struct db *db, void *context)
{
    struct store *store = context;
    TRY(db_exec(db, "UPDATE flavors SET name = 'due'", NULL, 0));
    assert_string_equal(ask(store, by_id, 1), "due");
    return fail(E_CONFLICT, "undone");
}

static void a_transaction_sees_itself_and_leaves_nothing_behind(void **state)
{
    struct store *store = fresh(state);
    assert_string_equal(ask(store, by_id, 1), "one");
    must_fail(db_transaction(store->db, rename_and_ask, store), E_CONFLICT, "undone");
    assert_string_equal(ask(store, by_id, 1), "one");
}

static void values_are_part_of_the_key(void **state)
{
    struct store *store = fresh(state);
    struct rows rows;
    static const char sql[] = "SELECT CONCAT(COALESCE(?, 'nothing'), '/', COALESCE(?, 'nothing'))";
    const struct sql_value pairs[][2] = {{sql_text("ab"), sql_text("c")},    {sql_text("a"), sql_text("bc")},
                                         {sql_text(""), sql_null()},         {sql_null(), sql_text("")},
                                         {sql_int(1), sql_text("2")},        {sql_text("1"), sql_int(2)},
                                         {sql_text("abc"), sql_text("abc")}, {sql_double(1.5), sql_null()}};
    static const char *const expected[] = {"ab/c", "a/bc", "/nothing", "nothing/", "1/2", "1/2", "abc/abc", "1.5/nothing"};
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
            must(db_query_counted(store->db, &store->arena, COUNTED_FLAVORS, sql, pairs[i], 2, &rows));
            assert_string_equal(rows_text(&rows, 0, 0), expected[i]);
        }
    }
}

static void more_than_fits_is_asked_for_again(void **state)
{
    struct store *store = fresh(state);
    static const char sql[] = "SELECT REPEAT('x', ?)";
    struct rows rows;
    for (int64_t i = 0; i < 1000; i++) {
        const struct sql_value value = sql_int(i * 100);
        must(db_query_counted(store->db, &store->arena, COUNTED_FLAVORS, sql, &value, 1, &rows));
        assert_int_equal(rows_bytes(&rows, 0, 0).length, i * 100);
    }
}

static int teardown(void **state)
{
    struct store *store = *state;
    db_cache_free(store->target.cache);
    store->target.cache = NULL;
    return store_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_is_kept_while_its_counter_stands),
        cmocka_unit_test(a_change_elsewhere_is_seen_by_the_next_request),
        cmocka_unit_test(a_change_of_ones_own_is_seen_at_once),
        cmocka_unit_test(a_transaction_sees_itself_and_leaves_nothing_behind),
        cmocka_unit_test(values_are_part_of_the_key),
        cmocka_unit_test(more_than_fits_is_asked_for_again),
    };
    return cmocka_run_group_tests(tests, store_setup, teardown);
}
