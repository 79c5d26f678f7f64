/*
 * Traits and aggregates of a provider that one owner keeps, beside those of others: of what it owns exactly what it names is there
 * afterwards, and everything else stays (Nova: what the driver reports, and what an admin has set).
 */
#pragma once

#include <stddef.h>

#include "schema/db.h"

struct own_labels {
    const char *const *owned_traits;
    size_t owned_trait_count;
    const char *const *traits; /* of those; one that the database does not know is left out */
    size_t trait_count;
    const struct uuid *owned_aggregates;
    size_t owned_aggregate_count;
    const struct uuid *aggregates; /* of those */
    size_t aggregate_count;
};

/* In one transaction that locks the provider; its generation rises by one if something changed. No such provider: OK. */
MUST_CHECK enum err placement_own_labels_set(struct db *db, const struct uuid *provider, const struct own_labels *labels);
