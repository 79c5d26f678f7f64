/*
 * /os-zones/tree?depth=N: this zone and all below it, with state and capacity. Each level asks its children once, all together; a
 * child that does not answer is drawn from memory, as it was last told, with its state and the reason.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/api/zones.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"

#define ANSWER_LIMIT (8U << 20)

static enum err read_depth(const struct request *request, int64_t *out)
{
    const char *text = request_query(request, "depth");
    *out = LINK_HOPS;
    if (text && (!str_to_int(text, out) || *out < 0))
        return fail(E_INVALID, "depth must be a non-negative number");
    *out = *out < LINK_HOPS ? *out : LINK_HOPS;
    return OK;
}

static enum err own_node(struct request *request, json_t **out)
{
    const struct gateway *gateway = request->gateway;
    json_t *capacity = NULL;
    TRY(zones_capacity(request, &capacity));
    *out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:[]}", "name", gateway->name, "path", ".", "uuid",
                     uuid_to_text(&gateway->keys.zone).text, "tag", arena_printf(request->arena, "%06x", gateway->tag), "state",
                     "up", "version", ZONEGATE_VERSION, "capacity", capacity, "children");
    return OK;
}

static json_t *remembered_node(struct request *request, const struct directory *directory, const char *path, const char *name,
                               int64_t depth);

/* What lies directly below `path`, as the directory has it. */
static json_t *remembered_children(struct request *request, const struct directory *directory, const char *path, int64_t depth)
{
    const char *start = arena_printf(request->arena, "%s/", path);
    json_t *list = json_array();
    for (size_t i = 0; depth > 0 && i < directory->count; i++) {
        const char *other = directory->rows[i].path;
        if (str_starts(other, start) && !strchr(other + strlen(start), '/'))
            (void)json_array_append_new(list, remembered_node(request, directory, other, other + strlen(start), depth - 1));
    }
    return list;
}

static json_t *remembered_node(struct request *request, const struct directory *directory, const char *path, const char *name,
                               int64_t depth)
{
    const struct directory_row *row = directory_find_path(directory, path);
    json_t *node = json_pack("{s:s, s:o, s:o, s:s, s:n, s:b, s:o}", "name", name, "uuid",
                             row ? json_string(uuid_to_text(&row->zone).text) : json_null(), "tag",
                             row ? json_sprintf("%06x", row->tag) : json_null(), "state", row ? row->state : "unknown", "capacity",
                             "remembered", 1, "children", remembered_children(request, directory, path, depth));
    return node;
}

static json_t *silent_node(struct request *request, const struct zones_view *view, const struct zone_call *call, int64_t depth)
{
    const struct zone *zone = call->zone;
    const struct http_answer *answer = &call->answer;
    json_t *node = remembered_node(request, &view->directory, zone->row.name, zone->row.name, depth);
    const char *reason = answer->kind == ZONE_ANSWERED ? "garbage" : zone_kind_word(answer->kind);
    if (answer->kind == ZONE_ANSWERED && answer->status / 100 != 2)
        reason = arena_printf(request->arena, "answered %d", answer->status);
    if (!zone->row.joined)
        reason = "not joined";
    (void)json_object_set_new(node, "reason", json_string(reason));
    (void)json_object_set_new(node, "last_seen", zones_time(zone->row.last_seen_us));
    (void)json_object_set_new(node, "last_error", zone->row.last_error ? json_string(zone->row.last_error) : json_null());
    return node;
}

/* A node of a child's answer, and all below it: names are names, children are there. */
static bool node_is_good(const json_t *node, int64_t depth)
{
    const char *name = json_string_value(json_object_get(node, "name"));
    const json_t *children = json_object_get(node, "children");
    size_t i;
    const json_t *child;
    if (!name || strchr(name, '/') || zone_path_check(name) != OK || !json_is_string(json_object_get(node, "state")) ||
        !json_is_array(children) || depth < 0)
        return false;
    json_array_foreach(children, i, child)
    {
        if (!node_is_good(child, depth - 1))
            return false;
    }
    return true;
}

/* Paths are from the zone that speaks: each hop writes them anew. */
static void put_paths(struct request *request, json_t *node, const char *path)
{
    size_t i;
    json_t *child;
    (void)json_object_set_new(node, "path", json_string(path));
    json_array_foreach(json_object_get(node, "children"), i, child)
    {
        put_paths(request, child, zone_path_join(request->arena, path, json_string_value(json_object_get(child, "name"))));
    }
}

static json_t *child_node(struct request *request, const struct zones_view *view, const struct zone_call *call, int64_t depth)
{
    const struct http_answer *answer = &call->answer;
    json_auto_t *body = NULL;
    json_t *node = NULL;
    if (answer->kind == ZONE_ANSWERED && answer->status == 200 &&
        json_parse_foreign(answer->body, answer->body_length, &body) == OK)
        node = json_incref(json_object_get(body, "tree"));
    if (!node_is_good(node, LINK_HOPS)) {
        json_decref(node);
        node = silent_node(request, view, call, depth);
    } else {
        (void)json_object_set_new(node, "latency_ms", json_integer(answer->ms));
    }
    (void)json_object_set_new(node, "name", json_string(call->zone->row.name));
    (void)json_object_set_new(node, "state", json_string(zone_state_name(call->zone)));
    put_paths(request, node, call->zone->row.name);
    return node;
}

static void note_missing(struct request *request, struct zones_missing *missing, const struct zone_call *call)
{
    const char *below = headers_get(&call->answer.headers, "X-Zone-Missing");
    const bool answered = call->answer.kind == ZONE_ANSWERED;
    if (!answered || call->answer.status != 200)
        missing_add(request->arena, missing, call->zone->row.name, answered ? ZONE_GARBAGE : call->answer.kind);
    if (below && missing_add_header(request->arena, missing, call->zone->row.name, below) != OK)
        missing_add(request->arena, missing, call->zone->row.name, ZONE_GARBAGE);
}

static void add_children(struct request *request, struct response *response, json_t *tree, int64_t depth)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    const struct link_origin *origin = relay_origin(request);
    struct zone_call *calls = arena_alloc(request->arena, (view->child_count + 1) * sizeof(*calls));
    struct zones_missing missing = {0};
    for (size_t i = 0; i < view->child_count; i++)
        calls[i] = (struct zone_call){
            .zone = &view->children[i],
            .origin = origin,
            .class = CLASS_READ,
            .method = "GET",
            .target = arena_printf(request->arena, "/compute/v2.1/os-zones/tree?depth=%lld", (long long)depth - 1),
            .answer_limit = ANSWER_LIMIT,
        };
    fanout_run(request->fanout, request->arena, calls, view->child_count, request->budget);
    for (size_t i = 0; i < view->child_count; i++) {
        note_missing(request, &missing, &calls[i]);
        (void)json_array_append_new(json_object_get(tree, "children"), child_node(request, view, &calls[i], depth - 1));
    }
    relay_missing(request, response, &missing);
}

enum err zones_tree(struct request *request, struct response *response)
{
    int64_t depth = 0;
    json_t *tree = NULL;
    TRY(read_depth(request, &depth));
    TRY(own_node(request, &tree));
    if (depth > 0)
        add_children(request, response, tree, depth);
    response->json = json_pack("{s:o}", "tree", tree);
    return OK;
}
