/* What became of servers that zones below gave back: one row a ticket, until the ticket expires. */
#pragma once

#include <stdbool.h>

#include "schema/db.h"

#define ONWARD_TICKET_SIZE 32 /* a hash */

/* `*out_found` false: it was not decided. Else `*out_owner` is the zone that has the server; zero: nobody. */
MUST_CHECK enum err onward_decision_get(struct db *db, const uint8_t ticket[ONWARD_TICKET_SIZE], struct uuid *out_owner,
                                        bool *out_found);
/* The first decision stays. `owner` NULL: nobody. Drops rows that have expired, a few at a time. */
MUST_CHECK enum err onward_decision_put(struct db *db, const uint8_t ticket[ONWARD_TICKET_SIZE], const struct uuid *server,
                                        const struct uuid *owner, int64_t expires_us);
