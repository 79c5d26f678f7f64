/*
 * Asking another zone for this request's user, and handing its answer on (DESIGN sections 4 and 6; promises 1 and 6).
 *
 * An action is sent once, to the owner, with its method, path, query, body and end-to-end headers; the answer's status, headers and
 * body come back as they are. 503 means nothing happened; 502 and 504 that the outcome is unknown.
 */
#pragma once

#include "gateway/http/core/core.h"
#include "zones/fanout.h"
#include "zones/registry.h"

/* The origin of calls made for this request: its caller, base, visited path, and, for mutations, its idempotency key (made here at
 * the entry zone). In the arena. */
const struct link_origin *relay_origin(struct request *request);

/* A call that repeats the request as it came. */
void relay_call_init(struct request *request, const struct zone *zone, struct zone_call *out);

/* The class of the request's method. */
enum zone_class relay_class(const struct request *request);

/* How many zones the answering one says that it asked (X-Zone-Asked); what cannot be is 0. */
int64_t relay_asked_below(const struct http_answer *answer);

/* What the answer says of its length; UINT64_MAX: nothing. */
uint64_t relay_content_length(const struct http_answer *answer);

/* Writes the answer of `zone` into the response: status, headers that may cross, body, X-Zone-Path, X-Zone-Asked, X-Zone-Missing.
 */
void relay_answer(struct request *request, struct response *response, const struct zone *zone, const struct http_answer *answer);

/* The same for a call that may be open (fanout.h): then the response has a source. E_BAD_GATEWAY: the answer is JSON of too many
 * levels; the zone is named. */
MUST_CHECK enum err relay_call_answer(struct request *request, struct response *response, struct zone_call *call);

/* Sends the request, whose body is still to come, to `zone`, with `headers` (name and value; NULL) added to its own. Sets
 * request->sink and ->source when the zone wants the body; else its answer is in the response, which has a status. */
MUST_CHECK enum err relay_ahead(struct request *request, struct response *response, const struct zone *zone, const char *header,
                                const char *value);
/* After the body: the answer. See http_hooks.conclude. */
MUST_CHECK enum err relay_conclude(struct request *request, struct response *response);

/* The error for a zone that gave no answer: E_UNAVAILABLE (nothing happened), E_BAD_GATEWAY or E_TIMEOUT (a mutation that went
 * out), with the header X-Zone-Missing set and the zone named as the caller may see it. */
MUST_CHECK enum err relay_failure(struct request *request, struct response *response, const struct zone *zone,
                                  const struct http_answer *answer);

/* Adds X-Zone-Missing for these zones, if any. */
void relay_missing(struct request *request, struct response *response, const struct zones_missing *missing);

/* How the zone may be called towards this caller: its name, or its tag in hex. In the arena. */
const char *relay_zone_name(struct request *request, const struct zone *zone);
