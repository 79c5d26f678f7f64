/*
 * Idempotency keys: a request that is repeated under its key is carried out once (spec link.md section 3; promise 6).
 *
 * Kept at the zone that carries the request out, for 24 hours, within the user: the question's hash and the sealed answer. A key
 * that a client gave reaches the owner as a key derived from it, so that the client may repeat at any time, also after a 504. The
 * same key with another question is 422. While the first is being worked on, and when its process died in the middle, the repeat is
 * 409: nothing is done twice. Answers 307, 502, 503 and 504 are not kept. What zones ask each other about placing servers has keys
 * of its own (the server's uuid).
 */
#pragma once

#include "gateway/http/core/core.h"

/* The Idempotency-Key that a call for this request carries downwards: the link's, one derived from the client's, or a new one; NULL
 * for reads. In the arena. */
const char *once_key(struct request *request);

/* http_hooks.begin. `*answered`: the first answer is in `response`. E_INVALID: the client's key is empty, too long, or has other
 * characters than printable ASCII. */
MUST_CHECK enum err once_begin(struct request *request, struct response *response, bool *answered);
/* http_hooks.end: keeps the complete answer. */
void once_end(struct request *request, struct response *response);
