/* The service's tables, versions and mounts; the version document. See service.h. */
#include "gateway/api/placement/service.h"

#include "gateway/api/placement/inside.h"

#define PLACEMENT_MAX 39

static enum err show_versions(struct request *request, struct response *response)
{
    json_t *document = json_pack("{s:[{s:s, s:s, s:s, s:s, s:[{s:s, s:s}]}]}", "versions", "id", "v1.0", "max_version",
                                 arena_printf(request->arena, "1.%d", PLACEMENT_MAX), "min_version", "1.0", "status", "CURRENT",
                                 "links", "rel", "self", "href", "");
    placement_reply(request, response, 200, document, 0);
    return OK;
}

const struct route placement_root_routes[] = {
    {.method = "GET", .path = "", .access = ACCESS_PUBLIC, .handler = show_versions, .inline_ok = 1},
    {0},
};

static size_t max_body(const struct request *request)
{
    return (size_t)request->gateway->config.placement.max_body;
}

static const char *const mounts[] = {"/placement", NULL};
static const char *const root_mounts[] = {"/", NULL};

static const struct route *const tables[] = {
    placement_root_routes,
    placement_provider_routes,
    placement_inventory_routes,
    placement_aggregate_routes,
    placement_trait_routes,
    placement_class_routes,
    placement_allocation_routes,
    placement_usage_routes,
    placement_candidate_routes,
    placement_reshaper_routes,
    NULL,
};

#define PLACEMENT_SERVICE                                                                                                          \
    .name = "placement", .version_service = "placement", .version_min = 0, .version_max = PLACEMENT_MAX, .version_major = 1,       \
    .tables = tables, .write_error = placement_write_error, .decorate = placement_cors_decorate, .method_not_allowed = true,       \
    .version_malformed = "Invalid microversion: invalid version string: ",                                                         \
    .version_refused = "Invalid microversion: Unacceptable version header: ", .max_body = max_body,                                \
    .special_route = placement_cors_route, .last_parameter_counts = true

const struct service placement_service = {.mounts = mounts, PLACEMENT_SERVICE};
const struct service placement_root_service = {.mounts = root_mounts, PLACEMENT_SERVICE};
