/*
 * A build that failed on its host begins again on another one (spec pipeline.md 2.9, 2.10). Private to compute/build.
 *
 * What the next choice must know lies in the server's request_spec: {"sizing": the text it was planned with, "tried": [host uuids],
 * "attempts": builds begun, "retry": false for a forced host}. A task of kind "reschedule" (gateway/conductor/reschedule.h)
 * chooses.
 */
#pragma once

#include "compute/build/build.h"

/* The request_spec of a server whose first build here begins on the order's host. In the arena. */
const char *reschedule_spec(struct arena *arena, const struct build_order *order);

/* In the transaction that ends a failed build of the locked `server`, whose claim is released: `*out` true, and it waits for
 * another host (building/scheduling, with its task). False: nothing was written, it has failed for good, `*out_message` (arena)
 * says why. */
MUST_CHECK enum err reschedule_begin(struct task *task, const struct server *server, const char *message, bool *out,
                                     const char **out_message);
