/* The lifecycle table and how an action begins; see lifecycle.h. */
#include "compute/build/lifecycle.h"

#include <string.h>

#include "gateway/base/text.h"
#include "schema/action.h"
#include "schema/task/task.h"

static const char *const only_stopped[] = {"stopped", NULL};
static const char *const only_active[] = {"active", NULL};
static const char *const only_paused[] = {"paused", NULL};
static const char *const only_suspended[] = {"suspended", NULL};
static const char *const active_or_error[] = {"active", "error", NULL};
static const char *const hard_rebootable[] = {"active", "stopped", "paused", "suspended", "error", NULL};
static const char *const hard_reboot_tasks[] = {"rebooting",
                                                "reboot_pending",
                                                "reboot_started",
                                                "rebooting_hard",
                                                "reboot_pending_hard",
                                                "reboot_started_hard",
                                                "resuming",
                                                "unpausing",
                                                "pausing",
                                                "suspending",
                                                NULL};

static const struct lifecycle table[] = {
    [ACTION_START] = {"start", only_stopped, NULL, false, true, true, true, "powering-on", "compute_start_instance", "start"},
    [ACTION_STOP] = {"stop", active_or_error, NULL, false, true, true, true, "powering-off", "compute_stop_instance", "stop"},
    [ACTION_REBOOT_SOFT] = {"reboot", only_active, NULL, false, false, true, true, "rebooting", "compute_reboot_instance",
                            "reboot"},
    [ACTION_REBOOT_HARD] = {"reboot", hard_rebootable, hard_reboot_tasks, false, false, true, true, "rebooting_hard",
                            "compute_reboot_instance", "reboot_hard"},
    [ACTION_PAUSE] = {"pause", only_active, NULL, false, false, true, true, "pausing", "compute_pause_instance", "pause"},
    [ACTION_UNPAUSE] = {"unpause", only_paused, NULL, false, false, true, true, "unpausing", "compute_unpause_instance", "unpause"},
    [ACTION_SUSPEND] = {"suspend", only_active, NULL, false, false, true, true, "suspending", "compute_suspend_instance",
                        "suspend"},
    [ACTION_RESUME] = {"resume", only_suspended, NULL, false, false, true, true, "resuming", "compute_resume_instance", "resume"},
    [ACTION_DELETE] = {"delete", NULL, NULL, true, false, true, false, "deleting", "compute_terminate_instance", "delete"},
};

_Static_assert(ARRAY_LEN(table) == LIFECYCLE_COUNT, "one row per action");

const struct lifecycle *lifecycle_of(enum lifecycle_action action)
{
    return &table[action];
}

static bool is_in(const char *const *list, const char *text)
{
    for (; *list; list++) {
        if (strcmp(*list, text) == 0)
            return true;
    }
    return false;
}

enum err lifecycle_check(const struct server *server, enum lifecycle_action action, bool is_admin)
{
    const struct lifecycle *row = &table[action];
    const struct uuid_text uuid = uuid_to_text(&server->uuid);
    if (row->needs_unlocked && server->locked && !is_admin)
        return fail(E_CONFLICT, "Instance %s is locked", uuid.text);
    if (row->vm_states && !is_in(row->vm_states, server->vm_state))
        return fail(E_CONFLICT, "Cannot '%s' instance %s while it is in vm_state %s", row->name, uuid.text, server->vm_state);
    if (!row->any_task && server->task_state && !(row->task_states && is_in(row->task_states, server->task_state)))
        return fail(E_CONFLICT, "Cannot '%s' instance %s while it is in task_state %s", row->name, uuid.text, server->task_state);
    if (row->needs_launched && !server->launched_us)
        return fail(E_CONFLICT, "Cannot '%s' instance %s while it is in launched_at None", row->name, uuid.text);
    if (row->needs_host && !server->host)
        return fail(E_CONFLICT, "Instance %s is not ready", uuid.text);
    return OK;
}

struct beginning {
    const struct uuid *uuid;
    enum lifecycle_action action;
    const struct caller *caller;
    const char *request_id;
    bool added;
};

static enum err begin_in_transaction(struct db *db, void *context)
{
    struct beginning *b = context;
    const struct lifecycle *row = &table[b->action];
    CLEANUP(arena_clear) struct arena arena = {0};
    struct server server;
    b->added = false;
    TRY(server_get_locked(db, &arena, b->uuid, &server));
    if (!b->caller->is_admin && !str_equal(b->caller->project_id, server.project_id))
        return fail(E_NOT_FOUND, "Instance %s could not be found.", uuid_to_text(b->uuid).text);
    TRY(lifecycle_check(&server, b->action, b->caller->is_admin));
    if (b->action == ACTION_DELETE && str_equal(server.task_state, row->task_state))
        return OK;
    TRY(server_set_task_state(db, b->uuid, row->task_state));
    TRY(action_start(db, b->uuid, row->name, b->caller, b->request_id));
    json_auto_t *data =
        json_pack("{s:s, s:s?, s:s}", "request_id", b->request_id, "former_task_state", server.task_state, "event", row->event);
    if (!data)
        return fail(E_INTERNAL, "The task's data cannot be made.");
    TRY(task_add(db, row->task, b->uuid, b->request_id, data));
    if (b->action == ACTION_DELETE) {
        TRY(task_cancel(db, "build", b->uuid));
        TRY(task_cancel(db, "reschedule", b->uuid));
    }
    b->added = true;
    return OK;
}

enum err lifecycle_begin(struct db *db, const struct uuid *uuid, enum lifecycle_action action, const struct caller *caller,
                         const char *request_id, bool *out_added)
{
    struct beginning b = {uuid, action, caller, request_id, false};
    TRY(db_transaction(db, begin_in_transaction, &b));
    *out_added = b.added;
    return OK;
}
