/* Birth and death of an exchange, and the server's list of them. */
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/http/server/inside.h"

struct exchange *exchange_new(struct http_server *server, struct MHD_Connection *connection, const char *target)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (!exchange)
        return NULL;
    exchange->server = server;
    exchange->connection = connection;
    exchange->request.arena = &exchange->arena;
    exchange->request.target = arena_strdup(&exchange->arena, target);
    response_init(&exchange->response);
    (void)pthread_mutex_lock(&server->lock);
    exchange->next = server->exchanges;
    if (exchange->next)
        exchange->next->previous = exchange;
    server->exchanges = exchange;
    server->active++;
    (void)pthread_mutex_unlock(&server->lock);
    return exchange;
}

static void unlink_exchange(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        server->exchanges = exchange->next;
    if (exchange->next)
        exchange->next->previous = exchange->previous;
    server->active--;
    (void)pthread_cond_signal(&server->quiet);
}

/* The client left before its answer, or the server cut it off. */
static void account_lost(struct exchange *exchange)
{
    if (!exchange->begun || exchange->accounted)
        return;
    log_set_request(exchange->request.request_id);
    core_account(&exchange->request, 499);
    log_set_request(NULL);
}

bool exchange_is_free(const struct exchange *exchange)
{
    return !exchange->busy && !exchange->carried;
}

void exchange_free(struct exchange *exchange)
{
    if (exchange->sink)
        exchange->sink->close(exchange->sink, false);
    source_release(exchange);
    account_lost(exchange);
    if (exchange->reply)
        MHD_destroy_response(exchange->reply);
    response_clear(&exchange->response);
    text_clear(&exchange->body);
    arena_clear(&exchange->arena);
    free(exchange);
}

void *exchange_start(void *server, const char *target, struct MHD_Connection *connection)
{
    struct exchange *exchange = exchange_new(server, connection, target);
    patience_line(server, connection, exchange);
    return exchange;
}

void exchange_drop(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    (void)pthread_mutex_lock(&server->lock);
    unlink_exchange(exchange);
    (void)pthread_mutex_unlock(&server->lock);
    exchange_free(exchange);
}

/* A reply from a source is complete when its last byte is sent. */
static void account_sent(struct exchange *exchange, enum MHD_RequestTerminationCode how)
{
    if (!exchange->source || exchange->busy || exchange->accounted || exchange->phase != PHASE_SENT)
        return;
    const bool whole = how == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    exchange->accounted = true;
    log_set_request(exchange->request.request_id);
    core_account(&exchange->request, whole ? (int)exchange->status : exchange->broken ? 502 : 499);
    log_set_request(NULL);
}

/* Its connection is gone: what still comes for it, or is to go, is broken off. */
static void let_go(struct exchange *exchange)
{
    if (exchange->sink)
        exchange->sink->close(exchange->sink, false);
    exchange->sink = NULL;
    source_release(exchange);
}

void exchange_end(void *context, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode how)
{
    struct http_server *server = context;
    struct exchange *exchange = *slot;
    patience_head(connection);
    patience_idle(server, connection);
    *slot = NULL;
    if (!exchange)
        return;
    (void)pthread_mutex_lock(&server->lock);
    unlink_exchange(exchange);
    account_sent(exchange, how);
    const bool mine = exchange_is_free(exchange);
    exchange->orphan = !mine;
    if (!exchange->busy)
        let_go(exchange);
    (void)pthread_mutex_unlock(&server->lock);
    if (mine)
        exchange_free(exchange);
}
