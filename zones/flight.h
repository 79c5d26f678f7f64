/*
 * A call of a fanout under way, and when its wait is no use any more (fanout.c's own parts; nobody else includes this).
 *
 * A zone that has not answered in its usual time is doubted: the prober looks at it while the call goes on waiting. If the probe
 * fails the zone is down, and reads that wait for it end then, long before their deadline (DESIGN section 4).
 */
#pragma once

#include "zones/fanout.h"
#include "zones/transfer.h"

/* A call under way. */
struct flight {
    struct fanout *fanout;
    struct zone_call *call;
    struct arena *arena;
    struct transfer transfer;
    struct http_request request;
    struct budget budget; /* of this call */
    int64_t patience_ms;  /* monotonic: the zone is doubted when there is no answer by then; INT64_MAX = it was, or nobody waits */
    bool doubted;         /* patience is over, and the prober was told */
    bool entered;         /* counts as in flight */
    bool repeated;
    bool under_way;
    int64_t silence_ms; /* the time that it had at the beginning */
    struct zones *zones;
    struct flight *next; /* in the fanout's `open` */
};

/* How long this call may take. A mutation that was sent is waited for as long as the budget lasts. */
int64_t flight_deadline_ms(const struct flight *flight, struct budget budget);
/* Doubts the zones whose answers are overdue and wakes the prober for them. Returns for how long nobody need be looked at, ms. */
int64_t flights_doubt(struct zones *zones, struct flight *flights, size_t count);
/* A read of which nothing has come, of a zone that is down meanwhile. A mutation that was sent is waited for, whatever the prober
 * says: it may have been done. */
bool flight_waits_in_vain(const struct flight *flight);
