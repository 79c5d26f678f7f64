/*
 * See pool.h. One lock guards the queue and the stack of idle workers; it is never held while work is done, nor while a worker is
 * woken, which would find it taken. A worker that ends joins the one that ended before it, so at most one thread at a time waits to
 * be joined; what it was made of is kept for the next one, so that a wake that comes late finds it.
 *
 * A few threads per core that really run are the fastest (more of them only take turns): an item goes to a worker while fewer than
 * `slots` run, else it queues. Whoever says that it waits (worker_waiting) gives its slot away. Whoever waits without a word, for a
 * lock of the database or a host, is found out by the clock: an idle worker watches the queue and takes what is STALL_MS old.
 */
#include "gateway/http/server/pool.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/metrics.h"

#define IDLE_MS        30000
#define STALL_MS       10
#define WORKERS_KEPT   2
#define SLOTS_PER_CORE 4
#define SLOTS_LEAST    8
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_SIZE (1024L * 1024) /* instrumented frames are several times as large */
#else
#define STACK_SIZE (256L * 1024)
#endif

struct worker {
    struct pool *pool;
    pthread_t thread;
    pthread_cond_t wake;
    struct pool_item *item; /* what to do next; guarded by the pool's lock while idle */
    struct worker *below;   /* in the stack of idle workers, or of those that ended */
    struct worker_parts parts;
    bool is_open;
    bool runs;  /* it had an item, which is done when it asks for the next */
    bool waits; /* it gave its slot away */
};

struct pool {
    struct pool_options options;
    pthread_mutex_t lock;
    pthread_cond_t gone; /* a thread ended, while stopping */
    struct worker *idle;
    struct worker *watcher; /* an idle worker that sleeps no longer than the queue allows, or was told to look at it; NULL */
    struct worker *ended;   /* to be joined by the next one that ends */
    struct worker *spare;   /* joined: for new ones */
    size_t idle_count;
    size_t worker_count; /* those that take work */
    size_t running;      /* those that have an item and do not wait */
    size_t thread_count; /* also those that are about to end */
    struct pool_item *first;
    struct pool_item **last;
    size_t queued;
    atomic_size_t taken; /* items that workers have or could get, and those that wait */
    bool stopping;
    struct metric *workers_gauge;
    struct metric *queue_gauge;
};

static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

static size_t default_slots(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores * SLOTS_PER_CORE > SLOTS_LEAST ? (size_t)cores * SLOTS_PER_CORE : SLOTS_LEAST;
}

struct pool *pool_new(const struct pool_options *options)
{
    struct pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        abort();
    pool->options = *options;
    if (pool->options.idle_ms == 0)
        pool->options.idle_ms = IDLE_MS;
    if (pool->options.slots == 0)
        pool->options.slots = default_slots();
    (void)pthread_mutex_init(&pool->lock, NULL);
    cond_init(&pool->gone);
    pool->last = &pool->first;
    const char *labels = pool->options.labels ? pool->options.labels : "";
    pool->workers_gauge = metric_get(METRIC_GAUGE, "zonegate_http_workers", labels, "Worker threads.");
    pool->queue_gauge = metric_get(METRIC_GAUGE, "zonegate_http_queue", labels, "Requests that wait for a worker.");
    return pool;
}

/* Under the lock. */
static void set_gauges(struct pool *pool)
{
    metric_set(pool->workers_gauge, (int64_t)pool->worker_count);
    metric_set(pool->queue_gauge, (int64_t)pool->queued);
    atomic_store(&pool->taken, pool->worker_count - pool->idle_count + pool->queued);
}

/* Under the lock. */
static void enqueue(struct pool *pool, struct pool_item *item)
{
    item->next = NULL;
    item->queued_ms = clock_mono_ms();
    *pool->last = item;
    pool->last = &item->next;
    pool->queued++;
}

/* Under the lock. */
static struct pool_item *dequeue(struct pool *pool)
{
    struct pool_item *item = pool->first;
    if (!item)
        return NULL;
    pool->first = item->next;
    if (!pool->first)
        pool->last = &pool->first;
    pool->queued--;
    return item;
}

/* Under the lock: the worker on top of the stack gets `item`; the one that watches the queue only if there is no other. */
static void wake_top(struct pool *pool, struct pool_item *item, struct pool_wake *wake)
{
    struct worker **at = &pool->idle;
    if (*at == pool->watcher && (*at)->below)
        at = &(*at)->below;
    struct worker *worker = *at;
    *at = worker->below;
    pool->idle_count--;
    pool->running++;
    if (pool->watcher == worker)
        pool->watcher = NULL;
    worker->item = item;
    pool_wake(*wake); /* more than one at a time is seldom */
    wake->worker = worker;
}

void pool_wake(struct pool_wake wake)
{
    if (wake.worker)
        (void)pthread_cond_signal(&wake.worker->wake);
}

static void remove_idle(struct pool *pool, struct worker *worker)
{
    struct worker **at = &pool->idle;
    while (*at != worker)
        at = &(*at)->below;
    *at = worker->below;
    pool->idle_count--;
    if (pool->watcher == worker)
        pool->watcher = NULL;
}

static void wait_on(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ms)
{
    const struct timespec deadline = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    (void)pthread_cond_timedwait(cond, lock, &deadline);
}

static void keep_watch(struct pool *pool);

/* Under the lock, an idle worker: the oldest item, when it has waited so long that those who run must be stuck. */
static void take_stalled(struct worker *worker, int64_t now_ms)
{
    struct pool *pool = worker->pool;
    if (!pool->first || now_ms < pool->first->queued_ms + STALL_MS)
        return;
    remove_idle(pool, worker);
    worker->item = dequeue(pool);
    pool->running++;
    keep_watch(pool);
}

/* Under the lock: waits as an idle worker. NULL: it is not needed any more, and was taken off the count. */
static struct pool_item *wait_for_item(struct worker *worker)
{
    struct pool *pool = worker->pool;
    int64_t end_ms = clock_mono_ms() + pool->options.idle_ms;
    worker->item = NULL;
    worker->below = pool->idle;
    pool->idle = worker;
    pool->idle_count++;
    for (;;) {
        const int64_t now_ms = clock_mono_ms();
        if (!worker->item)
            take_stalled(worker, now_ms);
        if (worker->item)
            return worker->item;
        const bool late = now_ms >= end_ms;
        if (pool->stopping || (late && pool->worker_count > WORKERS_KEPT && !pool->first)) {
            remove_idle(pool, worker);
            pool->worker_count--;
            return NULL;
        }
        if (late)
            end_ms = now_ms + pool->options.idle_ms;
        const bool watches = pool->first && (!pool->watcher || pool->watcher == worker);
        if (watches)
            pool->watcher = worker;
        else if (pool->watcher == worker)
            pool->watcher = NULL;
        wait_on(&worker->wake, &pool->lock, watches ? pool->first->queued_ms + STALL_MS : end_ms);
    }
}

static struct pool_item *next_item(struct worker *worker)
{
    struct pool *pool = worker->pool;
    (void)pthread_mutex_lock(&pool->lock);
    if (worker->runs)
        pool->running--;
    worker->runs = true;
    struct pool_item *item = pool->running < pool->options.slots ? dequeue(pool) : NULL;
    if (item)
        pool->running++;
    else
        item = wait_for_item(worker);
    set_gauges(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return item;
}

static struct worker_parts *open_parts(struct worker *worker)
{
    const struct worker_hooks *hooks = &worker->pool->options.hooks;
    if (worker->is_open)
        return &worker->parts;
    if (hooks->open && hooks->open(hooks->context, &worker->parts) != OK) {
        const struct log_text cause = log_quote(err_message());
        log_error("http.worker", "cause=%s", cause.text);
        worker->parts = (struct worker_parts){0};
        return NULL;
    }
    worker->is_open = true;
    return &worker->parts;
}

static void free_workers(struct worker *worker)
{
    while (worker) {
        struct worker *next = worker->below;
        (void)pthread_cond_destroy(&worker->wake);
        free(worker);
        worker = next;
    }
}

static void join_worker(struct pool *pool, struct worker *worker)
{
    (void)pthread_join(worker->thread, NULL);
    (void)pthread_mutex_lock(&pool->lock);
    worker->below = pool->spare;
    pool->spare = worker;
    (void)pthread_mutex_unlock(&pool->lock);
}

/* Under the lock: all of it as new, but for the condition, which somebody may be about to signal. */
static struct worker *new_worker(struct pool *pool)
{
    struct worker *worker = pool->spare;
    if (worker) {
        pool->spare = worker->below;
        worker->below = NULL;
        worker->parts = (struct worker_parts){0};
        worker->is_open = false;
        worker->runs = false;
        worker->waits = false;
        return worker;
    }
    worker = calloc(1, sizeof(*worker));
    if (worker)
        cond_init(&worker->wake);
    return worker;
}

static void leave(struct worker *worker)
{
    struct pool *pool = worker->pool;
    const struct worker_hooks *hooks = &pool->options.hooks;
    if (worker->is_open && hooks->close)
        hooks->close(hooks->context, &worker->parts);
    (void)pthread_mutex_lock(&pool->lock);
    struct worker *previous = pool->ended;
    pool->ended = worker;
    (void)pthread_mutex_unlock(&pool->lock);
    if (previous)
        join_worker(pool, previous);
    (void)pthread_mutex_lock(&pool->lock);
    pool->thread_count--;
    (void)pthread_cond_signal(&pool->gone);
    (void)pthread_mutex_unlock(&pool->lock);
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    (void)pthread_setname_np(pthread_self(), "http-worker");
    for (struct pool_item *item = worker->item ? worker->item : next_item(worker); item; item = next_item(worker))
        pool->options.work(item, open_parts(worker));
    leave(worker);
    return NULL;
}

/* Signals are the main thread's business: a worker starts with all of them blocked. */
static int start_thread(struct worker *worker)
{
    sigset_t all;
    sigset_t before;
    pthread_attr_t attributes;
    const long least = sysconf(_SC_THREAD_STACK_MIN);
    (void)sigfillset(&all);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, (size_t)(least > STACK_SIZE ? least : STACK_SIZE));
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int result = pthread_create(&worker->thread, &attributes, worker_main, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return result;
}

/* Under the lock. Without an item it begins with the queue. */
static bool add_worker(struct pool *pool, struct pool_item *item)
{
    struct worker *worker = new_worker(pool);
    if (!worker)
        return false;
    worker->pool = pool;
    worker->item = item;
    worker->runs = item != NULL;
    if (start_thread(worker) != 0) {
        log_warn("http.worker", "cause=\"no more threads\" workers=%zu", pool->worker_count);
        worker->below = pool->spare;
        pool->spare = worker;
        return false;
    }
    pool->worker_count++;
    pool->thread_count++;
    if (item)
        pool->running++;
    return true;
}

/* Under the lock: what queues has one idle worker that looks at the clock, as long as there can be one. The watcher needs no word
 * about what queues later: it wakes for what queued before. */
static void keep_watch(struct pool *pool)
{
    if (!pool->first || pool->watcher)
        return;
    pool->watcher = pool->idle;
    if (pool->watcher)
        (void)pthread_cond_signal(&pool->watcher->wake);
    else if (pool->worker_count < pool->options.workers)
        (void)add_worker(pool, NULL);
}

/* Under the lock: a free slot gets a worker, an idle one or a new one. */
static bool hand_over(struct pool *pool, struct pool_item *item, struct pool_wake *wake)
{
    if (pool->running >= pool->options.slots)
        return false;
    if (!pool->idle)
        return pool->worker_count < pool->options.workers && add_worker(pool, item);
    wake_top(pool, item, wake);
    return true;
}

/* As many as there can be workers have an item or could get one, and `queue_limit` more wait. */
static bool is_too_much(const struct pool *pool, size_t taken, size_t queue_limit)
{
    return taken >= pool->options.workers && taken - pool->options.workers >= queue_limit;
}

/* Under the lock. */
static bool is_full(const struct pool *pool, size_t queue_limit)
{
    return is_too_much(pool, pool->worker_count - pool->idle_count + pool->queued, queue_limit);
}

/* Under the lock. */
static bool place(struct pool *pool, struct pool_item *item, size_t queue_limit, struct pool_wake *wake)
{
    if (hand_over(pool, item, wake)) {
        keep_watch(pool); /* it may have been the watcher who got it */
        return true;
    }
    if (pool->worker_count == 0 || is_full(pool, queue_limit))
        return false;
    enqueue(pool, item);
    if (pool->queued == 1)
        keep_watch(pool);
    return true;
}

static struct worker *worker_of(struct worker_parts *parts)
{
    return (struct worker *)((char *)parts - offsetof(struct worker, parts));
}

void worker_waiting(struct worker_parts *parts, bool waits)
{
    struct worker *worker = worker_of(parts);
    struct pool *pool = worker->pool;
    struct pool_wake wake = {NULL};
    (void)pthread_mutex_lock(&pool->lock);
    if (waits != worker->waits) {
        worker->waits = waits;
        pool->running += waits ? -1UL : 1;
        while (waits && pool->first && hand_over(pool, pool->first, &wake))
            (void)dequeue(pool);
        keep_watch(pool);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    pool_wake(wake);
}

bool pool_push(struct pool *pool, struct pool_item *item, size_t queue_limit, struct pool_wake *out)
{
    *out = (struct pool_wake){NULL};
    (void)pthread_mutex_lock(&pool->lock);
    const bool placed = place(pool, item, queue_limit, out);
    set_gauges(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return placed;
}

bool pool_is_full(struct pool *pool)
{
    return is_too_much(pool, atomic_load(&pool->taken), pool->options.queue);
}

struct pool_item *pool_take_queued(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    struct pool_item *items = pool->first;
    pool->first = NULL;
    pool->last = &pool->first;
    pool->queued = 0;
    set_gauges(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return items;
}

void pool_count(struct pool *pool, struct http_server_counts *out)
{
    (void)pthread_mutex_lock(&pool->lock);
    out->workers = pool->worker_count;
    out->idle = pool->idle_count;
    out->queued = pool->queued;
    (void)pthread_mutex_unlock(&pool->lock);
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    for (struct worker *worker = pool->idle; worker; worker = worker->below)
        (void)pthread_cond_signal(&worker->wake);
    while (pool->thread_count)
        (void)pthread_cond_wait(&pool->gone, &pool->lock);
    (void)pthread_mutex_unlock(&pool->lock);
    if (pool->ended)
        join_worker(pool, pool->ended);
    free_workers(pool->spare);
    (void)pthread_cond_destroy(&pool->gone);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}
