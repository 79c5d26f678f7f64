/* Between the poller's clock (poller.c) and its work (poller_round.c). Not for others. */
#pragma once

#include <stdint.h>

#include "gateway/base/err.h"
#include "zones/inside.h"

/* What the poller's thread owns: a database connection, connections to the neighbours. */
struct round;

struct round *round_open(struct zones *zones);
void round_close(struct round *round);

/* One whole round. E_UNAVAILABLE …: the database could not be read. */
MUST_CHECK enum err round_run(struct round *round);
/* Deep probes that are due. */
MUST_CHECK enum err round_probe(struct round *round);
/* When the next deep probe or join is due, monotonic ms; INT64_MAX for none. */
int64_t round_next_probe(struct round *round);
/* Forgets old nonces and join tokens. */
void round_purge(struct round *round);
