/*
 * A lane: a bounded queue of jobs for one owner, served by at most two threads that come on demand and leave when idle.
 *
 * Made for calls that may never return. Who waits for a job waits with a deadline and may walk away; the job is counted, so it
 * lives on until its thread is through with it. A job keeps its arguments and results in itself (and its arena), never in the
 * caller's frame. At most one *slow* job runs at a time, so a large transfer leaves the other thread to short questions. Knows
 * nothing of libvirt.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"

struct lane;
struct job;

typedef enum err job_run_f(void *owner, struct job *job);

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DONE };

/* First member of a larger struct that holds arguments and results. Results may be read after `lane_call` returned OK. */
struct job {
    const char *what; /* name for messages; static */
    job_run_f *run;
    bool slow;
    struct arena arena;
    /* The lane's own. */
    struct job *next;
    int references;
    enum job_state state;
    enum err result;
    char message[1024];
    char request[REQUEST_ID_SIZE];
};

/* Zeroed memory of `size` bytes that begins with a struct job, with one reference for the caller. */
struct job *job_new(size_t size, const char *what, job_run_f *run);
void job_release(struct job *job); /* accepts NULL */

struct lane_owner {
    void *object;
    const char *name;              /* for messages; as old as the object */
    void (*close)(void *object);   /* once, on a lane thread, after the last job of a closed lane */
    void (*release)(void *object); /* when the last reference to the lane is gone */
};

/* With one reference for the caller. */
struct lane *lane_new(struct lane_owner owner, size_t capacity, long idle_ms);
struct lane *lane_ref(struct lane *lane);
void lane_unref(struct lane *lane); /* accepts NULL */

/*
 * Queues the job and waits for it. What the job answered, or: E_UNAVAILABLE — the lane is full, closed, or had not begun the job
 * in time (nothing happened); E_TIMEOUT — it was begun and goes on (it may still happen).
 */
MUST_CHECK enum err lane_call(struct lane *lane, struct job *job, struct budget budget);
/* Queues the job and does not wait; takes the caller's reference. E_UNAVAILABLE: full or closed. What it answers nobody hears. */
MUST_CHECK enum err lane_post(struct lane *lane, struct job *job);

/* Refuses new jobs, drops those that wait, lets those that run end, then calls `close`. Does not wait. */
void lane_close(struct lane *lane);
/* True when `close` was called before the deadline. */
bool lane_wait_closed(struct lane *lane, struct budget budget);
