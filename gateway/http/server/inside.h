/* What the files of the server share with each other. Nobody else includes it. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <microhttpd.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/http/core/core.h"
#include "gateway/http/server/pool.h"
#include "gateway/http/server/server.h"

#define CONNECTION_TIMEOUT_S 75 /* without a byte */
#define OWN_QUEUE            64

struct exchange;
struct guest; /* a connection: patience.c */

struct http_server {
    const struct http_core *core;
    struct pool *pool;
    struct pool *own; /* of routes with own_queue */
    struct MHD_Daemon *daemon;
    int listen_fd;
    unsigned port;
    char *public_url; /* without a trailing slash; NULL: scheme and Host header */
    char *address;    /* host:port for requests without a usable Host header */
    const char *scheme;
    size_t queue;
    atomic_bool draining; /* new requests are refused */
    pthread_mutex_t lock; /* guards what follows, and `busy`, `suspended`, `orphan`, `carried` of every exchange */
    pthread_cond_t quiet; /* `active` went down */
    struct exchange *exchanges;
    size_t active;
    size_t carried;      /* exchanges whose source is not over */
    bool cutting;        /* nothing may be handed to a worker any more */
    char complaint[256]; /* libmicrohttpd's last words while it starts; not written after `started` */
    atomic_bool started;
    int64_t request_ms;   /* for head and body */
    struct guest *guests; /* connections; guarded by `lock`, as is `watch_ends` */
    pthread_t watch;
    pthread_cond_t watch_wake;
    bool watching;
    bool watch_ends;
};

enum phase {
    PHASE_BEGIN,   /* the head is there */
    PHASE_BODY,    /* collecting */
    PHASE_OPENING, /* a worker authenticates a stream */
    PHASE_OPENED,  /* it did; no byte was read yet */
    PHASE_STREAM,  /* chunks go to the sink */
    PHASE_RUNNING, /* a worker runs the handler */
    PHASE_REFUSED, /* the reply to a stream's head is ready */
    PHASE_DRAIN,   /* the reply is ready, the rest of the body is thrown away first */
    PHASE_REPLY,   /* the reply is ready */
    PHASE_SENT,
    PHASE_COUNT,
};

/* One request. Belongs to the epoll thread, and while `busy` to a worker. */
struct exchange {
    struct pool_item item; /* first: a worker gets this */
    struct http_server *server;
    struct MHD_Connection *connection;
    struct exchange *previous;
    struct exchange *next;
    enum phase phase;
    atomic_bool busy; /* a worker has it, or it waits for one; written under the lock */
    bool suspended;   /* its connection is */
    bool orphan;      /* its connection is gone: whoever is the last to need it frees it */
    bool carried;     /* its source is not over */
    bool paused;      /* suspended until the source has something to say */
    bool broken;      /* the source was */
    bool unfed;       /* no worker could make more of it */
    bool begun;       /* core_open was called */
    bool accounted;
    uint64_t streamed; /* bytes of the body that went to the sink */
    uint64_t dropped;  /* bytes of the body that were thrown away */
    struct arena arena;
    struct request request;
    struct response response;
    struct text body;
    struct body_sink *sink;     /* open; NULL after its close */
    struct body_source *source; /* listened to; NULL after its release */
    struct MHD_Response *reply;
    uint64_t reply_length;
    unsigned status;
};

/* exchange.c: the callbacks of libmicrohttpd, and a worker's task. */
void *exchange_start(void *server, const char *target, struct MHD_Connection *connection);
enum MHD_Result exchange_continue(void *server, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **context);
void exchange_end(void *server, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode how);
void exchange_work(struct pool_item *item, struct worker_parts *parts);
/* For the end of the server: a request that waited for a worker gets 503. */
void exchange_refuse(struct exchange *exchange);
/* Under the server's lock: resumes the connection, once. */
void exchange_wake(struct exchange *exchange);

/* exchange_life.c */
/* Under the lock: nobody but the connection's own thread needs it. */
bool exchange_is_free(const struct exchange *exchange);
struct exchange *exchange_new(struct http_server *server, struct MHD_Connection *connection, const char *target);
void exchange_free(struct exchange *exchange);
/* One that no worker has: out of the server's list, and freed. */
void exchange_drop(struct exchange *exchange);

/* patience.c: how long a client is waited for. All but the first two functions on the epoll thread. */
MUST_CHECK enum err patience_start(struct http_server *server);
void patience_stop(struct http_server *server); /* accepts one that was not started */
void patience_notice(void *server, struct MHD_Connection *connection, void **slot, enum MHD_ConnectionNotificationCode what);
/* The request line is there, and then the whole head: if the connection ends between the two, the exchange is dropped. */
void patience_line(const struct http_server *server, struct MHD_Connection *connection, struct exchange *exchange);
void patience_head(struct MHD_Connection *connection);
void patience_body(const struct http_server *server, struct MHD_Connection *connection); /* a body is waited for from now on */
void patience_stream(struct MHD_Connection *connection, size_t length);                  /* so many bytes of a stream came */
void patience_ours(struct MHD_Connection *connection);                                   /* it is our turn */
void patience_reply(const struct http_server *server, struct MHD_Connection *connection, uint64_t length);
void patience_idle(const struct http_server *server, struct MHD_Connection *connection); /* the reply is sent */
bool patience_is_alone(const struct http_server *server); /* under the lock: there is one connection */

/* malformed.c: what the library said while it runs; answers a head that it refuses for its Content-Length. On the epoll thread. */
void malformed_answer(struct http_server *server, const char *words);

/* source.c: bodies from other zones. */
void source_attach(struct exchange *exchange, struct body_source *source);
/* Under the server's lock. */
void source_release(struct exchange *exchange);
/* Suspends the connection until the source has something to say. Under the lock. False: the server is being cut off. */
bool source_pause(struct exchange *exchange);
struct MHD_Response *source_reply(struct exchange *exchange, uint64_t length);
/* A worker makes the next piece; `parts` may be NULL. */
void source_work(struct exchange *exchange, const struct worker_parts *parts);
/* How much the sink takes now. 0: the connection is suspended until it takes more, or `*cut`. */
size_t source_room(struct exchange *exchange, bool *cut);
/* The client closed its side before its body was whole. The library, which does not look again behind a short read, would find out
 * by its timeout. Without a length it is left to that: the end may be in its buffer. */
bool source_client_left(const struct exchange *exchange);

/* describe.c: the parts of `struct request` that the server knows. */
void describe_request(struct exchange *exchange, const char *method);
/* Content-Length; 0 without a body, UINT64_MAX when it comes in chunks. */
uint64_t announced_length(const struct request *request);

/* reply.c: an answer of another zone may have more headers than a reply of ours: it becomes an error (502). */
void reply_bound(struct exchange *exchange);
/* Turns the exchange's response into `reply` and `status`. NULL reply: out of memory. */
void reply_build(struct exchange *exchange);
