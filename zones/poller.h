/* Between the poller's clock (poller.c), its work (poller_round.c) and the prober (prober.c). Not for others. */
#pragma once

#include <stdint.h>

#include "gateway/base/caller.h"
#include "gateway/base/err.h"
#include "zones/fanout.h"
#include "zones/inside.h"

/* What a thread that asks neighbours for the zone itself owns. */
struct round {
    struct zones *zones;
    struct fanout *fanout;
    struct db *db; /* the poller's; NULL until the first round that reached the database */
    struct arena arena;
    int64_t began_ms; /* monotonic */
    char request_id[REQUEST_ID_SIZE];
    struct caller caller; /* this zone itself: no roles, no project */
    struct link_origin origin;
    struct uuid swept; /* the forwarding record that was asked about last */
};

struct round *round_open(struct zones *zones);
void round_close(struct round *round);
/* A clean arena, a new request id; no database. */
void round_begin(struct round *round);
/* A GET of `target` for the zone itself. */
struct zone_call round_call(const struct round *round, const struct zone *zone, const char *target);
struct poll_notes *notes_of(const struct zone *zone);
/* 250 ms, doubled with every failure up to `most_ms`, a quarter more or less. */
void back_off(struct poll_notes *notes, int64_t most_ms);

/* Joined, not taken out, and not left to the prober. */
bool is_polled(const struct zone *child);
/* Stores what was seen of a child: what changed at once, the time of the last answer every few seconds. */
void store_sight(struct round *round, const struct zone *child, struct zone_sight *sight);

/* One whole round. E_UNAVAILABLE …: the database could not be read. */
MUST_CHECK enum err round_run(struct round *round);
/* Forgets old nonces, join tokens and sets of reservations. */
void round_purge(struct round *round);
/* What the answer to a poll says of the link: whether the child still has it (rehomed.c). */
void rehomed_note(const struct zone *child, const struct http_answer *answer);
/* Of the children of these polls, those that have no link of this zone's any more and have another parent: their rows are taken
 * out. */
void round_find_rehomed(struct round *round, const struct zone_call *polls, size_t count);
/* Asks the owners of some servers that left this zone whether they know them still, and removes the records of those that are
 * forgotten (forwarding_sweep.c). Returns after how many milliseconds it wants to be called again. */
int64_t round_sweep(struct round *round);

/* The prober's thread; `context` is struct zones. */
void *probe_zones(void *context);
