/* What the step tables share. Private to compute/build. */
#pragma once

#include "compute/build/build.h"

/* Time that one libvirt call of a step may take. */
#define STEP_BUDGET_MS 120000

struct build_environment *step_environment(const struct task *task);
/* The task's server, deleted or not, in the task's arena. */
MUST_CHECK enum err step_server(struct task *task, struct server *out);
/* The same as the first call of this lease read it: for steps that need only what does not change under them. */
MUST_CHECK enum err step_server_kept(struct task *task, struct server *out);
struct budget step_budget(void);
/* Pulls the plug of the server's guest. OK also when there is no such domain: it was never defined, or is gone. */
MUST_CHECK enum err step_power_off(struct task *task, const struct server *server);
/* The DHCP reservations of its interfaces go; again changes nothing. */
MUST_CHECK enum err step_drop_leases(struct task *task, const struct server *server);
/* Runs `work` in a transaction that holds the task's fence. */
MUST_CHECK enum err step_commit(struct task *task, enum err (*work)(struct db *db, struct task *task));

extern const struct task_kind build_kind;
extern const struct task_kind delete_kind;
extern const struct task_kind start_kind;
extern const struct task_kind stop_kind;
extern const struct task_kind reboot_kind;
extern const struct task_kind reboot_hard_kind;
extern const struct task_kind pause_kind;
extern const struct task_kind unpause_kind;
extern const struct task_kind suspend_kind;
extern const struct task_kind resume_kind;
