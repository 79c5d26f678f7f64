/* The table `tasks`: what the engine and the runners read and write. Every write of a held task is fenced. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "schema/db.h"
#include "schema/task/task.h"

#define TASK_MESSAGE_SIZE 1024

/* A task that this process holds. */
struct held {
    struct task task;
    struct arena own; /* of the texts in `task`; as old as the lease */
    struct arena step_arena;
    const struct task_kind *kind;
    size_t step;    /* forward: finished steps; undoing: steps still to be undone */
    bool begun;     /* forward: `step` was begun, now or before a crash */
    bool entered;   /* forward: this lease has noted that `step` begins, and that the task was not cancelled by then */
    bool cancelled; /* it was, when it was taken */
    bool more;      /* another task was due then */
    enum err error; /* undoing: why */
    char message[TASK_MESSAGE_SIZE];
};

/* Which tasks to take, and for whom. `sql` and `values` come from task_query_init and borrow the kinds. */
struct task_query {
    const char *holder;
    char *sql;
    struct sql_value *values;
    size_t count;
    const struct task_kind *const *kinds;
};

void task_query_init(const struct task_kind *const *kinds, const char *holder, struct task_query *out);
void task_query_clear(struct task_query *query);

/* The oldest task that is due, of a kind we know: now running, ours, with a new fence. `out->task.db` is NULL when nothing was
 * taken (none is due, or an error); `out` is to be released by held_clear in any case. E_INTERNAL with the lease taken: the row is
 * damaged. */
MUST_CHECK enum err held_take(struct db *db, struct task_query *query, void *context, struct held *out);
void held_clear(struct held *held);

/* Notes that the step is about to begin. `*out_cancelled`: it was not noted, the task shall turn back. E_LOST. */
MUST_CHECK enum err held_begin(struct held *held, bool *out_cancelled);
/* Stores in one write that the step before is finished and that this one begins (`entered`), or, when the task was cancelled, only
 * the former. E_LOST. */
MUST_CHECK enum err held_advance(struct held *held);
/* Stores where it stands. E_LOST. */
MUST_CHECK enum err held_store(struct held *held);
/* Stores where it stands and gives the lease back; due at `not_before_us`. E_LOST. */
MUST_CHECK enum err held_release(struct held *held, int64_t not_before_us);
/* As held_release, for a row that cannot be read: touches nothing but the lease. */
MUST_CHECK enum err held_put_aside(struct held *held, int64_t not_before_us);
/* In a transaction: E_LOST, or locks the row and says whether it was cancelled. */
MUST_CHECK enum err held_guard(struct task *task, struct db *db, bool *out_cancelled);
MUST_CHECK enum err held_delete(struct held *held, struct db *db);

/* A lease of any process as it is seen. */
struct lease {
    struct uuid id;
    int64_t fence;
    int64_t heartbeat;
    const char *holder; /* in the arena */
};

MUST_CHECK enum err lease_list(struct db *db, struct arena *arena, struct lease **out, size_t *out_count);
/* `*out_held` false: the lease is not ours any more. */
MUST_CHECK enum err lease_beat(struct db *db, const struct uuid *id, int64_t fence, bool *out_held);
/* Makes the task ready again, if its lease is still as seen. */
MUST_CHECK enum err lease_expire(struct db *db, const struct lease *lease, bool *out_expired);
/* Kinds in the table, of this binary or not. */
MUST_CHECK enum err task_kinds_list(struct db *db, struct arena *arena, struct rows *out);
