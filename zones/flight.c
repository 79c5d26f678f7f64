/* See flight.h. */
#include "zones/flight.h"

#include "zones/inside.h"

#define LOOK_MS  1000 /* libcurl's own timers wake it earlier */
#define DOUBT_MS 50   /* between two looks at a zone whose answer is overdue */

static bool waits_in_doubt(const struct flight *flight)
{
    return flight->under_way && flight->doubted && flight->call->class == CLASS_READ && !flight->transfer.head_ended;
}

bool flight_waits_in_vain(const struct flight *flight)
{
    return waits_in_doubt(flight) && health_is_open(flight->call->zone->health, CLASS_READ);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When it is to be looked at again. */
static int64_t next_look(const struct flight *flight, int64_t now_ms)
{
    int64_t at_ms = flight->patience_ms;
    if (flight->under_way)
        at_ms = smaller(at_ms, flight->budget.deadline_ms);
    return waits_in_doubt(flight) ? smaller(at_ms, now_ms + DOUBT_MS) : at_ms;
}

int64_t flights_doubt(struct zones *zones, struct flight *flights, size_t count)
{
    const int64_t now_ms = clock_mono_ms();
    int64_t next_ms = now_ms + LOOK_MS;
    bool probe = false;
    for (size_t i = 0; i < count; i++) {
        if (flights[i].patience_ms <= now_ms) {
            flights[i].patience_ms = INT64_MAX;
            flights[i].doubted = true;
            probe = health_doubt(flights[i].call->zone->health, flights[i].call->class) || probe;
        }
        next_ms = smaller(next_ms, next_look(&flights[i], now_ms));
    }
    if (probe)
        prober_wake(zones);
    return next_ms - now_ms;
}

int64_t flight_deadline_ms(const struct flight *flight, struct budget budget)
{
    const struct zone_call *call = flight->call;
    int64_t ms = budget_left_ms(&budget);
    if (call->timeout_ms > 0)
        ms = smaller(ms, call->timeout_ms);
    if (call->zone && call->class != CLASS_MUTATE)
        ms = smaller(ms, call->zone->row.timeout_ms ? call->zone->row.timeout_ms : flight->zones->options.child_timeout_ms);
    return ms;
}
