/*
 * What a client reads first: the version documents of compute (with and without version in the path), the zone's list of services,
 * liveness and metrics (spec nova-api.md section 3). None of them needs a token.
 */
#include <stdio.h>

#include "gateway/api/api.h"
#include "gateway/base/log.h"
#include "gateway/base/metrics.h"
#include "gateway/gateway.h"

#define MEDIA_TYPE "application/vnd.openstack.compute+json;version="

/* What Nova says of its two APIs, in its order; v2.0 has no microversions. */
static const struct version_row {
    const struct service *service;
    const char *id;
    const char *path;
    const char *status;
    const char *updated;
    const char *media_type;
} versions[] = {
    {&compute_legacy_service, "v2.0", "/compute/v2/", "SUPPORTED", "2011-01-21T11:33:21Z", MEDIA_TYPE "2"},
    {&compute_service, "v2.1", "/compute/v2.1/", "CURRENT", "2013-07-23T11:33:21Z", MEDIA_TYPE "2.1"},
};

static json_t *version_entry(const struct request *request, const struct version_row *row)
{
    const struct service *service = row->service;
    const char *newest = service->version_service ? arena_printf(request->arena, "2.%d", service->version_max) : "";
    const char *oldest = service->version_service ? arena_printf(request->arena, "2.%d", service->version_min) : "";
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s}]}", "id", row->id, "status", row->status, "version", newest,
                     "min_version", oldest, "updated", row->updated, "links", "rel", "self", "href",
                     arena_printf(request->arena, "%s%s", request->base_url, row->path));
}

static enum err compute_version(struct request *request, struct response *response)
{
    const struct version_row *row = request->service == versions[0].service ? &versions[0] : &versions[1];
    json_t *entry = version_entry(request, row);
    (void)json_array_append_new(json_object_get(entry, "links"), json_pack("{s:s, s:s, s:s}", "rel", "describedby", "type",
                                                                           "text/html", "href", "http://docs.openstack.org/"));
    (void)json_object_set_new(entry, "media-types", json_pack("[{s:s, s:s}]", "base", "application/json", "type", row->media_type));
    response->json = json_pack("{s:o}", "version", entry);
    return OK;
}

static enum err compute_versions_list(struct request *request, struct response *response)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        (void)json_array_append_new(list, version_entry(request, &versions[i]));
    response->json = json_pack("{s:o}", "versions", list);
    return OK;
}

/* The root names the services of this port; each has version documents of its own. */
static enum err zone_root(struct request *request, struct response *response)
{
    static const char *const services[] = {"identity", "compute", "image"};
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:s}", "name", services[i], "href",
                                                    arena_printf(request->arena, "%s/%s", request->base_url, services[i])));
    response->json = json_pack("{s:s, s:s, s:o}", "zone", request->gateway->name, "version", ZONEGATE_VERSION, "services", list);
    return OK;
}

/* Ready means that the store can be read. */
static enum err healthcheck(struct request *request, struct response *response)
{
    struct rows rows;
    if (db_query(request->db, request->arena, "SELECT 1", NULL, 0, &rows) != OK)
        return fail(E_UNAVAILABLE, "The zone cannot read its database.");
    response->json = json_pack("{s:s, s:s}", "status", "ok", "zone", request->gateway->name);
    return OK;
}

static enum err metrics(struct request *request, struct response *response)
{
    (void)request;
    metrics_write(&response->body);
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return OK;
}

const struct route version_routes[] = {
    {.method = "GET", .path = "/", .access = ACCESS_PUBLIC, .handler = compute_version, .inline_ok = 1},
    {.method = NULL},
};

static const struct route compute_versions_routes[] = {
    {.method = "GET", .path = "/", .access = ACCESS_PUBLIC, .handler = compute_versions_list, .inline_ok = 1},
    {.method = NULL},
};

static const struct route root_routes[] = {
    {.method = "GET", .path = "/", .access = ACCESS_PUBLIC, .handler = zone_root, .inline_ok = 1},
    {.method = "GET", .path = "/healthcheck", .access = ACCESS_PUBLIC, .handler = healthcheck},
    {.method = "GET", .path = "/metrics", .access = ACCESS_PUBLIC, .handler = metrics, .inline_ok = 1},
    {.method = NULL},
};

static const char *const compute_mounts[] = {"/compute", NULL};
static const struct route *const compute_tables[] = {compute_versions_routes, NULL};
static const char *const root_mounts[] = {"", NULL};
static const struct route *const root_tables[] = {root_routes, NULL};

const struct service compute_versions_service = {
    .name = "compute-versions", .mounts = compute_mounts, .tables = compute_tables, .write_error = fault_write_compute};

const struct service root_service = {
    .name = "root", .mounts = root_mounts, .tables = root_tables, .write_error = fault_write_compute};
