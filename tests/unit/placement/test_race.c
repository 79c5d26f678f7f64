/*
 * 64 threads claim, move and release at random on 8 providers, each in its own connection. At every moment an observer looks: no
 * provider is over its capacity and no generation goes back; every failure is a conflict; at the end the books balance.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "compute/placement/placement.h"
#include "schema/placement_inventory.h"
#include "tests/unit/schema/store.h"

#define THREADS   64
#define PROVIDERS 8
#define ATTEMPTS  50

struct claimer {
    struct store *store;
    pthread_barrier_t *start;
    atomic_int *running;
    uint8_t number;
    int claims;
    int conflicts;
    enum err worst; /* the first failure that is no conflict */
    char message[256];
};

struct deed {
    struct uuid provider;
    struct uuid consumer;
    int64_t amounts[3];
    bool release;
};

static enum err do_deed(struct db *db, void *context)
{
    const struct deed *deed = context;
    const struct resource_amount amounts[] = {
        {"VCPU", deed->amounts[0]}, {"MEMORY_MB", deed->amounts[1]}, {"DISK_GB", deed->amounts[2]}};
    if (deed->release)
        return placement_release(db, &deed->consumer);
    return placement_claim(db, &deed->provider, &deed->consumer, "p", "u", amounts, ARRAY_LEN(amounts));
}

/* A thread works for two consumers that it shares with its neighbour, so that consumers are fought for too. */
static struct deed draw_deed(const struct claimer *claimer)
{
    const uint8_t neighbour = (uint8_t)((claimer->number + random_below(2)) % THREADS);
    return (struct deed){.provider = uuid_of((uint8_t)(1 + random_below(PROVIDERS))),
                         .consumer = uuid_of((uint8_t)(100 + neighbour)),
                         .amounts = {random_below(4), 1 + random_below(60), random_below(8)},
                         .release = random_below(4) == 0};
}

static void attempt(struct claimer *claimer, struct db *db)
{
    struct deed deed = draw_deed(claimer);
    const enum err result = db_transaction(db, do_deed, &deed);
    if (result == OK)
        claimer->claims += !deed.release;
    else if (result == E_CONFLICT && !deed.release)
        claimer->conflicts++;
    else if (claimer->worst == OK) {
        claimer->worst = result;
        (void)snprintf(claimer->message, sizeof(claimer->message), "%s", err_message());
    }
}

static void *run_claimer(void *context)
{
    struct claimer *claimer = context;
    struct db *db = NULL;
    claimer->worst = db_open(&claimer->store->target, &db);
    (void)pthread_barrier_wait(claimer->start);
    for (int i = 0; i < ATTEMPTS && db; i++)
        attempt(claimer, db);
    db_close(db);
    db_thread_end();
    atomic_fetch_sub(claimer->running, 1);
    return NULL;
}

static void make_providers(struct store *store)
{
    for (uint8_t i = 1; i <= PROVIDERS; i++) {
        const struct uuid uuid = uuid_of(i);
        const struct resource_inventory inventories[] = {
            {"VCPU", 4 + i, 1, 1.5}, {"MEMORY_MB", 150, 0, 1.0}, {"DISK_GB", 20, 0, 1.0}};
        must(placement_report(store->db, &uuid, arena_printf(&store->arena, "p%d", i), inventories, ARRAY_LEN(inventories)));
    }
}

static void look(struct store *store, int64_t generations[PROVIDERS])
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct inventory_rows inventories;
    struct provider_rows providers;
    must(inventory_rows_all(store->db, &arena, &inventories));
    assert_int_equal(inventories.count, 3 * PROVIDERS);
    for (size_t i = 0; i < inventories.count; i++) {
        const struct inventory_row *row = &inventories.items[i];
        assert_true((double)row->used <= (double)(row->total - row->reserved) * row->allocation_ratio);
    }
    must(provider_rows_all(store->db, &arena, &providers));
    for (size_t i = 0; i < PROVIDERS; i++) {
        assert_true(providers.items[i].generation >= generations[i]);
        generations[i] = providers.items[i].generation;
    }
}

static void assert_balanced(struct store *store, const struct claimer *claimers, const int64_t generations[PROVIDERS])
{
    int64_t claims = 0;
    int64_t conflicts = 0;
    int64_t bumps = 0;
    for (size_t i = 0; i < THREADS; i++) {
        if (claimers[i].worst != OK)
            print_error("%s: %s\n", err_name(claimers[i].worst), claimers[i].message);
        assert_int_equal(claimers[i].worst, OK);
        claims += claimers[i].claims;
        conflicts += claimers[i].conflicts;
    }
    for (size_t i = 0; i < PROVIDERS; i++)
        bumps += generations[i] - 1; /* the report was one */
    print_message("%d claims, %d conflicts, %d bumps\n", (int)claims, (int)conflicts, (int)bumps);
    assert_true(claims > 100 && conflicts > 100);
    assert_true(bumps >= claims);
    /* every consumer has something on exactly one provider; nothing belongs to nobody */
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM (SELECT consumer_id FROM allocations GROUP BY consumer_id"
                                    " HAVING COUNT(DISTINCT resource_provider_id) > 1) AS x"),
                     0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations WHERE consumer_id NOT IN (SELECT id FROM consumers)"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers WHERE id NOT IN (SELECT consumer_id FROM allocations)"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers WHERE generation < 1"), 0);
}

static void nothing_is_ever_over_its_capacity(void **state)
{
    struct store *store = store_get(state);
    pthread_barrier_t start;
    pthread_t threads[THREADS];
    struct claimer claimers[THREADS];
    int64_t generations[PROVIDERS] = {0};
    atomic_int running = THREADS;
    make_providers(store);
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (uint8_t i = 0; i < THREADS; i++) {
        claimers[i] = (struct claimer){.store = store, .start = &start, .running = &running, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, run_claimer, &claimers[i]), 0);
    }
    while (atomic_load(&running) > 0)
        look(store, generations);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)pthread_barrier_destroy(&start);
    look(store, generations);
    assert_balanced(store, claimers, generations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_ever_over_its_capacity)};
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
