/* See select_group.h. */
#include "gateway/conductor/select_group.h"

#include <string.h>

#include "compute/scheduler/claim.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/server_group.h"

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

void select_group_join(struct request *request, const struct sizing *sizing, const struct uuid *server)
{
    if (scheduler_join(request->db, sizing, server, request->caller.user_id) != OK)
        log_warn("group.join", "server=%s message=%s", uuid_to_text(server).text, log_quote(err_message()).text);
}
