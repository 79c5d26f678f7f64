/*
 * Servers that zones below give back, as all their hosts have failed them (DESIGN section 7; spec link.md section 9): they go on in
 * another zone below, on this zone's own hosts, or above, under the same uuid.
 *
 * A task finds who takes it, and stores what it finds by the ticket: the zone that asked repeats its question until there is an
 * answer, and gets the same one ever after. Between its asking and its hearing the answer, both may be killed at any moment.
 */
#pragma once

#include "gateway/conductor/onward_ask.h"
#include "schema/task/task.h"

extern const struct task_kind onward_kind;

/* The question of a zone below, over its link. OK: `*owner` has it (not with `cancel`). E_CONFLICT: nobody has it, nor will.
 * E_UNAVAILABLE: not known yet. E_INVALID: the ticket is not good for this. */
MUST_CHECK enum err onward_answer(struct request *request, const struct onward_question *question, struct uuid *owner);
