/* Walks one held task until it ends, must wait, or is not ours any more. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/task/task_rows.h"

enum walk {
    WALK_GO_ON,  /* (inside only) the next step */
    WALK_ENDED,  /* its row is deleted */
    WALK_WAITS,  /* lease given back, due later */
    WALK_LOST,   /* taken over by another holder: nothing more was written */
    WALK_STOPPED /* the process ends: lease given back if the database could be reached */
};

/* `out_due_ms` (monotonic): when it is due again, for WALK_WAITS. */
enum walk task_walk(struct held *held, const char *stop_after, const atomic_bool *stopping, int64_t *out_due_ms);

/* Gives a task back that cannot even be begun (its row is damaged); tried again in a minute. */
enum walk task_postpone_damaged(struct held *held, int64_t *out_due_ms);

/* E_INVALID when `stop_after` is neither "" nor KIND:STEP, KIND:STEP:begin or KIND:STEP:undo of the table. */
MUST_CHECK enum err task_stop_after_check(const char *stop_after, const struct task_kind *const *kinds);
