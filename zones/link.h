/*
 * The link between two zones: whom a request is for, proved by the zone that sends it (spec link.md sections 2 and 3).
 *
 * A delegation is a JSON object, MACed with the link's key of that direction. `link_make` writes the header for one send;
 * `link_check` does all checks, in the order of the specification, and fills the caller. What a zone trusts is its direct
 * neighbour, within the link policy; each hop may only narrow. Not here: idempotency keys' meaning, tokens.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/caller.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"

#define LINK_PROTOCOL_MIN   1
#define LINK_PROTOCOL_MAX   1
#define LINK_HOPS           10   /* at the entry zone */
#define LINK_HEADER_MAX     8192 /* bytes of the delegation header */
#define LINK_SKEW_S         30
#define LINK_LIFETIME_MAX_S 60
#define LINK_DELEGATION     "X-Zone-Delegation"
#define LINK_BUDGET         "X-Zone-Budget-Ms"
#define LINK_IDEMPOTENCY    "Idempotency-Key"

struct zones;
struct zone;

enum link_direction { LINK_DOWN, LINK_UP };

/* On whose behalf a zone asks another. At the entry zone: path_count 0, hops LINK_HOPS. On the way: as the delegation said
 * (link_origin_from). */
struct link_origin {
    const struct caller *caller;
    const char *base;        /* the service's URL as the client used it, with version and, if it stood there, project */
    const struct uuid *path; /* zones visited before this one */
    size_t path_count;
    int hops;          /* remaining, this send not counted */
    const char *key;   /* idempotency key of a mutation; NULL for reads */
    bool streamed;     /* the body is a stream: its hash is not in the delegation */
    const char *trace; /* the traceparent header to send; NULL: none */
};

/* Who sent a request over an authenticated link. In the request's arena. */
struct link_caller {
    int64_t id; /* of the link: struct zone */
    struct uuid zone;
    const char *name;
    enum link_direction direction; /* LINK_DOWN: a parent asks; LINK_UP: a child asks */
    const char *base;
    const struct uuid *path; /* zones visited, the sender included */
    size_t path_count;
    int hops;              /* remaining */
    const char *key;       /* idempotency key; NULL */
    const char *key_id;    /* of the session that proved it */
    const char *body_hash; /* of the body as the delegation has it; NULL: the body is a stream */
};

/* What a zone says that has no link of that key (any more): the words are the protocol's (spec link.md section 3). */
#define LINK_UNKNOWN_KEY "No link has the delegation's key."

/* What link_check looks at. */
struct link_question {
    const char *method;
    const char *target; /* path and query as they came, below the root URL */
    const void *body;   /* NULL with body_length 0: none */
    size_t body_length;
    bool streamed;           /* the body is not here yet: its hash is not checked */
    const char *delegation;  /* the header's value */
    const char *idempotency; /* the Idempotency-Key header or NULL */
};

/* The header's value for one send to `to`, a child (down) or a parent (up). E_HEADERS_TOO_LARGE; E_LOOP: no hops left, or `to` was
 * visited; E_UNAVAILABLE: the link is not joined. Upwards the role admin is left out. */
MUST_CHECK enum err link_make(const struct zones *zones, const struct zone *to, const char *method, const char *target,
                              const void *body, size_t body_length, const struct link_origin *origin, struct arena *arena,
                              const char **out);

/* All checks. E_UNAUTHORIZED (unknown key, MAC, audience, method, target, body, time, replay), E_LOOP, E_FORBIDDEN (policy),
 * E_UNAVAILABLE (the nonce cannot be stored). A failure is logged with the link's name. `out->request_id` is the sender's. */
MUST_CHECK enum err link_check(struct zones *zones, const struct link_question *question, struct db *db, struct arena *arena,
                               struct caller *out, struct link_caller **out_link);

/* Of a request that was checked as a stream and whose sender knew the body. E_UNAUTHORIZED: it came another one. */
MUST_CHECK enum err link_check_body(const struct link_caller *link, const void *body, size_t length);

/* The origin for asking on: the caller's and the link's words; `link` NULL at the entry zone. */
struct link_origin link_origin_from(const struct caller *caller, const struct link_caller *link, const char *base, const char *key);

/* True for methods that change something: all but GET and HEAD (and OPTIONS). */
bool link_is_mutation(const char *method);

/* What the next hop gets of `left_ms`: less max(50, 10 %, the deep probe's p99). May be ≤ 0: then it is not asked. */
int64_t link_budget(int64_t left_ms, int64_t probe_p99_us);
/* The budget of a request that came in: the header if it came over a link and is a number, at most `most_ms`. */
struct budget link_budget_read(const char *header, bool over_link, int64_t most_ms);
