/*
 * What every server may be asked for and none has here, told truthfully (nova-api.md section 13): a password that the guest handed
 * to the metadata service (there is none), a NUMA topology (no flavor asks for one), live migrations under way (there are none).
 * And /os-migrations, of zones that have some.
 */
#include "gateway/api/api.h"
#include "gateway/api/gather.h"
#include "gateway/api/server_common.h"

#define TOPOLOGY   78 /* the first version with it */
#define MIGRATIONS 23

static enum err password_show(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    response->json = json_pack("{s:s}", "password", "");
    return OK;
}

static enum err password_clear(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    response->status = 204;
    return OK;
}

static enum err topology_show(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    response->json = json_pack("{s:[], s:n}", "nodes", "pagesize_kb");
    return OK;
}

static enum err migrations_list(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    response->json = json_pack("{s:[]}", "migrations");
    return OK;
}

static enum err migration_show(struct request *request, struct response *response)
{
    struct server server;
    (void)response;
    TRY(server_of_request(request, &server));
    return fail(E_NOT_FOUND, "In-progress live migration %s is not found for server %s.", request_param(request, "migration_id"),
                uuid_to_text(&server.uuid).text);
}

/* This zone moves nothing yet; a child that is a Nova may. */
static enum err migrations_index(struct request *request, struct response *response)
{
    json_auto_t *list = json_array();
    TRY(gather_lists(request, response, "migrations", list));
    response->json = json_pack("{s:O}", "migrations", list);
    return OK;
}

#define PASSWORD  "/servers/{server_id}/os-server-password"
#define MIGRATING "/servers/{server_id}/migrations"

const struct route server_none_routes[] = {
    {.method = "GET", .path = PASSWORD, .access = ACCESS_READER, .handler = password_show, .scope = SCOPE_SERVER},
    {.method = "DELETE", .path = PASSWORD, .access = ACCESS_MEMBER, .handler = password_clear, .scope = SCOPE_SERVER},
    {.method = "GET",
     .path = "/servers/{server_id}/topology",
     .access = ACCESS_READER,
     .min = TOPOLOGY,
     .handler = topology_show,
     .scope = SCOPE_SERVER},
    {.method = "GET",
     .path = MIGRATING,
     .access = ACCESS_ADMIN,
     .min = MIGRATIONS,
     .handler = migrations_list,
     .scope = SCOPE_SERVER},
    {.method = "GET", .path = "/os-migrations", .access = ACCESS_ADMIN, .handler = migrations_index},
    {.method = "GET",
     .path = MIGRATING "/{migration_id}",
     .access = ACCESS_ADMIN,
     .min = MIGRATIONS,
     .handler = migration_show,
     .scope = SCOPE_SERVER},
    {.method = NULL},
};
