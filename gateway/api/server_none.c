/*
 * What every server may be asked for and none has here, told truthfully (nova-api.md section 13): a password that the guest handed
 * to the metadata service (there is none), a NUMA topology (no flavor asks for one), volumes (there are none).
 */
#include "gateway/api/api.h"
#include "gateway/api/server_common.h"

#define TOPOLOGY 78 /* the first version with it */

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

static enum err attachments_list(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    response->json = json_pack("{s:[]}", "volumeAttachments");
    return OK;
}

static enum err attachment_show(struct request *request, struct response *response)
{
    struct server server;
    (void)response;
    TRY(server_of_request(request, &server));
    return fail(E_NOT_FOUND, "Instance %s is not attached to volume %s", uuid_to_text(&server.uuid).text,
                request_param(request, "volume_id"));
}

#define PASSWORD "/servers/{server_id}/os-server-password"
#define ATTACHED "/servers/{server_id}/os-volume_attachments"

const struct route server_none_routes[] = {
    {.method = "GET", .path = PASSWORD, .access = ACCESS_READER, .handler = password_show, .scope = SCOPE_SERVER},
    {.method = "DELETE", .path = PASSWORD, .access = ACCESS_MEMBER, .handler = password_clear, .scope = SCOPE_SERVER},
    {.method = "GET",
     .path = "/servers/{server_id}/topology",
     .access = ACCESS_READER,
     .min = TOPOLOGY,
     .handler = topology_show,
     .scope = SCOPE_SERVER},
    {.method = "GET", .path = ATTACHED, .access = ACCESS_READER, .handler = attachments_list, .scope = SCOPE_SERVER},
    {.method = "GET", .path = ATTACHED "/{volume_id}", .access = ACCESS_READER, .handler = attachment_show, .scope = SCOPE_SERVER},
    {.method = NULL},
};
