/*
 * The task of kind "reschedule": another host for a server whose build failed (spec pipeline.md 2.10; compute/build/reschedule.h).
 *
 * Hosts of this zone come first; when all have failed, zones below (elsewhere.h). Claim, host and states are written in one
 * transaction; the build task is added in the one that ends this task. A refused claim is no attempt. Nobody has room: the server
 * is in error, "Exhausted all hosts". A delete cancels it.
 */
#pragma once

#include "schema/task/task.h"

extern const struct task_kind reschedule_kind;
