/*
 * Placement within the process (OpenStack's PlacementDirect, in C): the same tables, schemas, microversions and error bodies as
 * over HTTP, without a socket, a token or a running zone. Whoever may open the database is an admin.
 *
 * For tools that work while services are stopped, and safe while they run: what guards Placement are generations and transactions
 * in the database, nothing in a process. A context is for one thread; it holds one connection, so many calls cost one login.
 *
 *     struct placement_call call = {.method = "GET", .target = "/resource_providers?name=east", .microversion = "1.39"};
 *     struct placement_answer answer;
 *     TRY(placement_direct(direct, &call, &answer));
 *     if (answer.status == 200) …
 *
 * Before the first context the process must have called json_schemas_open.
 */
#pragma once

#include "gateway/http/core/core.h"

struct placement_direct;

struct placement_direct_options {
    const struct config *config;      /* its [placement] section counts; must outlive the context */
    const struct db_target *database; /* must outlive the context */
    /* Who calls, from the call's headers; NULL: an admin. The tests of Placement bring their own users. */
    enum err (*authenticate)(struct request *request);
};

struct placement_call {
    const char *method;       /* "GET", "POST", "PUT", "DELETE" */
    const char *target;       /* path and query, percent-encoded: "/allocation_candidates?resources=VCPU:1" */
    const char *microversion; /* "1.39", "latest"; NULL: 1.0 */
    const char *body;         /* JSON; NULL: none */
    size_t body_length;
    const struct http_pairs *headers; /* with a Content-Type for a body; NULL: that of JSON, if there is a body */
    const char *base_url;             /* in front of Location; NULL: "" */
};

/* Borrowed from the context until its next call. */
struct placement_answer {
    int status;
    const struct http_pairs *headers;
    const char *body; /* NUL-terminated; "" without one */
    size_t body_length;
};

/* Opens the connection. The database must have this program's schema (db_upgrade) and the standard traits and classes
 * (placement_sync). E_UNAVAILABLE, E_FORBIDDEN, E_NOT_FOUND as db_open. */
MUST_CHECK enum err placement_direct_open(const struct placement_direct_options *options, struct placement_direct **out);
void placement_direct_close(struct placement_direct *direct);

/*
 * One call. What Placement answers is an answer, whatever its status: the function fails only where nothing was decided. Within
 * placement_direct_transaction an answer of 400 or more also is an error (of the kind with that status; E_RETRY where the whole
 * transaction must run again): `out` is filled, and nothing of the transaction will be kept.
 */
MUST_CHECK enum err placement_direct(struct placement_direct *direct, const struct placement_call *call,
                                     struct placement_answer *out);

/*
 * All calls of `work` in one transaction: kept when it returns OK, rolled back when it, or any of its calls, fails. `work` runs
 * again after a deadlock (E_RETRY, which it must pass up), and so sets all that it changes anew. Does not nest.
 */
MUST_CHECK enum err placement_direct_transaction(struct placement_direct *direct,
                                                 enum err (*work)(struct placement_direct *direct, void *context), void *context);
