/* Services, endpoints and regions, read only: they are made from the catalog, which says what this zone serves. */
#include "gateway/api/identity_inside.h"
#include "gateway/base/text.h"

static struct catalog load(struct request *request)
{
    struct catalog catalog;
    identity_catalog(request->gateway->identity, request, &catalog);
    return catalog;
}

/* True without the parameter, or when it says `value`. */
static bool fits(const struct request *request, const char *parameter, const char *value)
{
    const char *wanted = request_query(request, parameter);
    return !wanted || str_equal(wanted, value);
}

static json_t *service_body(const struct request *request, const struct catalog_service *service)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:o}", "id", service->id, "type", service->type, "name", service->name, "enabled", 1,
                     "links", identity_self_link(request, "services", service->id));
}

static json_t *endpoint_body(const struct request *request, const struct catalog_endpoint *endpoint)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:o}", "id", endpoint->id, "interface", endpoint->interface, "region",
                     endpoint->region, "region_id", endpoint->region, "service_id", endpoint->service_id, "url", endpoint->url,
                     "enabled", 1, "links", identity_self_link(request, "endpoints", endpoint->id));
}

static json_t *region_body(const struct request *request, const char *region)
{
    return json_pack("{s:s, s:s, s:n, s:o}", "id", region, "description", "", "parent_region_id", "links",
                     identity_self_link(request, "regions", region));
}

static enum err list_services(struct request *request, struct response *response)
{
    const struct catalog catalog = load(request);
    json_t *list = json_array();
    for (size_t i = 0; i < catalog.service_count; i++) {
        const struct catalog_service *service = &catalog.services[i];
        if (fits(request, "type", service->type) && fits(request, "name", service->name))
            json_array_append_new(list, service_body(request, service));
    }
    identity_reply_list(request, response, "services", list);
    return OK;
}

static enum err show_service(struct request *request, struct response *response)
{
    const struct catalog catalog = load(request);
    const char *id = request_param(request, "service_id");
    for (size_t i = 0; i < catalog.service_count; i++) {
        if (!str_equal(catalog.services[i].id, id))
            continue;
        identity_reply(response, 200, "service", service_body(request, &catalog.services[i]));
        return OK;
    }
    return fail(E_NOT_FOUND, "Could not find service: %s.", id);
}

static enum err list_endpoints(struct request *request, struct response *response)
{
    const struct catalog catalog = load(request);
    json_t *list = json_array();
    for (size_t i = 0; i < catalog.endpoint_count; i++) {
        const struct catalog_endpoint *endpoint = &catalog.endpoints[i];
        if (fits(request, "service_id", endpoint->service_id) && fits(request, "interface", endpoint->interface) &&
            fits(request, "region_id", endpoint->region) && fits(request, "region", endpoint->region))
            json_array_append_new(list, endpoint_body(request, endpoint));
    }
    identity_reply_list(request, response, "endpoints", list);
    return OK;
}

static enum err show_endpoint(struct request *request, struct response *response)
{
    const struct catalog catalog = load(request);
    const char *id = request_param(request, "endpoint_id");
    for (size_t i = 0; i < catalog.endpoint_count; i++) {
        if (!str_equal(catalog.endpoints[i].id, id))
            continue;
        identity_reply(response, 200, "endpoint", endpoint_body(request, &catalog.endpoints[i]));
        return OK;
    }
    return fail(E_NOT_FOUND, "Could not find endpoint: %s.", id);
}

static enum err list_regions(struct request *request, struct response *response)
{
    json_t *list = json_array();
    json_array_append_new(list, region_body(request, load(request).region));
    identity_reply_list(request, response, "regions", list);
    return OK;
}

static enum err show_region(struct request *request, struct response *response)
{
    const char *id = request_param(request, "region_id");
    if (!str_equal(id, load(request).region))
        return fail(E_NOT_FOUND, "Could not find region: %s.", id);
    identity_reply(response, 200, "region", region_body(request, id));
    return OK;
}

const struct route identity_catalog_routes[] = {
    {.method = "GET", .path = "/services", .access = ACCESS_ADMIN, .handler = list_services},
    {.method = "GET", .path = "/services/{service_id}", .access = ACCESS_ADMIN, .handler = show_service},
    {.method = "GET", .path = "/endpoints", .access = ACCESS_ADMIN, .handler = list_endpoints},
    {.method = "GET", .path = "/endpoints/{endpoint_id}", .access = ACCESS_ADMIN, .handler = show_endpoint},
    {.method = "GET", .path = "/regions", .access = ACCESS_ANY, .handler = list_regions},
    {.method = "GET", .path = "/regions/{region_id}", .access = ACCESS_ANY, .handler = show_region},
    {0},
};
