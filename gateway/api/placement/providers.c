/* /resource_providers: list, create, show, update, delete. */
#include <string.h>

#include "gateway/api/placement/inside.h"
#include "gateway/api/placement/parameters.h"
#include "gateway/api/placement/view.h"

#define PARENT_SINCE   14
#define BODY_SINCE     20
#define REPARENT_SINCE 37

static const struct {
    const char *rel;
    int since;
} link_kinds[] = {{"inventories", 0}, {"usages", 0}, {"aggregates", 1}, {"traits", 6}, {"allocations", 11}};

static json_t *describe_links(const struct request *request, const char *self)
{
    json_t *links = json_pack("[{s:s, s:s}]", "rel", "self", "href", self);
    for (size_t i = 0; i < ARRAY_LEN(link_kinds); i++)
        if (placement_at_least(request, link_kinds[i].since))
            (void)json_array_append_new(links, json_pack("{s:s, s:s}", "rel", link_kinds[i].rel, "href",
                                                         arena_printf(request->arena, "%s/%s", self, link_kinds[i].rel)));
    return links;
}

static const char *provider_path(const struct request *request, const struct placement_provider *provider)
{
    return placement_path(request, "/resource_providers/%s", uuid_to_text(&provider->uuid).text);
}

static json_t *describe(const struct request *request, const struct placement_provider *provider)
{
    json_t *object =
        json_pack("{s:o, s:s, s:I, s:o}", "uuid", view_uuid(&provider->uuid), "name", provider->name, "generation",
                  (json_int_t)provider->generation, "links", describe_links(request, provider_path(request, provider)));
    if (placement_at_least(request, PARENT_SINCE)) {
        json_t *parent = provider->has_parent ? view_uuid(&provider->parent) : json_null();
        (void)json_object_set_new(object, "parent_provider_uuid", parent);
        (void)json_object_set_new(object, "root_provider_uuid", view_uuid(&provider->root));
    }
    return object;
}

/* E_INVALID for what the schema let pass and is no uuid. */
static enum err read_uuid(const struct request *request, const json_t *value, const struct uuid **out)
{
    struct uuid *uuid = arena_alloc(request->arena, sizeof(*uuid));
    TRY(uuid_from_text(json_string_value(value), uuid));
    *out = uuid;
    return OK;
}

static enum err read_filter(struct request *request, struct placement_provider_filter *out)
{
    const char *uuid = request_query(request, "uuid");
    const char *in_tree = request_query(request, "in_tree");
    const char *resources = request_query(request, "resources");
    *out = (struct placement_provider_filter){.name = request_query(request, "name")};
    TRY(parameters_member_of(request, "", &out->query.aggregates));
    TRY(parameters_required(request, "", &out->query.traits));
    if (uuid)
        TRY(parameters_in_tree(request, uuid, &out->uuid));
    if (in_tree)
        TRY(parameters_in_tree(request, in_tree, &out->query.in_tree));
    return resources ? parameters_resources(request, resources, &out->query.resources) : OK;
}

static enum err list_providers(struct request *request, struct response *response)
{
    static const struct placement_telling tellings[] = {
        {PROBLEM_UNKNOWN_CLASS, E_INVALID, NULL, "Invalid resource class in resources parameter: "},
        {PROBLEM_UNKNOWN_TRAIT, E_INVALID, NULL, "Invalid trait(s) in \"required\" parameter: "},
        {0},
    };
    struct placement_provider_filter filter;
    struct placement_providers providers;
    int64_t modified = 0;
    TRY(read_filter(request, &filter));
    const enum err result = placement_provider_list(request->db, request->arena, &filter, &providers);
    TRY(view_tell(request, result, tellings, ""));
    json_t *list = json_array();
    for (size_t i = 0; i < providers.count; i++) {
        (void)json_array_append_new(list, describe(request, &providers.items[i]));
        modified = view_later(modified, providers.items[i].updated_us);
    }
    placement_reply(request, response, 200, json_pack("{s:o}", "resource_providers", list), modified);
    return OK;
}

struct new_provider {
    const char *name;
    const struct uuid *uuid;
    const struct uuid *parent;
};

static enum err read_new(struct request *request, const json_t *body, struct new_provider *out)
{
    const json_t *uuid = json_object_get(body, "uuid");
    const json_t *parent = json_object_get(body, "parent_provider_uuid");
    struct uuid *made = arena_alloc(request->arena, sizeof(*made));
    uuid_new(made);
    *out = (struct new_provider){.name = json_string_value(json_object_get(body, "name")), .uuid = made};
    if (uuid)
        TRY(read_uuid(request, uuid, &out->uuid));
    return json_is_string(parent) ? read_uuid(request, parent, &out->parent) : OK;
}

static enum err create_provider(struct request *request, struct response *response)
{
    static const struct placement_telling tellings[] = {
        {PROBLEM_DUPLICATE, E_CONFLICT, CODE_DUPLICATE_NAME, ""},
        {PROBLEM_BAD_TREE, E_INVALID, NULL, "Unable to create resource provider $: "},
        {0},
    };
    const json_t *body = NULL;
    struct new_provider wanted;
    struct placement_provider provider;
    TRY(placement_body(request, &body));
    TRY(read_new(request, body, &wanted));
    const enum err result =
        placement_provider_create(request->db, request->arena, wanted.uuid, wanted.name, wanted.parent, &provider);
    TRY(view_tell(request, result, tellings,
                  arena_printf(request->arena, "\"%s\", %s", wanted.name, uuid_to_text(wanted.uuid).text)));
    placement_location(request, response, provider_path(request, &provider));
    if (placement_at_least(request, BODY_SINCE))
        placement_reply(request, response, 200, describe(request, &provider), provider.updated_us);
    else
        placement_reply_empty(response, 201);
    return OK;
}

static enum err show_provider(struct request *request, struct response *response)
{
    struct placement_provider provider;
    TRY(view_find_provider(request, &provider));
    placement_reply(request, response, 200, describe(request, &provider), provider.updated_us);
    return OK;
}

static enum err read_change(struct request *request, const json_t *body, struct placement_provider_change *out)
{
    const json_t *parent = json_object_get(body, "parent_provider_uuid");
    *out = (struct placement_provider_change){.name = json_string_value(json_object_get(body, "name")),
                                              .sets_parent = parent != NULL,
                                              .may_move = placement_at_least(request, REPARENT_SINCE)};
    return json_is_string(parent) ? read_uuid(request, parent, &out->parent) : OK;
}

static enum err update_provider(struct request *request, struct response *response)
{
    static const struct placement_telling tellings[] = {
        {PROBLEM_DUPLICATE, E_CONFLICT, CODE_DUPLICATE_NAME, ""},
        {PROBLEM_BAD_TREE, E_INVALID, NULL, "Unable to save resource provider $: "},
        {0},
    };
    const json_t *body = NULL;
    struct placement_provider provider;
    struct placement_provider_change change;
    TRY(view_find_provider(request, &provider));
    TRY(placement_body(request, &body));
    TRY(read_change(request, body, &change));
    const enum err result = placement_provider_update(request->db, request->arena, &provider.uuid, &change, &provider);
    TRY(view_tell(request, result, tellings, uuid_to_text(&provider.uuid).text));
    placement_reply(request, response, 200, describe(request, &provider), provider.updated_us);
    return OK;
}

static enum err delete_provider(struct request *request, struct response *response)
{
    static const struct placement_telling tellings[] = {
        {PROBLEM_PROVIDER_IN_USE, E_CONFLICT, CODE_PROVIDER_IN_USE, "Unable to delete resource provider $: "},
        {PROBLEM_HAS_CHILDREN, E_CONFLICT, CODE_PROVIDER_PARENT, "Unable to delete parent resource provider $: "},
        {0},
    };
    const char *text = request_param(request, "uuid");
    struct uuid uuid;
    enum err result = view_provider_uuid(request, &uuid);
    if (result == OK)
        result = view_tell(request, placement_provider_delete(request->db, &uuid), tellings, text);
    if (result == E_NOT_FOUND)
        return fail(E_NOT_FOUND, "No resource provider with uuid %.200s found for delete", text);
    if (result == OK)
        placement_reply_empty(response, 204);
    return result;
}

static const struct body_schema create_bodies[] = {
    {0, "placement_provider_create_1_0"}, {PARENT_SINCE, "placement_provider_create_1_14"}, {0}};
static const struct body_schema update_bodies[] = {
    {0, "placement_provider_update_1_0"}, {PARENT_SINCE, "placement_provider_update_1_14"}, {0}};
static const struct body_schema list_queries[] = {{0, "placement_query_providers_1_0"},   {3, "placement_query_providers_1_3"},
                                                  {4, "placement_query_providers_1_4"},   {14, "placement_query_providers_1_14"},
                                                  {18, "placement_query_providers_1_18"}, {0}};

const struct route placement_provider_routes[] = {
    PLACEMENT_ROUTE("GET", "/resource_providers", 0, 0, .rule = RULE_PROVIDER_LIST, .head = HEAD_ACCEPT, .run = list_providers,
                    .query = list_queries),
    PLACEMENT_ROUTE("POST", "/resource_providers", 0, 0, .rule = RULE_PROVIDER_CREATE, .head = HEAD_CONTENT, .run = create_provider,
                    .body = create_bodies),
    PLACEMENT_ROUTE("GET", "/resource_providers/{uuid}", 0, 0, .rule = RULE_PROVIDER_SHOW, .head = HEAD_ACCEPT,
                    .run = show_provider),
    PLACEMENT_ROUTE("PUT", "/resource_providers/{uuid}", 0, 0, .rule = RULE_PROVIDER_UPDATE, .head = HEAD_CONTENT,
                    .run = update_provider, .body = update_bodies),
    PLACEMENT_ROUTE("DELETE", "/resource_providers/{uuid}", 0, 0, .rule = RULE_PROVIDER_DELETE, .run = delete_provider),
    {0},
};
