/* Shared by the step tables; see steps.h. */
#include "compute/build/steps.h"

#include "compute/build/firewall.h"
#include "compute/build/nics.h"

const struct task_kind *const build_kinds[] = {&build_kind,   &delete_kind,      &start_kind,    &stop_kind,
                                               &reboot_kind,  &reboot_hard_kind, &pause_kind,    &unpause_kind,
                                               &suspend_kind, &resume_kind,      &firewall_kind, NULL};

struct build_environment *step_environment(const struct task *task)
{
    return task->context;
}

enum err step_server(struct task *task, struct server *out)
{
    return server_get_any(task->db, task->arena, &task->subject, out);
}

enum err step_server_kept(struct task *task, struct server *out)
{
    if (!task->memo) {
        struct server *kept = arena_alloc(task->own, sizeof(*kept));
        TRY(server_get_any(task->db, task->own, &task->subject, kept));
        task->memo = kept;
    }
    *out = *(const struct server *)task->memo;
    return OK;
}

struct budget step_budget(void)
{
    return budget_from_ms(STEP_BUDGET_MS);
}

enum err step_power_off(struct task *task, const struct server *server)
{
    const enum err result = hypervisor_stop(step_environment(task)->hypervisors, server->host, &server->uuid, 0, step_budget());
    return result == E_NOT_FOUND ? OK : result;
}

enum err step_drop_leases(struct task *task, const struct server *server)
{
    const struct guest_nic *nics = NULL;
    size_t count = 0;
    if (!server->nics)
        return OK;
    nics_guest(task->arena, server, &nics, &count);
    for (size_t i = 0; i < count; i++)
        TRY(hypervisor_lease_remove(step_environment(task)->hypervisors, server->host, &nics[i], step_budget()));
    return OK;
}

struct commit {
    struct task *task;
    enum err (*work)(struct db *db, struct task *task);
};

static enum err commit_in_transaction(struct db *db, void *context)
{
    const struct commit *commit = context;
    TRY(task_guard(commit->task, db));
    return commit->work(db, commit->task);
}

enum err step_commit(struct task *task, enum err (*work)(struct db *db, struct task *task))
{
    struct commit commit = {task, work};
    return db_transaction(task->db, commit_in_transaction, &commit);
}
