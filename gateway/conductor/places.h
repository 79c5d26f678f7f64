/*
 * Places for several servers, over this zone and the zones below it: hold, commit, release (DESIGN section 7; the routes
 * /os-zones/holds of gateway/api/zone_holds.c say the same over a link).
 *
 * The uuids carry their owners' tags; each zone on the way does its own part and hands the rest on to the child that leads there.
 * What a zone does not answer for is neither held nor committed as far as the caller knows: a hold goes by itself, a commit may be
 * repeated.
 */
#pragma once

#include <jansson.h>

#include "compute/build/build.h"
#include "gateway/conductor/ticket.h"
#include "gateway/http/core/core.h"

struct batch_place {
    struct uuid server;
    struct uuid zone; /* the direct child that leads to its owner; zero: this zone */
    struct uuid host; /* here */
    const char *blob; /* the child's sealed entry */
    struct plan_use use;
    int64_t launch_index;
    const char *name;
    struct ticket_from from; /* the ticket that came with it */
    enum hold_state { HOLD_NONE, HOLD_HELD, HOLD_COMMITTED, HOLD_GONE } state;
};

struct batch_order {
    const char *sizing_text;
    const char *reservation_id;
    const json_t *server;   /* the request's; each place has a name of its own */
    const json_t *embedded; /* flavor, image, keypair */
    int64_t minted_us;      /* parts.h; 0 */
};

/* Holds what it can: places without a hold become HELD or stay as they are. An error is this zone's own. */
MUST_CHECK enum err places_hold(struct request *request, const char *sizing_text, struct batch_place *places, size_t count);

/* HELD places become COMMITTED (the server exists) or GONE (late); those of zones that did not answer stay HELD. */
MUST_CHECK enum err places_commit(struct request *request, const struct batch_order *order, struct batch_place *places,
                                  size_t count);
/* The part of it that lies here, inside a transaction. */
MUST_CHECK enum err places_commit_here(struct request *request, struct db *db, const struct batch_order *order,
                                       struct batch_place *places, size_t count);
MUST_CHECK enum err places_commit_below(struct request *request, const struct batch_order *order, struct batch_place *places,
                                        size_t count);

/* The server of a place: the order's, with the place's name. A new object. */
json_t *place_server(const struct batch_order *order, const struct batch_place *place);

/* Gives back what is HELD; they have none then. Of silent zones it goes by itself. */
void places_release(struct request *request, struct batch_place *places, size_t count);
