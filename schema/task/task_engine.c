/*
 * See task_engine.h. Forward: note that the step begins, run it, store that it is finished. Backward: undo, store. At the end one
 * transaction runs the kind's `done` or `failed` and deletes the row.
 *
 * A write that cannot reach the database is repeated until it can, or the process ends: the lease decides who may go on, not the
 * weather. The step that failed is undone too: it may have done half.
 */
#include "schema/task/task_engine.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/metrics.h"
#include "gateway/base/text.h"

#define PAUSE_FIRST_MS     100
#define PAUSE_RUN_MOST_MS  10000
#define PAUSE_UNDO_MOST_MS 60000
#define STORE_PAUSE_MS     200

struct walker {
    struct held *held;
    const char *stop_after;
    const atomic_bool *stopping;
    int64_t due_ms;
};

/* The debug switch */

static bool names_point(const char *stop_after, const char *kind, const char *step, const char *suffix)
{
    char point[256];
    (void)snprintf(point, sizeof(point), "%s:%s%s", kind, step, suffix);
    return strcmp(point, stop_after) == 0;
}

static void stop_here(const struct walker *walker, size_t step, const char *suffix)
{
    const struct task_kind *kind = walker->held->kind;
    if (!*walker->stop_after || !names_point(walker->stop_after, kind->name, kind->steps[step].name, suffix))
        return;
    log_warn("task.stop_after", "point=%s", walker->stop_after);
    (void)kill(getpid(), SIGKILL);
}

enum err task_stop_after_check(const char *stop_after, const struct task_kind *const *kinds)
{
    bool known = *stop_after == '\0';
    for (size_t k = 0; kinds[k]; k++) {
        for (size_t i = 0; i < kinds[k]->step_count; i++) {
            const char *step = kinds[k]->steps[i].name;
            known = known || names_point(stop_after, kinds[k]->name, step, "") ||
                    names_point(stop_after, kinds[k]->name, step, ":begin") ||
                    names_point(stop_after, kinds[k]->name, step, ":undo");
        }
    }
    if (!known)
        return fail(E_INVALID, "[debug] stop_after = %s names no step; it must be KIND:STEP, KIND:STEP:begin or KIND:STEP:undo.",
                    stop_after);
    return OK;
}

/* Storing */

/* 100 ms · 2^attempt, at most `most_ms`. */
static int64_t pause_after(int attempt, int64_t most_ms)
{
    int64_t pause_ms = PAUSE_FIRST_MS;
    for (int i = 0; i < attempt && pause_ms < most_ms; i++)
        pause_ms *= 2;
    return pause_ms < most_ms ? pause_ms : most_ms;
}

/* Runs a fenced write until the database has answered. */
static enum walk insist(const struct walker *walker, enum err (*write)(struct held *held, int64_t argument), int64_t argument)
{
    enum err result = write(walker->held, argument);
    while (result != OK && result != E_LOST && !atomic_load(walker->stopping)) {
        log_error("task.store", "kind=%s task=%s error=%s", walker->held->task.kind, uuid_to_text(&walker->held->task.id).text,
                  log_quote(err_message()).text);
        (void)nanosleep(&(const struct timespec){.tv_nsec = STORE_PAUSE_MS * 1000000L}, NULL);
        result = write(walker->held, argument);
    }
    if (result == OK)
        return WALK_GO_ON;
    return result == E_LOST ? WALK_LOST : WALK_STOPPED;
}

static enum err write_state(struct held *held, int64_t unused)
{
    (void)unused;
    return held_store(held);
}

static enum err write_advance(struct held *held, int64_t unused)
{
    (void)unused;
    return held_advance(held);
}

static enum err write_release(struct held *held, int64_t not_before_us)
{
    return held_release(held, not_before_us);
}

static enum walk postpone(struct walker *walker, int64_t pause_ms)
{
    const enum walk released = insist(walker, write_release, clock_wall_us() + pause_ms * 1000);
    walker->due_ms = clock_mono_ms() + pause_ms;
    return released == WALK_GO_ON ? WALK_WAITS : released;
}

/* E_RETRY: nothing is wrong, it is only not time yet. */
static enum walk postpone_and_count(struct walker *walker, enum err why, const char *what, int64_t most_ms)
{
    struct task *task = &walker->held->task;
    const int64_t pause_ms = pause_after(task->attempt, most_ms);
    task->attempt++;
    (why == E_RETRY ? log_debug : log_warn)("task.wait", "kind=%s subject=%s at=%s attempt=%d again_ms=%lld error=%s", task->kind,
                                            uuid_to_text(&task->subject).text, what, task->attempt, (long long)pause_ms,
                                            log_quote(err_message()).text);
    return postpone(walker, pause_ms);
}

/* A message may have been cut in the middle of a character; the database takes whole ones only. */
static void keep_message(struct held *held, const char *message)
{
    (void)snprintf(held->message, sizeof(held->message), "%s", message);
    const size_t length = strlen(held->message);
    for (size_t i = length; i > 0 && !str_is_utf8(held->message, length); i--) {
        if ((unsigned char)held->message[i - 1] >= 0x80)
            held->message[i - 1] = '?';
    }
}

/* From here on backward. `steps` are to be undone. */
static enum walk turn_back(struct walker *walker, size_t steps, enum err kind, const char *message)
{
    struct held *held = walker->held;
    held->step = steps;
    held->begun = false;
    held->entered = false;
    held->task.undoing = true;
    held->task.attempt = 0;
    held->error = kind;
    keep_message(held, message);
    log_warn("task.undo", "kind=%s subject=%s steps=%zu error=%s", held->task.kind, uuid_to_text(&held->task.subject).text, steps,
             log_quote(held->message).text);
    return insist(walker, write_state, 0);
}

static enum walk turn_back_cancelled(struct walker *walker)
{
    return turn_back(walker, walker->held->step + (walker->held->begun ? 1 : 0), E_GONE, "The task was cancelled.");
}

/* Ending */

struct ending {
    struct held *held;
    bool cancelled;
};

static enum err end_in_transaction(struct db *db, void *context)
{
    struct ending *ending = context;
    struct held *held = ending->held;
    struct task *task = &held->task;
    TRY(held_guard(task, db, &ending->cancelled));
    ending->cancelled = ending->cancelled && !task->undoing;
    if (ending->cancelled)
        return OK;
    if (task->undoing && held->kind->failed)
        TRY(held->kind->failed(task, held->error, held->message));
    if (!task->undoing && held->kind->done)
        TRY(held->kind->done(task));
    return held_delete(held, db);
}

static void note_end(const struct held *held)
{
    char labels[128];
    const char *outcome = held->task.undoing ? "failed" : "done";
    (void)snprintf(labels, sizeof(labels), "kind=\"%s\",outcome=\"%s\"", held->kind->name, outcome);
    metric_add(metric_get(METRIC_COUNTER, "zonegate_tasks_ended_total", labels, "Long tasks that ended."), 1);
    log_info("task.ended", "kind=%s subject=%s outcome=%s", held->kind->name, uuid_to_text(&held->task.subject).text, outcome);
}

static enum walk end(struct walker *walker)
{
    struct ending ending = {.held = walker->held};
    const enum err result = db_transaction(walker->held->task.db, end_in_transaction, &ending);
    arena_clear(&walker->held->step_arena);
    if (result == E_LOST)
        return WALK_LOST;
    if (result != OK)
        return postpone_and_count(walker, result, "end", PAUSE_UNDO_MOST_MS);
    if (ending.cancelled)
        return turn_back_cancelled(walker);
    note_end(walker->held);
    return WALK_ENDED;
}

/* Steps */

static bool may_try_again(enum err result, const struct held *held)
{
    const bool passing = result == E_UNAVAILABLE || result == E_TIMEOUT || result == E_RETRY;
    return passing && held->task.attempt < held->kind->retries;
}

/* Between two steps one write says both; the end is a write of its own, which the last step may be repeated before. */
static enum walk finish_step(struct walker *walker)
{
    struct held *held = walker->held;
    held->step++;
    held->begun = false;
    held->entered = false;
    held->task.attempt = 0;
    enum walk stored = WALK_GO_ON;
    if (*walker->stop_after)
        stored = insist(walker, write_state, 0); /* the switch stops between the two */
    else if (held->step < held->kind->step_count)
        stored = insist(walker, write_advance, 0);
    if (stored == WALK_GO_ON)
        stop_here(walker, held->step - 1, "");
    return stored;
}

static enum walk run_step(struct walker *walker)
{
    struct held *held = walker->held;
    const struct task_step *step = &held->kind->steps[held->step];
    log_debug("task.step", "kind=%s step=%s subject=%s", held->kind->name, step->name, uuid_to_text(&held->task.subject).text);
    const enum err result = step->run(&held->task);
    arena_clear(&held->step_arena);
    if (result == E_LOST)
        return WALK_LOST;
    if (may_try_again(result, held))
        return postpone_and_count(walker, result, step->name, PAUSE_RUN_MOST_MS);
    if (result != OK)
        return turn_back(walker, held->step + 1, result, err_message());
    return finish_step(walker);
}

static enum walk go_forward(struct walker *walker)
{
    struct held *held = walker->held;
    bool cancelled = false;
    if (held->step == held->kind->step_count)
        return end(walker);
    const enum err begun = held->entered ? OK : held_begin(held, &cancelled);
    held->entered = false;
    if (begun == E_LOST)
        return WALK_LOST;
    if (begun != OK)
        return postpone(walker, PAUSE_FIRST_MS);
    if (cancelled)
        return turn_back_cancelled(walker);
    stop_here(walker, held->step, ":begin");
    return run_step(walker);
}

static enum walk go_back(struct walker *walker)
{
    struct held *held = walker->held;
    if (held->step == 0)
        return end(walker);
    const struct task_step *step = &held->kind->steps[held->step - 1];
    const enum err result = step->undo ? step->undo(&held->task) : OK;
    arena_clear(&held->step_arena);
    if (result == E_LOST)
        return WALK_LOST;
    if (result != OK)
        return postpone_and_count(walker, result, step->name, PAUSE_UNDO_MOST_MS);
    held->step--;
    held->task.attempt = 0;
    const enum walk stored = insist(walker, write_state, 0);
    if (stored == WALK_GO_ON)
        stop_here(walker, held->step, ":undo");
    return stored;
}

/* One try only: who ends does not wait for a database. */
static enum walk give_back(struct walker *walker)
{
    const enum err released = held_release(walker->held, clock_wall_us());
    if (released != OK && released != E_LOST)
        log_warn("task.give_back", "kind=%s error=%s", walker->held->task.kind, log_quote(err_message()).text);
    return WALK_STOPPED;
}

enum walk task_postpone_damaged(struct held *held, int64_t *out_due_ms)
{
    log_error("task.damaged", "kind=%s error=%s", held->task.kind, log_quote(err_message()).text);
    const enum err aside = held_put_aside(held, clock_wall_us() + PAUSE_UNDO_MOST_MS * INT64_C(1000));
    if (aside != OK)
        log_error("task.damaged", "kind=%s error=%s", held->task.kind, log_quote(err_message()).text);
    *out_due_ms = clock_mono_ms() + PAUSE_UNDO_MOST_MS;
    return WALK_WAITS;
}

enum walk task_walk(struct held *held, const char *stop_after, const atomic_bool *stopping, int64_t *out_due_ms)
{
    struct walker walker = {.held = held, .stop_after = stop_after, .stopping = stopping};
    enum walk walk = WALK_GO_ON;
    while (walk == WALK_GO_ON) {
        if (atomic_load(stopping))
            walk = give_back(&walker);
        else
            walk = held->task.undoing ? go_back(&walker) : go_forward(&walker);
    }
    if (walk == WALK_LOST)
        log_warn("task.lost", "kind=%s subject=%s", held->task.kind, uuid_to_text(&held->task.subject).text);
    *out_due_ms = walker.due_ms;
    return walk;
}
