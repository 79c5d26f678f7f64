/* POST /reshaper: inventories and the allocations on them move between providers at once. */
#include "compute/placement/allocation.h"
#include "gateway/api/placement/claims.h"
#include "gateway/api/placement/inside.h"
#include "gateway/api/placement/inventory_json.h"
#include "gateway/api/placement/view.h"

#define SINCE 30

/* The early look at the generation names it; the domain looks again, under locks. */
static enum err read_provider(struct request *request, const char *text, const json_t *entry, struct placement_reshaped *out)
{
    struct placement_provider provider;
    const int64_t given = view_integer(entry, "resource_provider_generation");
    enum err found = uuid_from_text(text, &out->provider);
    if (found == OK)
        found = placement_provider_get(request->db, request->arena, &out->provider, &provider);
    if (found == E_INVALID || found == E_NOT_FOUND)
        return placement_fail(request, E_INVALID, CODE_NO_PROVIDER,
                              "Resource provider %s in inventories not found: No resource provider with uuid %s found", text, text);
    TRY(found);
    if (given != provider.generation)
        return placement_fail(request, E_CONFLICT, CODE_CONCURRENT,
                              "resource provider generation conflict for provider %s: actual: %lld, given: %lld", text,
                              (long long)provider.generation, (long long)given);
    const struct placement_inventories inventories = inventory_read_all(request->arena, json_object_get(entry, "inventories"));
    out->generation = given;
    out->inventories = inventories.items;
    out->count = inventories.count;
    return OK;
}

static enum err read_providers(struct request *request, const json_t *object, const struct placement_reshaped **out)
{
    struct placement_reshaped *items = arena_alloc(request->arena, (json_object_size(object) + 1) * sizeof(*items));
    json_auto_t *seen = json_object();
    size_t count = 0;
    if (json_object_size(object) > PLACEMENT_LIST_MOST)
        return fail(E_INVALID, "There are more than %d resource providers in one request.", PLACEMENT_LIST_MOST);
    const char *text;
    json_t *entry;
    json_object_foreach((json_t *)object, text, entry)
    {
        TRY(read_provider(request, text, entry, &items[count]));
        const struct uuid_text normal = uuid_to_text(&items[count++].provider);
        if (json_object_get(seen, normal.text))
            return fail(E_INVALID, "The resource provider %s is named twice.", normal.text);
        (void)json_object_set_new(seen, normal.text, json_true());
    }
    *out = items;
    return OK;
}

static enum err reshape(struct request *request, struct response *response)
{
    static const struct placement_telling tellings[] = {
        {PROBLEM_CONCURRENT_UPDATE, E_CONFLICT, CODE_CONCURRENT, "update conflict: "},
        {PROBLEM_CONSUMER_GENERATION, E_CONFLICT, CODE_CONCURRENT, ""},
        {PROBLEM_UNKNOWN_CLASS, E_INVALID, NULL, "malformed reshaper data: "},
        {PROBLEM_INVENTORY_IN_USE, E_CONFLICT, CODE_INVENTORY_IN_USE, "update conflict: "},
        {PROBLEM_NO_ROOM, E_CONFLICT, NULL, "Unable to allocate inventory: "},
        {PROBLEM_CAPACITY, E_INVALID, NULL, "malformed reshaper data: "},
        {0},
    };
    const json_t *body = NULL;
    const struct placement_reshaped *reshaped = NULL;
    struct claims claims;
    TRY(placement_body(request, &body));
    const json_t *inventories = json_object_get(body, "inventories");
    TRY(read_providers(request, inventories, &reshaped));
    TRY(claims_read(request, json_object_get(body, "allocations"), &claims));
    const enum err result = placement_reshape(request->db, reshaped, json_object_size(inventories), claims.items, claims.count);
    TRY(view_tell(request, result, tellings, ""));
    placement_reply_empty(response, 204);
    return OK;
}

static const struct body_schema bodies[] = {
    {SINCE, "placement_reshaper_1_30"}, {34, "placement_reshaper_1_34"}, {38, "placement_reshaper_1_38"}, {0}};

const struct route placement_reshaper_routes[] = {
    PLACEMENT_ROUTE("POST", "/reshaper", SINCE, 0, .rule = RULE_RESHAPE, .head = HEAD_CONTENT, .run = reshape, .body = bodies),
    {0},
};
