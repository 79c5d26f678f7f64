/*
 * Consumers and their allocations (spec placement.md 4), and the reshaper (7).
 *
 * One write replaces all allocations of the consumers it names, in one transaction: the rows of all providers touched are locked by
 * id, then those of the consumers by uuid, so that nothing is checked against numbers that move. A consumer exists while it has
 * allocations.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compute/placement/inventory.h"
#include "compute/placement/problem.h"
#include "compute/placement/provider.h"
#include "schema/db.h"

#define PLACEMENT_NOBODY "00000000-0000-0000-0000-000000000000" /* project and user of consumers that came without (below 1.8) */

struct placement_share {
    struct uuid provider;
    const struct resource_amount *resources;
    size_t count;
};

/* What a consumer shall have. */
struct placement_claim_of {
    struct uuid consumer;
    const char *project_id; /* NULL: PLACEMENT_NOBODY for a new one, else as it was */
    const char *user_id;
    const char *type;                     /* NULL: none for a new one, else as it was */
    bool checks_generation;               /* from 1.28 */
    const int64_t *generation;            /* NULL: the consumer must be new */
    const struct placement_share *shares; /* a provider at most once; none: the consumer goes */
    size_t count;
};

/* E_CONFLICT CONSUMER_GENERATION, NO_ROOM, CONCURRENT_UPDATE; E_INVALID UNKNOWN_PROVIDER "Allocation for resource provider '…' that
 * does not exist."; E_NOT_FOUND UNKNOWN_CLASS. */
MUST_CHECK enum err placement_allocations_replace(struct db *db, const struct placement_claim_of *claims, size_t count);

struct placement_reshaped {
    struct uuid provider;
    int64_t generation;
    const struct placement_inventory *inventories;
    size_t count;
};

/* New inventories and allocations at once: what allocations hold may move from one provider to another. As replace and
 * placement_inventories_set; E_INVALID UNKNOWN_PROVIDER for a provider of `reshaped` (the words say which). */
MUST_CHECK enum err placement_reshape(struct db *db, const struct placement_reshaped *reshaped, size_t reshaped_count,
                                      const struct placement_claim_of *claims, size_t claim_count);

struct placement_allocation {
    struct uuid provider;
    int64_t provider_generation;
    struct uuid consumer;
    int64_t consumer_generation;
    const char *resource_class;
    int64_t used;
    int64_t updated_us;
};

struct placement_allocations {
    const struct placement_allocation *items; /* by provider, consumer, class: those of one pair stand together */
    size_t count;
};

struct placement_consumer {
    const char *project_id;
    const char *user_id;
    const char *type; /* NULL: none */
    int64_t generation;
};

/* An unknown consumer has none: OK, count 0. */
MUST_CHECK enum err placement_allocations_of_consumer(struct db *db, struct arena *arena, const struct uuid *consumer,
                                                      struct placement_consumer *out_consumer, struct placement_allocations *out);
/* E_NOT_FOUND UNKNOWN_PROVIDER. */
MUST_CHECK enum err placement_allocations_of_provider(struct db *db, struct arena *arena, const struct uuid *provider,
                                                      struct placement_provider *out_provider, struct placement_allocations *out);
/* Whatever the generation, and without raising the providers' (as Placement). E_NOT_FOUND "No allocations for consumer '…'". */
MUST_CHECK enum err placement_allocations_delete(struct db *db, const struct uuid *consumer);
