/*
 * The build: image → disks → define → start. Each step may run again after a crash: volumes and domains are named after the server,
 * making one that is there is no error, and undoing what was never done is none either.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compute/build/firewall.h"
#include "compute/build/guest_spec.h"
#include "compute/build/reschedule.h"
#include "compute/build/steps.h"
#include "compute/image/store.h"
#include "compute/placement/placement.h"
#include "gateway/base/log.h"
#include "schema/action.h"
#include "schema/host.h"
#include "schema/network.h"

#define UPLOAD_BUDGET_MS (30 * INT64_C(60000))
#define BUILD_EVENT      "compute__do_build_and_run_instance"

/* Another host would fail alike: no reschedule (spec pipeline.md 2.9). */
static enum err abort_build(struct task *task, enum err result)
{
    if (result != E_NOT_FOUND && result != E_INVALID && result != E_FORBIDDEN && result != E_TOO_LARGE)
        return result;
    const char *message = arena_strdup(task->arena, err_message());
    (void)json_object_set_new(task->data, "abort", json_true());
    return fail(result, "%s", message);
}

static enum err plan_server(struct task *task, struct server *server, struct guest_plan *plan)
{
    TRY(step_server_kept(task, server));
    return abort_build(task, guest_plan_make(task->arena, server, step_environment(task)->zone_name, task->fence, plan));
}

/* STEP:PERCENT[:HOST…]: the faults that tests wish for ([debug] fail_builds); after the step's work, so that there is some to undo.
 */
static enum err fail_wished(struct task *task, const char *step, const char *host)
{
    const char *wish = step_environment(task)->fail_builds;
    const size_t length = strlen(step);
    if (!wish || strncmp(wish, step, length) != 0 || wish[length] != ':')
        return OK;
    char *end = NULL;
    const unsigned long percent = strtoul(wish + length + 1, &end, 10);
    const char *named = *end == ':' ? strstr(end, arena_printf(task->arena, ":%s", host)) : NULL;
    const char *after = named ? named + 1 + strlen(host) : "";
    if ((*end == ':' && (!named || (*after != '\0' && *after != ':'))) || random_below(100) >= percent)
        return OK;
    return fail(E_INTERNAL, "Host %s failed at step %s, as [debug] fail_builds says.", host, step);
}

static enum err upload_image(struct task *task, const struct server *server, const struct guest_image *image)
{
    struct build_environment *environment = step_environment(task);
    int fd = -1;
    uint64_t length = 0;
    TRY(abort_build(task, image_open(environment->images, image->id, &fd, &length)));
    struct image_facts facts;
    enum err result = abort_build(task, image_check_file(fd, length, image->disk_format, &facts));
    if (result == OK)
        result = hypervisor_volume_upload(environment->hypervisors, server->host, build_image_volume(task->arena, image->id),
                                          image->format, fd, length, budget_from_ms(UPLOAD_BUDGET_MS));
    (void)close(fd);
    return result;
}

/* One copy per host and image, however many builds want it: the others try again later. */
static enum err place_image(struct task *task, const struct server *server, const struct guest_image *image)
{
    const struct build_environment *environment = step_environment(task);
    enum host_image_state state = HOST_IMAGE_BUSY;
    if (environment->fetch_image) /* also when a file is there: it must be this image's, not another one's of the same id */
        TRY(abort_build(task, environment->fetch_image(environment->fetch_context, task, image->id)));
    TRY(host_image_take(task->db, server->host, image->id, &task->id, &state));
    if (state == HOST_IMAGE_READY)
        return OK;
    if (state == HOST_IMAGE_BUSY)
        return fail(E_UNAVAILABLE, "Image %s is being copied to host %s.", image->id, server->host);
    TRY(upload_image(task, server, image));
    return host_image_ready(task->db, server->host, image->id, &task->id);
}

static enum err run_image(struct task *task)
{
    struct server server;
    struct guest_plan plan;
    TRY(plan_server(task, &server, &plan));
    for (size_t i = 0; i < plan.image_count; i++)
        TRY(place_image(task, &server, &plan.images[i]));
    return OK;
}

static enum err upload_config_drive(struct task *task, const struct server *server, const char *volume)
{
    struct build_environment *environment = step_environment(task);
    const struct config_drive_file *files = NULL;
    size_t count = 0;
    int fd = -1;
    size_t length = 0;
    struct server first = *server;
    first.first_boot = json_string_value(json_object_get(task->data, "first_boot"));
    TRY(guest_config_files(task->arena, &first, &files, &count));
    TRY(config_drive_make(environment->state_dir, files, count, &fd, &length));
    const enum err result =
        hypervisor_volume_upload(environment->hypervisors, server->host, volume, "raw", fd, length, step_budget());
    (void)close(fd);
    return result;
}

static enum err run_disk(struct task *task)
{
    struct server server;
    struct guest_plan plan;
    TRY(plan_server(task, &server, &plan));
    struct hypervisors *all = step_environment(task)->hypervisors;
    TRY(hypervisor_volume_create(all, server.host, plan.root_volume, "qcow2", plan.root_bytes, plan.root_backing,
                                 plan.root_backing_format, step_budget()));
    for (size_t i = 0; i < plan.blank_count; i++)
        TRY(hypervisor_volume_create(all, server.host, plan.blanks[i].volume, "qcow2", plan.blanks[i].bytes, NULL, NULL,
                                     step_budget()));
    if (plan.config_volume)
        TRY(upload_config_drive(task, &server, plan.config_volume));
    return fail_wished(task, "disk", server.host);
}

static enum err undo_disk(struct task *task)
{
    struct server server;
    struct guest_plan plan;
    TRY(plan_server(task, &server, &plan));
    struct hypervisors *all = step_environment(task)->hypervisors;
    if (plan.config_volume)
        TRY(hypervisor_volume_delete(all, server.host, plan.config_volume, step_budget()));
    for (size_t i = plan.blank_count; i-- > 0;)
        TRY(hypervisor_volume_delete(all, server.host, plan.blanks[i].volume, step_budget()));
    return hypervisor_volume_delete(all, server.host, plan.root_volume, step_budget());
}

/* Their filter and reservations first: the guest has both from its first packet on. */
static enum err place_interfaces(struct task *task, const struct server *server, struct guest_plan *plan)
{
    struct hypervisors *all = step_environment(task)->hypervisors;
    struct guest_nic *nics = arena_copy(task->arena, plan->guest.nics, (plan->guest.nic_count + 1) * sizeof(*nics));
    const char *filter = NULL;
    TRY(firewall_apply(task->db, task->arena, all, server, &filter));
    for (size_t i = 0; i < plan->guest.nic_count; i++) {
        nics[i].filter = filter;
        TRY(hypervisor_lease_add(all, server->host, &nics[i], step_budget()));
    }
    plan->guest.nics = nics;
    return OK;
}

static enum err run_define(struct task *task)
{
    struct server server;
    struct guest_plan plan;
    TRY(plan_server(task, &server, &plan));
    TRY(place_interfaces(task, &server, &plan));
    TRY(hypervisor_define(step_environment(task)->hypervisors, server.host, &plan.guest, step_budget()));
    return fail_wished(task, "define", server.host);
}

static enum err undo_define(struct task *task)
{
    struct server server;
    TRY(step_server(task, &server));
    TRY(hypervisor_undefine(step_environment(task)->hypervisors, server.host, &server.uuid, step_budget()));
    TRY(firewall_remove(task->arena, step_environment(task)->hypervisors, &server));
    return step_drop_leases(task, &server);
}

static enum err run_start(struct task *task)
{
    struct server server;
    TRY(step_server_kept(task, &server));
    TRY(hypervisor_start(step_environment(task)->hypervisors, server.host, &server.uuid, step_budget()));
    return fail_wished(task, "start", server.host);
}

static enum err undo_start(struct task *task)
{
    struct server server;
    TRY(step_server(task, &server));
    return step_power_off(task, &server);
}

/* In the transaction that ends the task. A delete that came meanwhile keeps its task state: it waits for this task to be gone. A
 * task of the firewall is found by the runners' next look, within half a second. */
static enum err build_done(struct task *task)
{
    struct server server;
    TRY(step_server_kept(task, &server));
    TRY(server_set_built(task->db, &task->subject, POWER_RUNNING, "/dev/vda"));
    if (server.nics)
        TRY(firewall_touch_sources(task->db, &task->subject, task->request_id));
    return action_event_finish(task->db, &task->subject, task->request_id, BUILD_EVENT, NULL);
}

/* A delete that asked for the end of the build goes on by itself. */
static enum err build_failed(struct task *task, enum err kind, const char *message)
{
    struct server server;
    bool again = false;
    TRY(server_get_locked(task->db, task->arena, &task->subject, &server));
    TRY(placement_release(task->db, &task->subject));
    TRY(action_event_finish(task->db, &task->subject, task->request_id, BUILD_EVENT, message));
    if (server.task_state && server.task_state[0] == 'd')
        return OK;
    log_warn("build.failed", "server=%s host=%s kind=%s message=%s", uuid_to_text(&task->subject).text, server.host, err_name(kind),
             log_quote(message).text);
    TRY(reschedule_begin(task, &server, message, &again, &message));
    if (again)
        return OK;
    if (server.nics) {
        TRY(firewall_touch_sources(task->db, &task->subject, task->request_id));
        TRY(security_group_leave_all(task->db, &task->subject));
        TRY(port_delete_of_server(task->db, &task->subject));
        TRY(server_set_nics(task->db, &task->subject, NULL));
    }
    TRY(server_set_fault(task->db, &task->subject, build_fault(task->arena, 500, message, NULL)));
    return server_clear_host(task->db, &task->subject);
}

static const struct task_step build_steps[] = {
    {"image", run_image, NULL},
    {"disk", run_disk, undo_disk},
    {"define", run_define, undo_define},
    {"start", run_start, undo_start},
};

const struct task_kind build_kind = {"build", build_steps, ARRAY_LEN(build_steps), 30, build_done, build_failed, true};
