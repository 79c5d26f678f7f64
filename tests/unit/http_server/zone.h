/* A tiny zone for the server's tests: a few routes, a gate at which handlers wait, a sink that counts. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/id.h"
#include "gateway/base/log.h"
#include "gateway/http/server/server.h"
#include "tests/unit/http_server/client.h"

#define ZONE_MAX_BODY 65536

/* Process state: one zone per test program, and handlers get no context of their own. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool gate_open;
    int at_gate;
    int sinks_complete;
    int sinks_cut;
    uint64_t sink_bytes;
    int workers_opened;
    int workers_closed;
    bool workers_fail;
    int ran; /* handlers of /stream */
} zone = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static inline void zone_set_gate(bool open)
{
    (void)pthread_mutex_lock(&zone.lock);
    zone.gate_open = open;
    (void)pthread_cond_broadcast(&zone.changed);
    (void)pthread_mutex_unlock(&zone.lock);
}

static inline void zone_add(int *counter)
{
    (void)pthread_mutex_lock(&zone.lock);
    (*counter)++;
    (void)pthread_cond_broadcast(&zone.changed);
    (void)pthread_mutex_unlock(&zone.lock);
}

static inline int zone_read(const int *counter)
{
    (void)pthread_mutex_lock(&zone.lock);
    const int value = *counter;
    (void)pthread_mutex_unlock(&zone.lock);
    return value;
}

/* Waits at most 20 s. */
static inline void zone_wait(const int *counter, int least)
{
    struct timespec deadline;
    (void)clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 20;
    (void)pthread_mutex_lock(&zone.lock);
    while (*counter < least)
        CLIENT_CHECK(pthread_cond_timedwait(&zone.changed, &zone.lock, &deadline) == 0);
    (void)pthread_mutex_unlock(&zone.lock);
}

static enum err say_hello(struct request *request, struct response *response)
{
    text_add_format(&response->body, "hello %s %s %s %s", request->method, request->base_url, request->client_address,
                    request->on_server_thread ? "server" : "worker");
    response->content_type = "text/plain";
    return OK;
}

static enum err say_body(struct request *request, struct response *response)
{
    text_add(&response->body, request->body, request->body_length);
    response->content_type = request_header(request, "Content-Type");
    return OK;
}

static enum err say_json(struct request *request, struct response *response)
{
    (void)request;
    response->json = json_pack("{s:i}", "a", 1);
    response->status = 202;
    response_header(request, response, "Location", "http://x/");
    response_header(request, response, "Content-Length", "99999");
    return OK;
}

/* As many headers as another zone's answer may have, and more than a reply has room for. */
static enum err say_headers(struct request *request, struct response *response)
{
    for (int i = 0; i < 50; i++)
        response_header(request, response, arena_printf(request->arena, "X-Filler-%d", i),
                        arena_printf(request->arena, "%01000d", i));
    return OK;
}

static enum err say_nothing(struct request *request, struct response *response)
{
    (void)request;
    response->status = 204;
    return OK;
}

static enum err send_file(struct request *request, struct response *response)
{
    char path[] = "/tmp/zonegate-test-XXXXXX";
    response->file = mkstemp(path);
    (void)request;
    (void)unlink(path);
    for (int i = 0; i < 100000; i++)
        CLIENT_CHECK(write(response->file, "0123456789", 10) == 10);
    response->file_length = 1000000;
    return OK;
}

static enum err wait_at_gate(struct request *request, struct response *response)
{
    (void)pthread_mutex_lock(&zone.lock);
    zone.at_gate++;
    (void)pthread_cond_broadcast(&zone.changed);
    while (!zone.gate_open)
        (void)pthread_cond_wait(&zone.changed, &zone.lock);
    (void)pthread_mutex_unlock(&zone.lock);
    text_add_format(&response->body, "passed %s", request->path); /* still readable when the client was cut off */
    return OK;
}

struct counting_sink {
    struct body_sink sink;
    uint64_t bytes;
    uint64_t most;
};

static enum err count_bytes(struct body_sink *sink, const void *bytes, size_t length)
{
    struct counting_sink *counting = (struct counting_sink *)sink;
    (void)bytes;
    counting->bytes += length;
    if (counting->bytes > counting->most)
        return fail(E_TOO_LARGE, "At most %llu bytes.", (unsigned long long)counting->most);
    return OK;
}

static void count_end(struct body_sink *sink, bool complete)
{
    (void)pthread_mutex_lock(&zone.lock);
    zone.sink_bytes = ((struct counting_sink *)sink)->bytes;
    (void)pthread_mutex_unlock(&zone.lock);
    zone_add(complete ? &zone.sinks_complete : &zone.sinks_cut);
}

static enum err open_sink(struct request *request, struct body_sink **out)
{
    struct counting_sink *counting = arena_alloc(request->arena, sizeof(*counting));
    counting->sink = (struct body_sink){.write = count_bytes, .close = count_end};
    counting->most = request_query(request, "most") ? 1000 : 1U << 30;
    *out = &counting->sink;
    return OK;
}

static enum err say_stream(struct request *request, struct response *response)
{
    zone_add(&zone.ran);
    text_add_format(&response->body, "%llu", (unsigned long long)((struct counting_sink *)request->sink)->bytes);
    response->status = 201;
    return OK;
}

static const struct route zone_routes[] = {
    {.method = "GET", .path = "/inline", .handler = say_hello, .inline_ok = 1},
    {.method = "GET", .path = "/hello", .handler = say_hello},
    {.method = "POST", .path = "/echo", .handler = say_body, .body = BODY_OPAQUE},
    {.method = "POST", .path = "/json", .handler = say_json, .body = BODY_JSON},
    {.method = "GET", .path = "/json", .handler = say_json},
    {.method = "DELETE", .path = "/nothing", .handler = say_nothing},
    {.method = "GET", .path = "/headers", .handler = say_headers},
    {.method = "GET", .path = "/file", .handler = send_file},
    {.method = "GET", .path = "/gate", .handler = wait_at_gate},
    {.method = "GET", .path = "/secret", .handler = say_hello, .access = ACCESS_ANY},
    {.method = "PUT", .path = "/stream", .handler = say_stream, .body = BODY_STREAM, .open = open_sink, .access = ACCESS_ANY},
    {.method = NULL},
};

static const struct service zone_service = {
    .name = "test", .mounts = (const char *const[]){"/", NULL}, .tables = (const struct route *const[]){zone_routes, NULL}};
static const struct service *const zone_services[] = {&zone_service, NULL};

static enum err authenticate(struct request *request)
{
    if (!request_header(request, "X-Auth-Token"))
        return fail(E_UNAUTHORIZED, "The request you have made requires authentication.");
    return OK;
}

static enum err locate(struct request *request, struct response *response, bool *answered)
{
    (void)request;
    (void)response;
    (void)answered;
    return fail(E_INTERNAL, "no route of this zone is located");
}

static enum err open_worker(void *context, struct worker_parts *parts)
{
    (void)context;
    (void)parts;
    (void)pthread_mutex_lock(&zone.lock);
    const bool fails = zone.workers_fail;
    (void)pthread_mutex_unlock(&zone.lock);
    if (fails)
        return fail(E_UNAVAILABLE, "no database");
    zone_add(&zone.workers_opened);
    return OK;
}

static void close_worker(void *context, struct worker_parts *parts)
{
    (void)context;
    (void)parts;
    zone_add(&zone.workers_closed);
}

static struct http_core zone_core;
static const struct worker_hooks zone_hooks = {NULL, open_worker, close_worker};

/* `request_ms` 0: the default. */
static inline struct http_server *zone_start_patient(size_t workers, size_t queue, int64_t request_ms)
{
    const struct http_server_options options = {
        .listen = "127.0.0.1:0", .workers = workers, .queue = queue, .request_ms = request_ms};
    struct http_server *server = NULL;
    log_setup(LOG_LEVEL_ERROR, "test");
    zone_core = (struct http_core){
        .services = zone_services, .hooks = {authenticate, locate}, .max_body = ZONE_MAX_BODY, .budget_ms = 10000};
    assert_int_equal(core_setup(&zone_core), OK);
    const enum err result = http_server_start(&options, &zone_core, &zone_hooks, &server);
    if (result != OK)
        print_error("%s\n", err_message());
    assert_int_equal(result, OK);
    return server;
}

static inline struct http_server *zone_start(size_t workers, size_t queue)
{
    return zone_start_patient(workers, queue, 0);
}

static inline void zone_stop(struct http_server *server, int64_t grace_ms)
{
    http_server_stop(server, grace_ms);
    core_clear(&zone_core);
}
