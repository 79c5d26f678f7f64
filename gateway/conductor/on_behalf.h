/*
 * A task that goes on with somebody's request after the answer was sent, or in place of a process that died: who asked is kept in
 * the task's data, and the step gets a request that asks other zones as that user.
 *
 * Kept: ids, names, domain, roles, the base of links. Not kept: the token. The delegation that is made of it is checked by the link
 * policy as ever (spec link.md section 3).
 */
#pragma once

#include <jansson.h>

#include "gateway/http/core/core.h"
#include "schema/task/task.h"

/* {"user", "user_name", "domain_id", "domain_name", "project", "project_name", "roles", "admin", "base", "trace"}: a new object of
 * the caller's; NULL without memory. */
json_t *on_behalf_write(const struct request *request);

struct on_behalf {
    struct request request; /* arena, db, fanout, gateway, caller, budget, base, request id, a route without scope */
};

/* `told` is what on_behalf_write made. The request lives in the task's arena, for one step, and has `budget_ms`. It must be closed,
 * also after a failure. */
MUST_CHECK enum err on_behalf_open(struct task *task, const json_t *told, int64_t budget_ms, struct on_behalf *out);
void on_behalf_close(struct on_behalf *behalf);
