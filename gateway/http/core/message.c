/* What handlers use: reading a request, writing a response, making links. */
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/http/core/core.h"

void response_init(struct response *response)
{
    *response = (struct response){.file = -1};
}

void response_clear(struct response *response)
{
    json_decref(response->json);
    text_clear(&response->body);
    if (response->file >= 0)
        (void)close(response->file);
    response_init(response);
}

/* A value ends no line, and so no header. */
static const char *safe_value(struct arena *arena, const char *value)
{
    char *copy = arena_strdup(arena, value);
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    return copy;
}

void response_header(struct request *request, struct response *response, const char *name, const char *value)
{
    pairs_add(request->arena, &response->headers, name, safe_value(request->arena, value));
}

static int add_dumped(const char *bytes, size_t length, void *text)
{
    text_add(text, bytes, length);
    return 0;
}

void response_render(struct response *response)
{
    if (!response->json)
        return;
    text_reset(&response->body);
    if (json_dump_callback(response->json, add_dumped, &response->body, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        assert(!"a response that is not JSON");
    json_decref(response->json);
    response->json = NULL;
}

const char *request_header(const struct request *request, const char *name)
{
    return pairs_get_nocase(&request->headers, name);
}

const char *request_param(const struct request *request, const char *name)
{
    const char *value = pairs_get(&request->params, name);
    assert(value && "a name that is not in the route's path");
    return value;
}

const char *request_query(const struct request *request, const char *name)
{
    const bool last = request->service && request->service->last_parameter_counts;
    return last ? pairs_get_last(&request->query, name) : pairs_get(&request->query, name);
}

const char *request_link(const struct request *request, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *rest = arena_vprintf(request->arena, format, arguments);
    va_end(arguments);
    return arena_printf(request->arena, "%s%s%s", request->base_url, request->mount, rest);
}

/* The first segment of the shape v2 or v2.1, with its slash; NULL if there is none. */
static const char *find_version(const char *mount)
{
    for (const char *slash = strchr(mount, '/'); slash; slash = strchr(slash + 1, '/'))
        if (slash[1] == 'v' && isdigit((unsigned char)slash[2]))
            return slash;
    return NULL;
}

const char *request_bookmark(const struct request *request, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *rest = arena_vprintf(request->arena, format, arguments);
    va_end(arguments);
    const char *version = find_version(request->mount);
    if (!version)
        return arena_printf(request->arena, "%s%s%s", request->base_url, request->mount, rest);
    const char *behind = version + 1 + strcspn(version + 1, "/");
    return arena_printf(request->arena, "%s%.*s%s%s", request->base_url, (int)(version - request->mount), request->mount, behind,
                        rest);
}
