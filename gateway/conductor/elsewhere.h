/*
 * A server whose hosts here have all failed it goes on to another zone, under its uuid (DESIGN section 7; spec link.md section 9).
 *
 * When the new owner has it, one transaction removes the row and writes the forwarding record: there is no moment in which the uuid
 * is nowhere. A delete that comes first takes it back from there. Which zone: handover.h.
 */
#pragma once

#include "compute/scheduler/sizing.h"
#include "gateway/http/core/core.h"
#include "schema/task/task.h"

/* A step of the task whose data holds "order" and whose subject waits for a host here. OK: it is another zone's, or a delete came.
 * E_CONFLICT: no other zone takes it. E_UNAVAILABLE: the outcome is not known yet. */
MUST_CHECK enum err elsewhere_try(struct request *request, struct task *task, const struct sizing *sizing, const char *sizing_text);
/* Takes back what elsewhere_try may have made. Nothing, when the server is another zone's for good. */
MUST_CHECK enum err elsewhere_undo(struct request *request, struct task *task, const struct sizing *sizing,
                                   const char *sizing_text);
