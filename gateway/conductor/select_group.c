/* See select_group.h. */
#include "gateway/conductor/select_group.h"

#include <string.h>

#include "compute/scheduler/claim.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/conductor/locate.h"
#include "gateway/gateway.h"
#include "schema/server_group.h"
#include "zones/registry.h"

static enum err read_own(struct request *request, const struct uuid *uuid, struct sizing_group *out)
{
    struct server_group group;
    struct uuids members;
    TRY(server_group_get(request->db, request->arena, uuid, &group));
    if (!request->caller.is_admin && !str_equal(group.project_id, request->caller.project_id))
        return fail(E_NOT_FOUND, "Instance group %s could not be found.", uuid_to_text(uuid).text);
    TRY(server_group_members(request->db, request->arena, group.id, &members));
    *out = (struct sizing_group){group.uuid, group.policy, group.max_server_per_host, members.items, members.count};
    return OK;
}

enum err select_group_get(struct request *request, const struct uuid *uuid, struct sizing_group *out)
{
    return read_own(request, uuid, out);
}

/* Only its owner, or the zones that lead there, can say that it is gone. */
static bool is_gone(struct request *request, const struct uuid *server)
{
    struct request *question = arena_copy(request->arena, request, sizeof(*request));
    struct response answer;
    bool answered = false;
    question->method = "GET";
    question->target = arena_printf(request->arena, "/compute/v2.1/servers/%s", uuid_to_text(server).text);
    question->body = NULL;
    question->body_length = 0;
    response_init(&answer);
    const enum err result = conductor_locate_id(question, &answer, server, &answered);
    const bool gone = result == OK && (!answered || answer.status == 404);
    response_clear(&answer);
    return gone;
}

enum err select_group_prune(struct request *request, const struct uuid *uuid, struct sizing_group *out)
{
    struct server_group group;
    struct uuids strangers;
    TRY(server_group_get(request->db, request->arena, uuid, &group));
    TRY(server_group_strangers(request->db, request->arena, group.id, &strangers));
    for (size_t i = 0; i < strangers.count && request->gateway->zones; i++) {
        if (is_gone(request, &strangers.items[i]))
            TRY(server_group_leave(request->db, &strangers.items[i]));
    }
    return read_own(request, uuid, out);
}

/* With no zone below, and for a group of another zone, the owner's late check is all there is. */
static bool is_serial(struct request *request, const struct sizing *sizing)
{
    const struct gateway *gateway = request->gateway;
    return sizing_has_policy(sizing, "affinity") && !sizing->host && gateway->zones &&
           uuid_tag(&sizing->group->uuid) == gateway->tag && zones_view(gateway->zones, request->arena)->child_count > 0;
}

enum err select_group_enter(struct request *request, struct sizing *sizing, bool *waited)
{
    *waited = is_serial(request, sizing);
    if (!*waited)
        return OK;
    struct sizing_group *group = arena_alloc(request->arena, sizeof(*group));
    TRY(server_group_lock(request->db, &sizing->group->uuid, budget_left_ms(&request->budget)));
    const enum err result = select_group_prune(request, &sizing->group->uuid, group);
    if (result != OK) {
        const char *message = arena_strdup(request->arena, err_message());
        select_group_leave(request, sizing);
        return fail(result, "%s", message);
    }
    sizing->group = group;
    return OK;
}

void select_group_leave(struct request *request, const struct sizing *sizing)
{
    if (server_group_unlock(request->db, &sizing->group->uuid) != OK) /* the connection is lost, and the turn with it */
        log_warn("group.turn", "group=%s message=%s", uuid_to_text(&sizing->group->uuid).text, log_quote(err_message()).text);
}

void select_group_forget(struct request *request, const struct uuid *server)
{
    if (server_group_leave(request->db, server) != OK)
        log_warn("group.leave", "server=%s message=%s", uuid_to_text(server).text, log_quote(err_message()).text);
}

void select_group_join(struct request *request, const struct sizing *sizing, const struct uuid *server)
{
    if (scheduler_join(request->db, sizing, server, request->caller.user_id) != OK)
        log_warn("group.join", "server=%s message=%s", uuid_to_text(server).text, log_quote(err_message()).text);
}
