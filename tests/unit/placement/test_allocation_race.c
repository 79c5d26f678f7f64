/*
 * 16 threads write allocations at once: of up to three consumers on up to three providers in one call, deletes, inventories that
 * change, reshapes that move. Every failure is a conflict that Placement knows; generations never go back; nobody is over what the
 * largest inventory ever was; what is used is what consumers have.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "compute/placement/allocation.h"
#include "compute/placement/inventory.h"
#include "compute/placement/provider.h"
#include "compute/placement/resource_class.h"
#include "tests/unit/schema/store.h"

#define THREADS   16
#define PROVIDERS 8
#define CONSUMERS 24
#define ATTEMPTS  120
#define TOTAL     12

struct worker {
    struct store *store;
    pthread_barrier_t *start;
    atomic_int *running;
    int done[4];
    int problems[32];
    int exhausted;
    enum err worst;
    char message[300];
};

static enum err replace(struct db *db, struct arena *arena)
{
    static const char *const classes[] = {"VCPU", "MEMORY_MB"};
    struct placement_claim_of claims[3];
    const size_t count = 1 + random_below(3);
    const uint8_t first = (uint8_t)random_below(CONSUMERS);
    for (size_t i = 0; i < count; i++) {
        struct placement_share *shares = arena_alloc(arena, 3 * sizeof(*shares));
        const size_t share_count = random_below(4);
        const uint8_t provider = (uint8_t)random_below(PROVIDERS);
        for (size_t j = 0; j < share_count; j++) {
            struct resource_amount *amounts = arena_alloc(arena, 2 * sizeof(*amounts));
            const size_t amount_count = 1 + random_below(2);
            for (size_t k = 0; k < amount_count; k++)
                amounts[k] = (struct resource_amount){classes[k], 1 + random_below(4)};
            /* backwards, so that the order of the request is not that of the locks */
            shares[j] = (struct placement_share){uuid_of((uint8_t)(1 + (provider + 8 - j) % PROVIDERS)), amounts, amount_count};
        }
        claims[i] = (struct placement_claim_of){.consumer = uuid_of((uint8_t)(100 + (first + 24 - i) % CONSUMERS)),
                                                .project_id = "p",
                                                .user_id = "u",
                                                .type = "INSTANCE",
                                                .shares = shares,
                                                .count = share_count};
        struct placement_consumer consumer;
        struct placement_allocations allocations;
        claims[i].checks_generation = random_below(3) == 0;
        if (claims[i].checks_generation) {
            TRY(placement_allocations_of_consumer(db, arena, &claims[i].consumer, &consumer, &allocations));
            if (allocations.count)
                claims[i].generation = arena_copy(arena, &consumer.generation, sizeof(consumer.generation));
        }
    }
    return placement_allocations_replace(db, claims, count);
}

static enum err resize(struct db *db, struct arena *arena)
{
    const struct uuid uuid = uuid_of((uint8_t)(1 + random_below(PROVIDERS)));
    struct placement_provider provider;
    TRY(placement_provider_get(db, arena, &uuid, &provider));
    const int64_t generation = provider.generation;
    const struct placement_inventory_rules rules = {random_below(2) ? &generation : NULL, true};
    const struct placement_inventory inventories[] = {{"VCPU", TOTAL - random_below(4), 0, 1, 100, 1, 1.0, 0},
                                                      {"MEMORY_MB", TOTAL, random_below(3), 1, 100, 1, 1.0, 0}};
    return placement_inventories_set(db, arena, &uuid, inventories, 1 + (random_below(4) > 0), &rules, &provider);
}

static enum err reshape(struct db *db, struct arena *arena)
{
    const struct uuid uuid = uuid_of((uint8_t)(1 + random_below(PROVIDERS)));
    const struct uuid consumer = uuid_of((uint8_t)(100 + random_below(CONSUMERS)));
    const struct placement_inventory inventories[] = {{"VCPU", TOTAL, 0, 1, 100, 1, 1.0, 0},
                                                      {"MEMORY_MB", TOTAL, 0, 1, 100, 1, 1.0, 0}};
    const struct resource_amount amounts[] = {{"VCPU", 2}};
    struct placement_provider provider;
    TRY(placement_provider_get(db, arena, &uuid, &provider));
    const struct placement_reshaped reshaped = {uuid, provider.generation, inventories, 2};
    const struct placement_share share = {uuid, amounts, 1};
    const struct placement_claim_of claim = {
        .consumer = consumer, .project_id = "p", .user_id = "u", .type = "MIGRATION", .shares = &share, .count = 1};
    return placement_reshape(db, &reshaped, 1, &claim, 1);
}

static void attempt(struct worker *worker, struct db *db)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct uuid consumer = uuid_of((uint8_t)(100 + random_below(CONSUMERS)));
    const uint32_t deed = random_below(10);
    enum err result = OK;
    int kind = 0;
    if (deed < 6)
        result = replace(db, &arena);
    else if (deed < 8) {
        kind = 1;
        result = placement_allocations_delete(db, &consumer);
    } else if (deed < 9) {
        kind = 2;
        result = resize(db, &arena);
    } else {
        kind = 3;
        result = reshape(db, &arena);
    }
    if (result == OK)
        worker->done[kind]++;
    else if (result == E_CONFLICT && placement_problem() != PROBLEM_NONE)
        worker->problems[placement_problem()]++, worker->exhausted += kind == 0 && placement_problem() == PROBLEM_CONCURRENT_UPDATE;
    else if (result == E_NOT_FOUND && kind == 1)
        worker->problems[PROBLEM_NONE]++;
    else if (worker->worst == OK) {
        worker->worst = result;
        (void)snprintf(worker->message, sizeof(worker->message), "%d: %s", kind, err_message());
    }
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
    atomic_fetch_sub(worker->running, 1);
    return NULL;
}

static void make_providers(struct store *store)
{
    const struct placement_inventory inventories[] = {{"VCPU", TOTAL, 0, 1, 100, 1, 1.0, 0},
                                                      {"MEMORY_MB", TOTAL, 0, 1, 100, 1, 1.0, 0}};
    const struct placement_inventory_rules rules = {NULL, true};
    must(placement_sync(store->db));
    for (uint8_t i = 1; i <= PROVIDERS; i++) {
        const struct uuid uuid = uuid_of(i);
        struct placement_provider out;
        must(placement_provider_create(store->db, &store->arena, &uuid, arena_printf(&store->arena, "p%d", i), NULL, &out));
        must(placement_inventories_set(store->db, &store->arena, &uuid, inventories, 2, &rules, &out));
    }
}

static void look(struct store *store, int64_t generations[PROVIDERS + 1])
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct placement_provider_filter filter = {0};
    struct placement_providers providers;
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM (SELECT SUM(used) AS s FROM allocations GROUP BY resource_provider_id,"
                                    " resource_class_id HAVING s > 12) x"),
                     0);
    must(placement_provider_list(store->db, &arena, &filter, &providers));
    assert_int_equal(providers.count, PROVIDERS);
    for (size_t i = 0; i < providers.count; i++) {
        assert_true(providers.items[i].generation >= generations[i]);
        generations[i] = providers.items[i].generation;
    }
}

static void books_balance(void **state)
{
    struct store *store = store_get(state);
    pthread_barrier_t start;
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    int64_t generations[PROVIDERS + 1] = {0};
    atomic_int running = THREADS;
    int done[4] = {0};
    int problems[32] = {0};
    make_providers(store);
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (uint8_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.store = store, .start = &start, .running = &running};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
    }
    while (atomic_load(&running) > 0)
        look(store, generations);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)pthread_barrier_destroy(&start);
    look(store, generations);
    for (size_t i = 0; i < THREADS; i++) {
        if (workers[i].worst != OK)
            print_error("%s: %s\n", err_name(workers[i].worst), workers[i].message);
        assert_int_equal(workers[i].worst, OK);
        for (size_t j = 0; j < 4; j++)
            done[j] += workers[i].done[j];
        for (size_t j = 0; j < 32; j++)
            problems[j] += workers[i].problems[j];
    }
    print_message("replaced %d, deleted %d, inventories %d, reshaped %d; problems", done[0], done[1], done[2], done[3]);
    for (size_t j = 0; j < 32; j++)
        if (problems[j])
            print_message(" %d:%d", (int)j, problems[j]);
    int exhausted = 0;
    for (size_t i = 0; i < THREADS; i++)
        exhausted += workers[i].exhausted;
    print_message("; exhausted %d\n", exhausted);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations WHERE consumer_id NOT IN (SELECT id FROM consumers)"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers WHERE id NOT IN (SELECT consumer_id FROM allocations)"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations a LEFT JOIN inventories i ON i.resource_provider_id ="
                                    " a.resource_provider_id AND i.resource_class_id = a.resource_class_id WHERE i.total IS NULL"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(books_balance)};
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
