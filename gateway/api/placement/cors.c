/*
 * Cross-origin requests of browsers (W3C CORS), when [placement] allowed_origin is set: preflight answers, and the headers of
 * others. Credentials are allowed, as oslo.middleware does by default. Not here: lifetimes of preflight answers.
 */
#include <string.h>
#include <strings.h>

#include "gateway/api/placement/inside.h"

#define BLANKS         " \t"
#define METHODS        "OPTIONS,GET,HEAD,POST,PUT,DELETE,TRACE,PATCH"
#define SIMPLE_HEADERS "Accept,Accept-Language,Content-Type,Cache-Control,Content-Language,Expires,Last-Modified,Pragma"

/* Is `word` an entry of the list "a, b,c"? */
static bool lists(const char *list, const char *word, size_t length, int (*compare)(const char *, const char *, size_t))
{
    while (*list) {
        list += strspn(list, BLANKS ",");
        size_t size = strcspn(list, ",");
        const size_t whole = size;
        while (size && strchr(BLANKS, list[size - 1]))
            size--;
        if (size == length && size && compare(list, word, size) == 0)
            return true;
        list += whole;
    }
    return false;
}

/* What Access-Control-Allow-Origin says to this request; NULL: nothing. */
static const char *allowed_origin(const struct request *request)
{
    const char *allowed = request->gateway->config.placement.allowed_origin;
    const char *origin = request_header(request, "Origin");
    if (!*allowed || !origin)
        return NULL;
    if (lists(allowed, origin, strlen(origin), strncmp))
        return origin;
    return lists(allowed, "*", 1, strncmp) ? "*" : NULL;
}

static bool headers_allowed(const struct request *request, const char *asked)
{
    const char *own = request->gateway->config.placement.allow_headers;
    while (*asked) {
        asked += strspn(asked, BLANKS ",");
        size_t size = strcspn(asked, ",");
        const size_t whole = size;
        while (size && strchr(BLANKS, asked[size - 1]))
            size--;
        if (size && !lists(own, asked, size, strncasecmp) && !lists(SIMPLE_HEADERS, asked, size, strncasecmp))
            return false;
        asked += whole;
    }
    return true;
}

static enum err preflight(struct request *request, struct response *response)
{
    const char *origin = allowed_origin(request);
    const char *method = request_header(request, "Access-Control-Request-Method");
    const char *headers = request_header(request, "Access-Control-Request-Headers");
    response->status = 200;
    if (!origin || !method || !lists(METHODS, method, strlen(method), strncmp) || !headers_allowed(request, headers ? headers : ""))
        return OK;
    response_header(request, response, "Vary", "Origin");
    response_header(request, response, "Access-Control-Allow-Origin", origin);
    response_header(request, response, "Access-Control-Allow-Credentials", "true");
    response_header(request, response, "Access-Control-Allow-Methods", method);
    if (headers && *headers)
        response_header(request, response, "Access-Control-Allow-Headers", headers);
    return OK;
}

const struct route *placement_cors_route(const struct request *request)
{
    static const struct route route = {
        .method = "OPTIONS", .path = "/{rest...}", .access = ACCESS_PUBLIC, .handler = preflight, .inline_ok = 1};
    const bool configured = *request->gateway->config.placement.allowed_origin;
    return configured && strcmp(request->method, "OPTIONS") == 0 ? &route : NULL;
}

void placement_cors_decorate(const struct request *request, struct response *response)
{
    const char *origin = allowed_origin(request);
    if (!origin || strcmp(request->method, "OPTIONS") == 0)
        return;
    pairs_add(request->arena, &response->headers, "Access-Control-Allow-Origin", origin);
    pairs_add(request->arena, &response->headers, "Access-Control-Allow-Credentials", "true");
}
