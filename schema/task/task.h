/*
 * Long work as rows (DESIGN section 9): a kind is a table of steps; the engine walks it forward, or backward after a failure.
 *
 * The finished step is stored before the next begins. Each `run` and `undo` may be repeated: after `kill -9` the step that had
 * begun runs again. Leases are fenced: every write of a task says `WHERE id = ? AND fence = ?`; a holder that lost its lease gets
 * E_LOST and stops without writing. A lease expires when its heartbeat stood still for TASK_LEASE_MS on the observer's monotonic
 * clock. There is no other way to do something long.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"

#define TASK_LEASE_MS      10000
#define TASK_STAND_BACK_MS 500 /* task_foreground */

struct task {
    struct uuid id;
    const char *kind;
    struct uuid subject;    /* the server (or image, …) it works on */
    const char *request_id; /* of the request that caused it: log lines carry it */
    int64_t fence;
    int attempt;         /* of the current step, from 0 */
    json_t *data;        /* an object; what `task_save` stores; shared by all steps */
    struct db *db;       /* the runner's connection */
    struct arena *arena; /* cleared after each step */
    struct arena *own;   /* as old as the lease */
    const void *memo;    /* what a step leaves for the next ones of this lease, in `own`; NULL at first */
    void *context;       /* as given to task_runners_start: the build environment */
    bool undoing;
};

/*
 * A step. `run` returns OK (done, go on), E_UNAVAILABLE, E_TIMEOUT or E_RETRY (not time yet; try again later, with pauses from 100
 * ms to 10 s, at most `retries` times), E_LOST (stop), or another error: then the steps are undone, last first, beginning with the
 * one that failed or was begun (it may have done half, so its `undo` must also be right after nothing or half of `run`), and the
 * kind's `failed` runs. `undo` may be NULL; its failures are repeated for as long as it takes (pauses grow to 60 s). `data` is
 * stored with the result of each run and undo, whatever it is; a step that must not lose it to `kill -9` calls task_save.
 */
struct task_step {
    const char *name;
    enum err (*run)(struct task *task);
    enum err (*undo)(struct task *task);
};

struct task_kind {
    const char *name;
    const struct task_step *steps;
    size_t step_count;
    int retries; /* of one step */
    /* In the transaction (of task->db) that ends the task; may run more than once, but is committed once. `message` is why it
     * failed; a cancelled task has E_GONE. Their failures are repeated as those of `undo`. May be NULL. */
    enum err (*done)(struct task *task);
    enum err (*failed)(struct task *task, enum err kind, const char *message);
    bool last; /* `done` adds no task: its end is no reason to look for one */
};

/* Adds a row; call it inside the transaction of the effect that needs it. `data` is borrowed. One live task per (kind, subject): a
 * second is E_CONFLICT. The runners are told by task_wake after the commit. */
MUST_CHECK enum err task_add(struct db *db, const char *kind, const struct uuid *subject, const char *request_id,
                             const json_t *data);

/* Several of one kind, in one transaction: all, or none with an error. */
struct task_new {
    const struct uuid *subject;
    const char *request_id;
    const json_t *data; /* borrowed; NULL: an empty object */
};
MUST_CHECK enum err task_add_all(struct db *db, const char *kind, const struct task_new *items, size_t count);

/* The same, for a task that finishes what its caller is doing itself: the runners leave it alone for so long, at
 * most ten minutes. */
MUST_CHECK enum err task_add_later(struct db *db, const char *kind, const struct uuid *subject, const char *request_id,
                                   const json_t *data, int64_t delay_ms);
/* The caller has done it all: the task goes, unless a runner has taken it already (then its steps find nothing left to do). */
MUST_CHECK enum err task_withdraw(struct db *db, const char *kind, const struct uuid *subject);

/* Stores `task->data` now (fenced). E_LOST. */
MUST_CHECK enum err task_save(struct task *task);

/* Runs inside an open transaction: E_LOST unless the task's lease is still ours; locks its row until the commit. Any step that
 * writes other tables does it in db_transaction and calls this first. */
MUST_CHECK enum err task_guard(struct task *task, struct db *db);

/* Asks a live task of this subject and kind to stop and undo (a build whose server is being deleted). OK when there is none. The
 * engine looks before each step and before `done`: once this is committed, `done` of that task does not run any more. Call
 * task_wake after. */
MUST_CHECK enum err task_cancel(struct db *db, const char *kind, const struct uuid *subject);

/* How many live tasks there are for the subject (any kind). */
MUST_CHECK enum err task_live(struct db *db, const struct uuid *subject, int64_t *out);

struct task_runners;

/*
 * Starts `threads` (1 to 64) runners and looks at the table once: leases of a process of this host that has ended are taken over
 * now. `kinds` is a NULL-terminated table, `stop_after` the debug switch or "": the process kills itself with SIGKILL right after
 * the result of a step ("build:disk") or of its undo ("build:disk:undo") was stored, or right before it begins
 * ("build:disk:begin"); E_INVALID when it names no step. Each runner opens its own connection to `target`. All arguments but
 * `stop_after` are borrowed.
 */
MUST_CHECK enum err task_runners_start(const struct db_target *target, const struct task_kind *const *kinds, void *context,
                                       int threads, const char *stop_after, struct task_runners **out);
/* There is a new task, or one was cancelled. Never blocks. */
void task_wake(struct task_runners *runners);
/* A request begins (or ends) that adds tasks and is answered before they are done: while there are several, it is their turn, and
 * one task is carried at a time; no runner leaves a task that is due for longer than TASK_STAND_BACK_MS. Never blocks. NULL:
 * nothing. */
void task_foreground(struct task_runners *runners, bool begins);
/* Lets running steps end (at most `grace_ms`), gives the leases back, joins the threads. When a step does not end in time its
 * thread and what it uses are left as they are: the process must end then. Accepts NULL. */
void task_runners_stop(struct task_runners *runners, int64_t grace_ms);
