/* See quota_usage.h. */
#include "gateway/conductor/quota_usage.h"

#include <stdlib.h>
#include <string.h>

#include "compute/scheduler/sizing.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/hold.h"
#include "schema/json/json.h"
#include "schema/server_group.h"

#define ANSWER_LIMIT (1U << 20)
#define ZONES_MOST   4096 /* of a subtree */

struct asking {
    struct request *request;
    const char *project_id;
    const char *user_id; /* "": none */
    json_t *list;
    struct zones_missing *missing;
};

static json_t *numbers(const int64_t amounts[USAGE_COUNT])
{
    json_t *list = json_array();
    for (size_t i = 0; i < USAGE_COUNT; i++)
        (void)json_array_append_new(list, json_integer(amounts[i]));
    return list;
}

static bool are_numbers(const json_t *list)
{
    for (size_t i = 0; i < USAGE_COUNT; i++) {
        const json_t *number = json_array_get(list, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0 || json_integer_value(number) > INT64_MAX / 2 / ZONES_MOST)
            return false;
    }
    return json_array_size(list) == USAGE_COUNT;
}

static bool is_entry(const json_t *entry)
{
    const char *id = json_string_value(json_object_get(entry, "id"));
    return id && uuid_is_text(id) && are_numbers(json_object_get(entry, "project")) && are_numbers(json_object_get(entry, "user"));
}

static bool are_entries(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!is_entry(json_array_get(list, i)))
            return false;
    }
    return json_is_array(list) && json_array_size(list) <= ZONES_MOST;
}

static bool is_known(const json_t *list, const json_t *entry)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_equal(json_object_get(json_array_get(list, i), "id"), json_object_get(entry, "id")))
            return true;
    }
    return false;
}

static void add_entries(json_t *list, const json_t *more)
{
    for (size_t i = 0; i < json_array_size(more); i++) {
        json_t *entry = json_array_get(more, i);
        if (!is_known(list, entry))
            (void)json_array_append(list, entry);
    }
}

/* Places that are held are as good as used: the servers may come. */
static enum err add_held(const struct asking *asking, int64_t project[USAGE_COUNT])
{
    struct arena *arena = asking->request->arena;
    struct hold_sums held;
    struct sizing sizing;
    TRY(hold_sums_of(asking->request->db, arena, asking->project_id, &held));
    for (size_t i = 0; i < held.count; i++) {
        TRY(sizing_read(arena, held.items[i].sizing, strlen(held.items[i].sizing), &sizing));
        project[USAGE_INSTANCES] += held.items[i].count;
        project[USAGE_CORES] += held.items[i].count * sizing.vcpus;
        project[USAGE_RAM_MIB] += held.items[i].count * sizing.ram_mib;
    }
    return OK;
}

static enum err add_own(const struct asking *asking)
{
    struct request *request = asking->request;
    struct quota_servers servers;
    int64_t project[USAGE_COUNT] = {0};
    int64_t user[USAGE_COUNT] = {0};
    TRY(quota_servers_count(request->db, asking->project_id, asking->user_id, &servers));
    TRY(server_group_count(request->db, asking->project_id, asking->user_id, &project[USAGE_SERVER_GROUPS],
                           &user[USAGE_SERVER_GROUPS]));
    for (size_t i = 0; i <= Q_RAM; i++) {
        project[i] = servers.project[i];
        user[i] = servers.user[i];
    }
    TRY(add_held(asking, project));
    (void)json_array_append_new(asking->list, json_pack("{s:s, s:o, s:o}", "id", uuid_to_text(&request->gateway->keys.zone).text,
                                                        "project", numbers(project), "user", numbers(user)));
    return OK;
}

/* --- children */

static const char *target_of(const struct asking *asking)
{
    CLEANUP(text_clear) struct text target = {0};
    text_add_str(&target, "/compute/v2.1/os-zones/usage?project_id=");
    text_add_percent(&target, asking->project_id, "");
    if (*asking->user_id) {
        text_add_str(&target, "&user_id=");
        text_add_percent(&target, asking->user_id, "");
    }
    return arena_strdup(asking->request->arena, text_str(&target));
}

static json_t *read_answer(const struct http_answer *answer)
{
    json_auto_t *body = NULL;
    if (answer->kind != ZONE_ANSWERED || answer->status != 200 ||
        json_parse_foreign(answer->body, answer->body_length, &body) != OK || !are_entries(json_object_get(body, "usage")))
        return NULL;
    return json_incref(json_object_get(body, "usage"));
}

/* The question failed: what the child said last takes its place. */
static enum err take_told(const struct asking *asking, const struct zone_call *call)
{
    const struct http_answer *answer = &call->answer;
    const char *text = NULL;
    json_auto_t *told = NULL;
    missing_add(asking->request->arena, asking->missing, call->zone->row.name,
                answer->kind != ZONE_ANSWERED ? answer->kind : ZONE_VERSION);
    TRY(quota_told_get(asking->request->db, asking->request->arena, call->zone->row.id, asking->project_id, asking->user_id,
                       &text));
    if (text && json_parse_foreign(text, strlen(text), &told) == OK && are_entries(told))
        add_entries(asking->list, told);
    return OK;
}

static enum err take_answer(const struct asking *asking, const struct zone_call *call)
{
    struct request *request = asking->request;
    json_auto_t *usage = read_answer(&call->answer);
    const char *silent = headers_get(&call->answer.headers, "X-Zone-Missing");
    if (!usage)
        return take_told(asking, call);
    if (silent && missing_add_header(request->arena, asking->missing, call->zone->row.name, silent) != OK)
        missing_add(request->arena, asking->missing, call->zone->row.name, ZONE_GARBAGE);
    add_entries(asking->list, usage);
    char *text = json_dumps(usage, JSON_COMPACT);
    const enum err kept = text ? quota_told_put(request->db, call->zone->row.id, asking->project_id, asking->user_id, text) : OK;
    free(text);
    return kept;
}

static enum err add_children(const struct asking *asking)
{
    struct request *request = asking->request;
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct link_origin *origin = relay_origin(request);
    const char *target = target_of(asking);
    struct zone_call *calls = arena_alloc(request->arena, (view->child_count + 1) * sizeof(*calls));
    size_t count = 0;
    if (view->child_count == 0)
        return OK;
    for (size_t i = 0; i < view->child_count; i++) {
        if (view->children[i].nova)
            continue;
        calls[count++] = (struct zone_call){.zone = &view->children[i],
                                            .origin = origin,
                                            .class = CLASS_READ,
                                            .method = "GET",
                                            .target = target,
                                            .answer_limit = ANSWER_LIMIT};
    }
    fanout_run(request->fanout, request->arena, calls, count, request->budget);
    for (size_t i = 0; i < count; i++)
        TRY(take_answer(asking, &calls[i]));
    return OK;
}

enum err quota_usage_list(struct request *request, const char *project_id, const char *user_id, json_t **out,
                          struct zones_missing *out_missing)
{
    json_auto_t *list = json_array();
    const struct asking asking = {request, project_id, user_id ? user_id : "", list, out_missing};
    const char *local = request_query(request, "zone.local");
    *out_missing = (struct zones_missing){0};
    TRY(add_own(&asking));
    if (request->gateway->zones && !str_equal(local, "1"))
        TRY(add_children(&asking));
    *out = json_incref(list);
    return OK;
}

enum err quota_usage_get(struct request *request, const char *project_id, const char *user_id, struct quota_usage *out)
{
    json_auto_t *list = NULL;
    *out = (struct quota_usage){0};
    TRY(quota_usage_list(request, project_id, user_id, &list, &out->missing));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        for (size_t of = 0; of < USAGE_COUNT; of++) {
            out->project[of] += json_integer_value(json_array_get(json_object_get(entry, "project"), of));
            out->user[of] += json_integer_value(json_array_get(json_object_get(entry, "user"), of));
        }
    }
    return OK;
}
