/*
 * The poller's thread: when a round begins, who waits for it, and what is done in which order. What is asked and what the answers
 * mean is in poller_round.c.
 *
 * A round: read the rows, join who is not joined, ask every child for its info, probe the doubtful ones, store what changed,
 * publish, tell the parents. Between rounds it wakes for deep probes alone when a worker has seen a suspect.
 */
#include "zones/poller.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "gateway/base/log.h"

#define PROBE_PAUSE_MS 250 /* between two wake-ups for suspects */
#define PURGE_MS       60000
#define FRESH_MS       2000

static void wake(struct zones *zones, bool *flag)
{
    (void)pthread_mutex_lock(&zones->lock);
    *flag = true;
    (void)pthread_cond_signal(&zones->poller.wake);
    (void)pthread_mutex_unlock(&zones->lock);
}

void poller_wake(struct zones *zones)
{
    wake(zones, &zones->poller.wanted);
}

void poller_wake_probe(struct zones *zones)
{
    wake(zones, &zones->poller.probe_wanted);
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

static void run_probes(struct round *round)
{
    if (round_probe(round) != OK)
        log_error("zones.probe", "why=%s", log_quote(err_message()).text);
}

enum reason_to_wake { WAKE_STOP, WAKE_ROUND, WAKE_PROBE };

static enum reason_to_wake sleep_until(struct zones *zones, int64_t next_round_ms, int64_t next_probe_ms, int64_t probes_from_ms)
{
    struct poller *poller = &zones->poller;
    enum reason_to_wake reason = WAKE_STOP;
    (void)pthread_mutex_lock(&zones->lock);
    for (bool waiting = true; waiting;) {
        const int64_t now_ms = clock_mono_ms();
        const int64_t probe_ms = poller->probe_wanted && probes_from_ms < next_probe_ms ? probes_from_ms : next_probe_ms;
        const struct timespec until = at_ms(probe_ms < next_round_ms ? probe_ms : next_round_ms);
        waiting = false;
        if (poller->stop)
            reason = WAKE_STOP;
        else if (poller->wanted || now_ms >= next_round_ms)
            reason = WAKE_ROUND;
        else if (now_ms >= probe_ms)
            reason = WAKE_PROBE;
        else
            waiting = true;
        if (waiting)
            (void)pthread_cond_timedwait(&poller->wake, &zones->lock, &until);
    }
    poller->probe_wanted = false;
    (void)pthread_mutex_unlock(&zones->lock);
    return reason;
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
    int64_t next_round_ms = clock_mono_ms();
    int64_t next_probe_ms = INT64_MAX;
    int64_t last_probe_ms = 0;
    int64_t next_purge_ms = next_round_ms + PURGE_MS;
    for (enum reason_to_wake reason = WAKE_ROUND; reason != WAKE_STOP;
         reason = sleep_until(zones, next_round_ms, next_probe_ms, last_probe_ms + PROBE_PAUSE_MS)) {
        if (reason == WAKE_ROUND)
            run_round(zones, round);
        run_probes(round);
        last_probe_ms = clock_mono_ms();
        if (reason == WAKE_ROUND)
            next_round_ms = last_probe_ms + with_jitter(zones->options.poll_interval_ms);
        next_probe_ms = round_next_probe(round);
        if (last_probe_ms >= next_purge_ms) {
            round_purge(round);
            next_purge_ms = last_probe_ms + PURGE_MS;
        }
    }
    round_close(round);
    return NULL;
}

enum err zones_start(struct zones *zones)
{
    zones->poller.running = true;
    if (pthread_create(&zones->poller.thread, NULL, poll_zones, zones) != 0) {
        zones->poller.running = false;
        return fail(E_INTERNAL, "The poller's thread cannot be started: %s.", strerror(errno));
    }
    return OK;
}
