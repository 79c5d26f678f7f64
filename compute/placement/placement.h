/*
 * Placement's domain layer, first part: what hosts have, what fits, and claims. No JSON, no HTTP (DESIGN section 8).
 *
 * Lock order: providers by id, then consumers by uuid; a claim that moves a consumer locks where it came from last (a deadlock is
 * run again, as all are). Every write that touches a provider's allocations or inventories bumps its
 * generation by compare-and-swap. Capacity is (total - reserved) * ratio, compared un-truncated (Placement 1.39, spec
 * placement.md 4.2).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

struct resource_amount {
    const char *resource_class; /* VCPU, MEMORY_MB, DISK_GB, … */
    int64_t amount;
};

struct resource_inventory {
    const char *resource_class;
    int64_t total;
    int64_t reserved;
    double allocation_ratio;
};

/* A provider on which all that was asked for fits right now. Hints: only a claim decides. */
struct placement_fit {
    struct uuid provider;
    double free_share; /* least free share over the classes asked for, after the claim; 0 … 1 */
    int64_t free_vcpus;
    int64_t free_ram_mib;
    int64_t free_disk_gib;
};

struct placement_fits {
    const struct placement_fit *items;
    size_t count;
};

/* Makes or updates the provider and its inventories in one transaction; an unchanged set is not written. A class that only
 * providers below it have (a reshape put it there) stays theirs. */
MUST_CHECK enum err placement_report(struct db *db, const struct uuid *provider, const char *name,
                                     const struct resource_inventory *inventories, size_t count);

/* Providers that have room for all amounts (0 amounts are skipped). */
MUST_CHECK enum err placement_fit(struct db *db, struct arena *arena, const struct resource_amount *amounts, size_t count,
                                  struct placement_fits *out);

/* Inside a transaction: the consumer (type INSTANCE) gets the amounts on this provider, instead of whatever it had. E_CONFLICT: no
 * room now. E_NOT_FOUND: no such provider. */
MUST_CHECK enum err placement_claim(struct db *db, const struct uuid *provider, const struct uuid *consumer, const char *project_id,
                                    const char *user_id, const struct resource_amount *amounts, size_t count);

/* Inside a transaction: the consumer loses all it has. OK when it has nothing. */
MUST_CHECK enum err placement_release(struct db *db, const struct uuid *consumer);
