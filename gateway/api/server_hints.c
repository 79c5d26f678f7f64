/* Hints and specs as a sizing; see server_hints.h. Their shapes were checked by the body's schema. */
#include "gateway/api/server_hints.h"

#include <string.h>

#include "compute/placement/candidates.h"
#include "compute/scheduler/json_query.h"
#include "compute/scheduler/resources.h"
#include "gateway/api/owner.h"
#include "gateway/conductor/quota.h"
#include "gateway/conductor/locate.h"
#include "gateway/conductor/select_group.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"

static void release_json(void *json)
{
    json_decref(json);
}

/* --- the group */

/* Before a server is refused, those are asked after that other zones own. */
static enum err check_room_in_group(struct request *request, struct sizing_group *group)
{
    int64_t most = 0;
    TRY(quota_of_caller(request, Q_SERVER_GROUP_MEMBERS, &most));
    if ((int64_t)group->member_count >= most && uuid_tag(&group->uuid) == request->gateway->tag)
        TRY(select_group_prune(request, &group->uuid, group));
    return (int64_t)group->member_count < most ? OK : fail(E_FORBIDDEN, "Quota exceeded, too many servers in group");
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
    struct request *question =
        owner_question(request, arena_printf(request->arena, "/os-server-groups/%s", uuid_to_text(uuid).text));
    struct http_pair *version = arena_alloc(request->arena, sizeof(*version));
    struct response answer;
    bool answered = false;
    *version = (struct http_pair){"OpenStack-API-Version", "compute 2.64"};
    question->headers = (struct http_pairs){version, 1, 1};
    response_init(&answer);
    enum err result = conductor_locate_id(question, &answer, uuid, &answered);
    if (result == OK && !answered)
        result = fail(E_NOT_FOUND, "Instance group %s could not be found.", uuid_to_text(uuid).text);
    if (result == OK)
        result = read_answer(request, uuid, &answer, out);
    response_clear(&answer);
    return result;
}

static enum err read_group(struct request *request, const json_t *hints, struct sizing *out)
{
    const char *text = json_string_value(json_object_get(hints, "group"));
    struct sizing_group *group = arena_alloc(request->arena, sizeof(*group));
    struct uuid uuid;
    if (!text)
        return OK;
    if (uuid_from_text(text, &uuid) != OK)
        return fail(E_INVALID, "Server group scheduler hint must be a UUID.");
    enum err result = select_group_get(request, &uuid, group);
    if (result == E_NOT_FOUND && uuid_tag(&uuid) != request->gateway->tag)
        result = ask_for_group(request, &uuid, group);
    if (result == E_NOT_FOUND)
        return fail(E_INVALID, "Instance group %s could not be found.", text);
    TRY(result);
    TRY(check_room_in_group(request, group));
    out->group = group;
    return OK;
}

/* --- the others */

static enum err keep_uuids(struct request *request, json_t *kept, const char *key, const json_t *value)
{
    json_t *list = json_is_array(value) ? json_incref((json_t *)value) : json_pack("[O]", value); /* counted, not changed */
    (void)json_object_set_new(kept, key, list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || !uuid_is_text(text))
            return fail(E_INVALID, "Invalid input for field/attribute %s. Value: %.100s. '%.100s' is not a 'uuid'", key,
                        text ? text : "", text ? text : "");
    }
    (void)request;
    return OK;
}

/* A text that holds JSON, as clients send it; or the JSON itself. */
static enum err keep_query(struct request *request, json_t *kept, const char *key, const json_t *value)
{
    json_auto_t *query = NULL;
    const char *text = json_string_value(value);
    (void)request;
    if (!text)
        return json_object_size(value) == 0
                   ? OK
                   : fail(E_INVALID, "The scheduler hint query is not a list: [\"operator\", operand, …].");
    if (json_parse_foreign(text, strlen(text), &query) != OK)
        return fail(E_INVALID, "The scheduler hint query is not JSON: %.200s", text);
    TRY(json_query_check(query));
    return json_object_set(kept, key, (json_t *)value) ? fail(E_INTERNAL, "The hints cannot be kept.") : OK;
}

static enum err keep_text(struct request *request, json_t *kept, const char *key, const json_t *value)
{
    (void)request;
    return json_object_set(kept, key, (json_t *)value) ? fail(E_INTERNAL, "The hints cannot be kept.") : OK;
}

/* There are no cells: who asks for one is not told that it was heeded. */
static enum err refuse(struct request *request, json_t *kept, const char *key, const json_t *value)
{
    (void)request;
    (void)kept;
    (void)value;
    return fail(E_INVALID, "The scheduler hint %s is not supported by this zone.", key);
}

struct hint {
    const char *key;
    enum err (*keep)(struct request *request, json_t *kept, const char *key, const json_t *value);
};

static const struct hint known_hints[] = {
    {"same_host", keep_uuids}, {"different_host", keep_uuids}, {"query", keep_query},      {"build_near_host_ip", keep_text},
    {"cidr", keep_text},       {"target_cell", refuse},        {"different_cell", refuse},
};

enum err server_hints_read(struct request *request, const json_t *server, struct sizing *out)
{
    const json_t *hints = json_object_get(request->json, "os:scheduler_hints");
    if (!hints)
        hints = json_object_get(request->json, "OS-SCH-HNT:scheduler_hints");
    if (!hints)
        hints = json_object_get(server, "os:scheduler_hints");
    json_t *kept = json_object();
    arena_defer(request->arena, release_json, kept);
    for (size_t i = 0; i < ARRAY_LEN(known_hints); i++) {
        const json_t *value = json_object_get(hints, known_hints[i].key);
        if (value)
            TRY(known_hints[i].keep(request, kept, known_hints[i].key, value));
    }
    TRY(read_group(request, hints, out));
    out->hints = json_object_size(kept) ? kept : NULL;
    return OK;
}

static void keep(struct request *request, json_t *value)
{
    if (value)
        arena_defer(request->arena, release_json, value);
}

enum err server_hints_embed(struct request *request, const json_t *embedded, struct sizing *out)
{
    const json_t *specs = json_object_get(json_object_get(embedded, "flavor"), "extra_specs");
    json_t *properties = sizing_image_properties(json_object_get(json_object_get(embedded, "image"), "properties"));
    struct candidates_request unused;
    keep(request, properties);
    keep(request, json_incref((json_t *)specs)); /* counted, not changed */
    out->extra_specs = json_object_size(specs) ? specs : NULL;
    out->image = properties;
    return spec_request(request->arena, out, &unused);
}
