/*
 * A child lists a server whose id carries the tag of a zone that is not below it (DESIGN section 5): is it one that moved there, or
 * is about to? Nothing is asked of other zones.
 */
#pragma once

#include "gateway/http/core/core.h"

struct zone;

/* OK with `*out_drop` false: a record here says so. True: it is between two zones, the row of the one that gives it up counts.
 * E_INVALID: it is another zone's. */
MUST_CHECK enum err server_claim_check(struct request *request, const struct zone *zone, const struct uuid *server, bool *out_drop);
