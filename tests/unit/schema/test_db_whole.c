/* Compound statements that are a transaction by themselves: all of it, or nothing and no transaction left open, whatever ends it.
 */
#include "tests/unit/schema/store.h"

static int setup(void **state)
{
    const int result = store_setup(state);
    struct store *store = *state;
    if (store->db)
        run_sql(store, "CREATE TABLE thing (id INT PRIMARY KEY AUTO_INCREMENT, t VARCHAR(200), UNIQUE (t))");
    return result;
}

static void whole_transactions_leave_nothing_behind(void **state)
{
    static const char sql[] = "BEGIN NOT ATOMIC START TRANSACTION; INSERT INTO thing (t) VALUES ('whole');"
                              " IF ? = 1 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not so'; END IF;"
                              " IF ? = 2 THEN INSERT INTO thing (t) VALUES ('whole'); END IF;"
                              " IF ? = 3 THEN KILL QUERY CONNECTION_ID(); END IF; COMMIT; END";
    static const enum err ends[] = {OK, E_CONFLICT, E_CONFLICT, E_INTERNAL};
    struct store *store = store_get(state);
    struct db *other = NULL;
    must(db_open(&store->target, &other));
    for (int i = 0; i < 4; i++) {
        const struct sql_value values[] = {sql_int(i), sql_int(i), sql_int(i)};
        assert_int_equal(db_exec_transaction(store->db, sql, values, ARRAY_LEN(values)), ends[i]);
        if (i == 1)
            assert_non_null(strstr(err_message(), "not so"));
        must(db_exec(store->db, "INSERT INTO thing (t) VALUES ('behind')", NULL, 0)); /* kept at once: nothing is open */
        struct rows rows;
        must(db_query(other, &store->arena, "SELECT t FROM thing ORDER BY t", NULL, 0, &rows));
        assert_int_equal(rows.count, ends[i] == OK ? 2 : 1);
        assert_string_equal(rows_text(&rows, 0, 0), "behind");
        must(db_exec(store->db, "DELETE FROM thing", NULL, 0));
    }
    db_close(other);
}

static enum err nest(struct db *db, void *context)
{
    (void)context;
    return db_exec_transaction(db, "BEGIN NOT ATOMIC START TRANSACTION; COMMIT; END", NULL, 0);
}

static void whole_transactions_do_not_nest(void **state)
{
    struct store *store = store_get(state);
    assert_int_equal(db_transaction(store->db, nest, NULL), E_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_transactions_leave_nothing_behind),
        cmocka_unit_test(whole_transactions_do_not_nest),
    };
    return cmocka_run_group_tests(tests, setup, store_teardown);
}
