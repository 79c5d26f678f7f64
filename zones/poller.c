/*
 * The poller's thread: when a round begins, who waits for it, and what is done in which order. What is asked and what the answers
 * mean is in poller_round.c. The prober's thread is in prober.c: it is never held up by a round.
 *
 * A round: read the rows, join who is not joined, ask every child for its info, store what changed, publish, tell the parents.
 */
#include "zones/poller.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "gateway/base/log.h"

#define PURGE_MS 60000
#define FRESH_MS 2000

void poller_wake(struct zones *zones)
{
    (void)pthread_mutex_lock(&zones->lock);
    zones->poller.wanted = true;
    (void)pthread_cond_signal(&zones->poller.wake);
    (void)pthread_mutex_unlock(&zones->lock);
}

static struct timespec at_ms(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
}

/* With the lock held: waits until round `wanted` is over. */
static bool wait_for_round(struct zones *zones, uint64_t wanted, struct budget budget)
{
    const struct timespec until = at_ms(budget.deadline_ms);
    struct poller *poller = &zones->poller;
    while (poller->running && !poller->stop && poller->finished < wanted) {
        if (pthread_cond_timedwait(&poller->done, &zones->lock, &until) == ETIMEDOUT)
            break;
    }
    return poller->finished >= wanted;
}

bool zones_settle(struct zones *zones, struct budget budget)
{
    struct poller *poller = &zones->poller;
    bool settled = false;
    (void)pthread_mutex_lock(&zones->lock);
    if (poller->running) {
        poller->wanted = true;
        (void)pthread_cond_signal(&poller->wake);
        settled = wait_for_round(zones, poller->begun + 1, budget);
    }
    (void)pthread_mutex_unlock(&zones->lock);
    return settled;
}

bool zones_freshen(struct zones *zones, struct budget budget)
{
    (void)pthread_mutex_lock(&zones->lock);
    const bool fresh = zones->poller.seen_ms && clock_mono_ms() - zones->poller.seen_ms < FRESH_MS;
    (void)pthread_mutex_unlock(&zones->lock);
    return fresh || zones_settle(zones, budget);
}

/* A round that failed has seen nothing, but is over: those who wait go on with what there was. */
static void run_round(struct zones *zones, struct round *round)
{
    struct poller *poller = &zones->poller;
    (void)pthread_mutex_lock(&zones->lock);
    poller->wanted = false;
    poller->begun++;
    (void)pthread_mutex_unlock(&zones->lock);
    const int64_t began_ms = clock_mono_ms();
    const enum err result = round_run(round);
    if (result != OK)
        log_error("zones.poll", "why=%s", log_quote(err_message()).text);
    (void)pthread_mutex_lock(&zones->lock);
    poller->finished = poller->begun;
    if (result == OK)
        poller->seen_ms = began_ms;
    (void)pthread_cond_broadcast(&poller->done);
    (void)pthread_mutex_unlock(&zones->lock);
}

/* False: the zone ends. */
static bool sleep_until(struct zones *zones, int64_t next_round_ms)
{
    struct poller *poller = &zones->poller;
    const struct timespec until = at_ms(next_round_ms);
    (void)pthread_mutex_lock(&zones->lock);
    while (!poller->stop && !poller->wanted && clock_mono_ms() < next_round_ms)
        (void)pthread_cond_timedwait(&poller->wake, &zones->lock, &until);
    const bool go_on = !poller->stop;
    (void)pthread_mutex_unlock(&zones->lock);
    return go_on;
}

/* Zones that were started together do not poll together. */
static int64_t with_jitter(int64_t ms)
{
    return ms - ms / 10 + random_below((uint32_t)(ms / 5 + 1));
}

static void *poll_zones(void *context)
{
    struct zones *zones = context;
    struct round *round = round_open(zones);
    int64_t next_purge_ms = clock_mono_ms() + PURGE_MS;
    int64_t next_sweep_ms = clock_mono_ms();
    int64_t next_round_ms = 0;
    while (sleep_until(zones, next_round_ms)) {
        run_round(zones, round);
        const int64_t now_ms = clock_mono_ms();
        next_round_ms = now_ms + with_jitter(zones->options.poll_interval_ms);
        if (now_ms >= next_purge_ms) {
            round_purge(round);
            next_purge_ms = now_ms + PURGE_MS;
        }
        if (now_ms >= next_sweep_ms)
            next_sweep_ms = now_ms + round_sweep(round);
    }
    round_close(round);
    return NULL;
}

static enum err start_thread(pthread_t *thread, void *(*run)(void *context), struct zones *zones)
{
    const int error = pthread_create(thread, NULL, run, zones);
    return error == 0 ? OK : fail(E_INTERNAL, "A thread of the zones cannot be started: %s.", strerror(error));
}

enum err zones_start(struct zones *zones)
{
    TRY(start_thread(&zones->poller.prober, probe_zones, zones));
    zones->poller.running = true;
    const enum err started = start_thread(&zones->poller.thread, poll_zones, zones);
    if (started == OK)
        return OK;
    (void)pthread_mutex_lock(&zones->lock);
    zones->poller.stop = true;
    zones->poller.running = false;
    (void)pthread_cond_signal(&zones->poller.probe_wake);
    (void)pthread_mutex_unlock(&zones->lock);
    (void)pthread_join(zones->poller.prober, NULL);
    return started;
}
