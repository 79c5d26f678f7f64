/* The compute service: its tables, versions and mounts (spec nova-api.md section 3). The declared maximum is true for every route
 * that exists. */
#include "gateway/api/api.h"
#include "gateway/api/image_source.h"
#include "gateway/gateway.h"
#include "zones/link.h"

/* 2.93: Zed. Raised only when all routes that exist are right up to there. */
#define COMPUTE_MAX 93

static const char *const mounts[] = {"/compute/v2.1", NULL};
static const char *const legacy_mounts[] = {"/compute/v2", NULL};

static const struct route *const tables[] = {version_routes,        server_list_routes,    server_create_routes,
                                             server_routes,         server_action_routes,  server_metadata_routes,
                                             server_tags_routes,    interface_routes,      server_diagnostics_routes,
                                             server_none_routes,    migration_routes,      removed_routes,
                                             extension_routes,      security_group_routes, security_rule_routes,
                                             server_rest_routes,    flavor_routes,         flavor_extra_spec_routes,
                                             flavor_access_routes,  keypair_routes,        limit_routes,
                                             server_group_routes,   hypervisor_routes,     host_routes,
                                             service_routes,        aggregate_routes,      availability_zone_routes,
                                             quota_routes,          usage_routes,          usage_audit_routes,
                                             external_event_routes, network_routes,        zone_plan_routes,
                                             zone_routes,           zone_build_routes,     zone_usage_routes,
                                             zone_group_routes,     zone_onward_routes,    zone_holds_routes,
                                             image_source_routes,   image_proxy_routes,    NULL};

/* What a zone sends on for a client holds more than the client sent: the flavor, the image, places. */
#define LINK_BODIES 8

static size_t max_body(const struct request *request)
{
    const size_t most = (size_t)request->gateway->config.api.max_body;
    return request_header(request, LINK_DELEGATION) ? most * LINK_BODIES : most;
}

/* What some libraries send when nobody told them what the body is, and the API's own name from its first version. */
static const char *const media_types[] = {"text/plain", "application/vnd.openstack.compute+json", NULL};

/* Nova says of an empty answer too what it would be. */
static void decorate(const struct request *request, struct response *response)
{
    const bool empty = !response->json && response->body.length == 0 && response->file < 0 && !response->source;
    if (empty && !response->content_type && !pairs_get_nocase(&response->headers, "X-Zone-Path"))
        response->content_type = "application/json";
    (void)request;
}

const struct service compute_service = {
    .name = "compute",
    .mounts = mounts,
    .max_body = max_body,
    .project_in_path = true,
    .version_service = "compute",
    .legacy_header = "X-OpenStack-Nova-API-Version",
    .version_min = 1,
    .version_max = COMPUTE_MAX,
    .version_major = 2,
    .tables = tables,
    .write_error = fault_write_compute,
    .decorate = decorate,
    .request_id_header = "x-compute-request-id",
    .last_parameter_counts = true,
    .media_types = media_types,
};

/* The API before microversions: as 2.1, whatever a client asks for. Stricter than it was: unknown members of a body are refused. */
const struct service compute_legacy_service = {
    .name = "compute",
    .mounts = legacy_mounts,
    .project_in_path = true,
    .version_min = 1,
    .version_max = 1,
    .version_major = 2,
    .tables = tables,
    .write_error = fault_write_compute,
    .decorate = decorate,
    .request_id_header = "x-compute-request-id",
    .last_parameter_counts = true,
    .media_types = media_types,
};
