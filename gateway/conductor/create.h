/*
 * Creating servers: plan here and there, claim at the owner, answer when the owner has claimed (DESIGN section 7).
 *
 * The caller has validated everything and embedded flavor, image and key pair. A refusal by conflict takes the next entry; "No
 * valid host" is said only after a select that returned no candidate, and then the server is an ERROR row of this zone.
 */
#pragma once

#include <jansson.h>

#include "compute/build/build.h"
#include "gateway/conductor/select.h"
#include "gateway/conductor/ticket.h"
#include "gateway/http/core/core.h"
#include "schema/server_group.h"

struct create_order {
    const json_t *server;   /* the request's `server` object */
    const json_t *embedded; /* flavor, image, keypair */
    struct sizing sizing;
    const char *reservation_id;
    int64_t min_count; /* servers to make at least, else none */
    int64_t count;     /* servers to make; names are numbered from 1 when it is over 1 */
    int64_t minted_us; /* when the reservation began, here; 0: it may be an older one */
};

/* One server, or several all or none (batch.h). Writes what POST /servers answers for the first one; `*made` are all of them, in
 * the request's arena. */
MUST_CHECK enum err conductor_create(struct request *request, const struct create_order *order, struct text *out,
                                     struct uuids *made);

/* A server that this zone will own. */
struct accept_order {
    const struct uuid *uuid;
    const struct uuid *host; /* its uuid */
    const json_t *server;
    const json_t *embedded;
    const char *sizing_text;
    const char *reservation_id;
    int64_t minted_us; /* parts.h; 0, PARTS_NONE */
    int launch_index;
    const struct plan_use *use;     /* the sealed entry it came with; NULL */
    const struct build_past *past;  /* another zone gave it up; NULL */
    const struct ticket_from *from; /* the ticket that came with the order; NULL */
};

/*
 * The owner's half, for this zone's own creates and for those that come over a link: one transaction. The same uuid again gets the
 * same answer. E_CONFLICT: no room now.
 */
MUST_CHECK enum err conductor_accept(struct request *request, const struct accept_order *order, struct text *out);
/* For together_new: what gateway->accepts does. */
void conductor_accept_all(void *const *items, size_t count);
