/*
 * /images of the compute API up to 2.35 and 2.38 (metadata): Nova's old view of the image service. Each request becomes one or two
 * to this zone's own image service, in this process, as the same caller: what is seen and allowed is decided there.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/page.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"

#define IMAGES_UNTIL   35
#define METADATA_UNTIL 38
#define PATCH_TYPE     "application/openstack-images-v2.1-json-patch"

static void release_json(void *object)
{
    json_decref(object);
}

static enum err refuse(int status)
{
    if (status == 404)
        return fail(E_NOT_FOUND, "Image not found.");
    if (status == 403)
        return fail(E_FORBIDDEN, "You are not allowed to do that with the image.");
    if (status == 400)
        return fail(E_INVALID, "The image service does not accept the request.");
    return fail(err_from_status(status), "The image service answers %d.", status);
}

/* The image service's answer, owned by the arena; NULL without a body. `body` NULL: none. */
static enum err ask_images(struct request *request, const char *method, const char *path, const json_t *body, json_t **out)
{
    struct request *question = arena_alloc(request->arena, sizeof(*question));
    struct response answer;
    *question = (struct request){.arena = request->arena,
                                 .db = request->db,
                                 .fanout = request->fanout,
                                 .method = method,
                                 .target = arena_printf(request->arena, "/image/v2/images%s", path),
                                 .base_url = request->base_url,
                                 .client_address = request->client_address};
    pairs_add(request->arena, &question->headers, "X-Auth-Token", request_header(request, "X-Auth-Token"));
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (text) {
        pairs_add(request->arena, &question->headers, "Content-Type", PATCH_TYPE);
        question->body_length = strlen(text);
        question->body = arena_strdup(request->arena, text);
    }
    free(text);
    response_init(&answer);
    if (core_open(request->core, question, &answer) == OK)
        core_run(request->core, question, &answer);
    response_render(&answer);
    const int status = answer.status ? answer.status : 200;
    json_t *json = NULL;
    enum err result = status < 300 ? OK : refuse(status);
    if (result == OK && answer.body.length)
        result = json_parse_foreign(answer.body.bytes, answer.body.length, &json);
    if (json)
        arena_defer(request->arena, release_json, json);
    response_clear(&answer);
    if (out)
        *out = json;
    return result;
}

/* --- Nova's view */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Image service, Nova, progress. */
static const struct {
    const char *status;
    const char *shown;
    int progress;
} statuses[] = {
    {"queued", "SAVING", 25}, {"saving", "SAVING", 50},  {"importing", "SAVING", 50},   {"active", "ACTIVE", 100},
    {"killed", "ERROR", 0},   {"deleted", "DELETED", 0}, {"deactivated", "UNKNOWN", 0},
};

/* Members of an image that are the service's; all others are metadata. */
static bool is_own(const char *name)
{
    static const char *const own[] = {"name",         "disk_format", "container_format", "visibility",   "size",
                                      "virtual_size", "status",      "checksum",         "protected",    "min_ram",
                                      "min_disk",     "owner",       "os_hidden",        "os_hash_algo", "os_hash_value",
                                      "id",           "created_at",  "updated_at",       "tags",         "self",
                                      "file",         "schema",      "locations",        "direct_url",   "stores"};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (strcmp(own[i], name) == 0)
            return true;
    }
    return false;
}

static json_t *metadata_of(const json_t *image)
{
    json_t *metadata = json_object();
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)image, name, value)
    {
        if (!is_own(name))
            (void)json_object_set(metadata, name, value);
    }
    return metadata;
}

static json_t *links_of(const struct request *request, const char *id)
{
    struct text text = {0};
    text_add_char(&text, '{');
    page_add_links(&text, request, "images", id);
    text_add_char(&text, '}');
    json_t *object = json_loads(text_str(&text), 0, NULL);
    text_clear(&text);
    json_t *links = json_incref(json_object_get(object, "links"));
    json_decref(object);
    (void)json_array_append_new(links,
                                json_pack("{s:s, s:s, s:s}", "rel", "alternate", "type", "application/vnd.openstack.image", "href",
                                          arena_printf(request->arena, "%s/image/images/%s", request->base_url, id)));
    return links;
}

static json_t *brief_view(const struct request *request, const json_t *image)
{
    return json_pack("{s:s, s:O, s:o}", "id", text_of(image, "id"), "name", json_object_get(image, "name"), "links",
                     links_of(request, text_of(image, "id")));
}

/* The server that it was made of, when it says so. */
static void add_server(const struct request *request, const json_t *image, json_t *view)
{
    const char *server = text_of(image, "instance_uuid");
    if (!*server)
        return;
    (void)json_object_set_new(view, "server",
                              json_pack("{s:s, s:[{s:s, s:s}, {s:s, s:s}]}", "id", server, "links", "rel", "self", "href",
                                        request_link(request, "/servers/%s", server), "rel", "bookmark", "href",
                                        request_bookmark(request, "/servers/%s", server)));
}

static json_t *detail_view(const struct request *request, const json_t *image)
{
    json_t *view = brief_view(request, image);
    const json_t *size = json_object_get(image, "size");
    const char *automatic = text_of(image, "auto_disk_config");
    size_t row = 0;
    while (row < ARRAY_LEN(statuses) && strcmp(statuses[row].status, text_of(image, "status")) != 0)
        row++;
    const bool known = row < ARRAY_LEN(statuses);
    json_auto_t *more = json_pack("{s:s, s:i, s:s, s:s, s:O, s:O, s:o, s:I}", "status", known ? statuses[row].shown : "UNKNOWN",
                                  "progress", known ? statuses[row].progress : 0, "created", text_of(image, "created_at"),
                                  "updated", text_of(image, "updated_at"), "minDisk", json_object_get(image, "min_disk"), "minRam",
                                  json_object_get(image, "min_ram"), "metadata", metadata_of(image), "OS-EXT-IMG-SIZE:size",
                                  (json_int_t)json_integer_value(size));
    (void)json_object_update(view, more);
    if (*automatic)
        (void)json_object_set_new(view, "OS-DCF:diskConfig", json_string(str_equal_nocase(automatic, "true") ? "AUTO" : "MANUAL"));
    add_server(request, image, view);
    return view;
}

/* --- lists */

/* Nova's parameter, the image service's. */
static const struct {
    const char *name;
    const char *filter;
} filters[] = {{"name", "name"},        {"server", "instance_uuid"}, {"type", "image_type"}, {"minRam", "min_ram"},
               {"minDisk", "min_disk"}, {"limit", "limit"},          {"marker", "marker"},   {"status", "status"}};

static const char *filter_value(const char *filter, const char *value)
{
    if (strcmp(filter, "instance_uuid") == 0 && strrchr(value, '/'))
        return strrchr(value, '/') + 1; /* a link to the server is as good */
    for (size_t i = 0; i < ARRAY_LEN(statuses) && strcmp(filter, "status") == 0; i++) {
        if (str_equal_nocase(statuses[i].shown, value))
            return statuses[i].status;
    }
    return value;
}

static enum err list_images(struct request *request, struct response *response,
                            json_t *(*view)(const struct request *request, const json_t *image))
{
    CLEANUP(text_clear) struct text path = {0};
    json_t *answer = NULL;
    size_t index = 0;
    json_t *image = NULL;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        const char *value = request_query(request, filters[i].name);
        if (!value)
            continue;
        text_add_format(&path, "%c%s=", path.length ? '&' : '?', filters[i].filter);
        text_add_percent(&path, filter_value(filters[i].filter, value), "");
    }
    TRY(ask_images(request, "GET", text_str(&path), NULL, &answer));
    json_t *list = json_array();
    json_array_foreach(json_object_get(answer, "images"), index, image)
    {
        (void)json_array_append_new(list, view(request, image));
    }
    response->json = json_pack("{s:o}", "images", list);
    const size_t count = json_array_size(list);
    if (!json_object_get(answer, "next") || !count || !request_query(request, "limit"))
        return OK;
    CLEANUP(text_clear) struct text link = {0};
    text_add_str(&link, request_link(request, "%s", request->subpath));
    page_add_next_query(&link, request, text_of(json_array_get(list, count - 1), "id"));
    (void)json_object_set_new(response->json, "images_links", json_pack("[{s:s, s:s}]", "rel", "next", "href", text_str(&link)));
    return OK;
}

static enum err images_brief(struct request *request, struct response *response)
{
    return list_images(request, response, brief_view);
}

static enum err images_detail(struct request *request, struct response *response)
{
    return list_images(request, response, detail_view);
}

/* --- one */

static enum err get_image(struct request *request, json_t **out)
{
    const char *id = request_param(request, "image_id");
    if (!uuid_is_text(id))
        return fail(E_NOT_FOUND, "Image not found.");
    return ask_images(request, "GET", arena_printf(request->arena, "/%s", id), NULL, out);
}

static enum err image_show(struct request *request, struct response *response)
{
    json_t *image = NULL;
    TRY(get_image(request, &image));
    response->json = json_pack("{s:o}", "image", detail_view(request, image));
    return OK;
}

static enum err image_delete(struct request *request, struct response *response)
{
    json_t *image = NULL;
    TRY(get_image(request, &image));
    response->status = 204;
    return ask_images(request, "DELETE", arena_printf(request->arena, "/%s", text_of(image, "id")), NULL, NULL);
}

/* --- metadata */

static enum err metadata_get(struct request *request, struct response *response)
{
    json_t *image = NULL;
    TRY(get_image(request, &image));
    response->json = json_pack("{s:o}", "metadata", metadata_of(image));
    return OK;
}

static enum err metadata_item(struct request *request, struct response *response)
{
    const char *key = request_param(request, "key");
    json_t *image = NULL;
    TRY(get_image(request, &image));
    const json_t *value = is_own(key) ? NULL : json_object_get(image, key);
    if (!value)
        return fail(E_NOT_FOUND, "Metadata item was not found");
    response->json = json_pack("{s:{s:O}}", "meta", key, value);
    return OK;
}

static const char *pointer(const struct request *request, const char *name)
{
    CLEANUP(text_clear) struct text path = {0};
    text_add_char(&path, '/');
    for (const char *p = name; *p; p++) {
        if (*p == '~' || *p == '/')
            text_add_str(&path, *p == '~' ? "~0" : "~1");
        else
            text_add_char(&path, *p);
    }
    return arena_strdup(request->arena, text_str(&path));
}

/* Turns the image's metadata into `wanted` by one JSON patch; `*out` is the image afterwards. */
static enum err write_metadata(struct request *request, const json_t *image, const json_t *wanted, json_t **out)
{
    json_auto_t *former = metadata_of(image);
    json_auto_t *patch = json_array();
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)wanted, name, value)
    {
        if (is_own(name))
            return fail(E_INVALID, "Invalid metadata: %s is no property of an image that can be set here.", name);
        if (!json_equal(json_object_get(former, name), value))
            (void)json_array_append_new(patch, json_pack("{s:s, s:s, s:O}", "op", json_object_get(former, name) ? "replace" : "add",
                                                         "path", pointer(request, name), "value", value));
    }
    json_object_foreach(former, name, value)
    {
        if (!json_object_get(wanted, name))
            (void)json_array_append_new(patch, json_pack("{s:s, s:s}", "op", "remove", "path", pointer(request, name)));
    }
    return ask_images(request, "PATCH", arena_printf(request->arena, "/%s", text_of(image, "id")), patch, out);
}

static enum err metadata_write(struct request *request, struct response *response)
{
    json_t *image = NULL;
    TRY(get_image(request, &image));
    json_auto_t *wanted = strcmp(request->method, "PUT") == 0 ? json_object() : metadata_of(image);
    (void)json_object_update(wanted, json_object_get(request->json, "metadata"));
    TRY(write_metadata(request, image, wanted, &image));
    response->json = json_pack("{s:o}", "metadata", metadata_of(image));
    return OK;
}

static enum err metadata_put_item(struct request *request, struct response *response)
{
    const char *key = request_param(request, "key");
    json_t *meta = json_object_get(request->json, "meta");
    json_t *image = NULL;
    if (!json_object_get(meta, key))
        return fail(E_INVALID, "Request body and URI mismatch");
    TRY(get_image(request, &image));
    json_auto_t *wanted = metadata_of(image);
    (void)json_object_update(wanted, meta);
    TRY(write_metadata(request, image, wanted, &image));
    response->json = json_pack("{s:O}", "meta", meta);
    return OK;
}

static enum err metadata_delete(struct request *request, struct response *response)
{
    json_t *image = NULL;
    TRY(get_image(request, &image));
    json_auto_t *wanted = metadata_of(image);
    if (json_object_del(wanted, request_param(request, "key")) != 0)
        return fail(E_NOT_FOUND, "Invalid metadata key");
    response->status = 204;
    return write_metadata(request, image, wanted, NULL);
}

#define IMAGE    "/images/{image_id}"
#define METADATA IMAGE "/metadata"

const struct route image_proxy_routes[] = {
    {.method = "GET", .path = "/images", .access = ACCESS_READER, .max = IMAGES_UNTIL, .handler = images_brief},
    {.method = "GET", .path = "/images/detail", .access = ACCESS_READER, .max = IMAGES_UNTIL, .handler = images_detail},
    {.method = "GET", .path = IMAGE, .access = ACCESS_READER, .max = IMAGES_UNTIL, .handler = image_show},
    {.method = "DELETE", .path = IMAGE, .access = ACCESS_MEMBER, .max = IMAGES_UNTIL, .handler = image_delete},
    {.method = "GET", .path = METADATA, .access = ACCESS_READER, .max = METADATA_UNTIL, .handler = metadata_get},
    {.method = "POST",
     .path = METADATA,
     .access = ACCESS_MEMBER,
     .max = METADATA_UNTIL,
     .handler = metadata_write,
     .body = BODY_JSON,
     .schema = "metadata"},
    {.method = "PUT",
     .path = METADATA,
     .access = ACCESS_MEMBER,
     .max = METADATA_UNTIL,
     .handler = metadata_write,
     .body = BODY_JSON,
     .schema = "metadata"},
    {.method = "GET", .path = METADATA "/{key}", .access = ACCESS_READER, .max = METADATA_UNTIL, .handler = metadata_item},
    {.method = "PUT",
     .path = METADATA "/{key}",
     .access = ACCESS_MEMBER,
     .max = METADATA_UNTIL,
     .handler = metadata_put_item,
     .body = BODY_JSON,
     .schema = "meta"},
    {.method = "DELETE", .path = METADATA "/{key}", .access = ACCESS_MEMBER, .max = METADATA_UNTIL, .handler = metadata_delete},
    {.method = NULL},
};
