/*
 * /flavors: lists, one, create, describe, delete (nova-api.md section 14). Extra specs and access have files of their own.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/api/api.h"
#include "gateway/api/flavor_catalog.h"
#include "gateway/api/flavor_view.h"
#include "gateway/api/page.h"

static const struct body_schema create_schemas[] = {{1, "flavor_create_2_1"}, {55, "flavor_create_2_55"}, {0, NULL}};

static const char *const list_parameters[] = {"limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir"};
static const char *const directions[] = {"asc", "desc"};
static const char *const sort_keys[] = {"created_at",  "description", "disabled",   "ephemeral_gb", "flavorid",
                                        "id",          "is_public",   "memory_mb",  "name",         "root_gb",
                                        "rxtx_factor", "swap",        "updated_at", "vcpu_weight",  "vcpus"};

/* What oslo.utils takes for a boolean, "none" for both. */
static const struct {
    const char *word;
    enum flavor_publicity publicity;
} publicities[] = {
    {"none", FLAVORS_ALL},      {"1", FLAVORS_PUBLIC},    {"t", FLAVORS_PUBLIC},   {"true", FLAVORS_PUBLIC}, {"on", FLAVORS_PUBLIC},
    {"y", FLAVORS_PUBLIC},      {"yes", FLAVORS_PUBLIC},  {"0", FLAVORS_PRIVATE},  {"f", FLAVORS_PRIVATE},   {"n", FLAVORS_PRIVATE},
    {"false", FLAVORS_PRIVATE}, {"off", FLAVORS_PRIVATE}, {"no", FLAVORS_PRIVATE},
};

static enum err read_publicity(const char *value, enum flavor_publicity *out)
{
    for (size_t i = 0; value && i < ARRAY_LEN(publicities); i++) {
        if (str_equal_nocase(publicities[i].word, value)) {
            *out = publicities[i].publicity;
            return OK;
        }
    }
    return value ? fail(E_INVALID, "Invalid is_public filter [%.200s]", value) : OK;
}

static enum err read_least(const struct request *request, const char *name, int64_t *out)
{
    const char *value = request_query(request, name);
    if (value && !str_to_int(value, out))
        return fail(E_INVALID, "Invalid %s filter [%.200s]", name, value);
    return OK;
}

static enum err read_query(const struct request *request, struct page *page, struct flavor_query *out)
{
    const char *direction = request_query(request, "sort_dir");
    struct flavor_query query = {.disabled_too = request->caller.is_admin, .sort_key = request_query(request, "sort_key")};
    TRY(query_check_names(request, list_parameters, ARRAY_LEN(list_parameters)));
    TRY(query_check_choice("sort_key", query.sort_key, sort_keys, ARRAY_LEN(sort_keys)));
    TRY(query_check_choice("sort_dir", direction, directions, ARRAY_LEN(directions)));
    TRY(page_read(request, page));
    if (request->caller.is_admin)
        TRY(read_publicity(request_query(request, "is_public"), &query.publicity));
    TRY(read_least(request, "minRam", &query.least_ram_mib));
    TRY(read_least(request, "minDisk", &query.least_disk_gib));
    query.descending = str_equal(direction, "desc");
    query.marker = page->marker;
    query.limit = page->limit;
    *out = query;
    return OK;
}

typedef void view_f(struct text *out, const struct request *request, const struct flavor *flavor);

static enum err list_flavors(struct request *request, struct response *response, view_f *view, const char *path)
{
    struct page page;
    struct flavor_query query;
    struct flavors flavors;
    TRY(read_query(request, &page, &query));
    TRY(flavor_catalog_list(request, &query, &flavors));
    struct text *out = &response->body;
    text_add_str(out, "{\"flavors\":[");
    for (size_t i = 0; i < flavors.count; i++) {
        if (i)
            text_add_char(out, ',');
        view(out, request, &flavors.items[i]);
    }
    text_add_char(out, ']');
    if (flavors.count)
        page_add_next(out, request, &page, flavors.count, "flavors", path, flavors.items[flavors.count - 1].flavorid);
    text_add_char(out, '}');
    return OK;
}

static enum err flavor_index(struct request *request, struct response *response)
{
    return list_flavors(request, response, flavor_view_brief, "/flavors");
}

static enum err flavor_detail(struct request *request, struct response *response)
{
    return list_flavors(request, response, flavor_view_detail, "/flavors/detail");
}

static enum err reply_flavor(struct request *request, struct response *response, const char *flavorid)
{
    struct flavor flavor;
    TRY(flavor_catalog_get(request, flavorid, &flavor));
    text_add_str(&response->body, "{\"flavor\":");
    flavor_view_detail(&response->body, request, &flavor);
    text_add_char(&response->body, '}');
    return OK;
}

static enum err flavor_show(struct request *request, struct response *response)
{
    return reply_flavor(request, response, request_param(request, "flavor_id"));
}

/* The schema has let pass integers and texts of digits in range. */
static int64_t number_of(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    int64_t number = json_integer_value(value);
    if (json_is_string(value) && !str_to_int(json_string_value(value), &number))
        return 0;
    return number;
}

static double factor_of(const json_t *body)
{
    const json_t *value = json_object_get(body, "rxtx_factor");
    if (!value)
        return 1.0;
    return json_is_string(value) ? strtod(json_string_value(value), NULL) : json_number_value(value);
}

/* Of the spellings that the schema allows: true unless it says 0, false, off or no. */
static bool publicity_of(const json_t *body)
{
    static const char *const no[] = {"0", "false", "off", "no"};
    const json_t *value = json_object_get(body, "os-flavor-access:is_public");
    for (size_t i = 0; json_is_string(value) && i < ARRAY_LEN(no); i++) {
        if (str_equal_nocase(json_string_value(value), no[i]))
            return false;
    }
    return !json_is_false(value);
}

/* A text, a number, or made up when the client leaves it to us. */
static const char *new_flavorid(struct request *request, const json_t *value)
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_number(value)) {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        const char *copy = arena_strdup(request->arena, text);
        free(text);
        return copy;
    }
    struct uuid uuid;
    uuid_new(&uuid);
    return arena_strdup(request->arena, uuid_to_text(&uuid).text);
}

static enum err flavor_create(struct request *request, struct response *response)
{
    const json_t *body = json_object_get(request->json, "flavor");
    const struct flavor flavor = {
        .flavorid = new_flavorid(request, json_object_get(body, "id")),
        .name = json_string_value(json_object_get(body, "name")),
        .ram_mib = number_of(body, "ram"),
        .vcpus = number_of(body, "vcpus"),
        .disk_gib = number_of(body, "disk"),
        .ephemeral_gib = number_of(body, "OS-FLV-EXT-DATA:ephemeral"),
        .swap_mib = number_of(body, "swap"),
        .rxtx_factor = factor_of(body),
        .is_public = publicity_of(body),
        .description = json_string_value(json_object_get(body, "description")),
    };
    TRY(flavor_add(request->db, &flavor));
    return reply_flavor(request, response, flavor.flavorid);
}

static enum err flavor_describe(struct request *request, struct response *response)
{
    const char *flavorid = request_param(request, "flavor_id");
    const json_t *body = json_object_get(request->json, "flavor");
    TRY(flavor_set_description(request->db, flavorid, json_string_value(json_object_get(body, "description"))));
    return reply_flavor(request, response, flavorid);
}

static enum err flavor_remove(struct request *request, struct response *response)
{
    response->status = 202;
    return flavor_delete(request->db, request_param(request, "flavor_id"));
}

const struct route flavor_routes[] = {
    {.method = "GET", .path = "/flavors", .access = ACCESS_READER, .handler = flavor_index},
    {.method = "GET", .path = "/flavors/detail", .access = ACCESS_READER, .handler = flavor_detail},
    {.method = "GET", .path = "/flavors/{flavor_id}", .access = ACCESS_READER, .handler = flavor_show},
    {.method = "POST",
     .path = "/flavors",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-flavor-manage:create",
     .handler = flavor_create,
     .body = BODY_JSON,
     .schemas = create_schemas},
    {.method = "PUT",
     .path = "/flavors/{flavor_id}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-flavor-manage:update",
     .min = 55,
     .handler = flavor_describe,
     .body = BODY_JSON,
     .schema = "flavor_update_2_55"},
    {.method = "DELETE",
     .path = "/flavors/{flavor_id}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-flavor-manage:delete",
     .handler = flavor_remove},
    {.method = NULL},
};
