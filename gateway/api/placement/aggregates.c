/* /resource_providers/{uuid}/aggregates: a list of uuids below 1.19, with the provider's generation from then on. */
#include "gateway/api/placement/inside.h"
#include "gateway/api/placement/view.h"

#define GENERATION_SINCE 19

static void reply(struct request *request, struct response *response, const struct placement_provider *provider,
                  const struct uuid *aggregates, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, view_uuid(&aggregates[i]));
    json_t *object = json_pack("{s:o}", "aggregates", list);
    if (placement_at_least(request, GENERATION_SINCE))
        (void)json_object_set_new(object, "resource_provider_generation", json_integer(provider->generation));
    placement_reply(request, response, 200, object, 0);
}

static enum err list_aggregates(struct request *request, struct response *response)
{
    struct uuid uuid;
    struct placement_provider provider;
    struct placement_aggregates aggregates;
    TRY(view_provider_uuid(request, &uuid));
    TRY(placement_aggregates_get(request->db, request->arena, &uuid, &provider, &aggregates));
    reply(request, response, &provider, aggregates.items, aggregates.count);
    return OK;
}

static enum err read_list(struct arena *arena, const json_t *list, const struct uuid **out)
{
    struct uuid *uuids = arena_alloc(arena, (json_array_size(list) + 1) * sizeof(*uuids));
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item) TRY(uuid_from_text(json_string_value(item), &uuids[i]));
    *out = uuids;
    return OK;
}

static enum err set_aggregates(struct request *request, struct response *response)
{
    static const struct placement_telling tellings[] = {
        {PROBLEM_CONCURRENT_UPDATE, E_CONFLICT, CODE_CONCURRENT, "Update conflict: "}, {0}};
    const bool with_generation = placement_at_least(request, GENERATION_SINCE);
    const json_t *body = NULL;
    const struct uuid *uuids = NULL;
    struct placement_provider provider;
    TRY(view_find_provider(request, &provider));
    TRY(placement_body(request, &body));
    if (with_generation)
        TRY(view_check_generation(request, &provider, body,
                                  "Resource provider's generation already changed. Please update the generation and try again."));
    const json_t *list = with_generation ? json_object_get(body, "aggregates") : body;
    const int64_t generation = provider.generation;
    TRY(read_list(request->arena, list, &uuids));
    const enum err result = placement_aggregates_set(request->db, request->arena, &provider.uuid,
                                                     with_generation ? &generation : NULL, uuids, json_array_size(list), &provider);
    TRY(view_tell(request, result, tellings, ""));
    reply(request, response, &provider, uuids, json_array_size(list));
    return OK;
}

#define PATH "/resource_providers/{uuid}/aggregates"

static const struct body_schema bodies[] = {{1, "placement_aggregates_1_1"}, {GENERATION_SINCE, "placement_aggregates_1_19"}, {0}};

const struct route placement_aggregate_routes[] = {
    PLACEMENT_ROUTE("GET", PATH, 1, 0, .rule = RULE_AGGREGATE_LIST, .head = HEAD_ACCEPT, .run = list_aggregates),
    PLACEMENT_ROUTE("PUT", PATH, 1, 0, .rule = RULE_AGGREGATE_UPDATE, .head = HEAD_CONTENT, .run = set_aggregates, .body = bodies),
    {0},
};
