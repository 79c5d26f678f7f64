/* Lanes without libvirt: the order of things when calls take long, or for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "compute/hypervisor/lane.h"
#include "gateway/base/log.h"

/* What a lane serves here: a gate that jobs wait at, and counters. */
struct owner {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    int inside;
    int most_inside;
    int ran;
    int closed;
    int released;
};

struct gate_job {
    struct job job;
    int answer;
};

static void owner_init(struct owner *owner)
{
    *owner = (struct owner){0};
    assert_int_equal(pthread_mutex_init(&owner->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&owner->changed, NULL), 0);
}

static void add(struct owner *owner, int *counter, int amount)
{
    (void)pthread_mutex_lock(&owner->lock);
    *counter += amount;
    if (owner->inside > owner->most_inside)
        owner->most_inside = owner->inside;
    (void)pthread_cond_broadcast(&owner->changed);
    (void)pthread_mutex_unlock(&owner->lock);
}

static void wait_for(struct owner *owner, const int *counter, int value)
{
    (void)pthread_mutex_lock(&owner->lock);
    while (*counter < value)
        (void)pthread_cond_wait(&owner->changed, &owner->lock);
    (void)pthread_mutex_unlock(&owner->lock);
}

static void open_gate(struct owner *owner)
{
    (void)pthread_mutex_lock(&owner->lock);
    owner->open = true;
    (void)pthread_cond_broadcast(&owner->changed);
    (void)pthread_mutex_unlock(&owner->lock);
}

static void on_close(void *object)
{
    struct owner *owner = object;
    add(owner, &owner->closed, 1);
}

static void on_release(void *object)
{
    struct owner *owner = object;
    add(owner, &owner->released, 1);
}

static enum err pass_gate(void *object, struct job *job)
{
    struct owner *owner = object;
    add(owner, &owner->inside, 1);
    (void)pthread_mutex_lock(&owner->lock);
    while (!owner->open)
        (void)pthread_cond_wait(&owner->changed, &owner->lock);
    (void)pthread_mutex_unlock(&owner->lock);
    ((struct gate_job *)job)->answer = 42;
    add(owner, &owner->inside, -1);
    add(owner, &owner->ran, 1);
    return OK;
}

static enum err answer(void *object, struct job *job)
{
    (void)object;
    ((struct gate_job *)job)->answer = 42;
    return OK;
}

static enum err refuse(void *object, struct job *job)
{
    (void)object;
    return fail(E_CONFLICT, "no: %s %s", job->what, log_request());
}

static struct lane *new_lane(struct owner *owner, size_t capacity, long idle_ms)
{
    owner_init(owner);
    return lane_new((struct lane_owner){.object = owner, .name = "h1", .close = on_close, .release = on_release}, capacity,
                    idle_ms);
}

static void end_lane(struct owner *owner, struct lane *lane)
{
    open_gate(owner);
    lane_close(lane);
    assert_true(lane_wait_closed(lane, budget_from_ms(10000)));
    lane_unref(lane);
    wait_for(owner, &owner->released, 1);
    assert_int_equal(owner->closed, 1);
}

static enum err call(struct lane *lane, job_run_f *run, bool slow, int64_t ms, int *out)
{
    struct gate_job *job = (struct gate_job *)job_new(sizeof(*job), "thing", run);
    job->job.slow = slow;
    const enum err result = lane_call(lane, &job->job, budget_from_ms(ms));
    if (result == OK)
        *out = job->answer;
    job_release(&job->job);
    return result;
}

static void post_gate(struct lane *lane, bool slow)
{
    struct job *job = job_new(sizeof(struct gate_job), "gate", pass_gate);
    job->slow = slow;
    assert_int_equal(lane_post(lane, job), OK);
}

static void answers_and_passes_errors_up(void **state)
{
    (void)state;
    struct owner owner;
    struct lane *lane = new_lane(&owner, 4, 30000);
    int got = 0;
    assert_int_equal(call(lane, answer, false, 10000, &got), OK);
    assert_int_equal(got, 42);
    log_set_request("req-1");
    assert_int_equal(call(lane, refuse, false, 10000, &got), E_CONFLICT);
    log_set_request(NULL);
    assert_string_equal(err_message(), "no: thing req-1");
    end_lane(&owner, lane);
}

static void caller_walks_away_and_nothing_dangles(void **state)
{
    (void)state;
    struct owner owner;
    struct lane *lane = new_lane(&owner, 4, 30000);
    int got = 0;
    assert_int_equal(call(lane, pass_gate, false, 50, &got), E_TIMEOUT);
    assert_string_equal(err_message(), "Host h1 did not answer in time: 'thing' may still happen.");
    assert_int_equal(got, 0);
    open_gate(&owner);
    wait_for(&owner, &owner.ran, 1); /* writes into its job, whose caller has gone */
    end_lane(&owner, lane);
}

static void two_stuck_calls_stop_nobody_for_long(void **state)
{
    (void)state;
    struct owner owner;
    struct lane *lane = new_lane(&owner, 2, 30000);
    int got = 0;
    post_gate(lane, false);
    post_gate(lane, false);
    wait_for(&owner, &owner.inside, 2);
    assert_int_equal(call(lane, answer, false, 50, &got), E_UNAVAILABLE);
    assert_string_equal(err_message(), "Host h1 is not responding: 'thing' was not begun in time.");
    post_gate(lane, false);
    post_gate(lane, false);
    assert_int_equal(call(lane, answer, false, 10000, &got), E_UNAVAILABLE);
    assert_string_equal(err_message(), "Host h1 is not responding: 2 calls wait for it already.");
    open_gate(&owner);
    wait_for(&owner, &owner.ran, 4);
    assert_int_equal(owner.most_inside, 2);
    assert_int_equal(call(lane, answer, false, 10000, &got), OK);
    end_lane(&owner, lane);
}

static void slow_calls_leave_a_thread_free(void **state)
{
    (void)state;
    struct owner owner;
    struct lane *lane = new_lane(&owner, 8, 30000);
    int got = 0;
    for (int i = 0; i < 3; i++)
        post_gate(lane, true);
    wait_for(&owner, &owner.inside, 1);
    assert_int_equal(call(lane, answer, false, 10000, &got), OK);
    assert_int_equal(owner.most_inside, 1);
    open_gate(&owner);
    wait_for(&owner, &owner.ran, 3);
    assert_int_equal(owner.most_inside, 1);
    end_lane(&owner, lane);
}

static void idle_threads_leave_and_come_back(void **state)
{
    (void)state;
    struct owner owner;
    struct lane *lane = new_lane(&owner, 8, 1);
    int got = 0;
    for (int i = 0; i < 200; i++) {
        got = 0;
        assert_int_equal(call(lane, answer, i % 2 == 0, 10000, &got), OK);
        assert_int_equal(got, 42);
        if (i % 5 == 0)
            assert_false(lane_wait_closed(lane, budget_from_ms(5))); /* time for the threads to leave */
    }
    end_lane(&owner, lane);
}

static void closing_drops_what_waits(void **state)
{
    (void)state;
    struct owner owner;
    struct lane *lane = new_lane(&owner, 8, 30000);
    int got = 0;
    for (int i = 0; i < 5; i++)
        post_gate(lane, false);
    wait_for(&owner, &owner.inside, 2);
    lane_close(lane);
    lane_close(lane);
    assert_int_equal(call(lane, answer, false, 1000, &got), E_UNAVAILABLE);
    assert_string_equal(err_message(), "Host h1 is being removed.");
    assert_false(lane_wait_closed(lane, budget_from_ms(20)));
    end_lane(&owner, lane);
    assert_int_equal(owner.ran, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_passes_errors_up),         cmocka_unit_test(caller_walks_away_and_nothing_dangles),
        cmocka_unit_test(two_stuck_calls_stop_nobody_for_long), cmocka_unit_test(slow_calls_leave_a_thread_free),
        cmocka_unit_test(idle_threads_leave_and_come_back),     cmocka_unit_test(closing_drops_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
