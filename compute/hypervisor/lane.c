/* Lanes; see lane.h. One mutex per lane guards its queue and the state of its jobs; nobody holds it while a job runs. */
#include "compute/hypervisor/lane.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/base/log.h"

enum { MOST_THREADS = 2 };

struct lane {
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_cond_t done;
    struct lane_owner owner;
    size_t capacity;
    long idle_ms;
    struct job *first;
    size_t waiting;
    int threads;
    int idle;
    int slow;
    int references;
    bool closing;
    bool closed;
};

static struct timespec timespec_from_ms(int64_t mono_ms)
{
    const int64_t ms = mono_ms > 0 ? mono_ms : 0;
    return (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

/* False when the deadline passed. */
static bool wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline_ms)
{
    const struct timespec until = timespec_from_ms(deadline_ms);
    return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT;
}

struct job *job_new(size_t size, const char *what, job_run_f *run)
{
    struct job *job = calloc(1, size);
    if (!job)
        abort();
    job->what = what;
    job->run = run;
    job->references = 1;
    if (log_request())
        (void)snprintf(job->request, sizeof(job->request), "%s", log_request());
    return job;
}

static void job_ref(struct job *job)
{
    (void)__atomic_add_fetch(&job->references, 1, __ATOMIC_RELAXED);
}

void job_release(struct job *job)
{
    if (!job || __atomic_sub_fetch(&job->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    arena_clear(&job->arena);
    free(job);
}

struct lane *lane_new(struct lane_owner owner, size_t capacity, long idle_ms)
{
    struct lane *lane = calloc(1, sizeof(*lane));
    if (!lane)
        abort();
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&lane->lock, NULL);
    (void)pthread_cond_init(&lane->work, &attributes);
    (void)pthread_cond_init(&lane->done, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    lane->owner = owner;
    lane->capacity = capacity;
    lane->idle_ms = idle_ms;
    lane->references = 1;
    return lane;
}

struct lane *lane_ref(struct lane *lane)
{
    (void)__atomic_add_fetch(&lane->references, 1, __ATOMIC_RELAXED);
    return lane;
}

void lane_unref(struct lane *lane)
{
    if (!lane || __atomic_sub_fetch(&lane->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    lane->owner.release(lane->owner.object);
    (void)pthread_cond_destroy(&lane->done);
    (void)pthread_cond_destroy(&lane->work);
    (void)pthread_mutex_destroy(&lane->lock);
    free(lane);
}

/* The first job that may run now, out of the queue. */
static struct job *take_job(struct lane *lane)
{
    for (struct job **place = &lane->first; *place; place = &(*place)->next) {
        struct job *job = *place;
        if (job->slow && lane->slow > 0)
            continue;
        *place = job->next;
        lane->waiting--;
        lane->slow += job->slow;
        job->state = JOB_RUNNING;
        return job;
    }
    return NULL;
}

/* NULL: the thread shall end, and is no longer counted. */
static struct job *next_job(struct lane *lane)
{
    const int64_t patience_ms = clock_mono_ms() + lane->idle_ms;
    (void)pthread_mutex_lock(&lane->lock);
    struct job *job = take_job(lane);
    lane->idle++;
    while (!job && !lane->closing && wait_until(&lane->work, &lane->lock, patience_ms))
        job = take_job(lane);
    lane->idle--;
    if (!job)
        job = take_job(lane); /* one that came with the end of our patience */
    if (!job)
        lane->threads--;
    (void)pthread_mutex_unlock(&lane->lock);
    return job;
}

static void finish_job(struct lane *lane, struct job *job, enum err result)
{
    job->result = result;
    if (result != OK)
        (void)snprintf(job->message, sizeof(job->message), "%s", err_message());
    (void)pthread_mutex_lock(&lane->lock);
    job->state = JOB_DONE;
    lane->slow -= job->slow;
    (void)pthread_cond_broadcast(&lane->done);
    (void)pthread_cond_signal(&lane->work); /* a slow job may have waited for this one */
    (void)pthread_mutex_unlock(&lane->lock);
    job_release(job);
}

static void close_owner(struct lane *lane)
{
    lane->owner.close(lane->owner.object);
    (void)pthread_mutex_lock(&lane->lock);
    lane->closed = true;
    (void)pthread_cond_broadcast(&lane->done);
    (void)pthread_mutex_unlock(&lane->lock);
}

static bool claim_closing(struct lane *lane)
{
    (void)pthread_mutex_lock(&lane->lock);
    const bool last = lane->closing && lane->threads == 0;
    if (last)
        lane->threads = -1; /* nobody else is last */
    (void)pthread_mutex_unlock(&lane->lock);
    return last;
}

static void *serve(void *argument)
{
    struct lane *lane = argument;
    for (struct job *job = next_job(lane); job; job = next_job(lane)) {
        log_set_request(job->request[0] ? job->request : NULL);
        finish_job(lane, job, job->run(lane->owner.object, job));
    }
    log_set_request(NULL);
    if (claim_closing(lane))
        close_owner(lane);
    lane_unref(lane);
    return NULL;
}

/* With the lock held; counts the new thread. */
static enum err start_thread(struct lane *lane)
{
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    const int error = pthread_create(&thread, &attributes, serve, lane_ref(lane));
    (void)pthread_attr_destroy(&attributes);
    if (error == 0) {
        lane->threads++;
        return OK;
    }
    (void)__atomic_sub_fetch(&lane->references, 1, __ATOMIC_ACQ_REL);
    return fail(E_UNAVAILABLE, "Host %s: no thread can be started (error %d).", lane->owner.name, error);
}

static void append_job(struct lane *lane, struct job *job)
{
    struct job **place = &lane->first;
    while (*place)
        place = &(*place)->next;
    job->next = NULL;
    *place = job;
    lane->waiting++;
    job_ref(job);
}

static void remove_job(struct lane *lane, struct job *job)
{
    struct job **place = &lane->first;
    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
    lane->waiting--;
    job_release(job);
}

static enum err enqueue_locked(struct lane *lane, struct job *job)
{
    if (lane->closing)
        return fail(E_UNAVAILABLE, "Host %s is being removed.", lane->owner.name);
    if (lane->waiting >= lane->capacity)
        return fail(E_UNAVAILABLE, "Host %s is not responding: %zu calls wait for it already.", lane->owner.name, lane->waiting);
    if ((size_t)lane->idle <= lane->waiting && lane->threads < MOST_THREADS) {
        const enum err started = start_thread(lane);
        if (lane->threads == 0)
            return started;
    }
    append_job(lane, job);
    (void)pthread_cond_signal(&lane->work);
    return OK;
}

static enum err enqueue(struct lane *lane, struct job *job)
{
    (void)pthread_mutex_lock(&lane->lock);
    const enum err result = enqueue_locked(lane, job);
    (void)pthread_mutex_unlock(&lane->lock);
    return result;
}

enum err lane_call(struct lane *lane, struct job *job, struct budget budget)
{
    const char *what = job->what;
    TRY(enqueue(lane, job));
    (void)pthread_mutex_lock(&lane->lock);
    while (job->state != JOB_DONE && wait_until(&lane->done, &lane->lock, budget.deadline_ms))
        continue;
    const enum job_state state = job->state;
    if (state == JOB_WAITING)
        remove_job(lane, job);
    (void)pthread_mutex_unlock(&lane->lock);
    if (state == JOB_WAITING)
        return fail(E_UNAVAILABLE, "Host %s is not responding: '%s' was not begun in time.", lane->owner.name, what);
    if (state == JOB_RUNNING)
        return fail(E_TIMEOUT, "Host %s did not answer in time: '%s' may still happen.", lane->owner.name, what);
    return job->result == OK ? OK : fail(job->result, "%s", job->message);
}

enum err lane_post(struct lane *lane, struct job *job)
{
    const enum err result = enqueue(lane, job);
    job_release(job);
    return result;
}

static void drop_waiting_jobs(struct lane *lane)
{
    while (lane->first) {
        struct job *job = lane->first;
        lane->first = job->next;
        lane->waiting--;
        job->state = JOB_DONE;
        job->result = E_UNAVAILABLE;
        (void)snprintf(job->message, sizeof(job->message), "Host %s is being removed.", lane->owner.name);
        job_release(job);
    }
}

void lane_close(struct lane *lane)
{
    (void)pthread_mutex_lock(&lane->lock);
    if (!lane->closing) {
        lane->closing = true;
        drop_waiting_jobs(lane);
        if (lane->threads == 0 && start_thread(lane) != OK)
            log_error("hypervisor.lane.close", "host=%s error=%s", lane->owner.name, log_quote(err_message()).text);
        (void)pthread_cond_broadcast(&lane->work);
        (void)pthread_cond_broadcast(&lane->done);
    }
    (void)pthread_mutex_unlock(&lane->lock);
}

bool lane_wait_closed(struct lane *lane, struct budget budget)
{
    (void)pthread_mutex_lock(&lane->lock);
    while (!lane->closed && wait_until(&lane->done, &lane->lock, budget.deadline_ms))
        continue;
    const bool closed = lane->closed;
    (void)pthread_mutex_unlock(&lane->lock);
    return closed;
}
