/*
 * What may be done to a server, and when: one table (Nova API, POST /servers/{id}/action; spec nova-api.md section 12).
 *
 * `lifecycle_begin` is the first half of every action: in one transaction it locks the row, checks state, lock and host, sets the
 * task state, writes the action and adds the task whose steps do the work.
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "gateway/base/caller.h"
#include "schema/server.h"

enum lifecycle_action {
    ACTION_START,
    ACTION_STOP,
    ACTION_REBOOT_SOFT,
    ACTION_REBOOT_HARD,
    ACTION_PAUSE,
    ACTION_UNPAUSE,
    ACTION_SUSPEND,
    ACTION_RESUME,
    ACTION_DELETE,
    LIFECYCLE_COUNT
};

struct lifecycle {
    const char *name;               /* in messages and as instance action: "start" */
    const char *const *vm_states;   /* allowed, NULL-terminated; NULL = any */
    const char *const *task_states; /* allowed besides none, NULL-terminated; NULL = only none */
    bool any_task;
    bool needs_host;
    bool needs_unlocked;
    bool needs_launched;
    const char *task_state; /* while the work lasts */
    const char *event;      /* Nova's name of the event that the work is */
    const char *task;       /* kind */
};

const struct lifecycle *lifecycle_of(enum lifecycle_action action);

/* Pure: may it happen to this server now? E_CONFLICT in Nova's words. */
MUST_CHECK enum err lifecycle_check(const struct server *server, enum lifecycle_action action, bool is_admin);

/*
 * As the head says. `caller` sees only servers of its project unless it is an admin: E_NOT_FOUND otherwise. A second delete of a
 * server that is being deleted is OK and adds nothing (`*out_added` false). The runners are to be woken after an OK with true.
 */
MUST_CHECK enum err lifecycle_begin(struct db *db, const struct uuid *uuid, enum lifecycle_action action,
                                    const struct caller *caller, const char *request_id, bool *out_added);
