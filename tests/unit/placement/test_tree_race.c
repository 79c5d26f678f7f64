/*
 * Generations that stay when nothing changes, ratios that stay as given; then 16 threads make, move and delete providers of one
 * forest at random. At the end every provider's root is where its parents lead, there is no loop, and every failure was one that
 * the rules name.
 */
#include <pthread.h>

#include "compute/placement/allocation.h"
#include "compute/placement/inventory.h"
#include "compute/placement/placement.h"
#include "compute/placement/provider.h"
#include "compute/placement/resource_class.h"
#include "tests/unit/schema/store.h"

#define THREADS   16
#define PROVIDERS 40
#define ATTEMPTS  150

struct worker {
    struct store *store;
    pthread_barrier_t *start;
    uint8_t number;
    int done;
    int refused;
    enum err worst;
    char message[300];
};

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    run_sql(store, "DELETE FROM allocations; DELETE FROM consumers; DELETE FROM inventories; DELETE FROM resource_provider_traits;"
                   "DELETE FROM resource_provider_aggregates; DELETE FROM resource_providers;"
                   "DELETE FROM resource_classes WHERE name LIKE 'CUSTOM%'");
    must(placement_sync(store->db));
    return store;
}

static void note(struct worker *worker, enum err result)
{
    if (result == OK)
        worker->done++;
    else if (result == E_NOT_FOUND || result == E_CONFLICT || result == E_INVALID)
        worker->refused++;
    else if (worker->worst == OK) {
        worker->worst = result;
        (void)snprintf(worker->message, sizeof(worker->message), "%s", err_message());
    }
}

static void attempt(struct worker *worker, struct db *db)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct uuid uuid = uuid_of((uint8_t)(1 + random_below(PROVIDERS)));
    const struct uuid parent = uuid_of((uint8_t)(1 + random_below(PROVIDERS)));
    const char *name = arena_printf(&arena, "p%d", uuid.bytes[15]);
    const struct uuid *above = random_below(6) ? &parent : NULL;
    struct placement_provider out;
    const struct placement_provider_change change = {name, true, above, true};
    const uint32_t deed = random_below(10);
    if (deed < 4)
        note(worker, placement_provider_create(db, &arena, &uuid, name, above, &out));
    else if (deed < 8)
        note(worker, placement_provider_update(db, &arena, &uuid, &change, &out));
    else
        note(worker, placement_provider_delete(db, &uuid));
}

static void *run(void *context)
{
    struct worker *worker = context;
    struct db *db = NULL;
    worker->worst = db_open(&worker->store->target, &db);
    (void)pthread_barrier_wait(worker->start);
    for (int i = 0; i < ATTEMPTS && db; i++)
        attempt(worker, db);
    db_close(db);
    db_thread_end();
    return NULL;
}

static void roots_stay_right(void **state)
{
    struct store *store = fresh(state);
    pthread_barrier_t start;
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    int done = 0;
    int refused = 0;
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (uint8_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.store = store, .start = &start, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)pthread_barrier_destroy(&start);
    for (size_t i = 0; i < THREADS; i++) {
        if (workers[i].worst != OK)
            print_error("%s: %s\n", err_name(workers[i].worst), workers[i].message);
        assert_int_equal(workers[i].worst, OK);
        done += workers[i].done;
        refused += workers[i].refused;
    }
    const int64_t wrong =
        ask_int(store, "SELECT COUNT(*) FROM resource_providers p JOIN resource_providers q ON q.id = p.parent_provider_id"
                       " WHERE p.root_provider_id <> q.root_provider_id");
    const int64_t orphans =
        ask_int(store, "SELECT COUNT(*) FROM resource_providers p LEFT JOIN resource_providers q ON q.id = p.parent_provider_id"
                       " WHERE p.parent_provider_id IS NOT NULL AND q.id IS NULL");
    const int64_t roots =
        ask_int(store, "SELECT COUNT(*) FROM resource_providers WHERE parent_provider_id IS NULL AND root_provider_id <> id");
    const int64_t all = ask_int(store, "SELECT COUNT(*) FROM resource_providers");
    const int64_t reached = ask_int(
        store, "WITH RECURSIVE r (id) AS (SELECT id FROM resource_providers WHERE parent_provider_id IS NULL"
               " UNION SELECT p.id FROM resource_providers p JOIN r ON p.parent_provider_id = r.id) SELECT COUNT(*) FROM r");
    print_message("%d done, %d refused, %d left; wrong roots %d, orphans %d, roots of others %d, in loops %d\n", done, refused,
                  (int)all, (int)wrong, (int)orphans, (int)roots, (int)(all - reached));
    assert_int_equal(wrong + orphans + roots + all - reached, 0);
}

static void a_claim_of_nothing_leaves_no_consumer(void **state)
{
    struct store *store = fresh(state);
    const struct uuid one = uuid_of(1);
    const struct uuid consumer = uuid_of(9);
    const struct resource_inventory inventories[] = {{"VCPU", 4, 0, 1.0}};
    const struct resource_amount nothing[] = {{"VCPU", 0}};
    const struct resource_amount two[] = {{"VCPU", 2}};
    must(placement_report(store->db, &one, "one", inventories, 1));
    must(placement_claim(store->db, &one, &consumer, "p", "u", nothing, 1));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers"), 0);
    must(placement_claim(store->db, &one, &consumer, "p", "u", two, 1));
}

static void an_unchanged_report_keeps_the_generation(void **state)
{
    struct store *store = fresh(state);
    const struct uuid one = uuid_of(1);
    const struct resource_inventory inventories[] = {{"VCPU", 4, 0, 16.123456789}};
    must(placement_report(store->db, &one, "one", inventories, 1));
    must(placement_report(store->db, &one, "one", inventories, 1));
    assert_int_equal(ask_int(store, "SELECT generation FROM resource_providers"), 1);
}

static void the_same_traits_keep_the_generation(void **state)
{
    struct store *store = fresh(state);
    const struct uuid one = uuid_of(1);
    const char *const names[] = {"HW_CPU_X86_AVX"};
    struct placement_provider out;
    must(placement_provider_create(store->db, &store->arena, &one, "one", NULL, &out));
    must(placement_provider_traits_set(store->db, &store->arena, &one, NULL, names, 1, &out, NULL));
    assert_int_equal(out.generation, 1);
    must(placement_provider_traits_set(store->db, &store->arena, &one, NULL, names, 1, &out, NULL));
    assert_int_equal(out.generation, 1);
}

static void a_ratio_is_read_as_it_was_written(void **state)
{
    struct store *store = fresh(state);
    const struct uuid one = uuid_of(1);
    const double ratios[] = {1.0, 16.0, 1.1, 0.9, 16.123456789, 3.40282e+38, 1e-9};
    struct placement_provider out;
    struct placement_inventories got;
    const struct placement_inventory_rules rules = {NULL, true};
    must(placement_provider_create(store->db, &store->arena, &one, "one", NULL, &out));
    for (size_t i = 0; i < ARRAY_LEN(ratios); i++) {
        const struct placement_inventory inventory = {"VCPU", 10, 0, 1, 10, 1, ratios[i], 0};
        must(placement_inventories_set(store->db, &store->arena, &one, &inventory, 1, &rules, &out));
        must(placement_inventories_get(store->db, &store->arena, &one, &out, &got));
        assert_true(got.items[0].allocation_ratio == ratios[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_stay_right),
        cmocka_unit_test(a_claim_of_nothing_leaves_no_consumer),
        cmocka_unit_test(an_unchanged_report_keeps_the_generation),
        cmocka_unit_test(the_same_traits_keep_the_generation),
        cmocka_unit_test(a_ratio_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
