/*
 * HTTP requests to other machines: the options every request has, and one blocking request for logins and the like.
 *
 * Guarantees: no redirects, no proxies from the environment, no signals, http and https only, an answer of bounded size; plain http
 * only to loopback unless the caller allows it. Not here: many requests at once (fanout.h), health, delegation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "zones/headers.h"
#include "zones/reason.h"

#define HTTP_ANSWER_LIMIT (16u << 20) /* bytes of a body when a call says 0 */
#define HTTP_HEADER_LIMIT (64u << 10) /* bytes of all headers of an answer */

/* How a server proves who it is. All NULL and false: by the system's certificate authorities. */
struct http_trust {
    const char *ca_pem; /* certificates in PEM */
    const char *pin;    /* "sha256//BASE64" of its public key; then the name and the issuer do not matter */
    bool insecure;      /* plain http to other machines is allowed; it does not weaken https */
};

struct http_request {
    const char *url; /* absolute */
    const char *method;
    struct link_headers headers;
    const void *body; /* NULL: none */
    size_t body_length;
    size_t answer_limit; /* bytes of the body; 0 = HTTP_ANSWER_LIMIT */
    struct http_trust trust;
    size_t window;          /* > 0: of a longer body only that much is kept, the rest is a stream; then there is no limit */
    bool uploads;           /* the body is a stream */
    uint64_t upload_length; /* of it, in bytes; UINT64_MAX: not known */
};

struct row_list;

struct http_answer {
    enum zone_kind_of_answer kind; /* ANSWERED, REFUSED, TIMEOUT, GARBAGE, NO_BUDGET */
    int status;                    /* 0 unless ANSWERED */
    struct link_headers headers;   /* of the final answer */
    const char *body;              /* in the arena, NUL behind it; never NULL */
    size_t body_length;
    const struct row_list *rows; /* of a list that was made here, of a plain Nova's: there is no body then; NULL */
    int64_t ms;                  /* from start to end */
    bool
        sent; /* the request went out: with a mutation that failed the outcome is unknown (502, 504); else nothing happened (503) */
    int64_t certificate_expires_s; /* wall clock; of the connection that was made for this call; 0 = none was, or no TLS */
    const char *step;              /* where it ended: dns, tcp, tls or http; NULL when ANSWERED */
    const char *why;               /* words for the log and for `last_error`; NULL when ANSWERED */
};

/* Process-wide setup of libcurl; zones_open does it too. May be called repeatedly, before threads. */
MUST_CHECK enum err http_client_setup(void);

/* One request, waited for. Never fails because the other side fails: that is the answer's kind. */
void http_call(struct arena *arena, const struct http_request *request, struct budget budget, struct http_answer *out);

/* The root URL of a zone from what an admin typed: scheme://host[:port][/prefix], without slash at the end; known service paths and
 * versions at the end (/compute/v2.1, /identity/v3, /v2, …) are cut off. E_INVALID in one sentence: no scheme, user or password in
 * the URL, query, fragment, not http or https. */
MUST_CHECK enum err url_root(struct arena *arena, const char *text, const char **out);
/* OK for https, for a loopback host, and with `insecure`. E_INVALID names the rule. */
MUST_CHECK enum err url_check_trust(const char *url, bool insecure);
