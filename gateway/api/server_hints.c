/* Hints and specs as a sizing; see server_hints.h. Their shapes were checked by the body's schema. */
#include "gateway/api/server_hints.h"

#include <string.h>

#include "compute/placement/candidates.h"
#include "compute/scheduler/json_query.h"
#include "compute/scheduler/resources.h"
#include "gateway/conductor/quota.h"
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

static enum err read_group(struct request *request, const json_t *hints, struct sizing *out)
{
    const char *text = json_string_value(json_object_get(hints, "group"));
    struct sizing_group *group = arena_alloc(request->arena, sizeof(*group));
    struct uuid uuid;
    if (!text)
        return OK;
    if (uuid_from_text(text, &uuid) != OK)
        return fail(E_INVALID, "Server group scheduler hint must be a UUID.");
    const enum err result = select_group_get(request, &uuid, group);
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
