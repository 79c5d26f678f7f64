/*
 * The delete: settle (a build of this server has ended or was undone) → stop → undefine → volumes; then row, claim and action in
 * one transaction. Nothing is undone: a delete only goes forward, for as long as it takes.
 */
#include "compute/build/firewall.h"
#include "compute/build/guest_spec.h"
#include "compute/build/steps.h"
#include "compute/placement/placement.h"
#include "schema/action.h"
#include "schema/network.h"

#define DELETE_EVENT "compute_terminate_instance"

static enum err run_settle(struct task *task)
{
    int64_t live = 0;
    TRY(task_live(task->db, &task->subject, &live));
    if (live > 1)
        return fail(E_UNAVAILABLE, "Another task still works on server %s.", uuid_to_text(&task->subject).text);
    struct server server;
    TRY(step_server_kept(task, &server));
    return action_event_start(task->db, &task->subject, task->request_id, DELETE_EVENT, server.host);
}

static enum err run_stop(struct task *task)
{
    struct server server;
    TRY(step_server_kept(task, &server));
    return server.host ? step_power_off(task, &server) : OK;
}

/* Nobody has the addresses any more. */
static enum err release_interfaces(struct db *db, struct task *task)
{
    TRY(firewall_touch_sources(db, &task->subject, task->request_id));
    TRY(security_group_leave_all(db, &task->subject));
    return port_delete_of_server(db, &task->subject);
}

static enum err run_undefine(struct task *task)
{
    struct server server;
    TRY(step_server_kept(task, &server));
    if (server.host) {
        TRY(hypervisor_undefine(step_environment(task)->hypervisors, server.host, &server.uuid, step_budget()));
        TRY(firewall_remove(task->arena, step_environment(task)->hypervisors, &server));
        TRY(step_drop_leases(task, &server));
    }
    return server.nics ? step_commit(task, release_interfaces) : OK;
}

static enum err run_volumes(struct task *task)
{
    struct server server;
    TRY(step_server_kept(task, &server));
    for (size_t i = 0; guest_volume_roles[i] && server.host; i++)
        TRY(hypervisor_volume_delete(step_environment(task)->hypervisors, server.host,
                                     build_server_volume(task->arena, &server.uuid, guest_volume_roles[i]), step_budget()));
    return OK;
}

static enum err delete_done(struct task *task)
{
    TRY(placement_release(task->db, &task->subject));
    TRY(server_set_deleted(task->db, &task->subject));
    return action_event_finish(task->db, &task->subject, task->request_id, DELETE_EVENT, NULL);
}

static enum err delete_failed(struct task *task, enum err kind, const char *message)
{
    (void)kind;
    TRY(action_event_finish(task->db, &task->subject, task->request_id, DELETE_EVENT, message));
    return server_set_fault(task->db, &task->subject, build_fault(task->arena, 500, message, NULL));
}

static const struct task_step delete_steps[] = {
    {"settle", run_settle, NULL},
    {"stop", run_stop, NULL},
    {"undefine", run_undefine, NULL},
    {"volumes", run_volumes, NULL},
};

const struct task_kind delete_kind = {"delete", delete_steps, ARRAY_LEN(delete_steps), 1000, delete_done, delete_failed, true};
