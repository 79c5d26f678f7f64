/*
 * The keeper: one thread that beats for all leases of this process and watches those of others.
 *
 * It remembers when it first saw a lease with its heartbeat as it is; one that stood still for TASK_LEASE_MS on our own monotonic
 * clock, or whose holder is certainly dead, is expired. No clock of another machine is believed.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"
#include "schema/task/task.h"
#include "schema/task/task_holder.h"

struct keeper;

/* A lease of this process. */
struct own_lease {
    struct uuid id;
    int64_t fence;
};

struct keeper_settings {
    const struct db_target *target;
    const struct holder *holder;
    const struct task_kind *const *kinds;
    int interval_ms;
    /* Copies the leases of this process to `out` (room for `capacity`); returns how many. Called on the keeper's thread. */
    size_t (*own_leases)(void *context, struct own_lease *out, size_t capacity);
    size_t own_capacity;
    /* A task became ready. */
    void (*expired)(void *context);
    void *context;
};

/* Looks once before it returns, so that a restarted process goes on at once. `settings` is copied, what it points to is borrowed.
 */
MUST_CHECK enum err keeper_start(const struct keeper_settings *settings, struct keeper **out);
void keeper_stop(struct keeper *keeper);
