/*
 * From an error to a reply: kind → status → the service's own error body, and the headers that every reply has.
 *
 * Guarantees that the cause of an internal error reaches the log and not the client, and that the body is UTF-8.
 */
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/http/core/inside.h"

#define REQUEST_ID_HEADER "x-openstack-request-id"

void response_header_default(struct request *request, struct response *response, const char *name, const char *value)
{
    if (!pairs_get_nocase(&response->headers, name))
        response_header(request, response, name, value);
}

void response_complete(struct request *request, struct response *response)
{
    const struct service *service = request->service;
    if (response->status == 0)
        response->status = 200;
    version_write_headers(request, response);
    response_header_default(request, response, REQUEST_ID_HEADER, request->request_id);
    if (service && service->request_id_header)
        response_header_default(request, response, service->request_id_header, request->request_id);
    if (service && service->decorate)
        service->decorate(request, response);
}

void fault_write_compute(const struct request *request, int status, const char *message, struct response *response)
{
    (void)request;
    const char *retry_after = pairs_get_nocase(&response->headers, "Retry-After");
    struct text *body = &response->body;
    text_reset(body);
    text_add_char(body, '{');
    text_add_json(body, err_fault(err_from_status(status)));
    text_add_format(body, ":{\"code\":%d,\"message\":", status);
    text_add_json(body, message);
    if (retry_after && (status == 413 || status == 429)) {
        text_add_str(body, ",\"retryAfter\":");
        text_add_json(body, retry_after);
    }
    text_add_str(body, "}}");
    response->status = status;
    response->content_type = "application/json; charset=UTF-8";
}

/* A message may have been cut inside a character, or quote what a client sent. */
static const char *utf8_message(struct arena *arena, const char *message)
{
    char *copy = arena_strdup(arena, message);
    const size_t length = strlen(copy);
    for (size_t cut = 0; cut < 4 && cut <= length; cut++) {
        if (str_is_utf8(copy, length - cut)) {
            copy[length - cut] = '\0';
            return copy;
        }
    }
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return copy;
}

static const char *client_message(const struct request *request, enum err kind, const char *message)
{
    if (kind == E_RETRY)
        return "The zone is busy with changes to the same things. Nothing was changed, please try again.";
    if (err_status(kind) != 500)
        return utf8_message(request->arena, message);
    const struct log_text cause = log_quote(message);
    log_error("http.failed", "method=%s kind=%s cause=%s", request->method, err_name(kind), cause.text);
    return arena_printf(request->arena, "Unexpected API Error. Please report this with the request id %s.", request->request_id);
}

static void drop_content(struct response *response)
{
    const struct http_pairs headers = response->headers;
    response_clear(response);
    response->headers = headers;
}

void core_error(struct request *request, enum err kind, const char *message, struct response *response)
{
    const struct service *service = request->service;
    const int status = err_status(kind);
    const char *text = client_message(request, kind, message ? message : err_message());
    drop_content(response);
    response->status = status;
    if (status == 401) /* RFC 9110 section 11.6.1; the value is what keystonemiddleware sends */
        response_header_default(request, response, "WWW-Authenticate",
                                arena_printf(request->arena, "Keystone uri=\"%s\"", request->base_url));
    if (service && service->write_error)
        service->write_error(request, status, text, response);
    else
        fault_write_compute(request, status, text, response);
    response_complete(request, response);
}
