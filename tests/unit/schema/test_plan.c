/* Used plan entries: bound to one server, dropped when they have expired; two that race cannot both have one. */
#include <pthread.h>

#include "gateway/base/clock.h"
#include "schema/plan.h"
#include "tests/unit/schema/store.h"

#define HOUR_US  INT64_C(3600000000)
#define RACERS   8
#define CONFLICT "The plan entry was used for another server."

static const uint8_t entries[][32] = {{1}, {2}, {0}};

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    run_sql(store, "DELETE FROM plan_uses");
    return store;
}

static void an_entry_is_one_servers(void **state)
{
    struct store *store = fresh(state);
    const struct uuid one = uuid_of(1);
    const struct uuid two = uuid_of(2);
    const int64_t later = clock_wall_us() + HOUR_US;
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        must(plan_bind(store->db, entries[i], &one, later));
        must(plan_bind(store->db, entries[i], &one, later));
        must_fail(plan_bind(store->db, entries[i], &two, later), E_CONFLICT, CONFLICT);
    }
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM plan_uses"), ARRAY_LEN(entries));
}

static void several_are_bound_or_none_counts(void **state)
{
    struct store *store = fresh(state);
    const struct uuid one = uuid_of(1);
    const struct uuid two = uuid_of(2);
    const int64_t later = clock_wall_us() + HOUR_US;
    const struct plan_binding both[] = {{entries[0], &one, later}, {entries[1], &two, later}};
    const struct plan_binding crossed[] = {{entries[0], &one, later}, {entries[1], &one, later}};
    must(plan_bind_all(store->db, both, ARRAY_LEN(both)));
    must(plan_bind_all(store->db, both, ARRAY_LEN(both)));
    must_fail(plan_bind_all(store->db, crossed, ARRAY_LEN(crossed)), E_CONFLICT, CONFLICT);
    must(plan_bind_all(store->db, both, 0));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM plan_uses"), 2);
}

static void expired_entries_are_dropped_a_few_at_a_time(void **state)
{
    struct store *store = fresh(state);
    const struct uuid one = uuid_of(1);
    const int64_t later = clock_wall_us() + HOUR_US;
    run_sql(store,
            "INSERT INTO plan_uses SELECT UNHEX(SHA2(seq, 256)), 'x', UTC_TIMESTAMP(6) - INTERVAL seq SECOND FROM seq_1_to_44");
    must(plan_bind(store->db, entries[0], &one, later));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM plan_uses"), 13);
    must(plan_bind(store->db, entries[1], &one, later));
    must(plan_bind(store->db, entries[1], &one, later));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM plan_uses"), 2);
}

struct racer {
    const struct db_target *target;
    pthread_barrier_t *start;
    struct uuid server;
    enum err result;
};

static enum err bind_in_transaction(struct db *db, void *context)
{
    const struct racer *racer = context;
    return plan_bind(db, entries[0], &racer->server, clock_wall_us() + HOUR_US);
}

static void *run_racer(void *context)
{
    struct racer *racer = context;
    struct db *db = NULL;
    racer->result = db_open(racer->target, &db);
    (void)pthread_barrier_wait(racer->start);
    if (racer->result == OK)
        racer->result = db_transaction(db, bind_in_transaction, racer);
    db_close(db);
    db_thread_end();
    return NULL;
}

static void of_many_at_once_one_wins(void **state)
{
    struct store *store = fresh(state);
    pthread_barrier_t start;
    pthread_t threads[RACERS];
    struct racer racers[RACERS];
    int winners = 0;
    assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
    for (uint8_t i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){&store->target, &start, uuid_of(i), OK};
        assert_int_equal(pthread_create(&threads[i], NULL, run_racer, &racers[i]), 0);
    }
    for (size_t i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        winners += racers[i].result == OK;
        assert_true(racers[i].result == OK || racers[i].result == E_CONFLICT);
    }
    assert_int_equal(winners, 1);
    (void)pthread_barrier_destroy(&start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_one_servers),
        cmocka_unit_test(several_are_bound_or_none_counts),
        cmocka_unit_test(expired_entries_are_dropped_a_few_at_a_time),
        cmocka_unit_test(of_many_at_once_one_wins),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
