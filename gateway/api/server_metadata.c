/* /servers/{id}/metadata (spec nova-api.md section 13): the whole, and one item. The limit is Nova's quota metadata_items. */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/server_common.h"
#include "gateway/conductor/quota.h"

struct metadata_change {
    struct request *request;
    struct uuid uuid;
    json_t *items;      /* to be merged, or the whole */
    const char *remove; /* a key, or NULL */
    bool replace;
    json_t *result; /* the whole afterwards; owned by the arena */
};

static void release_json(void *object)
{
    json_decref(object);
}

static enum err change_in_transaction(struct db *db, void *context)
{
    struct metadata_change *change = context;
    struct request *request = change->request;
    struct server server;
    TRY(server_get_locked(db, request->arena, &change->uuid, &server));
    if (server.locked && !request->caller.is_admin)
        return fail(E_CONFLICT, "Instance %s is locked", uuid_to_text(&change->uuid).text);
    TRY(server_expect_settled(&server, change->remove ? "delete metadata" : "update metadata"));
    json_t *whole = change->replace ? json_object() : json_loads(server.metadata, 0, NULL);
    arena_defer(request->arena, release_json, whole);
    if (change->remove && json_object_del(whole, change->remove) != 0)
        return fail(E_NOT_FOUND, "Metadata item was not found");
    if (change->items && json_object_update(whole, change->items) != 0)
        return fail(E_INTERNAL, "The metadata cannot be merged.");
    if (change->items)
        TRY(quota_check_metadata(request, json_object_size(whole)));
    char *text = json_dumps(whole, JSON_COMPACT);
    const enum err result =
        text ? server_set_metadata(db, &change->uuid, text) : fail(E_INTERNAL, "The metadata cannot be written.");
    free(text);
    change->result = whole;
    return result;
}

static enum err change_metadata(struct request *request, struct metadata_change *change)
{
    struct server server;
    TRY(server_of_request(request, &server));
    change->request = request;
    change->uuid = server.uuid;
    return db_transaction(request->db, change_in_transaction, change);
}

static enum err metadata_list(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    text_add_str(&response->body, "{\"metadata\":");
    text_add_str(&response->body, server.metadata);
    text_add_str(&response->body, "}");
    return OK;
}

static enum err metadata_write(struct request *request, struct response *response)
{
    struct metadata_change change = {.items = json_object_get(request->json, "metadata"),
                                     .replace = strcmp(request->method, "PUT") == 0};
    TRY(change_metadata(request, &change));
    response->json = json_pack("{s:O}", "metadata", change.result);
    return OK;
}

static enum err metadata_get(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    json_auto_t *whole = json_loads(server.metadata, 0, NULL);
    const char *key = request_param(request, "key");
    json_t *value = json_object_get(whole, key);
    if (!value)
        return fail(E_NOT_FOUND, "Metadata item was not found");
    response->json = json_pack("{s:{s:O}}", "meta", key, value);
    return OK;
}

static enum err metadata_put_item(struct request *request, struct response *response)
{
    const char *key = request_param(request, "key");
    json_t *meta = json_object_get(request->json, "meta");
    if (!json_object_get(meta, key))
        return fail(E_INVALID, "Request body and URI mismatch");
    struct metadata_change change = {.items = meta};
    TRY(change_metadata(request, &change));
    response->json = json_pack("{s:O}", "meta", meta);
    return OK;
}

static enum err metadata_delete(struct request *request, struct response *response)
{
    struct metadata_change change = {.remove = request_param(request, "key")};
    response->status = 204;
    return change_metadata(request, &change);
}

const struct route server_metadata_routes[] = {
    {.method = "GET",
     .path = "/servers/{server_id}/metadata",
     .access = ACCESS_READER,
     .handler = metadata_list,
     .scope = SCOPE_SERVER},
    {.method = "POST",
     .path = "/servers/{server_id}/metadata",
     .access = ACCESS_MEMBER,
     .handler = metadata_write,
     .body = BODY_JSON,
     .schema = "metadata",
     .scope = SCOPE_SERVER},
    {.method = "PUT",
     .path = "/servers/{server_id}/metadata",
     .access = ACCESS_MEMBER,
     .handler = metadata_write,
     .body = BODY_JSON,
     .schema = "metadata",
     .scope = SCOPE_SERVER},
    {.method = "GET",
     .path = "/servers/{server_id}/metadata/{key}",
     .access = ACCESS_READER,
     .handler = metadata_get,
     .scope = SCOPE_SERVER},
    {.method = "PUT",
     .path = "/servers/{server_id}/metadata/{key}",
     .access = ACCESS_MEMBER,
     .handler = metadata_put_item,
     .body = BODY_JSON,
     .schema = "meta",
     .scope = SCOPE_SERVER},
    {.method = "DELETE",
     .path = "/servers/{server_id}/metadata/{key}",
     .access = ACCESS_MEMBER,
     .handler = metadata_delete,
     .scope = SCOPE_SERVER},
    {.method = NULL},
};
