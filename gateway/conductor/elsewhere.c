/* See elsewhere.h. */
#include "gateway/conductor/elsewhere.h"

#include <string.h>

#include "compute/build/firewall.h"
#include "gateway/base/log.h"
#include "gateway/conductor/handover.h"
#include "schema/json/json.h"
#include "schema/network.h"
#include "schema/security_group.h"
#include "schema/server.h"
#include "schema/zone_forwarding.h"

struct giving {
    struct task *task;
    const struct uuid *owner;
    bool done;
};

static bool is_deleting(const struct server *server)
{
    return server->task_state && server->task_state[0] == 'd';
}

/* A delete came first: this task is cancelled, and takes the server back. */
static enum err give(struct db *db, void *context)
{
    struct giving *giving = context;
    const struct uuid *uuid = &giving->task->subject;
    struct server server;
    TRY(task_guard(giving->task, db));
    TRY(server_get_locked(db, giving->task->arena, uuid, &server));
    giving->done = !is_deleting(&server);
    if (!giving->done)
        return OK;
    if (server.nics) {
        TRY(firewall_touch_sources(db, uuid, giving->task->request_id));
        TRY(security_group_leave_all(db, uuid));
        TRY(port_delete_of_server(db, uuid));
    }
    TRY(zone_forwarding_put(db, uuid, giving->owner));
    return server_remove(db, uuid);
}

/* "attempts" of the request spec counts the build that is to come. */
static enum err read_past(const struct server *server, struct build_past *out)
{
    json_auto_t *spec = NULL;
    TRY(json_parse_foreign(server->request_spec, strlen(server->request_spec), &spec));
    *out = (struct build_past){server->created_us, json_integer_value(json_object_get(spec, "attempts")) - 1};
    return OK;
}

enum err elsewhere_try(struct request *request, struct task *task, const struct sizing *sizing, const char *sizing_text)
{
    struct handover handover = {.sizing = sizing, .sizing_text = sizing_text};
    struct server server;
    struct uuid owner;
    TRY(server_get_any(task->db, task->arena, &task->subject, &server));
    TRY(read_past(&server, &handover.past));
    TRY(handover_run(request, task, &handover, &owner));
    struct giving giving = {task, &owner, false};
    TRY(db_transaction(task->db, give, &giving));
    if (giving.done)
        log_info("build.elsewhere", "server=%s zone=%s", uuid_to_text(&task->subject).text, uuid_to_text(&owner).text);
    return OK;
}

enum err elsewhere_undo(struct request *request, struct task *task, const struct sizing *sizing, const char *sizing_text)
{
    struct handover handover = {.sizing = sizing, .sizing_text = sizing_text};
    const struct server *server = NULL;
    TRY(server_find(task->db, task->arena, &task->subject, &server));
    if (!server)
        return OK;
    TRY(read_past(server, &handover.past));
    return handover_undo(request, task, &handover);
}
