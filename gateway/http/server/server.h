/*
 * The HTTP/1.1 server: libmicrohttpd on one epoll thread, requests handed to a pool of workers.
 *
 * Heads are judged on the epoll thread (core_open), bodies are collected or streamed there, handlers run on workers. Guarantees
 * that a worker never touches a connection, that every suspended connection is resumed before the end, that each request is
 * accounted once, and that no client holds a connection by being slow (patience.c). Not here: HTTP/2, routes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/http/core/core.h"

struct http_server;

struct http_server_options {
    const char *listen;     /* "127.0.0.1:8774", "[::]:8774" (IPv4 too); port 0: any free one */
    const char *public_url; /* base URL as clients reach the zone; NULL or "": scheme and Host header */
    const char *tls_cert;   /* PEM files, both or none (NULL or "") */
    const char *tls_key;
    size_t workers;     /* most worker threads */
    size_t queue;       /* requests that may wait for a worker */
    size_t connections; /* most client connections; 0: 10000 */
    int64_t request_ms; /* for a request's head and body; streams and replies get more by their length. 0: 60000 */
};

/* What a worker owns. Made at its first request; if that fails the request gets 503 and the next one tries again. */
struct worker_parts {
    struct db *db;
    struct fanout *fanout;
};

struct worker_hooks {
    void *context;
    enum err (*open)(void *context, struct worker_parts *parts);
    void (*close)(void *context, struct worker_parts *parts); /* on the worker's thread, when it ends; only after an open */
};

/* Said on the worker's own thread before and after it waits for somebody else: meanwhile another one may run. Idempotent. `parts`
 * must be those that its `open` got. */
void worker_waiting(struct worker_parts *parts, bool waits);

struct http_server_counts {
    size_t workers;
    size_t idle;
    size_t queued;
    size_t active; /* requests between their headers and the end of their reply */
};

/*
 * Listens and starts the epoll thread. `core` was set up and must outlive the server; options are copied.
 * E_INVALID: address, certificate or key; E_UNAVAILABLE: the port is taken or not allowed.
 */
MUST_CHECK enum err http_server_start(const struct http_server_options *options, const struct http_core *core,
                                      const struct worker_hooks *hooks, struct http_server **out);
/*
 * Stops accepting, answers new requests of kept connections with 503 and Connection: close, lets what runs end within `grace_ms`,
 * refuses what still waits (503), cuts what still runs, and joins the workers (which lasts as long as their handlers do).
 */
void http_server_stop(struct http_server *server, int64_t grace_ms);

unsigned http_server_port(const struct http_server *server);
void http_server_count(struct http_server *server, struct http_server_counts *out);
