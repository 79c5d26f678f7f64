/* The pool alone: made on demand, most of them, LIFO, the queue's limit, the end of idle workers. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "gateway/base/clock.h"
#include "gateway/http/server/pool.h"

#define ITEMS 64

struct job {
    struct pool_item item;
    pthread_t ran_on;
    bool waits;
    bool says; /* that it waits */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int started;
    int done;
    int opened;
    int closed;
    bool go;
} scene = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool push(struct pool *pool, struct pool_item *item, size_t queue_limit)
{
    struct pool_wake wake;
    const bool placed = pool_push(pool, item, queue_limit, &wake);
    pool_wake(wake);
    return placed;
}

static void change(int *counter)
{
    (void)pthread_mutex_lock(&scene.lock);
    (*counter)++;
    (void)pthread_cond_broadcast(&scene.changed);
    (void)pthread_mutex_unlock(&scene.lock);
}

static void await(const int *counter, int least)
{
    (void)pthread_mutex_lock(&scene.lock);
    while (*counter < least)
        (void)pthread_cond_wait(&scene.changed, &scene.lock);
    (void)pthread_mutex_unlock(&scene.lock);
}

static void let_go(bool go)
{
    (void)pthread_mutex_lock(&scene.lock);
    scene.go = go;
    (void)pthread_cond_broadcast(&scene.changed);
    (void)pthread_mutex_unlock(&scene.lock);
}

static void work(struct pool_item *item, struct worker_parts *parts)
{
    struct job *job = (struct job *)item;
    job->ran_on = pthread_self();
    change(&scene.started);
    if (job->says)
        worker_waiting(parts, true);
    (void)pthread_mutex_lock(&scene.lock);
    while (job->waits && !scene.go)
        (void)pthread_cond_wait(&scene.changed, &scene.lock);
    (void)pthread_mutex_unlock(&scene.lock);
    if (job->says)
        worker_waiting(parts, false);
    change(&scene.done);
}

static enum err open_parts(void *context, struct worker_parts *parts)
{
    (void)context;
    (void)parts;
    change(&scene.opened);
    return OK;
}

static void close_parts(void *context, struct worker_parts *parts)
{
    (void)context;
    (void)parts;
    change(&scene.closed);
}

static struct pool *make_with(size_t workers, size_t slots, size_t queue, int64_t idle_ms)
{
    const struct pool_options options = {.workers = workers,
                                         .slots = slots,
                                         .queue = queue,
                                         .hooks = {NULL, open_parts, close_parts},
                                         .work = work,
                                         .idle_ms = idle_ms};
    scene.started = scene.done = scene.opened = scene.closed = 0;
    scene.go = false;
    return pool_new(&options);
}

static struct pool *make(size_t workers, size_t queue, int64_t idle_ms)
{
    return make_with(workers, 0, queue, idle_ms);
}

static struct http_server_counts counts_of(struct pool *pool)
{
    struct http_server_counts counts = {0};
    pool_count(pool, &counts);
    return counts;
}

/* The workers go idle a moment after their work: nobody is told. */
static void wait_idle(struct pool *pool, size_t idle, size_t workers)
{
    const int64_t deadline_ms = clock_mono_ms() + 20000;
    const struct timespec pause = {0, 1000000};
    for (struct http_server_counts now = counts_of(pool); now.idle != idle || now.workers != workers; now = counts_of(pool)) {
        assert_true(clock_mono_ms() < deadline_ms);
        (void)nanosleep(&pause, NULL);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct job jobs[6] = {0};
    struct pool *pool = make(2, 3, 0);
    assert_int_equal(counts_of(pool).workers, 0);
    for (int i = 0; i < 6; i++)
        jobs[i].waits = true;
    for (int i = 0; i < 5; i++) {
        assert_false(pool_is_full(pool));
        assert_true(push(pool, &jobs[i].item, 3));
    }
    assert_true(pool_is_full(pool));
    assert_false(push(pool, &jobs[5].item, 3));
    assert_int_equal(counts_of(pool).workers, 2);
    assert_int_equal(counts_of(pool).queued, 3);
    assert_true(push(pool, &jobs[5].item, 4));
    let_go(true);
    await(&scene.done, 6);
    pool_free(pool);
    assert_int_equal(scene.opened, 2);
    assert_int_equal(scene.closed, 2);
}

static void test_lifo(void **state)
{
    (void)state;
    struct job jobs[8] = {0};
    struct pool *pool = make(4, 0, 0);
    for (int i = 0; i < 4; i++) {
        jobs[i].waits = true;
        assert_true(push(pool, &jobs[i].item, 0));
    }
    await(&scene.started, 4);
    let_go(true);
    wait_idle(pool, 4, 4);
    for (int i = 4; i < 8; i++) { /* one after the other: always the same worker */
        assert_true(push(pool, &jobs[i].item, 0));
        await(&scene.done, i + 1);
        wait_idle(pool, 4, 4);
        assert_true(pthread_equal(jobs[i].ran_on, jobs[4].ran_on));
    }
    pool_free(pool);
}

static void test_idle_end(void **state)
{
    (void)state;
    struct job jobs[8] = {0};
    struct pool *pool = make(6, 0, 50);
    for (int i = 0; i < 6; i++) {
        jobs[i].waits = true;
        assert_true(push(pool, &jobs[i].item, 0));
    }
    await(&scene.started, 6);
    let_go(true);
    wait_idle(pool, 2, 2); /* two stay */
    await(&scene.closed, 4);
    assert_true(push(pool, &jobs[6].item, 0));
    await(&scene.done, 7);
    assert_int_equal(counts_of(pool).workers, 2);
    pool_free(pool);
    assert_int_equal(scene.opened, scene.closed);
}

static void test_take_queued(void **state)
{
    (void)state;
    struct job jobs[4] = {{.waits = true}};
    struct pool *pool = make(1, 10, 0);
    for (int i = 0; i < 4; i++)
        assert_true(push(pool, &jobs[i].item, 10));
    await(&scene.started, 1);
    struct pool_item *taken = pool_take_queued(pool);
    for (int i = 1; i < 4; i++, taken = taken->next)
        assert_ptr_equal(taken, &jobs[i].item);
    assert_null(taken);
    let_go(true);
    pool_free(pool);
    assert_int_equal(scene.done, 1);
}

/* One slot: the second item waits for the first, unless that one says that it waits itself. */
static void test_waiting_gives_the_slot_away(void **state)
{
    (void)state;
    struct job jobs[3] = {{.waits = true, .says = true}, {.waits = true, .says = true}, {.waits = false}};
    struct pool *pool = make_with(4, 1, 10, 0);
    for (int i = 0; i < 3; i++)
        assert_true(push(pool, &jobs[i].item, 10));
    await(&scene.started, 3);
    await(&scene.done, 1);
    let_go(true);
    await(&scene.done, 3);
    pool_free(pool);
}

/* Nobody says anything: the clock finds out that the first is stuck, and the second, and so on up to `workers`. */
static void test_stalled_items_get_workers(void **state)
{
    (void)state;
    struct job jobs[5] = {0};
    struct pool *pool = make_with(4, 1, 10, 0);
    for (int i = 0; i < 5; i++) {
        jobs[i].waits = true;
        assert_true(push(pool, &jobs[i].item, 10));
    }
    await(&scene.started, 4);
    assert_int_equal(counts_of(pool).workers, 4);
    assert_int_equal(counts_of(pool).queued, 1);
    let_go(true);
    await(&scene.done, 5);
    pool_free(pool);
}

static void test_many(void **state)
{
    (void)state;
    static struct job jobs[ITEMS];
    struct pool *pool = make(3, ITEMS, 1); /* workers come and go all the time */
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < ITEMS; i++)
            assert_true(push(pool, &jobs[i].item, ITEMS));
        await(&scene.done, (round + 1) * ITEMS);
    }
    pool_free(pool);
    assert_int_equal(scene.opened, scene.closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_lifo),
        cmocka_unit_test(test_idle_end),
        cmocka_unit_test(test_take_queued),
        cmocka_unit_test(test_waiting_gives_the_slot_away),
        cmocka_unit_test(test_stalled_items_get_workers),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
