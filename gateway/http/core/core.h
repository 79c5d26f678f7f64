/*
 * The request path, without any server: services, routes, microversions, faults.
 *
 * The server (gateway/http/server) makes a `struct request` from bytes, the core finds the service and route, checks the version,
 * asks the hooks who is calling and whether another zone answers, parses and validates the body, runs the handler and turns an
 * error into the service's own error body. A handler is blocking, straight-line code; see STYLE.md section 7.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "gateway/base/arena.h"
#include "gateway/base/caller.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "gateway/base/trace.h"
#include "schema/db.h"

struct gateway; /* the zone's process: gateway/gateway.h. The core passes it on and does not look inside. */
struct fanout;  /* a worker's connections to other zones: zones/fanout.h */
struct routing; /* the route tables as core_setup compiled them: route.c */
struct server;  /* a server's row: schema/server.h */
struct mounted; /* one service of them */

struct http_pair {
    const char *name;
    const char *value;
};

struct http_pairs {
    struct http_pair *items;
    size_t count;
    size_t capacity;
};

void pairs_add(struct arena *arena, struct http_pairs *pairs, const char *name, const char *value); /* borrows both */
const char *pairs_get(const struct http_pairs *pairs, const char *name);                            /* first, exact name; NULL */
const char *pairs_get_last(const struct http_pairs *pairs, const char *name);
const char *pairs_get_nocase(const struct http_pairs *pairs, const char *name); /* headers */

enum access {
    ACCESS_PUBLIC, /* no token needed, none read */
    ACCESS_ANY,    /* a valid token, whatever its scope */
    ACCESS_READER, /* a valid token scoped to a project */
    ACCESS_MEMBER, /* as reader; writes: a caller who holds only `reader` gets 403 */
    ACCESS_ADMIN,  /* role admin */
    ACCESS_LINK,   /* an authenticated link of a neighbouring zone, or an admin */
};

enum scope {
    SCOPE_HERE,   /* this zone answers */
    SCOPE_SERVER, /* the owner of the path parameter `server_id` answers: the `locate` hook decides */
};

enum body_kind {
    BODY_NONE,   /* a body is ignored */
    BODY_JSON,   /* required: 400 without, 415 for another content type; an object, unless a schema says otherwise */
    BODY_OPAQUE, /* bytes as they are, bounded like JSON (parsed too if the content type ends with json or json-patch) */
    BODY_RAW,    /* bytes as they are, bounded like JSON, whatever the content type: the handler judges them */
    BODY_STREAM, /* `open` gives a sink before the first byte; unbounded here, the sink bounds it */
};

struct request;
struct response;

/* Where a streamed body goes. `write` is called on the server's thread, in order, and must not wait for anyone but the disk. After
 * an error no further write comes; `close` is always called once, before the handler (complete = true) or instead of it. */
struct body_sink {
    enum err (*write)(struct body_sink *sink, const void *bytes, size_t length);
    void (*close)(struct body_sink *sink, bool complete);
    /* How many bytes it takes now; 0: none, and the request's `source` tells when; SIZE_MAX: it wants no more, the rest is thrown
     * away. NULL: it takes all. */
    size_t (*room)(struct body_sink *sink);
};

enum { SOURCE_WAIT = 0, SOURCE_END = -1, SOURCE_BROKEN = -2 };

/* Where a reply's body comes from that is not whole in memory: another zone. `read` gives bytes, or one of the words above; after
 * SOURCE_WAIT the listener is told. `listen` is called once, before `read`; `told(context, true)` comes once, when the source is
 * over and the request's memory is not needed for it any more; it may come on any thread. `release` is called once, at any time
 * after. Or, with `work`, this zone makes it: `listen` is not called, and after SOURCE_WAIT a worker does `work`, after which there
 * is something to read. */
struct body_source {
    ssize_t (*read)(struct body_source *source, void *out, size_t size);
    void (*listen)(struct body_source *source, void (*told)(void *context, bool over), void *context);
    void (*release)(struct body_source *source);
    void (*work)(struct body_source *source, struct db *db, struct fanout *fanout);
};

typedef enum err handler_f(struct request *request, struct response *response);

/* A body's JSON Schema for versions from `min` on; the row with the greatest `min` not above the request's version counts. */
struct body_schema {
    int min;
    const char *name; /* of schema/json/schemas.h */
};

/* The members stand in the order in which a row reads. */
struct route { /* NOLINT(clang-analyzer-optin.performance.Padding) */
    const char *method;
    const char *path; /* below the service's mount: "/servers/{server_id}/action"; "{rest...}" at the end takes any remainder */
    enum access access;
    int min; /* minor version from which, and up to which, it exists; 0 = no bound */
    int max;
    handler_f *handler;
    enum body_kind body;
    const char *policy;                /* what a refusal calls it; NULL: by method and path */
    const char *schema;                /* one schema for all versions, or NULL */
    const struct body_schema *schemas; /* by version, closed by a row with name NULL; or NULL */
    enum scope scope;
    enum err (*open)(struct request *request, struct body_sink **out); /* BODY_STREAM: after authentication */
    int unscoped_ok;   /* 1: a token without project is fine for READER and MEMBER */
    int inline_ok;     /* 1: never waits and needs no database: runs on the server's own thread (PUBLIC, BODY_NONE, SCOPE_HERE) */
    int own_queue;     /* 1: one worker and a queue of their own: answered however many requests wait for others (deep probes) */
    const void *extra; /* the service's own columns; the core does not look at them */
};

/* How a service speaks: mounts, versions, errors. One static table each. */
struct service {
    const char *name;            /* "compute" */
    const char *const *mounts;   /* "/compute/v2.1", NULL-terminated */
    bool project_in_path;        /* "/compute/v2.1/{project_id}/servers" is legal too: its 32 hex digits are cut off and checked */
    const char *version_service; /* name in OpenStack-API-Version, NULL for a service without microversions */
    const char *legacy_header;   /* X-OpenStack-Nova-API-Version, or NULL */
    int version_min;             /* minors; the major is version_major */
    int version_max;
    int version_major;
    const struct route *const *tables; /* route tables, NULL-terminated; each closed by a row with method NULL */
    void (*write_error)(const struct request *request, int status, const char *message, struct response *response);
    void (*decorate)(const struct request *request, struct response *response); /* headers on every reply; may be NULL */
    bool method_not_allowed;        /* true: known path, wrong method is 405 with Allow; false: 404 as Nova */
    const char *request_id_header;  /* a second header with the request's id (x-compute-request-id), or NULL */
    bool last_parameter_counts;     /* of a query parameter that is repeated; false: the first one (request_query) */
    bool content_type_required;     /* a JSON body without Content-Type is 400 (Placement); false: taken as JSON (Nova) */
    const char *const *media_types; /* of a JSON body beside application/json, NULL-terminated; NULL: no others */
    const char *version_malformed;  /* words in front of a version that cannot be read, and of one that is not supported; */
    const char *version_refused;    /* then the reply has no version header. NULL: Nova's words */
    size_t (*max_body)(const struct request *request); /* bytes of a body of this service; NULL: the core's */
    /* A route for a request that stands in no table (CORS preflight), or NULL; asked before the tables. May be NULL. */
    const struct route *(*special_route)(const struct request *request);
};

/* The caller of core_open fills: arena, method, target, base_url, headers, client_address, on_server_thread (and db, fanout, body
 * before core_run). The core fills the rest. All strings must live as long as the arena. */
struct request {
    const struct http_core *core;
    struct gateway *gateway;
    struct arena *arena;
    struct db *db;         /* the worker's connection; NULL on the server's own thread */
    struct fanout *fanout; /* the worker's */
    const struct service *service;
    const struct route *route;
    const char *method;
    const char *target;   /* path and query as they came */
    const char *path;     /* decoded and normalised, whole */
    const char *subpath;  /* `path` below the service's mount and project */
    const char *mount;    /* the mount that matched, with "/{project}" when it stood in the path: links are built with it */
    const char *base_url; /* scheme://host:port as the client used it, no trailing slash */
    struct http_pairs headers;
    struct http_pairs query;  /* decoded, in order, duplicates kept */
    struct http_pairs params; /* captures of the route's path */
    const char *body;         /* BODY_JSON, BODY_OPAQUE; not NULL-terminated by contract, but there is a NUL behind it */
    size_t body_length;
    json_t *json; /* the parsed body, owned by the arena; NULL if none */
    struct body_sink *sink;
    struct body_source *source; /* of a body that goes to another zone: its answer; else NULL */
    bool body_ahead;            /* the request was authenticated before its body came */
    uint64_t length_ahead;      /* then: how many bytes its body will have; UINT64_MAX: not known */
    int version;                /* negotiated minor; version_min when the client sent none */
    bool version_given;
    bool version_refused;     /* it was malformed or is not supported: the request ended there */
    const char *version_text; /* "2.93": what the reply's version headers say; also the version that was refused by 406 */
    const char *project;      /* the project id in the path as 32 lower-case hex digits; NULL */
    struct caller caller;
    const char *request_id;        /* ours, always fresh */
    const char *global_request_id; /* the client's X-OpenStack-Request-ID, NULL when absent or not of that shape */
    const char *client_address;
    struct trace trace; /* the client's, or a new one; `parent` is this zone's span of it */
    struct budget budget;
    const struct server *server; /* SCOPE_SERVER: the row that `locate` found here, a deleted one too; else NULL */
    struct link_caller *link;    /* over an authenticated link: who sent it (zones/link.h); else NULL */
    struct once *once;           /* it has an idempotency key, which is this request's (gateway/conductor/once.c); else NULL */
    bool on_server_thread;
    bool authenticated; /* core_open_stream did it already */
    int64_t started_us; /* monotonic, at core_open */
    struct mounted *mounted;
    const char *error_code; /* of the error that is returned, for services whose errors have codes; NULL: their usual one */
};

struct response {
    int status; /* 0 = 200 */
    struct http_pairs headers;
    json_t *json; /* taken over; written compactly. NULL: `body` */
    struct text body;
    const char *content_type; /* NULL: application/json when there is a body */
    int file;                 /* descriptor to send, taken over; -1 none */
    uint64_t file_length;
    struct body_source *source; /* instead of a body; the server attends to it */
    uint64_t source_length; /* of `source`, or of what GET would give if this answers HEAD (`source` is NULL then); UINT64_MAX: not
                               known */
};

/* Does the body fit the schema of the request's version? For a handler whose route has none. E_INVALID. */
MUST_CHECK enum err body_check(const struct request *request, const struct body_schema *schemas);

void response_init(struct response *response);
void response_clear(struct response *response);
/* Copies the value into the request's arena; control characters in it become blanks. The name is borrowed. */
void response_header(struct request *request, struct response *response, const char *name, const char *value);
/* Turns `json` into `body`, so that what is left is bytes or a file. Idempotent. */
void response_render(struct response *response);

/* What the gateway puts into the core. */
struct http_hooks {
    /* Fills request->caller (and ->link). E_UNAUTHORIZED. */
    enum err (*authenticate)(struct request *request);
    /* Here or there, for SCOPE_SERVER: `*answered` = true when another zone's answer was written into `response`. */
    enum err (*locate)(struct request *request, struct response *response, bool *answered);
    /* A request that this zone carries out, before and after (idempotency keys). `begin` may be NULL; `*answered` = true: the
     * answer is in `response`. `end` sees the complete answer of every request for which `begin` was asked. */
    enum err (*begin)(struct request *request, struct response *response, bool *answered);
    void (*end)(struct request *request, struct response *response);
    /* The same before the body is there: sets request->sink and ->source when another zone wants the body, a status when it
     * answered without; neither: the server is here, or nowhere. */
    enum err (*locate_ahead)(struct request *request, struct response *response);
    /* After a body that went to another zone: its answer. */
    enum err (*conclude)(struct request *request, struct response *response);
};

struct http_core {
    struct gateway *gateway;
    const struct service *const *services; /* NULL-terminated; a longer mount wins */
    struct http_hooks hooks;
    size_t max_body;
    int64_t budget_ms;
    struct routing *routing; /* core_setup */
};

/* Compiles and checks the route tables. E_INTERNAL names a row that cannot be meant (two rows for one method, path and version; no
 * handler; a stream without `open`; …). To be called once at start, after json_schemas_open, before threads. */
MUST_CHECK enum err core_setup(struct http_core *core);
void core_clear(struct http_core *core);

/*
 * In two steps, so that the server can refuse early and stream.
 * core_open: after the headers. Finds service, route, version; sets the request's members up to `version`. On failure the response
 * is complete (404, 405, 406, 400) and the error is returned. Cheap, no database: runs on the server's thread.
 */
MUST_CHECK enum err core_open(const struct http_core *core, struct request *request, struct response *response);
/* On a worker, before the body: authenticates and, for BODY_STREAM, calls route->open, which sets request->sink; for SCOPE_SERVER,
 * finds out who is to have the body: request->sink is set, or the response has a status and is complete (another zone answered), or
 * neither, and the body is to be collected. As above on failure. */
MUST_CHECK enum err core_open_stream(const struct http_core *core, struct request *request, struct response *response);
/* On a worker, with the whole body: authenticate, locate, parse, validate, handle. The response is always complete afterwards. */
void core_run(const struct http_core *core, struct request *request, struct response *response);
/* Makes `response` the service's error reply; `message` NULL: that of the last `fail` of this thread. Also for errors of the server
 * (413, 503 of a full queue). The cause of an internal error is logged, the client gets the request id. Headers that are there
 * stay. */
void core_error(struct request *request, enum err kind, const char *message, struct response *response);
/* The access log line and the metrics of one request, once, when its reply is complete. Status 499: the client left before. */
void core_account(const struct request *request, int status);

/* Nova's fault body: {"itemNotFound":{"code":404,"message":"…"}}; with `retryAfter` when the reply has that header. */
void fault_write_compute(const struct request *request, int status, const char *message, struct response *response);

/* Bytes that a request's body may have. */
size_t core_max_body(const struct http_core *core, const struct request *request);

/* Helpers for handlers. */
const char *request_header(const struct request *request, const char *name);
const char *request_param(const struct request *request, const char *name); /* never NULL for a name in the route */
/* NULL: none. Of several the one that counts with this service. */
const char *request_query(const struct request *request, const char *name);
/* "{base_url}{mount}{format…}" in the arena. */
const char *request_link(const struct request *request, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As request_link, without the version (the project stays, if it was in the path): Nova's bookmark links. */
const char *request_bookmark(const struct request *request, const char *format, ...) __attribute__((format(printf, 2, 3)));
