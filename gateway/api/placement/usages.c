/* /usages of a project, and /resource_providers/{uuid}/usages. */
#include "compute/placement/inventory.h"
#include "gateway/api/placement/inside.h"
#include "gateway/api/placement/view.h"

#define SINCE      9
#define TYPE_SINCE 38

static enum err show_provider(struct request *request, struct response *response)
{
    struct uuid uuid;
    struct placement_provider provider;
    struct placement_usages usages;
    TRY(view_provider_uuid(request, &uuid));
    TRY(placement_usages_of_provider(request->db, request->arena, &uuid, &provider, &usages));
    json_t *object = json_object();
    for (size_t i = 0; i < usages.count; i++)
        (void)json_object_set_new(object, usages.items[i].resource_class, json_integer(usages.items[i].used));
    placement_reply(request, response, 200,
                    json_pack("{s:I, s:o}", "resource_provider_generation", (json_int_t)provider.generation, "usages", object), 0);
    return OK;
}

/* The members of a type, which come one after the other. */
static json_t *take_type(json_t *object, const struct placement_usage *usage)
{
    json_t *type = json_object_get(object, usage->consumer_type);
    if (!type) {
        type = json_pack("{s:I}", "consumer_count", (json_int_t)usage->consumer_count);
        (void)json_object_set_new(object, usage->consumer_type, type);
    }
    return type;
}

static enum err show_total(struct request *request, struct response *response)
{
    const struct placement_usage_query query = {.project_id = request_query(request, "project_id"),
                                                .user_id = request_query(request, "user_id"),
                                                .by_type = placement_at_least(request, TYPE_SINCE),
                                                .consumer_type = request_query(request, "consumer_type")};
    struct placement_usages usages;
    TRY(placement_usages_get(request->db, request->arena, &query, &usages));
    json_t *object = json_object();
    for (size_t i = 0; i < usages.count; i++) {
        const struct placement_usage *usage = &usages.items[i];
        (void)json_object_set_new(query.by_type ? take_type(object, usage) : object, usage->resource_class,
                                  json_integer(usage->used));
    }
    placement_reply(request, response, 200, json_pack("{s:o}", "usages", object), 0);
    return OK;
}

static const struct body_schema queries[] = {
    {SINCE, "placement_query_usages_1_9"}, {TYPE_SINCE, "placement_query_usages_1_38"}, {0}};

const struct route placement_usage_routes[] = {
    PLACEMENT_ROUTE("GET", "/resource_providers/{uuid}/usages", 0, 0, .rule = RULE_PROVIDER_USAGES, .head = HEAD_ACCEPT,
                    .run = show_provider),
    PLACEMENT_ROUTE("GET", "/usages", SINCE, 0, .rule = RULE_USAGES, .head = HEAD_ACCEPT, .run = show_total, .query = queries),
    {0},
};
