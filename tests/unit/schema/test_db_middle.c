/* Errors that come after the first rows of a result: they keep their number, and so their meaning. */
#include <pthread.h>

#include "tests/unit/schema/store.h"

static void an_error_in_the_middle_is_the_servers(void **state)
{
    static const char sql[] = "SELECT s1.seq, IF(s1.seq = ?, (SELECT s2.seq FROM seq_1_to_9 s2 WHERE s2.seq > s1.seq), 0)"
                              " FROM seq_1_to_5000 s1";
    struct store *store = store_get(state);
    for (int64_t at = 1; at < 8; at++) { /* the 9th would have one row only */
        const struct sql_value value = sql_int(at);
        struct rows rows = {.count = 77};
        must_fail(db_query(store->db, &store->arena, sql, &value, 1, &rows), E_INTERNAL,
                  "Database error 1242: Subquery returns more than 1 row");
        assert_int_equal(rows.count, 77);
    }
    assert_int_equal(ask_int(store, "SELECT 5"), 5); /* the connection goes on */
}

struct party {
    const struct db_target *target;
    pthread_barrier_t *both;
    int first;
    bool met; /* once: what runs again waits for nobody */
    enum err result;
};

static enum err take(struct db *db, int least)
{
    static const char sql[] = "SELECT id FROM pile WHERE id >= ? ORDER BY id FOR UPDATE";
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct sql_value value = sql_int(least);
    struct rows rows;
    return db_query(db, &arena, sql, &value, 1, &rows);
}

static enum err touch(struct db *db, int id)
{
    static const char sql[] = "UPDATE pile SET n = n + 1 WHERE id = ?";
    const struct sql_value value = sql_int(id);
    return db_exec(db, sql, &value, 1);
}

/* Each holds one row and reads, for update, a range that ends at the other's. */
static enum err lock_crosswise(struct db *db, void *context)
{
    struct party *party = context;
    TRY(touch(db, party->first));
    if (!party->met)
        (void)pthread_barrier_wait(party->both);
    party->met = true;
    return take(db, 1);
}

static void *run_party(void *context)
{
    struct party *party = context;
    struct db *db = NULL;
    party->result = db_open(party->target, &db);
    if (party->result == OK)
        party->result = db_transaction(db, lock_crosswise, party);
    db_close(db);
    db_thread_end();
    return NULL;
}

static void a_deadlock_among_the_rows_runs_again(void **state)
{
    struct store *store = store_get(state);
    run_sql(store, "CREATE TABLE pile (id INT PRIMARY KEY, n INT NOT NULL); INSERT INTO pile SELECT seq, 0 FROM seq_1_to_3000");
    for (int round = 1; round <= 5; round++) {
        pthread_barrier_t both;
        pthread_t threads[2];
        struct party parties[2];
        assert_int_equal(pthread_barrier_init(&both, NULL, 2), 0);
        for (int i = 0; i < 2; i++) {
            parties[i] = (struct party){&store->target, &both, 2900 + i, false, OK};
            assert_int_equal(pthread_create(&threads[i], NULL, run_party, &parties[i]), 0);
        }
        for (int i = 0; i < 2; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_int_equal(parties[i].result, OK);
        }
        (void)pthread_barrier_destroy(&both);
        assert_int_equal(ask_int(store, "SELECT SUM(n) FROM pile"), 2 * round);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_in_the_middle_is_the_servers),
        cmocka_unit_test(a_deadlock_among_the_rows_runs_again),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
