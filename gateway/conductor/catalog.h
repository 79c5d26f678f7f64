/*
 * What this zone's parents have to offer: their flavors and images, as this request's user sees them there (DESIGN section 3,
 * catalog = inherit).
 *
 * Asked upward over the link, as the user and never as an admin, and kept CATALOG_FRESH_MS per (parent, project, question). While
 * the parent is silent, or one request is asking already, the former answer is used, for at most CATALOG_STALE_MS. A parent that
 * inherits itself answers with what it inherits, so trees of any depth work. A parent counts when the link's policy says
 * `catalog`, or does not speak of it and this zone has its users from elsewhere ([identity] url: one identity authority).
 * Not here: this zone's own flavors and images, and putting both together (gateway/api).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "gateway/http/core/core.h"
#include "zones/registry.h"

#define CATALOG_FRESH_MS  60000
#define CATALOG_STALE_MS  (12 * 3600 * 1000)
#define CATALOG_ROWS_MOST 5000

enum catalog_kind { CATALOG_FLAVORS, CATALOG_IMAGES };

/* Objects as the parents' APIs write them (flavors as of 2.61), each id once, nearest parent first. Valid as long as the request's
 * arena; read only. */
struct catalog_items {
    const json_t **items;
    size_t count;
    bool inherits; /* there is a parent that offers its catalog */
    bool silent;   /* of one of them nothing is known now */
};

/* All that the parents list, at most CATALOG_ROWS_MOST. Never fails: what cannot be known is left out. */
void catalog_list(struct request *request, enum catalog_kind kind, struct catalog_items *out);
/* The same for an answer to a list. E_UNAVAILABLE: a child zone asks and something is silent; a part would be kept there as the
 * whole, and what is not in it denied. */
MUST_CHECK enum err catalog_list_whole(struct request *request, enum catalog_kind kind, struct catalog_items *out);
/* The one with this id: of the list, else asked for by itself. E_NOT_FOUND; E_UNAVAILABLE: a parent is silent and nothing is known
 * of its catalog. */
MUST_CHECK enum err catalog_get(struct request *request, enum catalog_kind kind, const char *id, const json_t **out);
/* What a parent answers to a GET of `target`, kept in the same way. E_NOT_FOUND (also when it is refused), E_INVALID with the
 * parent's words, E_UNAVAILABLE. */
MUST_CHECK enum err catalog_ask(struct request *request, const char *target, const json_t **out);

/* The link's policy: does it allow the neighbour the catalog? `missing`: what counts when the policy does not say. */
bool catalog_is_allowed(const struct zone *neighbour, bool missing);
/* Forgets everything that is kept; at the end of the process, and for tests. */
void catalog_clear(void);
