/* One server: show, update, delete, metadata. Lists are in server_index.c, creation in server_create.c, actions in
 * server_actions.c. */
#include <string.h>

#include "compute/build/lifecycle.h"
#include "gateway/api/api.h"
#include "gateway/api/server_common.h"
#include "gateway/api/server_key.h"
#include "gateway/api/server_view.h"
#include "gateway/conductor/record.h"
#include "gateway/gateway.h"
#include "schema/task/task.h"
#include "zones/rows.h"

bool server_wants_rows(const struct request *request)
{
    const char *accept = request_header(request, "Accept");
    return request->link && accept && strstr(accept, ROWS_MEDIA_TYPE) != NULL;
}

enum err server_of_request(struct request *request, struct server *out)
{
    const char *id = request_param(request, "server_id");
    struct uuid uuid;
    if (!uuid_is_text(id) || uuid_from_text(id, &uuid) != OK)
        return fail(E_NOT_FOUND, "Instance %s could not be found.", id);
    const struct server *found = request->server; /* NULL where no zone was looked for */
    if (!found)
        return server_get(request->db, request->arena, &uuid, request->caller.is_admin ? NULL : request->caller.project_id, out);
    if (found->deleted || !(request->caller.is_admin || str_equal(found->project_id, request->caller.project_id)))
        return fail(E_NOT_FOUND, "Instance %s could not be found.", id);
    *out = *found;
    return OK;
}

enum err server_expect_settled(const struct server *server, const char *what)
{
    static const char *const settled[] = {"active", "paused", "suspended", "stopped"};
    for (size_t i = 0; i < ARRAY_LEN(settled); i++) {
        if (strcmp(server->vm_state, settled[i]) == 0)
            return OK;
    }
    return fail(E_CONFLICT, "Cannot '%s' instance %s while it is in vm_state %s", what, uuid_to_text(&server->uuid).text,
                server->vm_state);
}

static enum err reply_with(struct request *request, struct response *response, const struct server *server, bool is_list)
{
    struct server_view view;
    TRY(server_view_init(request, is_list, &view));
    text_add_str(&response->body, "{\"server\":");
    server_view_detail(&response->body, server, &view);
    text_add_str(&response->body, "}");
    return OK;
}

/* To a neighbouring zone that asks for rows: the server as one framed row, with its key in the order of the query. */
static enum err reply_framed(struct request *request, struct response *response, const struct server *server)
{
    struct server_view view;
    struct server_filter filter = {0};
    CLEANUP(text_clear) struct text key = {0};
    CLEANUP(text_clear) struct text body = {0};
    const struct zones_missing nobody = {0};
    TRY(server_view_init(request, true, &view));
    TRY(server_filter_read_sort(request, &filter));
    TRY(server_key_add(&key, server, &filter));
    server_view_detail(&body, server, &view);
    const struct row row = {server->uuid, (const uint8_t *)key.bytes, key.length, body.bytes, body.length};
    response->content_type = ROWS_MEDIA_TYPE;
    rows_write(&response->body, &row);
    rows_write_trailer(&response->body, 1, false, &nobody);
    return OK;
}

static enum err server_show(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    if (server_wants_rows(request))
        return reply_framed(request, response, &server);
    return reply_with(request, response, &server, false);
}

static const char *text_or(const json_t *object, const char *key, const char *former)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_string_value(value) : former;
}

/* PUT /servers/{id}. Below 2.75 the reply lacks what only GET shows; the fields that Nova's update view has are those of a 2.1 list
 * row. */
static enum err server_put(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    const json_t *body = json_object_get(request->json, "server");
    server.name = text_or(body, "name", server.name);
    server.access_ip_v4 = text_or(body, "accessIPv4", server.access_ip_v4);
    server.access_ip_v6 = record_ip6(request->arena, text_or(body, "accessIPv6", server.access_ip_v6));
    server.disk_config = text_or(body, "OS-DCF:diskConfig", server.disk_config);
    server.hostname = text_or(body, "hostname", server.hostname);
    if (json_object_get(body, "description"))
        server.description = text_or(body, "description", NULL);
    TRY(server_update(request->db, &server));
    TRY(server_get(request->db, request->arena, &server.uuid, NULL, &server));
    struct server_view view;
    TRY(server_view_init(request, false, &view));
    text_add_str(&response->body, "{\"server\":");
    if (request->version >= 75)
        server_view_detail(&response->body, &server, &view);
    else
        server_view_update(&response->body, &server, &view);
    text_add_str(&response->body, "}");
    return OK;
}

enum err server_begin(struct request *request, enum lifecycle_action action)
{
    struct server server;
    TRY(server_of_request(request, &server));
    bool added = false;
    TRY(lifecycle_begin(request->db, &server.uuid, action, &request->caller, request->request_id, &added));
    if (added)
        task_wake(request->gateway->tasks);
    return OK;
}

static enum err server_delete(struct request *request, struct response *response)
{
    response->status = 204;
    return server_begin(request, ACTION_DELETE);
}

const struct route server_routes[] = {
    {.method = "GET", .path = "/servers/{server_id}", .access = ACCESS_READER, .handler = server_show, .scope = SCOPE_SERVER},
    {.method = "PUT",
     .path = "/servers/{server_id}",
     .access = ACCESS_MEMBER,
     .handler = server_put,
     .body = BODY_JSON,
     .schemas = server_update_schemas,
     .scope = SCOPE_SERVER},
    {.method = "DELETE", .path = "/servers/{server_id}", .access = ACCESS_MEMBER, .handler = server_delete, .scope = SCOPE_SERVER},
    {.method = NULL},
};
