/*
 * /os-migrations and /servers/{id}/migrations (nova-api.md sections 13 and 14). This zone moves nothing yet, so it has none; those
 * of a child that is a Nova are listed.
 */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/gather.h"
#include "gateway/api/page.h"
#include "gateway/api/server_common.h"
#include "gateway/base/clock.h"

#define OF_A_SERVER 23 /* the first version with them below a server */
#define CHECKED     59 /* the first that checks parameters, and has pages */

static const struct {
    const char *name;
    int min;
} parameters[] = {{"host", CHECKED},           {"hidden", CHECKED}, {"instance_uuid", CHECKED},
                  {"source_compute", CHECKED}, {"status", CHECKED}, {"migration_type", CHECKED},
                  {"limit", CHECKED},          {"marker", CHECKED}, {"changes-since", CHECKED},
                  {"changes-before", 66},      {"user_id", 80},     {"project_id", 80}};

static bool is_known(const struct request *request, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        if (str_equal(parameters[i].name, name))
            return request->version >= parameters[i].min;
    }
    return str_starts(name, "zone.");
}

static enum err check_time(const struct request *request, const char *name)
{
    const char *value = request_query(request, name);
    int64_t us = 0;
    if (value && time_parse_iso(value, &us) != OK)
        return fail(E_INVALID, "Invalid input for query parameters %s. Value: %.100s. '%.100s' is not a 'date-time'", name, value,
                    value);
    return OK;
}

static enum err check_query(const struct request *request)
{
    struct page page;
    for (size_t i = 0; i < request->query.count; i++) {
        const char *name = request->query.items[i].name;
        if (!is_known(request, name))
            return fail(E_INVALID, "Additional properties are not allowed ('%.200s' was unexpected)", name);
    }
    TRY(page_read(request, &page));
    TRY(check_time(request, "changes-since"));
    return check_time(request, "changes-before");
}

static enum err migration_index(struct request *request, struct response *response)
{
    const char *marker = request->version >= CHECKED ? request_query(request, "marker") : NULL;
    json_auto_t *list = json_array();
    if (request->version >= CHECKED)
        TRY(check_query(request));
    TRY(gather_lists(request, response, "migrations", list));
    if (marker && json_array_size(list) == 0)
        return fail(E_INVALID, "Marker %.100s could not be found.", marker);
    response->json = json_pack("{s:O}", "migrations", list);
    return OK;
}

static enum err server_index(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    response->json = json_pack("{s:[]}", "migrations");
    return OK;
}

static enum err server_show(struct request *request, struct response *response)
{
    struct server server;
    (void)response;
    TRY(server_of_request(request, &server));
    return fail(E_NOT_FOUND, "In-progress live migration %s is not found for server %s.", request_param(request, "migration_id"),
                uuid_to_text(&server.uuid).text);
}

#define MIGRATIONS "/servers/{server_id}/migrations"

const struct route migration_routes[] = {
    {.method = "GET",
     .path = "/os-migrations",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-migrations:index",
     .handler = migration_index},
    {.method = "GET",
     .path = MIGRATIONS,
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:servers:migrations:index",
     .min = OF_A_SERVER,
     .handler = server_index,
     .scope = SCOPE_SERVER},
    {.method = "GET",
     .path = MIGRATIONS "/{migration_id}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:servers:migrations:show",
     .min = OF_A_SERVER,
     .handler = server_show,
     .scope = SCOPE_SERVER},
    {.method = NULL},
};
