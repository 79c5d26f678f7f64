/*
 * The reply to a head that libmicrohttpd refuses itself, before it asks us: a Content-Length that is no number, too many headers,
 * no Host. Its page is HTML; clients get the error body of the service that they asked, with the same status.
 *
 * It is known only from what the library says to its log, just before it answers and on its own thread; so this is done only when
 * one head is being read and it is clear whose it is. Our reply goes out first, then the sending side is closed: the library's page
 * finds a closed door, and the connection ends, as it would anyway. Not over TLS, not for a request line that is none, and not
 * while several heads are being read: there the library's page stays.
 */
#include <string.h>
#include <sys/socket.h>

#include "gateway/http/server/inside.h"

#define STATUS_MARK "HTTP response code is "

/* What the library says, and what is answered. The first row that fits; the last ones by the status. */
static const struct {
    const char *words;
    bool heads_only; /* said of heads that have their request line */
    enum err kind;
    const char *message;
} refusals[] = {
    {"Failed to parse `Content-Length' header", true, E_INVALID, "content-length header must be an integer"},
    {"Too large value of 'Content-Length' header", true, E_TOO_LARGE, "Request is too large."},
    {"request without `Host' header", true, E_INVALID, "The request has no Host header."},
    {STATUS_MARK "400 ", false, E_INVALID, "The request is malformed."},
    {STATUS_MARK "413 ", false, E_TOO_LARGE, "Request is too large."},
    {STATUS_MARK "414 ", false, E_HEADERS_TOO_LARGE, "The request's headers are too large."},
    {STATUS_MARK "431 ", false, E_HEADERS_TOO_LARGE, "The request's headers are too large."},
};

/* The only exchange whose head is not complete; NULL: none, or several. */
static struct exchange *find_only_head(struct http_server *server)
{
    struct exchange *found = NULL;
    size_t heads = 0;
    (void)pthread_mutex_lock(&server->lock);
    for (struct exchange *exchange = server->exchanges; exchange; exchange = exchange->next) {
        if (exchange->begun || exchange->phase != PHASE_BEGIN)
            continue;
        found = exchange;
        heads++;
    }
    (void)pthread_mutex_unlock(&server->lock);
    return heads == 1 ? found : NULL;
}

static bool is_alone(struct http_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    const bool alone = patience_is_alone(server);
    (void)pthread_mutex_unlock(&server->lock);
    return alone;
}

/* The head is judged as that of a GET, so that the service is known. */
static void write_reply(struct exchange *exchange, enum err kind, const char *message, struct text *out)
{
    struct response *response = &exchange->response;
    describe_request(exchange, "GET");
    if (core_open(exchange->server->core, &exchange->request, response) == OK)
        response_clear(response);
    core_error(&exchange->request, kind, message, response);
    text_add_format(out, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", response->status,
                    MHD_get_reason_phrase_for((unsigned)response->status),
                    response->content_type ? response->content_type : "application/json", response->body.length);
    for (size_t i = 0; i < response->headers.count; i++)
        text_add_format(out, "%s: %s\r\n", response->headers.items[i].name, response->headers.items[i].value);
    text_add_str(out, "\r\n");
    text_add(out, text_str(&response->body), response->body.length);
}

static void answer(struct exchange *exchange, enum err kind, const char *message)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    CLEANUP(text_clear) struct text reply = {0};
    if (!info)
        return;
    write_reply(exchange, kind, message, &reply);
    (void)send(info->connect_fd, text_str(&reply), reply.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(info->connect_fd, SHUT_WR);
    exchange->begun = true;
    exchange->accounted = true;
    core_account(&exchange->request, exchange->response.status);
}

void malformed_answer(struct http_server *server, const char *words)
{
    if (strcmp(server->scheme, "http") != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (!strstr(words, refusals[i].words))
            continue;
        struct exchange *exchange = refusals[i].heads_only || is_alone(server) ? find_only_head(server) : NULL;
        if (exchange)
            answer(exchange, refusals[i].kind, refusals[i].message);
        return;
    }
}
