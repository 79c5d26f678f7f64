/* The request's body as its route wants it: content type, JSON, schema by version. */
#include <string.h>
#include <strings.h>

#include "gateway/http/core/inside.h"
#include "schema/json/json.h"

static bool ends_nocase(const char *text, size_t length, const char *suffix)
{
    const size_t size = strlen(suffix);
    return length >= size && strncasecmp(text + length - size, suffix, size) == 0;
}

/* Length of the media type, without parameters and blanks. */
static size_t media_length(const char *type)
{
    return strcspn(type, "; \t");
}

static bool is_media(const char *type, const char *media)
{
    return media_length(type) == strlen(media) && strncasecmp(type, media, strlen(media)) == 0;
}

static bool is_json(const struct service *service, const char *type)
{
    const char *const *other = service->media_types;
    while (other && *other && !is_media(type, *other))
        other++;
    return (other && *other) || is_media(type, "application/json");
}

static bool is_json_like(const char *type)
{
    const size_t length = media_length(type);
    return ends_nocase(type, length, "json") || ends_nocase(type, length, "json-patch");
}

static enum err check_content_type(const struct request *request)
{
    const char *type = request_header(request, "Content-Type");
    if (!type && request->service->content_type_required)
        return fail(E_INVALID, "content-type header required");
    if (type && !is_json(request->service, type))
        return request->service->media_types ? fail(E_MEDIA_TYPE, "Unsupported Content-Type")
                                             : fail(E_MEDIA_TYPE, "The media type %s is not supported, use application/json", type);
    return OK;
}

static void release_json(void *json)
{
    json_decref(json);
}

static enum err parse(struct request *request)
{
    TRY(json_parse_foreign(request->body, request->body_length, &request->json));
    arena_defer(request->arena, release_json, request->json);
    return OK;
}

static const char *schema_name(const struct request *request, const struct body_schema *schemas)
{
    const char *name = NULL;
    int best = -1;
    for (const struct body_schema *row = schemas; row && row->name; row++) {
        if (row->min <= request->version && row->min > best) {
            best = row->min;
            name = row->name;
        }
    }
    return name;
}

enum err body_check(const struct request *request, const struct body_schema *schemas)
{
    const char *name = schema_name(request, schemas);
    return name ? json_validate(json_schema_named(name), request->json) : OK;
}

static enum err read_json(struct request *request)
{
    if (request->body_length == 0)
        return fail(E_INVALID,
                    request->route->schema || request->route->schemas ? "None is not of type 'object'" : "Malformed request body");
    TRY(check_content_type(request));
    TRY(parse(request));
    const char *versioned = schema_name(request, request->route->schemas);
    const char *name = versioned ? versioned : request->route->schema;
    if (name)
        return json_validate(json_schema_named(name), request->json);
    if (!json_is_object(request->json))
        return fail(E_INVALID, "Malformed request body");
    return OK;
}

enum err body_read(struct request *request)
{
    if (request->route->body == BODY_JSON)
        return read_json(request);
    const char *type = request_header(request, "Content-Type");
    if (request->route->body == BODY_OPAQUE && request->body_length && type && is_json_like(type))
        return parse(request);
    return OK;
}
