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
    PLACE_NOWHERE,     /* nobody: 404, unless `lost` */
};

struct candidate {
    const struct zone *zone;         /* the next hop */
    const struct directory_row *row; /* the zone that is meant; NULL for "may own untagged ids" */
};

struct location {
    enum place place;
    const struct candidate *candidates; /* at most one per owner: the best way to it */
    size_t count;
    const struct zone *parent;         /* the first of `parents`; NULL */
    const struct zone *const *parents; /* the best way first; a zone below two tops asks both */
    size_t parent_count;
    /* NULL, or the path of the zone that has the tag and cannot be asked: it left the tree a while ago, or the only way to it leads
     * back to the asker, who says that it is not there. Without an answer from somebody else the id is not "not found". */
    const char *lost;
};

/* `from` (NULL: a client's request) is never asked back, and what came from a parent does not go up. `up` false: nothing goes up.
 */
struct location zones_locate(const struct zones *zones, const struct zones_view *view, const struct uuid *id,
                             const struct link_caller *from, bool up, struct arena *arena);
/* Where the zone that minted a reservation id is; no zone has untagged ones. */
struct location zones_locate_tag(const struct zones *zones, const struct zones_view *view, uint32_t tag,
                                 const struct link_caller *from, struct arena *arena);
/* The way to a zone that a forwarding record names: PLACE_OWN, PLACE_CHILD, PLACE_PARENT or PLACE_NOWHERE. */
struct location zones_locate_zone(const struct zones *zones, const struct zones_view *view, const struct uuid *zone,
                                  const struct link_caller *from, struct arena *arena);

/* Whom a list asks besides this zone: the children, but not the one that asks. With `whole_tree` (zone.in=/) the parent too, unless
 * it asks itself: it leaves out this branch. In the arena. */
const struct zone *const *zones_list_sources(const struct zones *zones, const struct zones_view *view,
                                             const struct link_caller *from, bool whole_tree, struct arena *arena,
                                             size_t *out_count);

/* One zone's word about an id. */
enum resolved {
    RESOLVED_NEUTRAL,  /* 508: it says nothing, whoever stands where the loop begins is asked by another way */
    RESOLVED_NOT_HERE, /* definitely not there */
    RESOLVED_REFUSED,  /* it will not say: 403 */
    RESOLVED_UNKNOWN,  /* it could not be asked, or could not look: 503 */
    RESOLVED_FOUND,    /* it answered for the server, with success or with an error of its own: relay */
    RESOLVED_COUNT
};

/* What an answer (fanout.h) says. */
enum resolved resolve_answer(enum zone_kind_of_answer kind, int status);
/* Both together: found outranks unknown, unknown outranks refused, refused outranks "not here" (never a false 404), and everything
 * outranks what says nothing. NEUTRAL alone in the end: nobody could be asked, which is unknown. */
enum resolved resolve_reduce(enum resolved a, enum resolved b);

/* The value of X-Zone-Path for an answer that came from `hop`, which says `path` of it: the zones on its way, up or down, the
 * nearest first and the one that wrote it last. For `names` as they are called, else their tags in hex, as far as they are known
 * here: of a way that goes up the parent's. */
const char *zones_path_header(const struct zones_view *view, const struct zone *hop, const char *path, bool names,
                              struct arena *arena);
/* The value of X-Zone-Missing for this caller: paths for `names` (admins, links, expose_names), else the zones' tags in hex; NULL
 * for an empty list. */
const char *zones_missing_header(const struct zones_view *view, const struct zones_missing *list, bool names, struct arena *arena);
