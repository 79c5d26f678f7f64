/*
 * What a zone counts about its neighbours, for /metrics: requests that went out and that came in, by link and class, so that both
 * ends of a link can be compared; what became of them, and how long they took. Bounded to direct neighbours (DESIGN section 12).
 */
#pragma once

#include "zones/registry.h"

/* A call to `zone` is over. One that was not sent (an open breaker, no budget) counts as an error only. */
void metering_count(const struct zone *zone, enum zone_class class, const struct http_answer *answer);
/* The time within which that part (0 … 1) of the sent calls ended: a bucket's upper bound, us; 0 without any. */
int64_t metering_quantile_us(const struct zone *zone, enum zone_class class, double part);
/* A request came in over the link of `zone`, and its proof was good. */
void metering_count_asked(const struct zone *zone, enum zone_class class);
/* So many rows of a list came from it. */
void metering_count_rows(const struct zone *zone, size_t rows);
