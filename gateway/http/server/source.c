/*
 * Replies whose bodies come from another zone, or from a worker, piece by piece: the connection is suspended while there is nothing
 * to send. A source that breaks cuts the connection, so that no client takes half an answer for a whole one.
 */
#include <sys/socket.h>

#include "gateway/base/log.h"
#include "gateway/http/server/inside.h"

#define BLOCK_SIZE ((size_t)32 * 1024)

/* On the source's thread. The last word may free the exchange. */
static void on_told(void *context, bool over)
{
    struct exchange *exchange = context;
    struct http_server *server = exchange->server;
    (void)pthread_mutex_lock(&server->lock);
    if (over) {
        exchange->carried = false;
        server->carried--;
        (void)pthread_cond_signal(&server->quiet);
    }
    const bool orphan = exchange->orphan && exchange_is_free(exchange);
    if (!exchange->orphan && !exchange->busy)
        exchange_wake(exchange);
    (void)pthread_mutex_unlock(&server->lock);
    if (orphan)
        exchange_free(exchange);
}

void source_attach(struct exchange *exchange, struct body_source *source)
{
    if (!source || exchange->source)
        return;
    (void)pthread_mutex_lock(&exchange->server->lock);
    exchange->source = source;
    exchange->carried = !source->work;
    exchange->server->carried += exchange->carried;
    (void)pthread_mutex_unlock(&exchange->server->lock);
    if (!source->work)
        source->listen(source, on_told, exchange);
}

void source_release(struct exchange *exchange)
{
    struct body_source *source = exchange->source;
    exchange->source = NULL;
    if (source)
        source->release(source);
}

bool source_pause(struct exchange *exchange)
{
    if (exchange->server->cutting)
        return false;
    patience_ours(exchange->connection);
    MHD_suspend_connection(exchange->connection);
    exchange->suspended = true;
    exchange->paused = true;
    return true;
}

/* Without a length only a reset says that there should have been more, to a client of HTTP/1.0. */
static ssize_t cut(struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const struct linger at_once = {.l_onoff = 1};
    exchange->broken = true;
    if (info)
        (void)setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    log_set_request(exchange->request.request_id);
    log_warn("http.cut", "cause=\"the zone that answers broke off\"");
    log_set_request(NULL);
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* Under the lock: a worker makes the next piece. What has begun does not lose to a full queue. */
static bool ask_worker(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    struct pool_wake wake = {NULL};
    exchange->busy = !server->cutting && pool_push(server->pool, &exchange->item, SIZE_MAX, &wake);
    pool_wake(wake);
    return exchange->busy && source_pause(exchange);
}

void source_work(struct exchange *exchange, const struct worker_parts *parts)
{
    if (parts)
        exchange->source->work(exchange->source, parts->db, parts->fanout);
    else
        exchange->unfed = true;
}

static ssize_t read_source(void *context, uint64_t position, char *out, size_t size)
{
    struct exchange *exchange = context;
    struct http_server *server = exchange->server;
    (void)position;
    (void)pthread_mutex_lock(&server->lock);
    const ssize_t got = exchange->source->read(exchange->source, out, size);
    const bool waits =
        got == SOURCE_WAIT && !exchange->unfed && (exchange->source->work ? ask_worker(exchange) : source_pause(exchange));
    (void)pthread_mutex_unlock(&server->lock);
    if (waits)
        return 0;
    if (got == SOURCE_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (got <= 0)
        return cut(exchange);
    patience_reply(server, exchange->connection, (uint64_t)got);
    return got;
}

struct MHD_Response *source_reply(struct exchange *exchange, uint64_t length)
{
    return MHD_create_response_from_callback(length == UINT64_MAX ? MHD_SIZE_UNKNOWN : length, BLOCK_SIZE, read_source, exchange,
                                             NULL);
}

size_t source_room(struct exchange *exchange, bool *cut)
{
    if (!exchange->sink->room)
        return SIZE_MAX;
    (void)pthread_mutex_lock(&exchange->server->lock);
    const size_t room = exchange->sink->room(exchange->sink);
    *cut = room == 0 && !source_pause(exchange);
    (void)pthread_mutex_unlock(&exchange->server->lock);
    return room;
}

bool source_client_left(const struct exchange *exchange)
{
    char byte;
    const uint64_t length = announced_length(&exchange->request);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info && length != UINT64_MAX && exchange->streamed < length &&
           recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}
