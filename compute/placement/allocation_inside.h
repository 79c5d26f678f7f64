/* What the files of the write of allocations share: allocation.c (checks and writes) and allocation_lock.c. Nobody else includes
 * it. */
#pragma once

#include "compute/placement/allocation.h"
#include "compute/placement/inside.h"
#include "schema/placement_allocation.h"

struct write {
    struct arena *arena;
    const struct placement_reshaped *reshaped;
    size_t reshaped_count;
    const struct placement_claim_of *claims;
    size_t claim_count;
    bool is_blind;  /* all consumers are said to be new, and nobody looked */
    bool is_raised; /* the generations of the providers, already */
    struct holding_rows old;
    struct provider_rows providers; /* all that are touched, locked; see stock_lock */
    struct consumer_rows consumers; /* those of the claims that exist, locked */
    struct inventory_rows inventories;
    struct consumer_new *made; /* by uuid */
    size_t made_count;
    struct allocation_row *new;
    size_t new_count;
};

/* NULL: not among those that are locked. */
const struct provider_row *write_find_provider(const struct write *write, const struct uuid *uuid);
const struct consumer_row *write_find_consumer(const struct write *write, const struct uuid *uuid);
/* Of the claims, as many as there are claims; in the arena. */
const struct uuid *write_list_consumers(const struct write *write);
/* Fills `old`, `providers`, `inventories` and `consumers`, all locked: providers by id, then consumers by uuid. E_RETRY: something
 * moved between the look and its lock. */
MUST_CHECK enum err write_prepare(struct db *db, struct write *write);
