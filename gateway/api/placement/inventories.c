/* /resource_providers/{uuid}/inventories. */
#include <string.h>

#include "gateway/api/placement/inside.h"
#include "gateway/api/placement/inventory_json.h"
#include "gateway/api/placement/view.h"

#define DELETE_ALL_SINCE     5
#define RESERVED_TOTAL_SINCE 26
#define GENERATION_CONFLICT  "resource provider generation conflict"

static struct placement_inventory_rules rules_of(const struct request *request, const int64_t *generation)
{
    return (struct placement_inventory_rules){.generation = generation,
                                              .reserved_may_be_total = placement_at_least(request, RESERVED_TOTAL_SINCE)};
}

static void reply_all(struct request *request, struct response *response, const struct placement_provider *provider,
                      const struct placement_inventories *inventories)
{
    json_t *object = json_object();
    int64_t modified = 0;
    for (size_t i = 0; i < inventories->count; i++) {
        (void)json_object_set_new(object, inventories->items[i].resource_class, inventory_describe(&inventories->items[i]));
        modified = view_later(modified, inventories->items[i].updated_us);
    }
    placement_reply(
        request, response, 200,
        json_pack("{s:I, s:o}", "resource_provider_generation", (json_int_t)provider->generation, "inventories", object), modified);
}

/* The generation is left out when it is 0, as it always was. */
static void reply_one(struct request *request, struct response *response, int status, const struct placement_provider *provider,
                      const struct placement_inventory *inventory)
{
    json_t *object = inventory_describe(inventory);
    if (provider->generation)
        (void)json_object_set_new(object, "resource_provider_generation", json_integer(provider->generation));
    placement_reply(request, response, status, object, inventory->updated_us);
}

static enum err list_inventories(struct request *request, struct response *response)
{
    struct uuid uuid;
    struct placement_provider provider;
    struct placement_inventories inventories;
    TRY(view_provider_uuid(request, &uuid));
    TRY(placement_inventories_get(request->db, request->arena, &uuid, &provider, &inventories));
    reply_all(request, response, &provider, &inventories);
    return OK;
}

static enum err show_inventory(struct request *request, struct response *response)
{
    const char *name = request_param(request, "resource_class");
    struct uuid uuid;
    struct placement_provider provider;
    struct placement_inventories inventories;
    TRY(view_provider_uuid(request, &uuid));
    TRY(placement_inventories_get(request->db, request->arena, &uuid, &provider, &inventories));
    for (size_t i = 0; i < inventories.count; i++) {
        if (strcmp(inventories.items[i].resource_class, name) == 0) {
            reply_one(request, response, 200, &provider, &inventories.items[i]);
            return OK;
        }
    }
    return fail(E_NOT_FOUND, "No inventory of class %.255s for %s", name, request_param(request, "uuid"));
}

static enum err create_inventory(struct request *request, struct response *response)
{
    static const struct placement_telling tellings[] = {
        {PROBLEM_CONCURRENT_UPDATE, E_CONFLICT, CODE_CONCURRENT, "Update conflict: "},
        {PROBLEM_CAPACITY, E_INVALID, NULL, "Unable to create inventory for resource provider $: "},
        {PROBLEM_UNKNOWN_CLASS, E_INVALID, NULL, "Unable to create inventory for resource provider $: "},
        {0},
    };
    const json_t *body = NULL;
    struct placement_provider provider;
    const struct placement_inventory_rules rules = rules_of(request, NULL);
    TRY(view_find_provider(request, &provider));
    TRY(placement_body(request, &body));
    const char *uuid = arena_strdup(request->arena, uuid_to_text(&provider.uuid).text);
    const struct placement_inventory inventory = inventory_read(json_string_value(json_object_get(body, "resource_class")), body);
    const enum err result = placement_inventory_add(request->db, request->arena, &provider.uuid, &inventory, &rules, &provider);
    TRY(view_tell(request, result, tellings, uuid));
    placement_location(request, response,
                       placement_path(request, "/resource_providers/%s/inventories/%s", uuid, inventory.resource_class));
    reply_one(request, response, 201, &provider, &inventory);
    return OK;
}

static const struct placement_telling update_tellings[] = {
    {PROBLEM_CONCURRENT_UPDATE, E_CONFLICT, CODE_CONCURRENT, "update conflict: "},
    {PROBLEM_INVENTORY_IN_USE, E_CONFLICT, CODE_INVENTORY_IN_USE, "update conflict: "},
    {PROBLEM_CAPACITY, E_INVALID, NULL, "Unable to update inventory for resource provider $: "},
    {PROBLEM_NO_INVENTORY, E_INVALID, NULL, "No inventory record with resource class for resource provider $: "},
    {0},
};

static enum err set_inventories(struct request *request, struct response *response)
{
    static const struct placement_telling class_telling[] = {
        {PROBLEM_UNKNOWN_CLASS, E_INVALID, NULL, "Unknown resource class in inventory for resource provider $: "}, {0}};
    const json_t *body = NULL;
    struct placement_provider provider;
    TRY(view_find_provider(request, &provider));
    TRY(placement_body(request, &body));
    TRY(view_check_generation(request, &provider, body, GENERATION_CONFLICT));
    const char *uuid = arena_strdup(request->arena, uuid_to_text(&provider.uuid).text);
    const int64_t generation = provider.generation;
    const struct placement_inventory_rules rules = rules_of(request, &generation);
    const struct placement_inventories inventories = inventory_read_all(request->arena, json_object_get(body, "inventories"));
    const enum err result = placement_inventories_set(request->db, request->arena, &provider.uuid, inventories.items,
                                                      inventories.count, &rules, &provider);
    if (result != OK && placement_problem() == PROBLEM_UNKNOWN_CLASS)
        return view_tell(request, result, class_telling, uuid);
    TRY(view_tell(request, result, update_tellings, uuid));
    reply_all(request, response, &provider, &inventories);
    return OK;
}

static enum err update_inventory(struct request *request, struct response *response)
{
    const json_t *body = NULL;
    struct placement_provider provider;
    TRY(view_find_provider(request, &provider));
    TRY(placement_body(request, &body));
    TRY(view_check_generation(request, &provider, body, GENERATION_CONFLICT));
    const char *uuid = arena_strdup(request->arena, uuid_to_text(&provider.uuid).text);
    const int64_t generation = provider.generation;
    const struct placement_inventory_rules rules = rules_of(request, &generation);
    const struct placement_inventory inventory = inventory_read(request_param(request, "resource_class"), body);
    const enum err result = placement_inventory_update(request->db, request->arena, &provider.uuid, &inventory, &rules, &provider);
    TRY(view_tell(request, result, update_tellings, uuid));
    reply_one(request, response, 200, &provider, &inventory);
    return OK;
}

/* In use is told as a concurrent update here, as it always was. */
static enum err delete_inventory(struct request *request, struct response *response)
{
    static const struct placement_telling tellings[] = {
        {PROBLEM_CONCURRENT_UPDATE, E_CONFLICT, CODE_CONCURRENT, "Unable to delete inventory of class $: "},
        {PROBLEM_INVENTORY_IN_USE, E_CONFLICT, CODE_CONCURRENT, "Unable to delete inventory of class $: "},
        {PROBLEM_NO_INVENTORY, E_NOT_FOUND, NULL, "No inventory of class $ found for delete: "},
        {PROBLEM_UNKNOWN_CLASS, E_NOT_FOUND, NULL, "No inventory of class $ found for delete: "},
        {0},
    };
    const char *name = request_param(request, "resource_class");
    struct uuid uuid;
    TRY(view_provider_uuid(request, &uuid));
    TRY(view_tell(request, placement_inventory_delete(request->db, request->arena, &uuid, name), tellings, name));
    placement_reply_empty(response, 204);
    return OK;
}

static enum err delete_inventories(struct request *request, struct response *response)
{
    static const struct placement_telling tellings[] = {
        {PROBLEM_CONCURRENT_UPDATE, E_CONFLICT, CODE_CONCURRENT, "Unable to delete inventory for resource provider $: "},
        {PROBLEM_INVENTORY_IN_USE, E_CONFLICT, CODE_INVENTORY_IN_USE, ""},
        {0},
    };
    struct uuid uuid;
    struct placement_provider provider;
    const struct placement_inventory_rules rules = rules_of(request, NULL);
    TRY(view_provider_uuid(request, &uuid));
    const enum err result = placement_inventories_set(request->db, request->arena, &uuid, NULL, 0, &rules, &provider);
    TRY(view_tell(request, result, tellings, uuid_to_text(&uuid).text));
    placement_reply_empty(response, 204);
    return OK;
}

#define ALL "/resource_providers/{uuid}/inventories"
#define ONE "/resource_providers/{uuid}/inventories/{resource_class}"

static const struct body_schema create_body[] = {{0, "placement_inventory_create"}, {0}};
static const struct body_schema set_body[] = {{0, "placement_inventories_update"}, {0}};
static const struct body_schema update_body[] = {{0, "placement_inventory_update"}, {0}};

const struct route placement_inventory_routes[] = {
    PLACEMENT_ROUTE("GET", ALL, 0, 0, .rule = RULE_INVENTORY_LIST, .head = HEAD_ACCEPT, .run = list_inventories),
    PLACEMENT_ROUTE("POST", ALL, 0, 0, .rule = RULE_INVENTORY_CREATE, .head = HEAD_CONTENT, .run = create_inventory,
                    .body = create_body),
    PLACEMENT_ROUTE("PUT", ALL, 0, 0, .rule = RULE_INVENTORY_UPDATE, .head = HEAD_CONTENT, .run = set_inventories,
                    .body = set_body),
    PLACEMENT_ROUTE("DELETE", ALL, DELETE_ALL_SINCE, 0, .rule = RULE_INVENTORY_DELETE, .run = delete_inventories),
    PLACEMENT_ROUTE("GET", ONE, 0, 0, .rule = RULE_INVENTORY_SHOW, .head = HEAD_ACCEPT, .run = show_inventory),
    PLACEMENT_ROUTE("PUT", ONE, 0, 0, .rule = RULE_INVENTORY_UPDATE, .head = HEAD_CONTENT, .run = update_inventory,
                    .body = update_body),
    PLACEMENT_ROUTE("DELETE", ONE, 0, 0, .rule = RULE_INVENTORY_DELETE, .run = delete_inventory),
    {0},
};
