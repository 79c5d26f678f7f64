/*
 * The direct children that got parts of a reservation (DESIGN section 5), written before the order is sent.
 *
 * A set is whole where it was kept from the reservation's beginning: then nobody else has a part. It is not where the reservation
 * is older than this table, or than the last zone that came into the subtree and may have brought parts along; and after
 * RESERVATION_KEPT_S it is forgotten. Who has no whole set asks all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"

#define RESERVATION_KEPT_S (30 * 24 * 3600)

/* These children are about to get parts of it. `minted_us`: when the reservation began, if its whole set is kept here; 0: that is
 * as it was. */
MUST_CHECK enum err reservation_add(struct db *db, struct arena *arena, const char *reservation, int64_t minted_us,
                                    const struct uuid *zones, size_t count);
/* When it began, as far as its set is kept here; 0. */
MUST_CHECK enum err reservation_minted(struct db *db, const char *reservation, int64_t *out_us);

struct reservation_zones {
    bool whole;
    const struct uuid *items;
    size_t count;
};
MUST_CHECK enum err reservation_zones(struct db *db, struct arena *arena, const char *reservation, struct reservation_zones *out);

/* A zone came into the subtree: no set of now is whole any more. */
MUST_CHECK enum err reservation_zones_void(struct db *db);
/* Forgets old sets, some thousands at a time. */
MUST_CHECK enum err reservation_zones_purge(struct db *db);
