/* /traits, and /resource_providers/{uuid}/traits. */
#include <string.h>
#include <strings.h>

#include "compute/placement/resource_class.h"
#include "gateway/api/placement/inside.h"
#include "gateway/api/placement/parameters.h"
#include "gateway/api/placement/view.h"

#define SINCE          6
#define NAME_MAX_CHARS 255
#define CUSTOM         "CUSTOM_"
#define NAME_CHARS     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static json_t *describe(const struct placement_traits *traits, int64_t *out_modified)
{
    json_t *names = json_array();
    *out_modified = 0;
    for (size_t i = 0; i < traits->count; i++) {
        (void)json_array_append_new(names, json_string(traits->items[i].name));
        *out_modified = view_later(*out_modified, traits->items[i].updated_us);
    }
    return json_pack("{s:o}", "traits", names);
}

/* "in:A,B" or "startswith:PREFIX"; another word in front of the colon asks for nothing. */
static enum err read_name(struct request *request, const char *value, struct placement_trait_list_filter *out)
{
    const char *colon = strchr(value, ':');
    if (!colon)
        return fail(E_INVALID,
                    "Badly formatted name parameter. Expected name query string parameter in form: "
                    "?name=[in|startswith]:[name1,name2|prefix]. Got: \"%.300s\"",
                    value);
    if (str_starts(value, "in:")) {
        const struct placement_names names = parameters_split(request->arena, colon + 1, false);
        if (names.count > PLACEMENT_LIST_MOST)
            return fail(E_INVALID, "There are more than %d names in one request.", PLACEMENT_LIST_MOST);
        out->names = arena_copy(request->arena, &names, sizeof(names));
    } else if (str_starts(value, "startswith:")) {
        out->prefix = colon + 1;
    }
    return OK;
}

static enum err read_association(const char *value, enum placement_association *out)
{
    const bool some = strcasecmp(value, "true") == 0;
    if (!some && strcasecmp(value, "false") != 0)
        return fail(E_INVALID, "The query parameter \"associated\" only accepts \"true\" or \"false\"");
    *out = some ? ASSOCIATION_SOME : ASSOCIATION_NONE;
    return OK;
}

static enum err list_traits(struct request *request, struct response *response)
{
    const char *name = request_query(request, "name");
    const char *associated = request_query(request, "associated");
    struct placement_trait_list_filter filter = {0};
    struct placement_traits traits;
    int64_t modified = 0;
    if (name)
        TRY(read_name(request, name, &filter));
    if (associated)
        TRY(read_association(associated, &filter.association));
    TRY(placement_trait_list(request->db, request->arena, &filter, &traits));
    json_t *object = describe(&traits, &modified);
    placement_reply(request, response, 200, object, modified);
    return OK;
}

static bool is_custom(const char *name)
{
    const size_t length = strlen(name);
    return str_starts(name, CUSTOM) && length > strlen(CUSTOM) && length <= NAME_MAX_CHARS && strspn(name, NAME_CHARS) == length;
}

static enum err put_trait(struct request *request, struct response *response)
{
    const char *name = request_param(request, "name");
    struct placement_trait trait;
    bool created = false;
    if (!is_custom(name))
        return fail(E_INVALID, "The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "
                               "\"CUSTOM_\" and use following characters: \"A\"-\"Z\", \"0\"-\"9\" and \"_\"");
    TRY(placement_trait_create(request->db, request->arena, name, &trait, &created));
    placement_reply_empty(response, created ? 201 : 204);
    placement_location(request, response, placement_path(request, "/traits/%s", name));
    placement_dates(request, response, trait.updated_us);
    return OK;
}

static enum err show_trait(struct request *request, struct response *response)
{
    struct placement_trait trait;
    TRY(placement_trait_get(request->db, request->arena, request_param(request, "name"), &trait));
    placement_reply_empty(response, 204);
    placement_dates(request, response, trait.updated_us);
    return OK;
}

static enum err delete_trait(struct request *request, struct response *response)
{
    TRY(placement_trait_delete(request->db, request_param(request, "name")));
    placement_reply_empty(response, 204);
    return OK;
}

static void reply_provider(struct request *request, struct response *response, const struct placement_provider *provider,
                           const struct placement_traits *traits)
{
    int64_t modified = 0;
    json_t *object = describe(traits, &modified);
    (void)json_object_set_new(object, "resource_provider_generation", json_integer(provider->generation));
    placement_reply(request, response, 200, object, modified);
}

static enum err list_provider_traits(struct request *request, struct response *response)
{
    struct uuid uuid;
    struct placement_provider provider;
    struct placement_traits traits;
    TRY(view_provider_uuid(request, &uuid));
    TRY(placement_provider_traits_get(request->db, request->arena, &uuid, &provider, &traits));
    reply_provider(request, response, &provider, &traits);
    return OK;
}

static const struct placement_telling set_tellings[] = {{PROBLEM_CONCURRENT_UPDATE, E_CONFLICT, CODE_CONCURRENT, ""}, {0}};

static struct placement_names read_names(struct arena *arena, const json_t *list)
{
    const char **items = arena_alloc(arena, (json_array_size(list) + 1) * sizeof(*items));
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item) items[i] = json_string_value(item);
    return (struct placement_names){items, json_array_size(list)};
}

static enum err set_provider_traits(struct request *request, struct response *response)
{
    const json_t *body = NULL;
    struct placement_provider provider;
    struct placement_traits traits;
    TRY(placement_body(request, &body));
    TRY(view_find_provider(request, &provider));
    TRY(view_check_generation(request, &provider, body,
                              "Resource provider's generation already changed. Please update the generation and try again."));
    const struct placement_names names = read_names(request->arena, json_object_get(body, "traits"));
    const int64_t generation = provider.generation;
    const enum err result = placement_provider_traits_set(request->db, request->arena, &provider.uuid, &generation, names.items,
                                                          names.count, &provider, &traits);
    TRY(view_tell(request, result, set_tellings, ""));
    reply_provider(request, response, &provider, &traits);
    return OK;
}

static enum err delete_provider_traits(struct request *request, struct response *response)
{
    struct uuid uuid;
    struct placement_provider provider;
    TRY(view_provider_uuid(request, &uuid));
    const enum err result = placement_provider_traits_set(request->db, request->arena, &uuid, NULL, NULL, 0, &provider, NULL);
    TRY(view_tell(request, result, set_tellings, ""));
    placement_reply_empty(response, 204);
    return OK;
}

#define OF_PROVIDER "/resource_providers/{uuid}/traits"

static const struct body_schema set_body[] = {{0, "placement_traits"}, {0}};
static const struct body_schema list_query[] = {{0, "placement_query_traits"}, {0}};

const struct route placement_trait_routes[] = {
    PLACEMENT_ROUTE("GET", "/traits", SINCE, 0, .rule = RULE_TRAIT_LIST, .head = HEAD_ACCEPT, .run = list_traits,
                    .query = list_query),
    PLACEMENT_ROUTE("GET", "/traits/{name}", SINCE, 0, .rule = RULE_TRAIT_SHOW, .run = show_trait),
    PLACEMENT_ROUTE("PUT", "/traits/{name}", SINCE, 0, .rule = RULE_TRAIT_UPDATE, .run = put_trait),
    PLACEMENT_ROUTE("DELETE", "/traits/{name}", SINCE, 0, .rule = RULE_TRAIT_DELETE, .run = delete_trait),
    PLACEMENT_ROUTE("GET", OF_PROVIDER, SINCE, 0, .rule = RULE_PROVIDER_TRAIT_LIST, .head = HEAD_ACCEPT,
                    .run = list_provider_traits),
    PLACEMENT_ROUTE("PUT", OF_PROVIDER, SINCE, 0, .rule = RULE_PROVIDER_TRAIT_UPDATE, .head = HEAD_CONTENT,
                    .run = set_provider_traits, .body = set_body),
    PLACEMENT_ROUTE("DELETE", OF_PROVIDER, SINCE, 0, .rule = RULE_PROVIDER_TRAIT_DELETE, .run = delete_provider_traits),
    {0},
};
