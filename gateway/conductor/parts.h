/*
 * Which children have parts of a reservation (schema/reservation.h), around orders and lists. Ids of another shape than ours, and
 * zones without children, have no sets.
 */
#pragma once

#include "gateway/http/core/core.h"

struct zone;

/* Of one server: nobody keeps a set, and lists ask all. */
#define PARTS_NONE (-1)

/* Before an order is sent to these children (none: it stays here). `minted_us`: when the reservation began, by the word of whoever
 * ordered, or of this zone if it began here; 0: not known, or not from its beginning; PARTS_NONE. */
MUST_CHECK enum err parts_note(struct request *request, const char *reservation, int64_t minted_us, const struct uuid *zones,
                               size_t count);
/* What to tell a child of it: `minted_us`, or what is known here; 0. */
MUST_CHECK enum err parts_minted(struct request *request, const char *reservation, int64_t minted_us, int64_t *out_us);

/* Leaves out the children that have no part. All stay where the set is not whole; parents stay. */
MUST_CHECK enum err parts_narrow(struct request *request, const char *reservation, const struct zone *const **zones, size_t *count);
