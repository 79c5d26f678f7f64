/*
 * Several servers of one request: at least min_count of them, or none (DESIGN section 7).
 *
 * Rounds of select and hold until all have a place or nobody has room. Then the decision: the servers of this zone and, if others
 * live below, a task with the rest, in one transaction. Then the commits. A process that dies before the decision leaves holds,
 * which expire; one that dies after it leaves the task, which goes on. A commit that comes too late takes another place, as a
 * single server does. Fewer than min_count: E_CONFLICT, and nothing was made.
 */
#pragma once

#include "gateway/conductor/create.h"

/* As conductor_create, for order->count > 1. */
MUST_CHECK enum err batch_create(struct request *request, const struct create_order *order, struct text *out, struct uuids *made);

/* The same as a task: for return_reservation_id, which is answered whatever becomes of it. Returns when the task is done, or some
 * seconds later while it goes on. If it fails, min_count servers are in error and say why. */
MUST_CHECK enum err batch_create_later(struct request *request, const struct create_order *order);

extern const struct task_kind batch_kind;
