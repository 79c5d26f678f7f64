/* The image service: its tables, its form of errors, its version list (spec nova-api.md section 4). */
#include "gateway/api/image_service.h"

#include <string.h>

/* The newest step of the API whose calls all exist here, and the ones below it. */
static const char *const versions[] = {"v2.9", "v2.7", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0"};

static enum err list_versions(struct request *request, struct response *response)
{
    const char *href = arena_printf(request->arena, "%s%s/v2/", request->base_url, request->mount);
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "id", versions[i], "status",
                                                    i ? "SUPPORTED" : "CURRENT", "links", "rel", "self", "href", href));
    response->json = json_pack("{s:o}", "versions", list);
    response->status = 300;
    return OK;
}

static const struct {
    int status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Request Entity Too Large"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *title_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

static void write_error(const struct request *request, int status, const char *message, struct response *response)
{
    const char *title = title_of(status);
    response->json = json_pack("{s:s, s:s, s:s}", "message", message, "code", arena_printf(request->arena, "%d %s", status, title),
                               "title", title);
    response->status = status;
    response->content_type = "application/json; charset=UTF-8";
}

static const struct route version_routes[] = {
    {.method = "GET", .path = "/", .access = ACCESS_PUBLIC, .handler = list_versions, .inline_ok = 1},
    {.method = "GET", .path = "/versions", .access = ACCESS_PUBLIC, .handler = list_versions, .inline_ok = 1},
    {.method = NULL},
};

static const char *const mounts[] = {"/image", NULL};
static const struct route *const tables[] = {version_routes,      image_list_routes,   image_routes, image_data_routes,
                                             image_member_routes, image_schema_routes, NULL};

const struct service image_service = {
    .name = "image",
    .mounts = mounts,
    .tables = tables,
    .write_error = write_error,
    .method_not_allowed = true,
};
