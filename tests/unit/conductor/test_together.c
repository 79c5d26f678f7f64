/* Requests carried together: each once, those of a key in turn and in batches, others beside them, nobody waits for who may come.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/conductor/together.h"

#define THREADS 40
#define ROUNDS  50

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside;       /* batches that are carried now */
    bool hold;        /* they stay inside */
    size_t counts[8]; /* of the first batches */
    size_t batches;
} scene = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

struct item {
    struct together *together;
    const char *key;
    pthread_t thread;
    int carried;
};

static void carry(void *const *items, size_t count)
{
    (void)pthread_mutex_lock(&scene.lock);
    if (scene.batches < sizeof(scene.counts) / sizeof(*scene.counts))
        scene.counts[scene.batches] = count;
    scene.batches++;
    scene.inside++;
    (void)pthread_cond_broadcast(&scene.changed);
    while (scene.hold)
        (void)pthread_cond_wait(&scene.changed, &scene.lock);
    (void)pthread_mutex_unlock(&scene.lock);
    for (size_t i = 0; i < count; i++) {
        struct item *item = items[i];
        item->carried++;
        assert_string_equal(item->key, ((struct item *)items[0])->key);
    }
    (void)pthread_mutex_lock(&scene.lock);
    scene.inside--;
    (void)pthread_mutex_unlock(&scene.lock);
}

static void *run_once(void *context)
{
    struct item *item = context;
    together_run(item->together, item->key, item, NULL);
    return NULL;
}

static void begin(struct item *item, struct together *together, const char *key)
{
    *item = (struct item){.together = together, .key = key};
    assert_int_equal(pthread_create(&item->thread, NULL, run_once, item), 0);
}

static void hold(bool held)
{
    (void)pthread_mutex_lock(&scene.lock);
    scene.hold = held;
    (void)pthread_cond_broadcast(&scene.changed);
    (void)pthread_mutex_unlock(&scene.lock);
}

static void await_inside(int count)
{
    (void)pthread_mutex_lock(&scene.lock);
    while (scene.inside < count)
        (void)pthread_cond_wait(&scene.changed, &scene.lock);
    (void)pthread_mutex_unlock(&scene.lock);
}

static void a_lone_request_is_carried_at_once(void **state)
{
    (void)state;
    struct together *together = together_new(carry);
    struct item item = {.together = together, .key = "a"};
    together_run(together, "a", &item, NULL);
    assert_int_equal(item.carried, 1);
    together_free(together);
}

static void another_key_does_not_wait(void **state)
{
    (void)state;
    struct together *together = together_new(carry);
    struct item items[2];
    hold(true);
    begin(&items[0], together, "a");
    begin(&items[1], together, "b");
    await_inside(2);
    hold(false);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(items[i].thread, NULL), 0);
        assert_int_equal(items[i].carried, 1);
    }
    together_free(together);
}

static void those_that_come_meanwhile_go_together(void **state)
{
    (void)state;
    struct together *together = together_new(carry);
    struct item items[THREADS];
    scene.batches = 0;
    hold(true);
    begin(&items[0], together, "a");
    await_inside(1);
    for (size_t i = 1; i < THREADS; i++)
        begin(&items[i], together, "a");
    while (together_waiting(together) < THREADS - 1)
        (void)sched_yield();
    assert_int_equal(scene.batches, 1); /* none is carried beside the first */
    hold(false);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(items[i].thread, NULL), 0);
        assert_int_equal(items[i].carried, 1);
    }
    assert_int_equal(scene.batches, 4); /* 1, 16, 16, 7 */
    assert_int_equal(scene.counts[0], 1);
    assert_int_equal(scene.counts[1], TOGETHER_MOST);
    assert_int_equal(scene.counts[1] + scene.counts[2] + scene.counts[3], THREADS - 1);
    together_free(together);
}

static void *run_often(void *context)
{
    struct item *item = context;
    for (int i = 0; i < ROUNDS; i++)
        together_run(item->together, item->key, item, NULL);
    return NULL;
}

static void each_is_carried_once_however_many_come(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "c"};
    struct together *together = together_new(carry);
    struct item items[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        items[i] = (struct item){.together = together, .key = keys[i % 3]};
        assert_int_equal(pthread_create(&items[i].thread, NULL, run_often, &items[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(items[i].thread, NULL), 0);
        assert_int_equal(items[i].carried, ROUNDS);
    }
    together_free(together);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_request_is_carried_at_once),
        cmocka_unit_test(another_key_does_not_wait),
        cmocka_unit_test(those_that_come_meanwhile_go_together),
        cmocka_unit_test(each_is_carried_once_however_many_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
