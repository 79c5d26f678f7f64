/*
 * The runner threads: each takes a task that is due, walks it, and takes the next.
 *
 * Idle runners sleep on one condition. The first to wake claims the look at the table (`due_ms` moves on), so that an idle process
 * asks the database twice a second, however many runners it has; who finds two tasks wakes another for the second. While requests
 * come that are answered before their work is done (task_foreground), one runner works and the others leave them the machine, each
 * for a while at most: a long step keeps nobody waiting. The keeper (task_keeper.h) beats for the leases in `slots`. The lock
 * guards what is marked with it and is never held while waiting for the database.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "schema/task/task.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "schema/task/task_engine.h"
#include "schema/task/task_holder.h"
#include "schema/task/task_keeper.h"
#include "schema/task/task_rows.h"

#define POLL_MS        500
#define THREADS_MOST   64
#define FOREGROUND_FEW 1 /* so many requests do not need the whole machine */

struct slot {
    struct task_runners *runners;
    pthread_t thread;
    struct own_lease lease; /* lock; fence 0: none */
    bool ended;             /* lock */
};

struct task_runners {
    const struct db_target *target;
    const struct task_kind *const *kinds;
    void *context;
    char *stop_after;
    struct holder holder;
    struct keeper *keeper;
    atomic_bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_cond_t end; /* a runner has ended */
    int64_t due_ms;     /* lock; when the table is looked at next */
    size_t busy;        /* lock; runners that look or walk */
    size_t foreground;  /* lock; task_foreground */
    size_t count;
    struct slot slots[THREADS_MOST];
};

static struct timespec mono_time(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

static void wake_at(struct task_runners *runners, int64_t due_ms)
{
    (void)pthread_mutex_lock(&runners->lock);
    if (due_ms < runners->due_ms)
        runners->due_ms = due_ms;
    (void)pthread_cond_signal(&runners->wake);
    (void)pthread_mutex_unlock(&runners->lock);
}

void task_wake(struct task_runners *runners)
{
    wake_at(runners, 0);
}

void task_foreground(struct task_runners *runners, bool begins)
{
    if (!runners)
        return;
    (void)pthread_mutex_lock(&runners->lock);
    runners->foreground += begins ? 1 : -1UL;
    if (!begins && runners->foreground == FOREGROUND_FEW)
        (void)pthread_cond_broadcast(&runners->wake);
    (void)pthread_mutex_unlock(&runners->lock);
}

/* Under the lock, something being due: this runner leaves it, since `*since_ms` (0: since now). */
static bool stands_back(const struct task_runners *runners, int64_t *since_ms)
{
    if (runners->busy == 0 || runners->foreground <= FOREGROUND_FEW)
        return false;
    if (*since_ms == 0)
        *since_ms = clock_mono_ms();
    return clock_mono_ms() < *since_ms + TASK_STAND_BACK_MS;
}

static void end_turn(struct task_runners *runners)
{
    (void)pthread_mutex_lock(&runners->lock);
    runners->busy--;
    (void)pthread_mutex_unlock(&runners->lock);
}

/* Sleeps until it is this thread's turn to look. False when the process ends. */
static bool wait_for_turn(struct task_runners *runners)
{
    int64_t since_ms = 0;
    (void)pthread_mutex_lock(&runners->lock);
    while (!atomic_load(&runners->stopping)) {
        int64_t until_ms = runners->due_ms;
        if (clock_mono_ms() >= until_ms) {
            if (!stands_back(runners, &since_ms))
                break;
            until_ms = since_ms + TASK_STAND_BACK_MS;
        }
        const struct timespec until = mono_time(until_ms);
        (void)pthread_cond_timedwait(&runners->wake, &runners->lock, &until);
    }
    runners->due_ms = clock_mono_ms() + POLL_MS;
    runners->busy++;
    (void)pthread_mutex_unlock(&runners->lock);
    return !atomic_load(&runners->stopping);
}

static void set_lease(struct slot *slot, const struct held *held)
{
    (void)pthread_mutex_lock(&slot->runners->lock);
    slot->lease = held ? (struct own_lease){held->task.id, held->task.fence} : (struct own_lease){.fence = 0};
    (void)pthread_mutex_unlock(&slot->runners->lock);
}

static void carry(struct slot *slot, struct held *held, bool whole)
{
    struct task_runners *runners = slot->runners;
    const bool last = held->kind && held->kind->last;
    int64_t due_ms = 0;
    enum walk walk;
    set_lease(slot, held);
    if (held->more)
        task_wake(runners);
    log_set_request(held->task.request_id);
    if (whole)
        walk = task_walk(held, runners->stop_after, &runners->stopping, &due_ms);
    else
        walk = task_postpone_damaged(held, &due_ms);
    log_set_request(NULL);
    set_lease(slot, NULL);
    if (walk == WALK_WAITS)
        wake_at(runners, due_ms);
    else if (walk == WALK_ENDED && (held->task.undoing || !last))
        task_wake(runners);
}

static enum err take_and_carry(struct slot *slot, struct task_query *query, struct db *db)
{
    struct held held = {0};
    const enum err taken = held_take(db, query, slot->runners->context, &held);
    const bool have_lease = held.task.db != NULL;
    if (have_lease)
        carry(slot, &held, taken == OK);
    held_clear(&held);
    return have_lease ? OK : taken;
}

static void run_loop(struct slot *slot)
{
    struct task_runners *runners = slot->runners;
    struct task_query query;
    struct db *db = NULL;
    bool complained = false;
    task_query_init(runners->kinds, runners->holder.name, &query);
    while (wait_for_turn(runners)) {
        enum err result = db ? OK : db_open(runners->target, &db);
        if (result == OK)
            result = take_and_carry(slot, &query, db);
        if (result != OK && !complained)
            log_warn("task.take", "error=%s", log_quote(err_message()).text);
        complained = result != OK;
        end_turn(runners);
    }
    task_query_clear(&query);
    db_close(db);
}

static void *run(void *argument)
{
    struct slot *slot = argument;
    struct task_runners *runners = slot->runners;
    run_loop(slot);
    db_thread_end();
    (void)pthread_mutex_lock(&runners->lock);
    slot->ended = true;
    (void)pthread_cond_signal(&runners->end);
    (void)pthread_mutex_unlock(&runners->lock);
    return NULL;
}

static size_t own_leases(void *context, struct own_lease *out, size_t capacity)
{
    struct task_runners *runners = context;
    size_t count = 0;
    (void)pthread_mutex_lock(&runners->lock);
    for (size_t i = 0; i < runners->count && count < capacity; i++) {
        if (runners->slots[i].lease.fence)
            out[count++] = runners->slots[i].lease;
    }
    (void)pthread_mutex_unlock(&runners->lock);
    return count;
}

static void on_expired(void *context)
{
    task_wake(context);
}

static enum err start_threads(struct task_runners *runners, int threads)
{
    const struct keeper_settings settings = {
        .target = runners->target,
        .holder = &runners->holder,
        .kinds = runners->kinds,
        .interval_ms = TASK_LEASE_MS / 4,
        .own_leases = own_leases,
        .own_capacity = THREADS_MOST,
        .expired = on_expired,
        .context = runners,
    };
    TRY(keeper_start(&settings, &runners->keeper));
    for (int i = 0; i < threads; i++) {
        struct slot *slot = &runners->slots[i];
        slot->runners = runners;
        const int failed = pthread_create(&slot->thread, NULL, run, slot);
        if (failed)
            return fail(E_INTERNAL, "A task runner cannot be started: %s", strerror(failed));
        (void)pthread_mutex_lock(&runners->lock);
        runners->count++;
        (void)pthread_mutex_unlock(&runners->lock);
    }
    return OK;
}

static struct task_runners *runners_new(const struct db_target *target, const struct task_kind *const *kinds, void *context,
                                        const char *stop_after)
{
    pthread_condattr_t monotonic;
    struct task_runners *runners = calloc(1, sizeof(*runners));
    if (!runners)
        return NULL;
    runners->target = target;
    runners->kinds = kinds;
    runners->context = context;
    runners->stop_after = strdup(stop_after);
    holder_new(&runners->holder);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&runners->wake, &monotonic);
    (void)pthread_cond_init(&runners->end, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&runners->lock, NULL);
    return runners;
}

enum err task_runners_start(const struct db_target *target, const struct task_kind *const *kinds, void *context, int threads,
                            const char *stop_after, struct task_runners **out)
{
    if (threads < 1 || threads > THREADS_MOST || !kinds[0])
        return fail(E_INVALID, "Task runners need 1 to %d threads and at least one kind of task.", THREADS_MOST);
    TRY(task_stop_after_check(stop_after, kinds));
    struct task_runners *runners = runners_new(target, kinds, context, stop_after);
    if (!runners)
        return fail(E_INTERNAL, "Out of memory.");
    const enum err result = start_threads(runners, threads);
    if (result != OK)
        task_runners_stop(runners, TASK_LEASE_MS);
    else
        *out = runners;
    return result;
}

static size_t running_count(const struct task_runners *runners)
{
    size_t running = 0;
    for (size_t i = 0; i < runners->count; i++)
        running += runners->slots[i].ended ? 0 : 1;
    return running;
}

/* How many still run when the time is over. */
static size_t wait_for_runners(struct task_runners *runners, int64_t grace_ms)
{
    const struct timespec until = mono_time(clock_mono_ms() + grace_ms);
    (void)pthread_mutex_lock(&runners->lock);
    atomic_store(&runners->stopping, true);
    (void)pthread_cond_broadcast(&runners->wake);
    while (running_count(runners) > 0 && pthread_cond_timedwait(&runners->end, &runners->lock, &until) == 0)
        continue;
    const size_t running = running_count(runners);
    (void)pthread_mutex_unlock(&runners->lock);
    return running;
}

static void runners_free(struct task_runners *runners)
{
    for (size_t i = 0; i < runners->count; i++)
        (void)pthread_join(runners->slots[i].thread, NULL);
    keeper_stop(runners->keeper);
    (void)pthread_cond_destroy(&runners->wake);
    (void)pthread_cond_destroy(&runners->end);
    (void)pthread_mutex_destroy(&runners->lock);
    free(runners->stop_after);
    free(runners);
}

void task_runners_stop(struct task_runners *runners, int64_t grace_ms)
{
    if (!runners)
        return;
    const size_t running = wait_for_runners(runners, grace_ms);
    if (running == 0) {
        runners_free(runners);
        return;
    }
    /* A step that does not end still uses all this. The process ends now, and its leases with it. */
    log_warn("task.stop", "still_running=%zu grace_ms=%lld", running, (long long)grace_ms);
}
