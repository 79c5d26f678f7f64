/*
 * POST /os-zones/groups/{id}: servers that other zones are about to make, have made, or have not made, as members of a server
 * group; at the zone that keeps it, others pass it on (gateway/conductor/select_group.h; DESIGN section 3). Only a neighbouring
 * zone or an admin may. {"action": "claim" | "confirm" | "release", "servers": [uuids], "known": [uuids], "turn": uuid} → 204; 409:
 * others came meanwhile.
 */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/conductor/locate.h"
#include "gateway/conductor/quota.h"
#include "gateway/gateway.h"
#include "schema/server_group.h"

#define SERVERS_MOST 10000

static enum err read_uuids(struct request *request, const char *key, const struct uuid **out, size_t *out_count)
{
    const json_t *list = json_object_get(request->json, key);
    const size_t count = json_array_size(list);
    struct uuid *uuids = arena_alloc(request->arena, (count + 1) * sizeof(*uuids));
    if (!json_is_array(list) || count > SERVERS_MOST)
        return fail(E_INVALID, "%s must be a list of at most %d uuids.", key, SERVERS_MOST);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        TRY(uuid_from_text(text ? text : "", &uuids[i]));
    }
    *out = uuids;
    *out_count = count;
    return OK;
}

static enum err claim_servers(struct request *request, struct server_group_claim *claim)
{
    TRY(quota_of_caller(request, Q_SERVER_GROUP_MEMBERS, &claim->limit));
    return server_group_claim(request->db, claim);
}

static enum err confirm_servers(struct request *request, struct server_group_claim *claim)
{
    return server_group_confirm(request->db, claim);
}

static enum err release_servers(struct request *request, struct server_group_claim *claim)
{
    return server_group_release(request->db, claim);
}

static enum err carry_out(struct request *request, const struct server_group *group)
{
    static const struct {
        const char *name;
        enum err (*run)(struct request *request, struct server_group_claim *claim);
    } actions[] = {{"claim", claim_servers}, {"confirm", confirm_servers}, {"release", release_servers}};
    struct server_group_claim claim = {.group = &group->uuid, .user_id = request->caller.user_id};
    const char *action = json_string_value(json_object_get(request->json, "action"));
    const char *turn = json_string_value(json_object_get(request->json, "turn"));
    struct uuid claimed;
    TRY(read_uuids(request, "servers", &claim.servers, &claim.count));
    TRY(read_uuids(request, "known", &claim.known, &claim.known_count));
    if (turn) {
        TRY(uuid_from_text(turn, &claimed));
        claim.turn = &claimed;
    }
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (str_equal(action, actions[i].name))
            return actions[i].run(request, &claim);
    }
    return fail(E_INVALID, "action must be claim, confirm or release.");
}

static enum err group_tell(struct request *request, struct response *response)
{
    const char *id = request_param(request, "group_id");
    struct server_group group;
    struct uuid uuid;
    bool answered = false;
    if (!uuid_is_text(id) || uuid_from_text(id, &uuid) != OK)
        return fail(E_NOT_FOUND, "Instance group %s could not be found.", id);
    enum err result = server_group_get(request->db, request->arena, &uuid, &group);
    if (result == E_NOT_FOUND) {
        TRY(conductor_locate_id(request, response, &uuid, &answered));
        return answered ? OK : fail(E_NOT_FOUND, "Instance group %s could not be found.", id);
    }
    TRY(result);
    if (!request->caller.is_admin && !str_equal(group.project_id, request->caller.project_id))
        return fail(E_NOT_FOUND, "Instance group %s could not be found.", id);
    response->status = 204;
    return carry_out(request, &group);
}

const struct route zone_group_routes[] = {
    {.method = "POST", .path = "/os-zones/groups/{group_id}", .access = ACCESS_LINK, .handler = group_tell, .body = BODY_JSON},
    {.method = NULL},
};
