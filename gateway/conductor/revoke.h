/*
 * Revocations go down each link (spec link.md section 8): what voids tokens here voids them in every zone below, also in one that
 * is silent now.
 *
 * A change adds a task (one at a time); its step sends the whole list to every child and goes on until each of them has it. A child
 * does the same with its own children. Not here: fetching the list from the authority after a reconnect.
 */
#pragma once

#include "gateway/identity/identity.h"
#include "schema/task/task.h"

struct gateway;

extern const struct task_kind revoke_kind;

/* The identity's listener: `context` is the gateway. Adds the task over a connection of its own and wakes the runners. */
void revoke_changed(void *context, const struct identity_revocations *revocations);
