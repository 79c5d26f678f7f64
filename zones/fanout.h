/*
 * Asking other zones: calls are data, the answers come back in the same place (DESIGN section 2).
 *
 * A `struct fanout` belongs to one thread and holds its connections. `fanout_run` waits once, for all calls together; it never
 * fails because a zone fails. Breakers, limits of calls in flight and latencies are shared between threads (health.h); no
 * connection is. Not here: who is to be asked (registry.h, resolve.h), merging (rows.h), streams.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "zones/health.h"
#include "zones/http_client.h"
#include "zones/link.h"

struct zones;
struct zone;
struct fanout;
struct flight;
struct stream;

struct zone_call {
    /* The question. `zone` and `origin`: a delegation is made at the moment of sending, and X-Zone-Budget-Ms and (with a key)
     * Idempotency-Key are added. `zone` without `origin`: no delegation. No zone: `url` and `trust` say where. */
    const struct zone *zone; /* of a snapshot that outlives the call */
    const struct link_origin *origin;
    const char *url; /* a root URL; only without `zone` */
    struct http_trust trust;
    enum zone_class class;
    const char *method;
    const char *target; /* path and query below the root URL, as on the wire: "/compute/v2.1/servers/…" */
    struct link_headers headers;
    const void *body;
    size_t body_length;
    size_t answer_limit; /* bytes; 0 = HTTP_ANSWER_LIMIT */
    bool probe;          /* a deep probe: what it means for the zone's health is the caller's business */
    bool once;           /* without `origin`: libcurl never sends it a second time */
    int64_t timeout_ms;  /* shorter than the zone's own and the budget; 0 = those */
    /* Bodies that may be streams (stream.h). `window`: of a longer answer only the beginning is waited for; then `open` is true,
     * and fanout_stream gives the rest. `uploads`: the request's body is a stream of `upload_length` bytes (UINT64_MAX: not known),
     * and `body` is not used; the call waits until the zone wants it (`open`, no status yet) or has answered without it. */
    size_t window;
    bool uploads;
    uint64_t upload_length;
    bool open;
    struct flight *flight; /* fanout.c's */
    /* The answer. Kinds beyond http_client's: AUTH (401), DISABLED, BUSY, STORE, NO_BUDGET, LOOP (508), VERSION (link protocol).
     * A 503 is BUSY, STORE or NO_BUDGET when the child says so of itself (X-Zone-Missing: .;reason=…), else ANSWERED. A 406 is
     * ANSWERED: what it means is the caller's business (lists: ZONE_VERSION). `status`, `headers` and `body` are kept whenever
     * there was an HTTP answer. */
    struct http_answer answer;
};

/* `zones` must outlive it. To be closed by the thread that uses it, before that thread ends. */
MUST_CHECK enum err fanout_open(struct zones *zones, struct fanout **out);
void fanout_close(struct fanout *fanout);
/* `told` is called with `context` before and after every wait of fanout_run for other zones, on the same thread. */
void fanout_on_wait(struct fanout *fanout, void (*told)(void *context, bool waits), void *context);
/* Tells so: this thread waits for another zone by other means. */
void fanout_waits(struct fanout *fanout, bool waits);
/* Closes the connections, keeps the rest (an idle worker). */
void fanout_idle(struct fanout *fanout);

/* Sends all calls and waits until each has an answer or its time is over. Answers live in `arena`. Without calls
 * `fanout` may be NULL, here and in fanout_run_beside. */
void fanout_run(struct fanout *fanout, struct arena *arena, struct zone_call *calls, size_t count, struct budget budget);

/* Work of this zone's own that does not ask other zones: `run` is called once, with `context`, on the same thread. */
struct beside {
    enum err (*run)(void *context);
    void *context;
};

/* As fanout_run, for reads without streams; `beside` is run while the calls are on their way. If it took long, whoever was asked is
 * asked a second time, since nobody listened to the first. An error is that of `beside`: the calls have no answers then. */
MUST_CHECK enum err fanout_run_beside(struct fanout *fanout, struct arena *arena, struct zone_call *calls, size_t count,
                                      struct budget budget, const struct beside *beside);

/* The rest of a call that is `open`. It must be taken, or all dropped, before the calls' arena is cleared or anything else is
 * asked; the arena must live until the stream is over. */
struct stream *fanout_stream(struct fanout *fanout, struct zone_call *call);
/* Breaks off what is still open. Accepts NULL. */
void fanout_drop(struct fanout *fanout);
