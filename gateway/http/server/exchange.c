/*
 * One request from its head to its reply, phase by phase.
 *
 * libmicrohttpd calls `exchange_continue` on its epoll thread: once with the head, then with chunks of the body, then once at the
 * end; after a suspension made in the first call, that call is repeated. It takes a reply in the first and in the last call only,
 * and closes the connection after one in the first call. So nearly every reply waits for the last call, and of a body that nobody
 * wants at most DRAIN_MAX bytes are read and thrown away; a larger one is refused in the first call, or cut.
 */
#include <string.h>
#include <strings.h>

#include "gateway/base/log.h"
#include "gateway/http/server/inside.h"
#include "schema/db_cache.h"

#define DRAIN_MAX   ((uint64_t)1024 * 1024)
#define RETRY_AFTER "1"
#define AHEAD_MIN   ((size_t)64 * 1024) /* bytes of a body beyond which its zone is looked for first (spec link.md section 3) */

struct chunk {
    const char *bytes;
    size_t length;
    size_t *left; /* out, 0 before: of the bytes, how many are to be offered again */
};

typedef enum MHD_Result phase_f(struct exchange *exchange, struct chunk chunk);

static void set_log_request(const struct exchange *exchange)
{
    log_set_request(exchange->request.request_id);
}

/* The response is complete: accounts it and makes the library's form of it. On any thread. */
static void finish_response(struct exchange *exchange)
{
    reply_bound(exchange);
    if (!exchange->response.source) {
        core_account(&exchange->request, exchange->response.status);
        exchange->accounted = true;
    }
    reply_build(exchange);
}

static enum MHD_Result send_reply(struct exchange *exchange)
{
    exchange->phase = PHASE_SENT;
    if (!exchange->reply)
        return MHD_NO;
    patience_reply(exchange->server, exchange->connection, exchange->reply_length);
    const enum MHD_Result queued = MHD_queue_response(exchange->connection, exchange->status, exchange->reply);
    MHD_destroy_response(exchange->reply);
    exchange->reply = NULL;
    return queued;
}

static bool expects_continue(const struct request *request)
{
    const char *expect = request_header(request, "Expect");
    return expect && strcasecmp(expect, "100-continue") == 0;
}

/* Worth reading the body for: it keeps the connection, and a client that is still writing may lose a reply to a closed one. */
static bool is_drainable(const struct request *request)
{
    const uint64_t length = announced_length(request);
    if (length == 0)
        return true;
    if (expects_continue(request))
        return false;
    if (length == UINT64_MAX)
        return !request->route || request->route->body != BODY_STREAM;
    return length <= DRAIN_MAX;
}

/* In the first call. */
static enum MHD_Result send_first(struct exchange *exchange)
{
    if (!is_drainable(&exchange->request))
        return send_reply(exchange);
    exchange->phase = PHASE_DRAIN;
    return MHD_YES;
}

static void refuse(struct exchange *exchange, enum err kind, const char *message)
{
    if (kind == E_UNAVAILABLE)
        response_header(&exchange->request, &exchange->response, "Retry-After", RETRY_AFTER);
    core_error(&exchange->request, kind, message, &exchange->response);
    finish_response(exchange);
}

/* 503 of this zone about itself; a parent reads the reason (spec link.md section 4). */
static void refuse_for_now(struct exchange *exchange, const char *reason, const char *message)
{
    response_header(&exchange->request, &exchange->response, "X-Zone-Missing",
                    arena_printf(&exchange->arena, ".;reason=%s", reason));
    refuse(exchange, E_UNAVAILABLE, message);
}

static void refuse_too_large(struct exchange *exchange)
{
    const char *message = arena_printf(&exchange->arena, "Request is too large: at most %zu bytes are allowed.",
                                       core_max_body(exchange->server->core, &exchange->request));
    refuse(exchange, E_TOO_LARGE, message);
}

void exchange_wake(struct exchange *exchange)
{
    if (!exchange->suspended)
        return;
    exchange->suspended = false;
    MHD_resume_connection(exchange->connection);
}

static struct pool *pool_of(const struct exchange *exchange)
{
    return exchange->request.route->own_queue ? exchange->server->own : exchange->server->pool;
}

/* Hands the exchange to a worker. The connection is suspended under the lock, so that the worker cannot resume it before. */
static bool submit(struct exchange *exchange, enum phase phase, size_t queue_limit)
{
    struct http_server *server = exchange->server;
    const enum phase before = exchange->phase;
    struct pool_wake wake = {NULL};
    (void)pthread_mutex_lock(&server->lock);
    exchange->phase = phase;
    exchange->busy = true;
    exchange->request.on_server_thread = false;
    const size_t limit = exchange->request.route->own_queue ? OWN_QUEUE : queue_limit;
    const bool taken = !server->cutting && pool_push(pool_of(exchange), &exchange->item, limit, &wake);
    if (taken) {
        patience_ours(exchange->connection);
        MHD_suspend_connection(exchange->connection);
        exchange->suspended = true;
    } else {
        exchange->phase = before;
        exchange->busy = false;
        exchange->request.on_server_thread = true;
    }
    (void)pthread_mutex_unlock(&server->lock);
    pool_wake(wake);
    return taken;
}

static void refuse_busy(struct exchange *exchange)
{
    refuse_for_now(exchange, "busy", "The zone is too busy to take this request. Nothing was changed, please try again.");
}

static enum MHD_Result begin_stream(struct exchange *exchange)
{
    if (submit(exchange, PHASE_OPENING, exchange->server->queue))
        return MHD_YES;
    refuse_busy(exchange);
    return send_first(exchange);
}

/* A body that is large, or may be, of a request that may be another zone's: to be known before it is read. */
static bool is_located_ahead(const struct exchange *exchange)
{
    const struct request *request = &exchange->request;
    const uint64_t length = announced_length(request);
    if (request->route->scope != SCOPE_SERVER || request->body_ahead || length <= AHEAD_MIN)
        return false;
    return length != UINT64_MAX || expects_continue(request);
}

/* A head that is refused at once, if it is. */
static bool refuse_head(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    const struct route *route = exchange->request.route;
    const uint64_t length = announced_length(&exchange->request);
    if (atomic_load(&server->draining))
        refuse_for_now(exchange, "busy", "The zone is stopping. Nothing was changed, please try again.");
    else if (route->body != BODY_STREAM && !is_located_ahead(exchange) && length != UINT64_MAX &&
             length > core_max_body(server->core, &exchange->request))
        refuse_too_large(exchange);
    else if (!route->inline_ok && pool_is_full(pool_of(exchange)))
        refuse_busy(exchange);
    else
        return false;
    return true;
}

static enum MHD_Result route_head(struct exchange *exchange)
{
    const struct http_server *server = exchange->server;
    const struct route *route = exchange->request.route;
    if (refuse_head(exchange))
        return send_first(exchange);
    if (route->inline_ok) {
        core_run(server->core, &exchange->request, &exchange->response);
        finish_response(exchange);
        return send_first(exchange);
    }
    if (route->body == BODY_STREAM || is_located_ahead(exchange))
        return begin_stream(exchange);
    exchange->phase = PHASE_BODY;
    return MHD_YES;
}

static enum MHD_Result on_begin(struct exchange *exchange, struct chunk chunk)
{
    (void)chunk;
    const enum err opened = core_open(exchange->server->core, &exchange->request, &exchange->response);
    exchange->begun = true;
    set_log_request(exchange);
    if (opened == OK)
        return route_head(exchange);
    finish_response(exchange);
    return send_first(exchange);
}

static enum MHD_Result run_collected(struct exchange *exchange)
{
    exchange->request.body = text_str(&exchange->body);
    exchange->request.body_length = exchange->body.length;
    if (submit(exchange, PHASE_RUNNING, exchange->server->queue))
        return MHD_YES;
    refuse_busy(exchange);
    return send_reply(exchange);
}

/* A body without length turns out to be large. */
static bool is_located_late(const struct exchange *exchange, size_t length)
{
    const struct request *request = &exchange->request;
    return request->route->scope == SCOPE_SERVER && !request->body_ahead && exchange->body.length + length > AHEAD_MIN;
}

static enum MHD_Result locate_late(struct exchange *exchange, struct chunk chunk)
{
    *chunk.left = chunk.length;
    if (submit(exchange, PHASE_OPENING, exchange->server->queue))
        return MHD_YES;
    *chunk.left = 0;
    refuse_busy(exchange);
    exchange->phase = PHASE_DRAIN;
    return MHD_YES;
}

static enum MHD_Result on_body(struct exchange *exchange, struct chunk chunk)
{
    if (chunk.length == 0)
        return run_collected(exchange);
    if (is_located_late(exchange, chunk.length))
        return locate_late(exchange, chunk);
    if (chunk.length > core_max_body(exchange->server->core, &exchange->request) - exchange->body.length) {
        text_clear(&exchange->body);
        refuse_too_large(exchange);
        exchange->phase = PHASE_DRAIN;
        return MHD_YES;
    }
    text_add(&exchange->body, chunk.bytes, chunk.length);
    return MHD_YES;
}

static void close_sink(struct exchange *exchange, bool complete)
{
    struct body_sink *sink = exchange->sink;
    exchange->sink = NULL;
    if (sink)
        sink->close(sink, complete);
}

static enum MHD_Result refuse_rest(struct exchange *exchange, enum err why)
{
    core_error(&exchange->request, why, NULL, &exchange->response);
    finish_response(exchange);
    close_sink(exchange, false);
    exchange->phase = PHASE_DRAIN;
    return MHD_YES;
}

static enum MHD_Result end_stream(struct exchange *exchange)
{
    if (submit(exchange, PHASE_RUNNING, SIZE_MAX)) /* what was taken in may be large: it does not lose to a full queue */
        return MHD_YES;
    close_sink(exchange, false);
    refuse_busy(exchange);
    return send_reply(exchange);
}

static enum MHD_Result on_stream(struct exchange *exchange, struct chunk chunk)
{
    bool cut = false;
    if (exchange->paused)
        patience_body(exchange->server, exchange->connection);
    exchange->paused = false;
    if (chunk.length == 0)
        return end_stream(exchange);
    for (size_t done = 0; done < chunk.length;) {
        const size_t room = source_room(exchange, &cut);
        const size_t size = room < chunk.length - done ? room : chunk.length - done;
        *chunk.left = chunk.length - done;
        if (size == 0)
            return cut ? MHD_NO : MHD_YES;
        patience_stream(exchange->connection, size);
        const enum err written = exchange->sink->write(exchange->sink, chunk.bytes + done, size);
        done += size;
        exchange->streamed += size;
        *chunk.left = 0;
        if (written != OK)
            return refuse_rest(exchange, written);
    }
    return source_client_left(exchange) ? MHD_NO : MHD_YES;
}

/* What was collected before it was known that another zone wants it. */
static void pass_collected(struct exchange *exchange)
{
    if (exchange->body.length && exchange->sink->write(exchange->sink, exchange->body.bytes, exchange->body.length) != OK)
        log_debug("http.stream", "cause=\"nobody takes it\"");
    exchange->streamed = exchange->body.length;
    text_clear(&exchange->body);
}

/* The first call again, or the one with the bytes that were left: the worker opened the sink, or found that the request is this
 * zone's own. */
static enum MHD_Result on_opened(struct exchange *exchange, struct chunk chunk)
{
    const bool first = chunk.length == 0;
    patience_body(exchange->server, exchange->connection);
    if (!exchange->sink && first && refuse_head(exchange))
        return send_first(exchange);
    exchange->phase = exchange->sink ? PHASE_STREAM : PHASE_BODY;
    if (exchange->sink)
        pass_collected(exchange);
    if (first)
        return MHD_YES;
    return exchange->sink ? on_stream(exchange, chunk) : on_body(exchange, chunk);
}

static enum MHD_Result on_drain(struct exchange *exchange, struct chunk chunk)
{
    exchange->dropped += chunk.length;
    if (exchange->dropped > DRAIN_MAX)
        return MHD_NO;
    return chunk.length ? MHD_YES : send_reply(exchange);
}

static enum MHD_Result on_reply(struct exchange *exchange, struct chunk chunk)
{
    (void)chunk;
    return send_reply(exchange);
}

/* The first call again: the worker refused the stream. */
static enum MHD_Result on_refused(struct exchange *exchange, struct chunk chunk)
{
    patience_body(exchange->server, exchange->connection);
    if (chunk.length == 0)
        return send_first(exchange);
    exchange->phase = PHASE_DRAIN;
    return on_drain(exchange, chunk);
}

/* The worker has it: the server is being cut off. */
static enum MHD_Result on_busy(struct exchange *exchange, struct chunk chunk)
{
    (void)exchange;
    (void)chunk;
    return MHD_NO;
}

static phase_f *const phases[] = {
    [PHASE_BEGIN] = on_begin,   [PHASE_BODY] = on_body,    [PHASE_OPENING] = on_busy,    [PHASE_OPENED] = on_opened,
    [PHASE_STREAM] = on_stream, [PHASE_RUNNING] = on_busy, [PHASE_REFUSED] = on_refused, [PHASE_DRAIN] = on_drain,
    [PHASE_REPLY] = on_reply,   [PHASE_SENT] = on_busy,
};
_Static_assert(ARRAY_LEN(phases) == PHASE_COUNT, "a phase without a function");

enum MHD_Result exchange_continue(void *server, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **context)
{
    struct exchange *exchange = *context;
    (void)server;
    (void)url;
    (void)version;
    if (!exchange || atomic_load(&exchange->busy))
        return MHD_NO;
    if (exchange->phase == PHASE_BEGIN) {
        patience_head(connection);
        describe_request(exchange, method);
    }
    const struct chunk chunk = {upload, *upload_size, upload_size};
    *upload_size = 0;
    set_log_request(exchange);
    const enum MHD_Result result = phases[exchange->phase](exchange, chunk);
    log_set_request(NULL);
    return result;
}

/* Back to the epoll thread. */
static void hand_back(struct exchange *exchange, enum phase phase)
{
    struct http_server *server = exchange->server;
    (void)pthread_mutex_lock(&server->lock);
    exchange->phase = phase;
    exchange->busy = false;
    const bool orphan = exchange->orphan;
    const bool last = orphan && exchange_is_free(exchange);
    if (orphan)
        source_release(exchange);
    else
        exchange_wake(exchange);
    (void)pthread_mutex_unlock(&server->lock);
    if (last)
        exchange_free(exchange);
}

void exchange_refuse(struct exchange *exchange)
{
    if (exchange->phase == PHASE_SENT) {
        source_work(exchange, NULL);
        hand_back(exchange, PHASE_SENT);
        return;
    }
    set_log_request(exchange);
    close_sink(exchange, false);
    refuse_for_now(exchange, "busy", "The zone is stopping. Nothing was changed, please try again.");
    log_set_request(NULL);
    hand_back(exchange, PHASE_REPLY);
}

/* Opens a stream; the phase that follows. */
static enum phase work_open(struct exchange *exchange)
{
    struct request *request = &exchange->request;
    request->length_ahead = announced_length(request);
    const enum err opened = core_open_stream(exchange->server->core, request, &exchange->response);
    source_attach(exchange, request->source ? request->source : exchange->response.source);
    if (opened == OK && !exchange->response.status) {
        exchange->sink = request->sink;
        return PHASE_OPENED;
    }
    finish_response(exchange);
    return PHASE_REFUSED;
}

/* The reply holds all that is still needed: the rest is freed here and not on the epoll thread. */
static void release_memory(struct exchange *exchange)
{
    response_clear(&exchange->response);
    text_clear(&exchange->body);
    arena_clear(&exchange->arena);
    exchange->request = (struct request){0};
}

static enum phase work_run(struct exchange *exchange)
{
    close_sink(exchange, true);
    core_run(exchange->server->core, &exchange->request, &exchange->response);
    source_attach(exchange, exchange->response.source);
    finish_response(exchange);
    if (!exchange->source)
        release_memory(exchange);
    return PHASE_REPLY;
}

static enum phase work_refuse(struct exchange *exchange)
{
    close_sink(exchange, false);
    refuse_for_now(exchange, "store", "The zone cannot reach what it needs to answer. Nothing was changed, please try again.");
    return exchange->phase == PHASE_OPENING ? PHASE_REFUSED : PHASE_REPLY;
}

static enum phase work(struct exchange *exchange, const struct worker_parts *parts)
{
    exchange->request.db = parts->db;
    db_cache_forget(parts->db);
    exchange->request.fanout = parts->fanout;
    const enum phase next = exchange->phase == PHASE_OPENING ? work_open(exchange) : work_run(exchange);
    exchange->request.db = NULL; /* another worker may run the next step */
    exchange->request.fanout = NULL;
    return next;
}

void exchange_work(struct pool_item *item, struct worker_parts *parts)
{
    struct exchange *exchange = (struct exchange *)item;
    enum phase next = PHASE_SENT;
    set_log_request(exchange);
    if (exchange->phase == PHASE_SENT)
        source_work(exchange, parts);
    else
        next = parts ? work(exchange, parts) : work_refuse(exchange);
    log_set_request(NULL);
    hand_back(exchange, next);
}
