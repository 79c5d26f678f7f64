/* See select_group.h. */
#include "gateway/conductor/select_group.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/conductor/locate.h"
#include "gateway/conductor/quota.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "schema/server_group.h"
#include "zones/fanout.h"
#include "zones/registry.h"

#define PAUSE_LEAST_MS 10
#define PAUSE_MOST_MS  160

static enum err read_own(struct request *request, const struct uuid *uuid, struct sizing_group *out)
{
    struct server_group group;
    struct uuids members;
    TRY(server_group_get(request->db, request->arena, uuid, &group));
    if (!request->caller.is_admin && !str_equal(group.project_id, request->caller.project_id))
        return fail(E_NOT_FOUND, "Instance group %s could not be found.", uuid_to_text(uuid).text);
    TRY(server_group_members(request->db, request->arena, group.id, &members));
    *out = (struct sizing_group){.uuid = group.uuid,
                                 .policy = group.policy,
                                 .max_server_per_host = group.max_server_per_host,
                                 .members = members.items,
                                 .member_count = members.count};
    return OK;
}

/* --- asking other zones */

static void release_json(void *json)
{
    json_decref(json);
}

/* The request's user asks something else. */
static struct request *question_of(struct request *request, const char *method, const char *target, const struct http_pair *header)
{
    struct request *question = arena_copy(request->arena, request, sizeof(*request));
    question->method = method;
    question->target = target;
    question->headers = (struct http_pairs){arena_copy(request->arena, header, sizeof(*header)), 1, 1};
    question->body = NULL;
    question->body_length = 0;
    return question;
}

static enum err read_members(struct request *request, const json_t *list, struct sizing_group *out)
{
    struct uuid *members = arena_alloc(request->arena, (json_array_size(list) + 1) * sizeof(*members));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        TRY(uuid_from_text(text ? text : "", &members[i]));
    }
    out->members = members;
    out->member_count = json_array_size(list);
    return OK;
}

static enum err read_answer(struct request *request, const struct uuid *uuid, struct response *answer, struct sizing_group *out)
{
    json_t *body = NULL;
    response_render(answer);
    if (answer->status == 404 || answer->status == 403)
        return fail(E_NOT_FOUND, "Instance group %s could not be found.", uuid_to_text(uuid).text);
    if (answer->status && answer->status != 200)
        return fail(E_UNAVAILABLE, "The zone of server group %s answers %d.", uuid_to_text(uuid).text, answer->status);
    TRY(json_parse_foreign(answer->body.bytes ? answer->body.bytes : "", answer->body.length, &body));
    arena_defer(request->arena, release_json, body);
    const json_t *group = json_object_get(body, "server_group");
    const char *policy = json_string_value(json_object_get(group, "policy"));
    if (!policy)
        return fail(E_UNAVAILABLE, "The zone of server group %s answers garbage.", uuid_to_text(uuid).text);
    out->uuid = *uuid;
    out->policy = policy;
    out->max_server_per_host = json_integer_value(json_object_get(json_object_get(group, "rules"), "max_server_per_host"));
    return read_members(request, json_object_get(group, "members"), out);
}

/* A group that another zone keeps is shown by it, in the version that says all. */
static enum err ask_for_group(struct request *request, const struct uuid *uuid, struct sizing_group *out)
{
    static const struct http_pair version = {"OpenStack-API-Version", "compute 2.64"};
    const char *target = arena_printf(request->arena, "/compute/v2.1/os-server-groups/%s", uuid_to_text(uuid).text);
    struct request *question = question_of(request, "GET", target, &version);
    struct response answer;
    bool answered = false;
    response_init(&answer);
    enum err result = conductor_locate_id(question, &answer, uuid, &answered);
    if (result == OK && !answered)
        result = fail(E_NOT_FOUND, "Instance group %s could not be found.", uuid_to_text(uuid).text);
    if (result == OK)
        result = read_answer(request, uuid, &answer, out);
    response_clear(&answer);
    return result;
}

enum err select_group_get(struct request *request, const struct uuid *uuid, struct sizing_group *out)
{
    const enum err result = read_own(request, uuid, out);
    return result == E_NOT_FOUND && uuid_tag(uuid) != request->gateway->tag ? ask_for_group(request, uuid, out) : result;
}

/* Only its owner, or the zones that lead there, can say that it is gone. */
static bool is_gone(struct request *request, const struct uuid *server)
{
    static const struct http_pair accept = {"Accept", "application/json"};
    const char *target = arena_printf(request->arena, "/compute/v2.1/servers/%s", uuid_to_text(server).text);
    struct request *question = question_of(request, "GET", target, &accept);
    struct response answer;
    bool answered = false;
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

static bool is_own(const struct request *request, const struct sizing *sizing)
{
    return uuid_tag(&sizing->group->uuid) == request->gateway->tag;
}

/* --- claims */

/* With no zone below, the owner's late check is all that an own group needs. */
static bool is_serial(struct request *request, const struct sizing *sizing)
{
    const struct gateway *gateway = request->gateway;
    if (!sizing_has_policy(sizing, "affinity") || sizing->host || !gateway->zones)
        return false;
    return !is_own(request, sizing) || zones_view(gateway->zones, request->arena)->child_count > 0;
}

static const struct uuid *turn_of(const struct sizing *sizing)
{
    return uuid_is_zero(&sizing->group->turn) ? NULL : &sizing->group->turn;
}

static struct server_group_claim claim_of(const struct request *request, const struct sizing *sizing, const struct uuid *servers,
                                          size_t count)
{
    return (struct server_group_claim){.group = &sizing->group->uuid,
                                       .servers = servers,
                                       .count = count,
                                       .known = sizing->group->members,
                                       .known_count = sizing->group->member_count,
                                       .turn = turn_of(sizing),
                                       .user_id = request->caller.user_id,
                                       .limit = -1};
}

static json_t *uuid_list(const struct uuid *uuids, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, json_string(uuid_to_text(&uuids[i]).text));
    return list;
}

/* What the group's zone says to it. One that does not know the question, or the group, is no arbiter. */
static enum err tell_status(const struct sizing *sizing, const struct response *answer)
{
    const char *group = uuid_to_text(&sizing->group->uuid).text;
    if (answer->status == 204 || answer->status == 404)
        return OK;
    if (answer->status == 409)
        return fail(E_CONFLICT, "Server group %s got other members meanwhile.", group);
    if (answer->status == 429)
        return fail(E_TOO_MANY, "Server group %s is about to get other members.", group);
    if (answer->status == 403)
        return fail(E_FORBIDDEN, "Quota exceeded, too many servers in group");
    return fail(E_UNAVAILABLE, "The zone of server group %s answers %d.", group, answer->status);
}

static enum err tell(struct request *request, const char *action, const struct sizing *sizing, const struct uuid *servers,
                     size_t count)
{
    static const struct http_pair type = {"Content-Type", "application/json"};
    const struct sizing_group *group = sizing->group;
    const char *target = arena_printf(request->arena, "/compute/v2.1/os-zones/groups/%s", uuid_to_text(&group->uuid).text);
    struct request *question = question_of(request, "POST", target, &type);
    const struct uuid *turn = turn_of(sizing);
    json_auto_t *body = json_pack("{s:s, s:o, s:o, s:s*}", "action", action, "servers", uuid_list(servers, count), "known",
                                  uuid_list(group->members, group->member_count), "turn", turn ? uuid_to_text(turn).text : NULL);
    char *text = json_dumps(body, JSON_COMPACT);
    struct response answer;
    bool answered = false;
    if (!text)
        return fail(E_INTERNAL, "The claim cannot be written.");
    question->body = arena_strdup(request->arena, text);
    question->body_length = strlen(text);
    free(text);
    response_init(&answer);
    enum err result = conductor_locate_id(question, &answer, &group->uuid, &answered);
    if (result == OK && answered)
        result = tell_status(sizing, &answer);
    response_clear(&answer);
    return result;
}

static enum err claim_once(struct request *request, const struct sizing *sizing, const struct uuid *servers, size_t count)
{
    if (!is_own(request, sizing))
        return tell(request, "claim", sizing, servers, count);
    struct server_group_claim claim = claim_of(request, sizing, servers, count);
    if (!is_serial(request, sizing))
        return OK; /* the owner's transaction makes it a member */
    TRY(quota_of_caller(request, Q_SERVER_GROUP_MEMBERS, &claim.limit));
    return server_group_claim(request->db, &claim);
}

/* Where those before us go is known in a moment. */
enum err select_group_claim(struct request *request, const struct sizing *sizing, const struct uuid *servers, size_t count)
{
    struct timespec pause = {.tv_nsec = PAUSE_LEAST_MS * 1000000L};
    enum err result = sizing->group ? E_TOO_MANY : OK;
    while (result == E_TOO_MANY && budget_left_ms(&request->budget) > 0) {
        result = claim_once(request, sizing, servers, count);
        if (result != E_TOO_MANY)
            return result;
        fanout_waits(request->fanout, true);
        (void)nanosleep(&pause, NULL);
        fanout_waits(request->fanout, false);
        pause.tv_nsec = pause.tv_nsec < PAUSE_MOST_MS * 1000000L ? 2 * pause.tv_nsec : pause.tv_nsec;
    }
    return result == OK
               ? OK
               : fail(E_UNAVAILABLE, "Other requests use server group %s; try again.", uuid_to_text(&sizing->group->uuid).text);
}

enum err select_group_refresh(struct request *request, struct sizing *sizing)
{
    struct sizing_group *group = arena_alloc(request->arena, sizeof(*group));
    TRY(is_own(request, sizing) ? select_group_prune(request, &sizing->group->uuid, group)
                                : select_group_get(request, &sizing->group->uuid, group));
    group->turn = sizing->group->turn;
    sizing->group = group;
    return OK;
}

/* --- the turn */

static enum err take_turn(struct request *request, struct sizing *sizing)
{
    struct uuid turn;
    enum err result = E_CONFLICT;
    uuid_new_tagged(request->gateway->tag, &turn);
    while (result == E_CONFLICT && budget_left_ms(&request->budget) > 0) {
        TRY(select_group_refresh(request, sizing));
        struct sizing_group *group = arena_copy(request->arena, sizing->group, sizeof(*group));
        group->turn = turn;
        sizing->group = group;
        result = select_group_claim(request, sizing, NULL, 0);
    }
    return result == E_CONFLICT ? fail(E_UNAVAILABLE, "%s", arena_strdup(request->arena, err_message())) : result;
}

/* This zone's own gateways stand in line before they claim. */
enum err select_group_enter(struct request *request, struct sizing *sizing, bool *waited)
{
    *waited = is_serial(request, sizing);
    if (!*waited)
        return OK;
    if (is_own(request, sizing))
        TRY(server_group_lock(request->db, &sizing->group->uuid, budget_left_ms(&request->budget)));
    const enum err result = take_turn(request, sizing);
    if (result == OK)
        return OK;
    const char *message = arena_strdup(request->arena, err_message());
    *waited = false;
    select_group_leave(request, sizing);
    return fail(result, "%s", message);
}

void select_group_leave(struct request *request, const struct sizing *sizing)
{
    const struct sizing_group *group = sizing->group;
    if (!uuid_is_zero(&group->turn))
        select_group_release(request, sizing, &group->turn, 1);
    if (is_own(request, sizing) && server_group_unlock(request->db, &group->uuid) != OK) /* connection and turn are lost */
        log_warn("group.turn", "group=%s message=%s", uuid_to_text(&group->uuid).text, log_quote(err_message()).text);
}

/* Those that are members already: this zone owns server and group. */
static bool has_joined(const struct request *request, const struct sizing *sizing, const struct uuid *server)
{
    return is_own(request, sizing) && uuid_tag(server) == request->gateway->tag;
}

void select_group_confirm(struct request *request, const struct sizing *sizing, const struct uuid *servers, size_t count)
{
    struct uuid *others = arena_alloc(request->arena, (count + 1) * sizeof(*others));
    size_t used = 0;
    for (size_t i = 0; sizing->group && i < count; i++) {
        if (!has_joined(request, sizing, &servers[i]))
            others[used++] = servers[i];
    }
    if (!used)
        return;
    const struct server_group_claim claim = claim_of(request, sizing, others, used);
    const enum err result =
        is_own(request, sizing) ? server_group_confirm(request->db, &claim) : tell(request, "confirm", sizing, others, used);
    if (result != OK && result != E_NOT_FOUND)
        log_warn("group.join", "group=%s message=%s", uuid_to_text(claim.group).text, log_quote(err_message()).text);
}

void select_group_release(struct request *request, const struct sizing *sizing, const struct uuid *servers, size_t count)
{
    if (!sizing->group || !count)
        return;
    const struct server_group_claim claim = claim_of(request, sizing, servers, count);
    const enum err result =
        is_own(request, sizing) ? server_group_release(request->db, &claim) : tell(request, "release", sizing, servers, count);
    if (result != OK)
        log_warn("group.release", "group=%s message=%s", uuid_to_text(claim.group).text, log_quote(err_message()).text);
}

void select_group_forget(struct request *request, const struct uuid *server)
{
    if (server_group_leave(request->db, server) != OK)
        log_warn("group.leave", "server=%s message=%s", uuid_to_text(server).text, log_quote(err_message()).text);
}
