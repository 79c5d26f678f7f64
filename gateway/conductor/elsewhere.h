/*
 * A server whose hosts here have all failed it goes on to a zone below, under its uuid (DESIGN section 7; spec link.md section 9).
 *
 * The chosen entry is stored in the task before it is sent; an unknown outcome sends the same entry again, and another one is
 * taken only after a refusal that is final. When the new owner has it, one transaction removes the row and writes the forwarding
 * record: there is no moment in which the uuid is nowhere. A delete that comes first takes it back from below. Not here: zones
 * above, to which nothing is given (spec link.md section 9).
 */
#pragma once

#include <jansson.h>

#include "compute/scheduler/sizing.h"
#include "gateway/conductor/record.h"
#include "gateway/http/core/core.h"
#include "schema/task/task.h"

/* What a zone below would need to build the server: a new object; NULL where no zone is below. It holds secrets: it lives in the
 * data of the server's tasks and ends with them. */
json_t *elsewhere_order(struct request *request, const struct record_parts *parts);

/* A step of the task whose data holds "order" and whose subject waits for a host here. OK: it is another zone's, or a delete came.
 * E_CONFLICT: no zone below takes it. E_UNAVAILABLE: the outcome is not known yet. */
MUST_CHECK enum err elsewhere_try(struct request *request, struct task *task, const struct sizing *sizing, const char *sizing_text);
/* Takes back what elsewhere_try may have made below. Nothing, when the server is another zone's for good. */
MUST_CHECK enum err elsewhere_undo(struct request *request, struct task *task, const char *sizing_text);
