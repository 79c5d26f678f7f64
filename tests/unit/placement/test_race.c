/*
 * 64 threads claim, move and release at random on 8 providers, each in its own connection: inside a transaction as the build does,
 * and alone as PUT /allocations does, saying what generation the consumer has. At every moment an observer looks, in one statement:
 * no provider is over its capacity, what is kept as used is the sum of the allocations, and what is used changes only when the
 * generation rises. Every failure is a conflict that Placement knows; at the end the books balance.
 *
 * ZONEGATE_RACE_ATTEMPTS: how many attempts all threads make together (10000 without).
 */
#include <pthread.h>
#include <stdatomic.h>

#include "compute/placement/allocation.h"
#include "compute/placement/inventory.h"
#include "compute/placement/placement.h"
#include "compute/placement/problem.h"
#include "tests/unit/schema/store.h"

#define THREADS   64
#define PROVIDERS 8
#define CLASSES   3
#define ATTEMPTS  10000

struct claimer {
    struct store *store;
    pthread_barrier_t *start;
    atomic_int *running;
    uint8_t number;
    int attempts;
    int claims;
    int conflicts;
    enum err worst; /* the first failure that is no conflict */
    char message[256];
};

enum way { WAY_CLAIM, WAY_RELEASE, WAY_PUT_NEW, WAY_PUT };

struct deed {
    enum way way;
    struct uuid provider;
    struct uuid consumer;
    struct resource_amount amounts[CLASSES];
};

static enum err do_claim(struct db *db, void *context)
{
    const struct deed *deed = context;
    return placement_claim(db, &deed->provider, &deed->consumer, "p", "u", deed->amounts, CLASSES);
}

static enum err do_release(struct db *db, void *context)
{
    const struct deed *deed = context;
    return placement_release(db, &deed->consumer);
}

static enum err put(struct db *db, const struct deed *deed)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct placement_consumer consumer = {0};
    struct placement_allocations allocations = {0};
    if (deed->way == WAY_PUT)
        TRY(placement_allocations_of_consumer(db, &arena, &deed->consumer, &consumer, &allocations));
    const struct placement_share share = {deed->provider, deed->amounts, CLASSES};
    const struct placement_claim_of claim = {.consumer = deed->consumer,
                                             .project_id = "p",
                                             .user_id = "u",
                                             .type = "INSTANCE",
                                             .checks_generation = true,
                                             .generation = allocations.count ? &consumer.generation : NULL,
                                             .shares = &share,
                                             .count = 1};
    return placement_allocations_replace(db, &claim, 1);
}

/* A thread works for two consumers that it shares with its neighbour, so that consumers are fought for too. */
static struct deed draw_deed(const struct claimer *claimer)
{
    static const enum way ways[] = {WAY_CLAIM, WAY_CLAIM, WAY_RELEASE, WAY_RELEASE, WAY_PUT_NEW, WAY_PUT_NEW, WAY_PUT};
    const uint8_t neighbour = (uint8_t)((claimer->number + random_below(2)) % THREADS);
    return (struct deed){
        .way = ways[random_below(ARRAY_LEN(ways))],
        .provider = uuid_of((uint8_t)(1 + random_below(PROVIDERS))),
        .consumer = uuid_of((uint8_t)(100 + neighbour)),
        .amounts = {{"VCPU", 1 + random_below(3)}, {"MEMORY_MB", 1 + random_below(60)}, {"DISK_GB", 1 + random_below(7)}}};
}

static enum err do_deed(struct db *db, struct deed *deed)
{
    if (deed->way == WAY_CLAIM || deed->way == WAY_RELEASE)
        return db_transaction(db, deed->way == WAY_CLAIM ? do_claim : do_release, deed);
    return put(db, deed);
}

/* A caller that brings its own transaction runs that again: what it then gets is E_RETRY. */
static bool is_clean(const struct deed *deed, enum err result)
{
    const enum placement_problem problem = placement_problem();
    if (result == E_RETRY)
        return deed->way == WAY_CLAIM || deed->way == WAY_RELEASE;
    return result == E_CONFLICT &&
           (problem == PROBLEM_NO_ROOM || problem == PROBLEM_CONCURRENT_UPDATE || problem == PROBLEM_CONSUMER_GENERATION);
}

static void attempt(struct claimer *claimer, struct db *db)
{
    struct deed deed = draw_deed(claimer);
    const enum err result = do_deed(db, &deed);
    if (result == OK)
        claimer->claims += deed.way != WAY_RELEASE;
    else if (is_clean(&deed, result))
        claimer->conflicts++;
    else if (claimer->worst == OK) {
        claimer->worst = result;
        (void)snprintf(claimer->message, sizeof(claimer->message), "way %d, problem %d: %s", (int)deed.way,
                       (int)placement_problem(), err_message());
    }
}

static void *run_claimer(void *context)
{
    struct claimer *claimer = context;
    struct db *db = NULL;
    claimer->worst = db_open(&claimer->store->target, &db);
    (void)pthread_barrier_wait(claimer->start);
    for (int i = 0; i < claimer->attempts && db; i++)
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

/* An inventory as the observer saw it last. */
struct seen {
    int64_t generation;
    int64_t used;
};

static void look(struct store *store, struct seen seen[PROVIDERS * CLASSES])
{
    static const char sql[] =
        "SELECT p.generation, i.used, (SELECT COALESCE(SUM(a.used), 0) FROM allocations a WHERE a.resource_provider_id = p.id"
        " AND a.resource_class_id = i.resource_class_id), FLOOR((i.total - i.reserved) * i.allocation_ratio)"
        " FROM resource_providers p JOIN inventories i ON i.resource_provider_id = p.id ORDER BY p.id, i.resource_class_id";
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    must(db_query(store->db, &arena, sql, NULL, 0, &rows));
    assert_int_equal(rows.count, PROVIDERS * CLASSES);
    for (size_t i = 0; i < rows.count; i++) {
        const struct seen now = {rows_int(&rows, i, 0), rows_int(&rows, i, 1)};
        assert_int_equal(now.used, rows_int(&rows, i, 2));
        assert_in_range(now.used, 0, rows_int(&rows, i, 3));
        /* who leaves a provider does not raise it, as in Placement: what is used may sink, never rise, under one generation */
        assert_true(now.generation > seen[i].generation || (now.generation == seen[i].generation && now.used <= seen[i].used));
        seen[i] = now;
    }
}

static void assert_balanced(struct store *store, const struct claimer *claimers, const struct seen *seen)
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
        bumps += seen[i * CLASSES].generation - 1; /* the report was one */
    print_message("%d claims, %d conflicts, %d bumps\n", (int)claims, (int)conflicts, (int)bumps);
    assert_true(claims > 100 && conflicts > 100);
    assert_true(bumps >= claims);
    /* every consumer has something of each class on exactly one provider; nothing belongs to nobody */
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM (SELECT consumer_id FROM allocations GROUP BY consumer_id"
                                    " HAVING COUNT(DISTINCT resource_provider_id) <> 1 OR COUNT(*) <> 3) AS x"),
                     0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations WHERE consumer_id NOT IN (SELECT id FROM consumers)"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers WHERE id NOT IN (SELECT consumer_id FROM allocations)"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers WHERE generation < 1"), 0);
}

/* What Placement says is used is what its consumers have. */
static void assert_usages(struct store *store)
{
    for (uint8_t i = 1; i <= PROVIDERS; i++) {
        const struct uuid uuid = uuid_of(i);
        struct placement_provider provider;
        struct placement_usages usages;
        struct placement_allocations allocations;
        must(placement_usages_of_provider(store->db, &store->arena, &uuid, &provider, &usages));
        must(placement_allocations_of_provider(store->db, &store->arena, &uuid, &provider, &allocations));
        for (size_t j = 0; j < usages.count; j++) {
            int64_t sum = 0;
            for (size_t k = 0; k < allocations.count; k++)
                sum += strcmp(allocations.items[k].resource_class, usages.items[j].resource_class) ? 0 : allocations.items[k].used;
            assert_int_equal(usages.items[j].used, sum);
        }
    }
}

static void nothing_is_ever_over_its_capacity(void **state)
{
    struct store *store = store_get(state);
    const char *attempts = getenv("ZONEGATE_RACE_ATTEMPTS");
    pthread_barrier_t start;
    pthread_t threads[THREADS];
    struct claimer claimers[THREADS];
    struct seen seen[PROVIDERS * CLASSES] = {0};
    atomic_int running = THREADS;
    make_providers(store);
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (uint8_t i = 0; i < THREADS; i++) {
        claimers[i] = (struct claimer){.store = store, .start = &start, .running = &running, .number = i};
        claimers[i].attempts = (int)(attempts ? strtol(attempts, NULL, 10) : ATTEMPTS) / THREADS;
        assert_int_equal(pthread_create(&threads[i], NULL, run_claimer, &claimers[i]), 0);
    }
    while (atomic_load(&running) > 0)
        look(store, seen);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)pthread_barrier_destroy(&start);
    look(store, seen);
    assert_balanced(store, claimers, seen);
    assert_usages(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_ever_over_its_capacity)};
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
