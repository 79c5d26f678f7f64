/* GET /v2/schemas/…: the documents by which clients learn what an image has. Made of the schema that creates are checked by. */
#include "compute/image/edit.h"
#include "gateway/api/image_service.h"
#include "schema/json/json.h"

static const char member_properties[] =
    "{\"member_id\":{\"type\":\"string\",\"description\":\"An identifier for the image member (tenantId)\"},"
    "\"image_id\":{\"type\":\"string\",\"description\":\"An identifier for the image\"},"
    "\"created_at\":{\"type\":\"string\",\"description\":\"Date and time of image member creation\"},"
    "\"updated_at\":{\"type\":\"string\",\"description\":\"Date and time of last modification of image member\"},"
    "\"status\":{\"type\":\"string\",\"description\":\"The status of this image member\","
    "\"enum\":[\"pending\",\"accepted\",\"rejected\"]},"
    "\"schema\":{\"readOnly\":true,\"type\":\"string\"}}";

static json_t *image_document(void)
{
    const json_t *schema = json_schema_named("image_create");
    json_t *properties = json_deep_copy(json_object_get(schema, "properties"));
    for (const char *const *name = image_read_only; *name; name++)
        (void)json_object_set_new(json_object_get(properties, *name), "readOnly", json_true());
    return json_pack("{s:s, s:o, s:{s:s}, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]}", "name", "image", "properties", properties,
                     "additionalProperties", "type", "string", "links", "href", "{self}", "rel", "self", "href", "{file}", "rel",
                     "enclosure", "href", "{schema}", "rel", "describedby");
}

static json_t *member_document(void)
{
    return json_pack("{s:s, s:o}", "name", "member", "properties", json_loads(member_properties, 0, NULL));
}

/* A page of `items`. */
static json_t *collection_document(const char *name, json_t *item)
{
    return json_pack("{s:s, s:{s:{s:s, s:o}, s:{s:s}, s:{s:s}, s:{s:s}}, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]}", "name", name,
                     "properties", name, "type", "array", "items", item, "first", "type", "string", "next", "type", "string",
                     "schema", "type", "string", "links", "href", "{first}", "rel", "first", "href", "{next}", "rel", "next",
                     "href", "{schema}", "rel", "describedby");
}

static enum err show_image_schema(struct request *request, struct response *response)
{
    (void)request;
    response->json = image_document();
    return OK;
}

static enum err show_images_schema(struct request *request, struct response *response)
{
    (void)request;
    response->json = collection_document("images", image_document());
    return OK;
}

static enum err show_member_schema(struct request *request, struct response *response)
{
    (void)request;
    response->json = member_document();
    return OK;
}

static enum err show_members_schema(struct request *request, struct response *response)
{
    (void)request;
    response->json = collection_document("members", member_document());
    return OK;
}

const struct route image_schema_routes[] = {
    {.method = "GET", .path = "/v2/schemas/image", .access = ACCESS_ANY, .handler = show_image_schema},
    {.method = "GET", .path = "/v2/schemas/images", .access = ACCESS_ANY, .handler = show_images_schema},
    {.method = "GET", .path = "/v2/schemas/member", .access = ACCESS_ANY, .handler = show_member_schema},
    {.method = "GET", .path = "/v2/schemas/members", .access = ACCESS_ANY, .handler = show_members_schema},
    {.method = NULL},
};
