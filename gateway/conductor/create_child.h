/* Sending a planned server to the child that offered the place (POST /os-zones/servers, spec link.md section 9). */
#pragma once

#include "gateway/conductor/create.h"
#include "gateway/conductor/ticket.h"

/* On the answer to a moved server: the uuid of the zone that has it now. */
#define CREATE_OWNER_HEADER "X-Zone-Owner"

struct child_order {
    const struct uuid *uuid; /* carries the owner's tag */
    const struct uuid *zone; /* the child */
    const char *blob;        /* its sealed entry */
    const char *sizing_text;
    const char *reservation_id;
    int64_t minted_us; /* parts.h; 0, PARTS_NONE */
    int launch_index;
    const json_t *server;
    const json_t *embedded;
    struct order_move *move;        /* NULL: a new server */
    const struct ticket_from *from; /* the ticket that this zone got with the order; NULL: it begins here */
};

/* A server that its zone gives up (spec link.md section 9, "moved"). */
struct order_move {
    struct build_past past;
    struct uuid owner; /* out, with OK: the zone that has it now */
};

/* Appends the owner's answer to `out`. E_CONFLICT, E_INVALID, E_UNAVAILABLE: nothing happened, take the next entry. E_BAD_GATEWAY,
 * E_TIMEOUT: the outcome is unknown; of a new server the entry zone then takes it back, of a moved one the same order is to be sent
 * again. */
MUST_CHECK enum err create_at_child(struct request *request, const struct child_order *order, struct text *out);
