/* /allocations, and what consumers have of a provider. */
#include "compute/placement/allocation.h"
#include "gateway/api/placement/claims.h"
#include "gateway/api/placement/inside.h"
#include "gateway/api/placement/view.h"

#define OWNER_SINCE               12
#define POST_SINCE                13
#define CONSUMER_GENERATION_SINCE 28
#define CONSUMER_TYPE_SINCE       38

/* The member of that name, made when it is not there. */
static json_t *take_member(json_t *object, const char *name)
{
    json_t *member = json_object_get(object, name);
    if (!member) {
        member = json_pack("{s:{}}", "resources");
        (void)json_object_set_new(object, name, member);
    }
    return member;
}

static json_t *add_amount(json_t *object, const struct uuid *key, const struct placement_allocation *allocation)
{
    json_t *member = take_member(object, uuid_to_text(key).text);
    (void)json_object_set_new(json_object_get(member, "resources"), allocation->resource_class, json_integer(allocation->used));
    return member;
}

static void add_owner(const struct request *request, const struct placement_consumer *consumer, json_t *object)
{
    if (!placement_at_least(request, OWNER_SINCE))
        return;
    (void)json_object_set_new(object, "project_id", json_string(consumer->project_id));
    (void)json_object_set_new(object, "user_id", json_string(consumer->user_id));
    if (placement_at_least(request, CONSUMER_GENERATION_SINCE))
        (void)json_object_set_new(object, "consumer_generation", json_integer(consumer->generation));
    if (placement_at_least(request, CONSUMER_TYPE_SINCE))
        (void)json_object_set_new(object, "consumer_type", json_string(consumer->type ? consumer->type : "unknown"));
}

static enum err show_consumer(struct request *request, struct response *response)
{
    struct uuid uuid;
    struct placement_consumer consumer = {0};
    struct placement_allocations allocations = {0};
    int64_t modified = 0;
    if (uuid_from_text(request_param(request, "consumer_uuid"), &uuid) == OK)
        TRY(placement_allocations_of_consumer(request->db, request->arena, &uuid, &consumer, &allocations));
    json_t *object = json_object();
    for (size_t i = 0; i < allocations.count; i++) {
        const struct placement_allocation *allocation = &allocations.items[i];
        json_t *member = add_amount(object, &allocation->provider, allocation);
        (void)json_object_set_new(member, "generation", json_integer(allocation->provider_generation));
        modified = view_later(modified, allocation->updated_us);
    }
    json_t *answer = json_pack("{s:o}", "allocations", object);
    if (allocations.count)
        add_owner(request, &consumer, answer);
    placement_reply(request, response, 200, answer, modified);
    return OK;
}

static enum err list_of_provider(struct request *request, struct response *response)
{
    struct uuid uuid;
    struct placement_provider provider;
    struct placement_allocations allocations;
    int64_t modified = 0;
    TRY(view_provider_uuid(request, &uuid));
    TRY(placement_allocations_of_provider(request->db, request->arena, &uuid, &provider, &allocations));
    json_t *object = json_object();
    for (size_t i = 0; i < allocations.count; i++) {
        const struct placement_allocation *allocation = &allocations.items[i];
        json_t *member = add_amount(object, &allocation->consumer, allocation);
        if (placement_at_least(request, CONSUMER_GENERATION_SINCE))
            (void)json_object_set_new(member, "consumer_generation", json_integer(allocation->consumer_generation));
        modified = view_later(modified, allocation->updated_us);
    }
    placement_reply(request, response, 200,
                    json_pack("{s:o, s:I}", "allocations", object, "resource_provider_generation", (json_int_t)provider.generation),
                    modified);
    return OK;
}

static enum err replace(struct request *request, struct response *response, const struct claims *claims, const char *subject)
{
    static const struct placement_telling tellings[] = {
        {PROBLEM_UNKNOWN_CLASS, E_INVALID, NULL, "Unable to allocate inventory $: "},
        {PROBLEM_NO_ROOM, E_CONFLICT, NULL, "Unable to allocate inventory: "},
        {PROBLEM_CONCURRENT_UPDATE, E_CONFLICT, CODE_CONCURRENT,
         "Inventory and/or allocations changed while attempting to allocate: "},
        {PROBLEM_CONSUMER_GENERATION, E_CONFLICT, CODE_CONCURRENT, ""},
        {0},
    };
    TRY(view_tell(request, placement_allocations_replace(request->db, claims->items, claims->count), tellings, subject));
    placement_reply_empty(response, 204);
    return OK;
}

static enum err put_consumer(struct request *request, struct response *response)
{
    const char *text = request_param(request, "consumer_uuid");
    const json_t *body = NULL;
    struct uuid consumer;
    struct placement_claim_of claim;
    if (uuid_from_text(text, &consumer) != OK)
        return fail(E_INVALID, "Malformed consumer_uuid: %.200s", text);
    TRY(placement_body(request, &body));
    TRY(claims_read_one(request, &consumer, body, &claim));
    const struct claims claims = {&claim, 1};
    return replace(request, response, &claims, arena_printf(request->arena, "for consumer %s", uuid_to_text(&consumer).text));
}

static enum err post_consumers(struct request *request, struct response *response)
{
    const json_t *body = NULL;
    struct claims claims;
    TRY(placement_body(request, &body));
    TRY(claims_read(request, body, &claims));
    return replace(request, response, &claims, "of the request");
}

static enum err delete_consumer(struct request *request, struct response *response)
{
    const char *text = request_param(request, "consumer_uuid");
    struct uuid consumer;
    if (uuid_from_text(text, &consumer) != OK)
        return fail(E_NOT_FOUND, "No allocations for consumer '%.200s'", text);
    TRY(placement_allocations_delete(request->db, &consumer));
    placement_reply_empty(response, 204);
    return OK;
}

static const struct body_schema put_bodies[] = {{0, "placement_allocations_1_0"},
                                                {8, "placement_allocations_1_8"},
                                                {12, "placement_allocations_1_12"},
                                                {28, "placement_allocations_1_28"},
                                                {34, "placement_allocations_1_34"},
                                                {38, "placement_allocations_1_38"},
                                                {0}};
static const struct body_schema post_bodies[] = {{13, "placement_allocations_post_1_13"},
                                                 {28, "placement_allocations_post_1_28"},
                                                 {34, "placement_allocations_post_1_34"},
                                                 {38, "placement_allocations_post_1_38"},
                                                 {0}};

#define ONE "/allocations/{consumer_uuid}"

const struct route placement_allocation_routes[] = {
    PLACEMENT_ROUTE("POST", "/allocations", POST_SINCE, 0, .rule = RULE_ALLOCATION_MANAGE, .head = HEAD_CONTENT,
                    .run = post_consumers, .body = post_bodies),
    PLACEMENT_ROUTE("GET", ONE, 0, 0, .rule = RULE_ALLOCATION_LIST, .head = HEAD_ACCEPT, .run = show_consumer),
    PLACEMENT_ROUTE("PUT", ONE, 0, 0, .rule = RULE_ALLOCATION_UPDATE, .head = HEAD_CONTENT, .run = put_consumer,
                    .body = put_bodies),
    PLACEMENT_ROUTE("DELETE", ONE, 0, 0, .rule = RULE_ALLOCATION_DELETE, .run = delete_consumer),
    PLACEMENT_ROUTE("GET", "/resource_providers/{uuid}/allocations", 0, 0, .rule = RULE_PROVIDER_ALLOCATIONS, .head = HEAD_ACCEPT,
                    .run = list_of_provider),
    {0},
};
