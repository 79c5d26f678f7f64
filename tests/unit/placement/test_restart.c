/*
 * 64 threads write allocations while their database server is killed and comes back, twice. A consumer belongs to one thread, which
 * knows what it has: what was said to be written is there, what was refused or could not be sent is not, and of what nobody knows
 * (a connection lost at COMMIT) all is there or nothing. What is kept as used is the sum of the allocations.
 *
 * The server is a private one, so that killing it disturbs no other test. ZONEGATE_RACE_ATTEMPTS: writes of all threads together
 * (10000 without).
 */
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "compute/placement/allocation.h"
#include "compute/placement/placement.h"
#include "compute/placement/problem.h"
#include "gateway/base/seal.h"
#include "schema/migrate.h"
#include "schema/private_server.h"
#include "tests/unit/schema/store.h"

#define PROGRAM   "/usr/sbin/mariadbd"
#define THREADS   64
#define PROVIDERS 8
#define CONSUMERS 3 /* of one thread */
#define CLASSES   3
#define ATTEMPTS  10000
#define KILLS     2

struct fixture {
    char directory[64];
    struct private_server *server;
};

/* What a consumer has: `amount` of each class on that provider; 0: nothing. */
struct holding {
    uint8_t provider;
    int64_t amount;
};

struct owned {
    struct uuid uuid;
    struct holding now;
    struct holding maybe; /* if `is_unsure`: this, or `now` */
    bool is_unsure;
};

struct writer {
    const struct db_target *target;
    atomic_int *running;
    atomic_long *written;
    const atomic_int *kills; /* still to come: nobody ends before the last one, however fast it was */
    struct owned consumers[CONSUMERS];
    int attempts;
    int outages;
    int unsure;
    enum err worst; /* the first failure that is neither a conflict nor an outage */
    char message[256];
};

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)status;
    (void)kind;
    (void)position;
    return remove(path);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    (void)snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/zg-restart.XXXXXX");
    *state = fixture;
    must(seal_setup());
    return mkdtemp(fixture->directory) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    private_server_stop(fixture->server);
    (void)nftw(fixture->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

static void pause_briefly(void)
{
    const struct timespec time = {.tv_nsec = 5000000};
    (void)nanosleep(&time, NULL);
}

static pid_t server_pid(const struct fixture *fixture)
{
    char path[128];
    char line[32] = "";
    (void)snprintf(path, sizeof(path), "%s/mariadb/pid", fixture->directory);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    (void)fclose(file);
    return (pid_t)strtol(line, NULL, 10);
}

static bool is_same(struct holding a, struct holding b)
{
    return a.amount == b.amount && (a.amount == 0 || a.provider == b.provider);
}

/* Looks until the server answers. E_INTERNAL: the consumer has something that nobody gave it. */
static enum err make_sure(struct db *db, struct owned *consumer)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct placement_consumer row;
    struct placement_allocations found;
    enum err result;
    while ((result = placement_allocations_of_consumer(db, &arena, &consumer->uuid, &row, &found)) == E_UNAVAILABLE)
        pause_briefly();
    TRY(result);
    struct holding has = {0};
    if (found.count)
        has = (struct holding){found.items[0].provider.bytes[15], found.items[0].used};
    for (size_t i = 0; i < found.count; i++) {
        if (found.count != CLASSES || found.items[i].used != has.amount || found.items[i].provider.bytes[15] != has.provider)
            return fail(E_INTERNAL, "A half-written allocation: %zu rows.", found.count);
    }
    if (!is_same(has, consumer->now) && !(consumer->is_unsure && is_same(has, consumer->maybe)))
        return fail(E_INTERNAL, "A consumer has %d of provider %d instead of %d of %d.", (int)has.amount, (int)has.provider,
                    (int)consumer->now.amount, (int)consumer->now.provider);
    consumer->now = has;
    consumer->is_unsure = false;
    return OK;
}

static enum err write_holding(struct db *db, const struct owned *consumer, struct holding wanted)
{
    const struct resource_amount amounts[CLASSES] = {
        {"VCPU", wanted.amount}, {"MEMORY_MB", wanted.amount}, {"DISK_GB", wanted.amount}};
    const struct placement_share share = {uuid_of(wanted.provider), amounts, CLASSES};
    const struct placement_claim_of claim = {.consumer = consumer->uuid,
                                             .project_id = "p",
                                             .user_id = "u",
                                             .type = "INSTANCE",
                                             .checks_generation = wanted.amount && !consumer->now.amount,
                                             .shares = &share,
                                             .count = wanted.amount > 0};
    return placement_allocations_replace(db, &claim, 1);
}

static bool is_clean(enum err result)
{
    return result == E_CONFLICT && (placement_problem() == PROBLEM_NO_ROOM || placement_problem() == PROBLEM_CONCURRENT_UPDATE);
}

static enum err attempt(struct writer *writer, struct db *db)
{
    struct owned *consumer = &writer->consumers[random_below(CONSUMERS)];
    const struct holding wanted = {(uint8_t)(1 + random_below(PROVIDERS)), random_below(4)};
    if (consumer->is_unsure)
        TRY(make_sure(db, consumer));
    const enum err result = write_holding(db, consumer, wanted);
    if (result == OK) {
        consumer->now = wanted;
        atomic_fetch_add(writer->written, 1);
    } else if (result == E_TIMEOUT) {
        consumer->maybe = wanted;
        consumer->is_unsure = true;
        writer->unsure++;
    } else if (result == E_UNAVAILABLE) {
        writer->outages++;
        pause_briefly();
    } else if (!is_clean(result)) {
        return result;
    }
    return OK;
}

static void *run_writer(void *context)
{
    struct writer *writer = context;
    struct db *db = NULL;
    writer->worst = db_open(writer->target, &db);
    for (int done = 0; (done < writer->attempts || atomic_load(writer->kills)) && writer->worst == OK; done++) {
        const int outages = writer->outages;
        writer->worst = attempt(writer, db);
        done -= writer->outages > outages; /* what could not be sent is no attempt */
    }
    for (size_t i = 0; i < CONSUMERS && writer->worst == OK; i++)
        writer->worst = make_sure(db, &writer->consumers[i]);
    if (writer->worst != OK)
        (void)snprintf(writer->message, sizeof(writer->message), "%s", err_message());
    db_close(db);
    db_thread_end();
    atomic_fetch_sub(writer->running, 1);
    return NULL;
}

static void make_providers(struct db *db)
{
    for (uint8_t i = 1; i <= PROVIDERS; i++) {
        const struct uuid uuid = uuid_of(i);
        char name[8];
        const struct resource_inventory inventories[] = {{"VCPU", 20, 0, 1.0}, {"MEMORY_MB", 21, 0, 1.0}, {"DISK_GB", 22, 0, 1.0}};
        (void)snprintf(name, sizeof(name), "p%d", i);
        must(placement_report(db, &uuid, name, inventories, ARRAY_LEN(inventories)));
    }
}

/* Each time a part of the writes is done; not after a writer failed, which assert_known() reports. */
static void kill_server(const struct fixture *fixture, atomic_long *written, const atomic_int *running, atomic_int *kills,
                        int attempts)
{
    for (int i = 1; i <= KILLS; i++) {
        while (atomic_load(written) < (long)attempts / 8 * i && atomic_load(running) == THREADS)
            pause_briefly();
        if (atomic_load(running) == THREADS)
            assert_int_equal(kill(server_pid(fixture), SIGKILL), 0);
        atomic_fetch_sub(kills, 1);
    }
}

static int64_t ask(struct db *db, const char *sql)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    must(db_query_one(db, &arena, sql, NULL, 0, "no row", &rows));
    return rows_int(&rows, 0, 0);
}

static void assert_balanced(struct db *db)
{
    assert_int_equal(ask(db,
                         "SELECT COUNT(*) FROM inventories i WHERE i.used > i.total OR i.used <> (SELECT COALESCE(SUM(a.used), 0)"
                         " FROM allocations a WHERE a.resource_provider_id = i.resource_provider_id"
                         " AND a.resource_class_id = i.resource_class_id)"),
                     0);
    assert_int_equal(ask(db, "SELECT COUNT(*) FROM allocations WHERE consumer_id NOT IN (SELECT id FROM consumers)"), 0);
    assert_int_equal(ask(db, "SELECT COUNT(*) FROM consumers WHERE id NOT IN (SELECT consumer_id FROM allocations)"), 0);
}

static void assert_known(const struct writer *writers)
{
    int outages = 0;
    int unsure = 0;
    for (size_t i = 0; i < THREADS; i++) {
        if (writers[i].worst != OK)
            print_error("%s: %s\n", err_name(writers[i].worst), writers[i].message);
        assert_int_equal(writers[i].worst, OK);
        outages += writers[i].outages;
        unsure += writers[i].unsure;
    }
    print_message("%d writes found no server, %d had an unknown outcome\n", outages, unsure);
    assert_true(outages > 0);
}

static void nothing_is_half_written(void **state)
{
    struct fixture *fixture = *state;
    const char *text = getenv("ZONEGATE_RACE_ATTEMPTS");
    const int attempts = (int)(text ? strtol(text, NULL, 10) : ATTEMPTS);
    struct writer writers[THREADS];
    pthread_t threads[THREADS];
    atomic_int running = THREADS;
    atomic_long written = 0;
    atomic_int kills = KILLS;
    struct db *db = NULL;
    int from = 0;
    int to = 0;
    if (access(PROGRAM, X_OK) != 0)
        skip();
    must(private_server_start(PROGRAM, fixture->directory, &fixture->server));
    const struct db_target *target = private_server_target(fixture->server);
    must(db_open(target, &db));
    must(db_upgrade(db, &from, &to));
    make_providers(db);
    for (uint8_t i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){
            .target = target, .running = &running, .written = &written, .kills = &kills, .attempts = attempts / THREADS};
        for (uint8_t j = 0; j < CONSUMERS; j++) {
            writers[i].consumers[j].uuid = uuid_of(i);
            writers[i].consumers[j].uuid.bytes[14] = (uint8_t)(1 + j);
        }
        assert_int_equal(pthread_create(&threads[i], NULL, run_writer, &writers[i]), 0);
    }
    kill_server(fixture, &written, &running, &kills, attempts);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_known(writers);
    assert_balanced(db);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_half_written)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
