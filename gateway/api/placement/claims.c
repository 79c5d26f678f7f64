/* See claims.h. The same uuid written in two ways is the same; what names it last counts for providers. */
#include "gateway/api/placement/claims.h"

#include "gateway/api/placement/view.h"

#define OBJECT_SINCE              12
#define CONSUMER_GENERATION_SINCE 28

/* `places`: uuid → index. `left`: what the request may still name. */
struct shares {
    struct placement_share *items;
    size_t count;
    json_t *places;
    size_t *left;
};

static struct placement_resources read_resources(struct arena *arena, const json_t *object)
{
    struct resource_amount *items = arena_alloc(arena, (json_object_size(object) + 1) * sizeof(*items));
    size_t count = 0;
    const char *name;
    json_t *amount;
    json_object_foreach((json_t *)object, name, amount) items[count++] = (struct resource_amount){name, json_integer_value(amount)};
    return (struct placement_resources){items, count};
}

static enum err add_share(struct arena *arena, struct shares *shares, const char *provider, const json_t *resources)
{
    struct placement_share share = {0};
    if (uuid_from_text(provider, &share.provider) != OK)
        return fail(E_INVALID, "Allocation for resource provider '%s' that does not exist.", provider);
    const struct uuid_text text = uuid_to_text(&share.provider);
    const struct placement_resources amounts = read_resources(arena, resources);
    const json_t *place = json_object_get(shares->places, text.text);
    if (amounts.count > *shares->left)
        return fail(E_INVALID, "There are more than %d allocations in one request.", PLACEMENT_LIST_MOST);
    *shares->left -= amounts.count;
    share.resources = amounts.items;
    share.count = amounts.count;
    if (!place)
        (void)json_object_set_new(shares->places, text.text, json_integer((json_int_t)shares->count));
    shares->items[place ? (size_t)json_integer_value(place) : shares->count++] = share;
    return OK;
}

/* From 1.12: {"PROVIDER": {"resources": {…}}, …}; below: [{"resource_provider": {"uuid": …}, "resources": {…}}, …] */
static enum err add_shares(const struct request *request, const json_t *allocations, struct shares *shares)
{
    const char *provider;
    json_t *entry;
    json_object_foreach((json_t *)allocations, provider, entry)
        TRY(add_share(request->arena, shares, provider, json_object_get(entry, "resources")));
    size_t i;
    json_array_foreach(allocations, i, entry)
    {
        provider = json_string_value(json_object_get(json_object_get(entry, "resource_provider"), "uuid"));
        TRY(add_share(request->arena, shares, provider, json_object_get(entry, "resources")));
    }
    return OK;
}

static enum err read_claim(struct request *request, const struct uuid *consumer, const json_t *object, size_t *left,
                           struct placement_claim_of *out)
{
    json_auto_t *places = json_object();
    const json_t *allocations = json_object_get(object, "allocations");
    const json_t *generation = json_object_get(object, "consumer_generation");
    const size_t most = json_object_size(allocations) + json_array_size(allocations) + 1;
    struct shares shares = {.items = arena_alloc(request->arena, most * sizeof(*shares.items)), .places = places, .left = left};
    TRY(add_shares(request, allocations, &shares));
    *out = (struct placement_claim_of){.consumer = *consumer,
                                       .project_id = json_string_value(json_object_get(object, "project_id")),
                                       .user_id = json_string_value(json_object_get(object, "user_id")),
                                       .type = json_string_value(json_object_get(object, "consumer_type")),
                                       .checks_generation = placement_at_least(request, CONSUMER_GENERATION_SINCE),
                                       .shares = shares.items,
                                       .count = shares.count};
    if (json_is_integer(generation)) {
        const int64_t number = json_integer_value(generation);
        out->generation = arena_copy(request->arena, &number, sizeof(number));
    }
    return OK;
}

enum err claims_read_one(struct request *request, const struct uuid *consumer, const json_t *object, struct placement_claim_of *out)
{
    size_t left = PLACEMENT_LIST_MOST;
    return read_claim(request, consumer, object, &left, out);
}

static enum err read_consumer(json_t *seen, const char *text, struct uuid *out)
{
    if (uuid_from_text(text, out) != OK)
        return fail(E_INVALID, "Malformed consumer_uuid: %s", text);
    const struct uuid_text normal = uuid_to_text(out);
    if (json_object_get(seen, normal.text))
        return fail(E_INVALID, "The consumer %s is named twice.", normal.text);
    (void)json_object_set_new(seen, normal.text, json_true());
    return OK;
}

enum err claims_read(struct request *request, const json_t *object, struct claims *out)
{
    json_auto_t *seen = json_object();
    struct placement_claim_of *items = arena_alloc(request->arena, (json_object_size(object) + 1) * sizeof(*items));
    size_t count = 0;
    size_t left = PLACEMENT_LIST_MOST;
    const char *text;
    json_t *entry;
    if (json_object_size(object) > PLACEMENT_LIST_MOST)
        return fail(E_INVALID, "There are more than %d consumers in one request.", PLACEMENT_LIST_MOST);
    json_object_foreach((json_t *)object, text, entry)
    {
        struct uuid consumer;
        TRY(read_consumer(seen, text, &consumer));
        TRY(read_claim(request, &consumer, entry, &left, &items[count++]));
    }
    *out = (struct claims){items, count};
    return OK;
}
