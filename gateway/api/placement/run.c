/* The way of every request of Placement, and what its handlers use to read and to answer; see inside.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "gateway/api/placement/inside.h"
#include "schema/json/json.h"

#define DATES_SINCE 15

enum err placement_fail(struct request *request, enum err kind, const char *code, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    request->error_code = code;
    return fail(kind, "%s", message);
}

enum err placement_wrap(struct request *request, enum err kind, const char *code, const char *before)
{
    const char *cause = arena_strdup(request->arena, err_message());
    return placement_fail(request, kind, code, "%s%s", before, cause);
}

bool placement_at_least(const struct request *request, int minor)
{
    return request->version >= minor;
}

const char *placement_schema_name(const struct request *request, const struct body_schema *rows)
{
    const char *name = NULL;
    int best = -1;
    for (; rows && rows->name; rows++) {
        if (rows->min <= request->version && rows->min > best) {
            best = rows->min;
            name = rows->name;
        }
    }
    return name;
}

static const struct placement_operation *operation_of(const struct request *request)
{
    return request->route->extra;
}

static void release_json(void *json)
{
    json_decref(json);
}

static enum err parse(struct request *request)
{
    if (json_parse_explained(request->body, request->body_length, &request->json) != OK)
        return placement_wrap(request, E_INVALID, NULL, "Malformed JSON: ");
    arena_defer(request->arena, release_json, request->json);
    return OK;
}

enum err placement_body(struct request *request, const json_t **out)
{
    const char *name = placement_schema_name(request, operation_of(request)->body);
    TRY(parse(request));
    if (json_validate_located(json_schema_named(name), request->json) != OK)
        return placement_wrap(request, E_INVALID, NULL, "JSON does not validate: ");
    *out = request->json;
    return OK;
}

/* The last of repeated parameters counts. */
static json_t *query_object(const struct request *request)
{
    json_t *object = json_object();
    for (size_t i = 0; i < request->query.count; i++)
        (void)json_object_set_new(object, request->query.items[i].name, json_string(request->query.items[i].value));
    return object;
}

static enum err check_query(struct request *request, const struct body_schema *rows)
{
    const char *name = placement_schema_name(request, rows);
    if (!name)
        return OK;
    json_auto_t *object = query_object(request);
    if (json_validate_located(json_schema_named(name), object) != OK)
        return placement_wrap(request, E_INVALID, NULL, "Invalid query string parameters: ");
    return OK;
}

static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    return strcspn(type, "; \t") == sizeof(json) - 1 && strncasecmp(type, json, sizeof(json) - 1) == 0;
}

static enum err check_head(const struct request *request, enum placement_head head)
{
    const char *type = request_header(request, "Content-Type");
    const char *length = request_header(request, "Content-Length");
    int64_t number = 0;
    if (length && !str_to_int(length, &number))
        return fail(E_INVALID, "content-length header must be an integer");
    if (request->body_length && (!type || !*type))
        return fail(E_INVALID, "content-type header required when content-length > 0");
    if (head == HEAD_CONTENT && (!type || !is_json(type)))
        return fail(E_MEDIA_TYPE, "The media type %s is not supported, use application/json", type && *type ? type : "None");
    if (head == HEAD_ACCEPT && !placement_accepts_json(request_header(request, "Accept")))
        return fail(E_NOT_ACCEPTABLE, "Only application/json is provided");
    return OK;
}

enum err placement_run(struct request *request, struct response *response)
{
    const struct placement_operation *operation = operation_of(request);
    TRY(check_head(request, operation->head));
    TRY(placement_policy_check(request, operation->rule));
    TRY(check_query(request, operation->query));
    return operation->run(request, response);
}

void placement_dates(struct request *request, struct response *response, int64_t modified_us)
{
    if (!placement_at_least(request, DATES_SINCE))
        return;
    const time_t seconds = (time_t)((modified_us ? modified_us : clock_wall_us()) / 1000000);
    struct tm parts;
    char text[64];
    if (gmtime_r(&seconds, &parts) && strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts))
        response_header(request, response, "Last-Modified", text);
    response_header(request, response, "Cache-Control", "no-cache");
}

void placement_reply(struct request *request, struct response *response, int status, json_t *object, int64_t modified_us)
{
    response->status = status;
    response->json = object;
    response->content_type = "application/json";
    placement_dates(request, response, modified_us);
}

void placement_reply_empty(struct response *response, int status)
{
    response->status = status;
}

const char *placement_path(const struct request *request, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *rest = arena_vprintf(request->arena, format, arguments);
    va_end(arguments);
    return arena_printf(request->arena, "%s%s", request->mount, rest);
}

void placement_location(struct request *request, struct response *response, const char *path)
{
    response_header(request, response, "Location", arena_printf(request->arena, "%s%s", request->base_url, path));
}
