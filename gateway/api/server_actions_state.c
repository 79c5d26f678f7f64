/* Lock, state and groups of one server (spec nova-api.md section 12); see server_actions.h. */
#include <string.h>

#include "gateway/api/server_actions.h"
#include "gateway/api/server_common.h"
#include "schema/action.h"

struct change {
    struct request *request;
    const struct uuid *uuid;
    const json_t *argument;
};

typedef enum err change_f(struct db *db, void *context);

/* The row is locked by what `work` does first. */
static enum err change_server(struct request *request, const json_t *argument, change_f *work)
{
    struct server server;
    TRY(server_of_request(request, &server));
    struct change change = {request, &server.uuid, argument};
    return db_transaction(request->db, work, &change);
}

static enum err record(struct db *db, const struct change *change, const char *action)
{
    return action_start(db, change->uuid, action, &change->request->caller, change->request->request_id);
}

/* Who locks is the owner whoever is in its project, admin or not. */
static const char *role_of(const struct request *request, const struct server *server)
{
    return str_equal(request->caller.project_id, server->project_id) ? "owner" : "admin";
}

static enum err lock_in_transaction(struct db *db, void *context)
{
    const struct change *change = context;
    struct request *request = change->request;
    struct server server;
    TRY(server_get_locked(db, request->arena, change->uuid, &server));
    const char *role = role_of(request, &server);
    if (server.locked && strcmp(role, "owner") == 0)
        return OK; /* as it is, the reason too */
    const char *reason = request->version >= 73 ? json_string_value(json_object_get(change->argument, "locked_reason")) : NULL;
    TRY(server_set_lock(db, change->uuid, role, reason));
    return record(db, change, "lock");
}

enum err server_action_lock(struct request *request, struct response *response, const json_t *argument)
{
    response->status = 202;
    return change_server(request, argument, lock_in_transaction);
}

static enum err unlock_in_transaction(struct db *db, void *context)
{
    const struct change *change = context;
    struct request *request = change->request;
    struct server server;
    TRY(server_get_locked(db, request->arena, change->uuid, &server));
    const bool mine = !server.locked_by || strcmp(server.locked_by, role_of(request, &server)) == 0;
    if (!mine && !request->caller.is_admin)
        return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:os-lock-server:unlock:unlock_override to be performed.");
    TRY(server_set_lock(db, change->uuid, NULL, NULL));
    return record(db, change, "unlock");
}

enum err server_action_unlock(struct request *request, struct response *response, const json_t *argument)
{
    response->status = 202;
    return change_server(request, argument, unlock_in_transaction);
}

static enum err reset_in_transaction(struct db *db, void *context)
{
    const struct change *change = context;
    struct server server;
    TRY(server_get_locked(db, change->request->arena, change->uuid, &server));
    return server_set_state(db, change->uuid, json_string_value(json_object_get(change->argument, "state")), NULL,
                            server.power_state);
}

/* What works on the server goes on, and says at its end how it is. */
enum err server_action_reset_state(struct request *request, struct response *response, const json_t *argument)
{
    response->status = 202;
    return change_server(request, argument, reset_in_transaction);
}

enum err server_action_restore(struct request *request, struct response *response, const json_t *argument)
{
    struct server server;
    (void)response;
    (void)argument;
    TRY(server_of_request(request, &server));
    return fail(E_CONFLICT, "Cannot 'restore' instance %s while it is in vm_state %s", uuid_to_text(&server.uuid).text,
                server.vm_state);
}
