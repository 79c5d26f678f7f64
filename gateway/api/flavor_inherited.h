/* Flavors of a parent zone among this zone's own: reading what a parent's API wrote, and sorted pages over both in memory. Pure. */
#pragma once

#include "schema/flavor.h"

/* Reads a flavor as the API writes it (2.55 to 2.61 and later). `id` is 0: this zone has no row for it, so that nothing here
 * changes it. Texts are the JSON's, or live in the arena. E_INVALID: it lacks what a flavor has. */
MUST_CHECK enum err flavor_read(struct arena *arena, const json_t *json, struct flavor *out);

/* Does the list that was asked for show it? For an inherited flavor: which ones the project may see, the parent has decided. */
bool flavor_matches(const struct flavor *flavor, const struct flavor_query *query);

/* Cuts the page out of `all`, which is in this zone's order (own ones by age, then the inherited ones): sorts by the query's key,
 * ties in that order, begins behind `marker` (NULL: at the start; it need not be in the list, `marker_rank` is its place in the
 * order). */
struct ranked_flavor {
    struct flavor flavor;
    size_t rank;
};
void flavor_page(struct arena *arena, struct ranked_flavor *all, size_t count, const struct flavor_query *query,
                 const struct ranked_flavor *marker, struct flavors *out);
