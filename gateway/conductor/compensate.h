/*
 * A create that was answered with an error leaves nothing behind (DESIGN section 1, promise 6).
 *
 * When the zone that was to own a server falls silent after the order went out, the entry zone answers 502 or 504 and keeps a task:
 * it deletes the server at its owner, again and again, until the owner says that it is gone, and the order's sealed entry can no
 * longer be used.
 */
#pragma once

#include "gateway/http/core/core.h"
#include "schema/task/task.h"

extern const struct task_kind compensate_kind;

/* Adds the task for this server of the request's caller. */
MUST_CHECK enum err compensate_add(struct request *request, const struct uuid *server);
