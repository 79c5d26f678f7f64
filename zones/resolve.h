/*
 * Whose is an id, and what do several answers about it mean together? Two pure questions (DESIGN section 5).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/id.h"
#include "zones/registry.h"

/* Where to ask for an id that the local store does not know. */
enum place {
    PLACE_OWN,   /* the tag is this zone's: the local answer is final (after `candidates`, if there are any: untagged owners) */
    PLACE_CHILD, /* the tag is of one or more zones below: ask `candidates`, relay */
    PLACE_UNKNOWN_TAG, /* nobody has that tag, but `candidates` may own untagged ids: ask them, then `parent` if it is not NULL */
    PLACE_PARENT,      /* nobody below can have it: ask `parent` */
    PLACE_NOWHERE,     /* nobody: 404 */
};

struct candidate {
    const struct zone *zone;         /* the next hop */
    const struct directory_row *row; /* the zone that is meant; NULL for "may own untagged ids" */
};

struct location {
    enum place place;
    const struct candidate *candidates; /* at most one per owner: the best way to it */
    size_t count;
    const struct zone *parent; /* NULL */
};

/* `from` (NULL: a client's request) is never asked back, and what came from a parent does not go up. `for_read`: only reads go up.
 */
struct location zones_locate(const struct zones *zones, const struct zones_view *view, const struct uuid *id,
                             const struct link_caller *from, bool for_read, struct arena *arena);

/* One zone's word about an id. */
enum resolved {
    RESOLVED_NOT_HERE, /* definitely not there */
    RESOLVED_REFUSED,  /* it will not say: 403 */
    RESOLVED_UNKNOWN,  /* it could not be asked, or could not look: 503 */
    RESOLVED_FOUND,    /* it answered for the server, with success or with an error of its own: relay */
    RESOLVED_COUNT
};

/* What an answer (fanout.h) says. */
enum resolved resolve_answer(enum zone_kind_of_answer kind, int status);
/* Both together: found outranks unknown, unknown outranks refused, refused outranks "not here" (never a false 404). */
enum resolved resolve_reduce(enum resolved a, enum resolved b);

/* The value of X-Zone-Missing for this caller: paths for `names` (admins, links, expose_names), else the zones' tags in hex; NULL
 * for an empty list. */
const char *zones_missing_header(const struct zones_view *view, const struct zones_missing *list, bool names, struct arena *arena);
