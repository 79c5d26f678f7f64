/* What the files of the core share with each other. Nobody else includes it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/http/core/core.h"

#define URL_MAX_SEGMENTS 32

/* path.c: the request target (RFC 3986). */
struct target {
    const char *path;  /* decoded; begins with '/' */
    const char *query; /* as it came, without '?'; "" when absent */
};
/* E_INVALID: an encoded slash, a `..` segment, NUL, broken percent-encoding, bad UTF-8, not a path. */
MUST_CHECK enum err target_split(struct arena *arena, const char *target, struct target *out);
/* "a=b&c" with + and %XX; in order, duplicates kept. E_INVALID as above. */
MUST_CHECK enum err query_parse(struct arena *arena, const char *query, struct http_pairs *out);

/* route.c */
struct route_match {
    const struct route *route; /* NULL: none */
    struct http_pairs params;
    const char
        *allow; /* "GET, PUT": methods of this path in this version, or in any when none has the request's; NULL: no such path */
};
/* The service of a path; sets request->mounted, ->service, ->mount, ->subpath. NULL members when no mount fits. */
void routing_find_service(const struct routing *routing, struct request *request, const char *path);
void routing_match(const struct request *request, struct route_match *out);
MUST_CHECK enum err routing_compile(const struct service *const *services, struct routing **out);
void routing_free(struct routing *routing);
void mounted_count(struct mounted *mounted, int status, int64_t us);

/* version.c: microversions. Sets version, version_given, version_text. E_INVALID, E_NOT_ACCEPTABLE. */
MUST_CHECK enum err version_negotiate(struct request *request);
void version_write_headers(struct request *request, struct response *response);

/* access.c: E_UNAUTHORIZED, E_FORBIDDEN, E_INVALID for another project in the path. */
MUST_CHECK enum err access_check(const struct http_hooks *hooks, struct request *request);

/* body.c: content type, JSON, schema, as the route asks. */
MUST_CHECK enum err body_read(struct request *request);

/* fault.c: default status, and the headers that every reply has. Idempotent: what is there already stays. */
void response_complete(struct request *request, struct response *response);
/* response_header, unless the response has a header of that name. */
void response_header_default(struct request *request, struct response *response, const char *name, const char *value);
