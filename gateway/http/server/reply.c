/*
 * From a `struct response` to libmicrohttpd's. Bytes and files are moved, not copied. Framing (Content-Length, Transfer-Encoding,
 * Connection) is the server's: what a relayed answer says about it is left out.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/log.h"
#include "gateway/http/server/inside.h"

static const char *const framing_headers[] = {"Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive", "Date"};

#define HEAD_MAX ((size_t)16 * 1024) /* what the library's memory of a connection has room for, beside the request */

static bool is_framing(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(framing_headers); i++)
        if (strcasecmp(framing_headers[i], name) == 0)
            return true;
    return false;
}

static bool has_no_content(int status)
{
    return status < 200 || status == 204 || status == 304;
}

static bool is_stream(const struct response *response)
{
    return !has_no_content(response->status) &&
           (response->source || (response->source_length && response->source_length != UINT64_MAX));
}

static struct MHD_Response *take_body(struct exchange *exchange)
{
    struct response *response = &exchange->response;
    if (has_no_content(response->status))
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (is_stream(response))
        return source_reply(exchange, response->source_length);
    if (response->file >= 0) {
        struct MHD_Response *reply = MHD_create_response_from_fd64(response->file_length, response->file);
        if (reply)
            response->file = -1;
        return reply;
    }
    if (response->body.length == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *reply =
        MHD_create_response_from_buffer_with_free_callback(response->body.length, response->body.bytes, free);
    if (reply)
        response->body = (struct text){0};
    return reply;
}

static void add_header(struct MHD_Response *reply, const char *name, const char *value)
{
    if (MHD_add_response_header(reply, name, value) != MHD_YES)
        log_warn("http.header", "name=%s cause=\"refused by the server library\"", name);
}

static const char *content_type(const struct response *response)
{
    if (pairs_get_nocase(&response->headers, "Content-Type"))
        return NULL;
    if (response->content_type)
        return response->content_type;
    if (has_no_content(response->status))
        return NULL;
    if (response->file >= 0)
        return "application/octet-stream";
    return response->body.length && !is_stream(response) ? "application/json" : NULL;
}

void reply_bound(struct exchange *exchange)
{
    struct response *response = &exchange->response;
    size_t bytes = 0;
    for (size_t i = 0; i < response->headers.count; i++)
        bytes += strlen(response->headers.items[i].name) + strlen(response->headers.items[i].value) + 4;
    if (bytes <= HEAD_MAX)
        return;
    response_clear(response);
    core_error(&exchange->request, E_BAD_GATEWAY, "The answer's headers are too large to be passed on.", response);
}

void reply_build(struct exchange *exchange)
{
    struct response *response = &exchange->response;
    response_render(response);
    const char *type = content_type(response);
    exchange->status = (unsigned)response->status;
    exchange->reply_length = response->file >= 0 ? response->file_length : response->body.length;
    exchange->reply = take_body(exchange);
    if (!exchange->reply)
        return;
    for (size_t i = 0; i < response->headers.count; i++)
        if (!is_framing(response->headers.items[i].name))
            add_header(exchange->reply, response->headers.items[i].name, response->headers.items[i].value);
    if (type)
        add_header(exchange->reply, "Content-Type", type);
    if (atomic_load(&exchange->server->draining))
        add_header(exchange->reply, "Connection", "close");
}
