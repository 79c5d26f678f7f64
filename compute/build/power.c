/* Start, stop, reboot, pause and suspend: one step each, then the new state in the transaction that ends the task. */
#include "compute/build/steps.h"
#include "gateway/base/log.h"
#include "schema/action.h"

#define STOP_PATIENCE_MS   60000
#define REBOOT_PATIENCE_MS 20000

static enum err run_start(struct task *task)
{
    struct server server;
    TRY(step_server(task, &server));
    return hypervisor_start(step_environment(task)->hypervisors, server.host, &server.uuid, step_budget());
}

static enum err run_stop(struct task *task)
{
    struct server server;
    TRY(step_server(task, &server));
    return hypervisor_stop(step_environment(task)->hypervisors, server.host, &server.uuid, STOP_PATIENCE_MS, step_budget());
}

/* Nova's soft reboot: ask the guest to shut down, wait, then pull the plug; start again. */
static enum err run_reboot(struct task *task)
{
    struct server server;
    TRY(step_server(task, &server));
    struct hypervisors *all = step_environment(task)->hypervisors;
    TRY(hypervisor_stop(all, server.host, &server.uuid, REBOOT_PATIENCE_MS, step_budget()));
    return hypervisor_start(all, server.host, &server.uuid, step_budget());
}

static enum err run_reboot_hard(struct task *task)
{
    struct server server;
    TRY(step_server(task, &server));
    if (!server.host)
        return fail(E_CONFLICT, "Instance %s has no host.", uuid_to_text(&server.uuid).text);
    struct hypervisors *all = step_environment(task)->hypervisors;
    TRY(hypervisor_stop(all, server.host, &server.uuid, 0, step_budget()));
    TRY(hypervisor_forget_saved(all, server.host, &server.uuid, step_budget())); /* of a suspended one: it boots anew */
    return hypervisor_start(all, server.host, &server.uuid, step_budget());
}

typedef enum err hypervisor_f(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget);

static enum err run_on_host(struct task *task, hypervisor_f *call)
{
    struct server server;
    TRY(step_server(task, &server));
    if (!server.host)
        return fail(E_CONFLICT, "Instance %s has no host.", uuid_to_text(&server.uuid).text);
    return call(step_environment(task)->hypervisors, server.host, &server.uuid, step_budget());
}

static enum err run_pause(struct task *task)
{
    return run_on_host(task, hypervisor_pause);
}

static enum err run_unpause(struct task *task)
{
    return run_on_host(task, hypervisor_unpause);
}

static enum err run_suspend(struct task *task)
{
    return run_on_host(task, hypervisor_save);
}

static enum err run_resume(struct task *task)
{
    return run_on_host(task, hypervisor_start);
}

static const char *event_of(const struct task *task)
{
    const char *event = json_string_value(json_object_get(task->data, "event"));
    return event ? event : task->kind;
}

/* The new state, unless a delete came meanwhile: its task state stays. */
static enum err settle(struct task *task, const char *vm_state, int power_state)
{
    struct server server;
    TRY(server_get_locked(task->db, task->arena, &task->subject, &server));
    const bool deleting = server.task_state && server.task_state[0] == 'd';
    TRY(server_set_state(task->db, &task->subject, vm_state, deleting ? server.task_state : NULL, power_state));
    TRY(action_event_start(task->db, &task->subject, task->request_id, event_of(task), server.host));
    return action_event_finish(task->db, &task->subject, task->request_id, event_of(task), NULL);
}

static enum err running_done(struct task *task)
{
    return settle(task, "active", POWER_RUNNING);
}

static enum err stopped_done(struct task *task)
{
    return settle(task, "stopped", POWER_SHUTDOWN);
}

static enum err paused_done(struct task *task)
{
    return settle(task, "paused", POWER_PAUSED);
}

static enum err suspended_done(struct task *task)
{
    return settle(task, "suspended", POWER_SHUTDOWN);
}

/* What could not be done leaves the server as it was, with the failure in its actions: Nova's revert of the task state. */
static enum err power_failed(struct task *task, enum err kind, const char *message)
{
    struct server server;
    TRY(server_get_locked(task->db, task->arena, &task->subject, &server));
    log_warn("power.failed", "server=%s task=%s kind=%s message=%s", uuid_to_text(&task->subject).text, task->kind, err_name(kind),
             log_quote(message).text);
    if (!server.task_state || server.task_state[0] != 'd')
        TRY(server_set_task_state(task->db, &task->subject, NULL));
    TRY(action_event_start(task->db, &task->subject, task->request_id, event_of(task), server.host));
    return action_event_finish(task->db, &task->subject, task->request_id, event_of(task), message);
}

static const struct task_step start_steps[] = {{"start", run_start, NULL}};
static const struct task_step stop_steps[] = {{"stop", run_stop, NULL}};
static const struct task_step reboot_steps[] = {{"reboot", run_reboot, NULL}};
static const struct task_step reboot_hard_steps[] = {{"reboot", run_reboot_hard, NULL}};
static const struct task_step pause_steps[] = {{"pause", run_pause, NULL}};
static const struct task_step unpause_steps[] = {{"unpause", run_unpause, NULL}};
static const struct task_step suspend_steps[] = {{"suspend", run_suspend, NULL}};
static const struct task_step resume_steps[] = {{"resume", run_resume, NULL}};

const struct task_kind start_kind = {"start", start_steps, ARRAY_LEN(start_steps), 10, running_done, power_failed, false};
const struct task_kind stop_kind = {"stop", stop_steps, ARRAY_LEN(stop_steps), 10, stopped_done, power_failed, false};
const struct task_kind reboot_kind = {"reboot", reboot_steps, ARRAY_LEN(reboot_steps), 10, running_done, power_failed, false};
const struct task_kind reboot_hard_kind = {
    "reboot_hard", reboot_hard_steps, ARRAY_LEN(reboot_hard_steps), 10, running_done, power_failed, false};
const struct task_kind pause_kind = {"pause", pause_steps, ARRAY_LEN(pause_steps), 10, paused_done, power_failed, false};
const struct task_kind unpause_kind = {"unpause", unpause_steps, ARRAY_LEN(unpause_steps), 10, running_done, power_failed, false};
const struct task_kind suspend_kind = {"suspend", suspend_steps, ARRAY_LEN(suspend_steps), 10, suspended_done, power_failed, false};
const struct task_kind resume_kind = {"resume", resume_steps, ARRAY_LEN(resume_steps), 10, running_done, power_failed, false};
