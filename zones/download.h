/*
 * One large body from another zone, in pieces as they come: never whole in memory (DESIGN section 2).
 *
 * Like a call of fanout.h it carries a delegation made at the moment of sending and minds the zone's breaker; unlike one it has no
 * deadline: it ends when the body ends, or when nothing came for DOWNLOAD_SILENCE_S. The thread that calls it waits. It is asked
 * once; whoever wants a second try begins anew.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "zones/http_client.h"
#include "zones/link.h"

struct zones;
struct zone;

#define DOWNLOAD_SILENCE_S 30

struct download {
    /* The question: a GET. */
    const struct zone *zone; /* of a view that outlives the call */
    const struct link_origin *origin;
    const char *target; /* path and query below the zone's root URL */
    struct link_headers headers;
    uint64_t limit; /* bytes of the body of a 200 */
    /* Gets the body of a 200, in order, at most 64 KiB at a time. An error ends the download. */
    enum err (*take)(void *context, const void *bytes, size_t length);
    void *context;
    /* The answer. `body` is that of another status than 200, cut at 64 KiB; kinds as in http_client.h, and AUTH (not joined),
     * DISABLED, BUSY, LOOP. */
    struct http_answer answer;
    uint64_t length; /* bytes that `take` got; complete only with kind ANSWERED and status 200 */
};

/* OK whatever the zone answers, also when it does not. An error is that of `take`, or E_TOO_LARGE: it sends more than `limit`. */
MUST_CHECK enum err zone_download(struct zones *zones, struct arena *arena, struct download *download);
