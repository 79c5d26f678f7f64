/*
 * Worker threads made on demand. Idle ones wait in LIFO order (the last to become idle is the warmest), and end after 30 s without
 * work, but for two. Each owns its `struct worker_parts`. No more than a few per core run at once, beside those that wait.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/http/server/server.h"

struct pool;

struct pool_item {
    struct pool_item *next;
    int64_t queued_ms;
};

/* Runs on a worker. `parts` is NULL when they could not be opened; the cause was logged. */
typedef void pool_work_f(struct pool_item *item, struct worker_parts *parts);

struct pool_options {
    size_t workers; /* most of them */
    size_t slots;   /* how many run at once; 0: four per core, at least 8 */
    size_t queue;
    struct worker_hooks hooks;
    pool_work_f *work;
    int64_t idle_ms;    /* 0: 30 s */
    const char *labels; /* of its metrics; NULL: none */
};

struct pool *pool_new(const struct pool_options *options);
/* A worker that has an item and sleeps still: to be woken when no lock is held that it will want. */
struct pool_wake {
    struct worker *worker; /* NULL: nobody */
};

/* Gives `item` to an idle worker, a new one, or the queue. False: as many are at work or queued as there can be workers, and
 * `queue_limit` items more. `out` goes to pool_wake, soon. */
MUST_CHECK bool pool_push(struct pool *pool, struct pool_item *item, size_t queue_limit, struct pool_wake *out);
void pool_wake(struct pool_wake wake);
/* As of a moment ago; pool_push knows. */
bool pool_is_full(struct pool *pool);
/* Takes what still waits in the queue, oldest first. */
struct pool_item *pool_take_queued(struct pool *pool);
void pool_count(struct pool *pool, struct http_server_counts *out);
/* Waits for every worker to finish its item and to end. The queue must be empty and nothing may be pushed any more. */
void pool_free(struct pool *pool);
