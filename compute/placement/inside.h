/* What the files of Placement's domain share. Nobody else includes it. */
#pragma once

#include "compute/placement/problem.h"
#include "compute/placement/provider.h"
#include "schema/placement_inventory.h"
#include "schema/placement_provider.h"

/* Runs `work` in a transaction, again when it says E_RETRY; when that does not end: E_CONFLICT CONCURRENT_UPDATE. */
MUST_CHECK enum err placement_transaction(struct db *db, enum err (*work)(struct db *db, void *context), void *context);
/* One provider's row, locked if `lock`. E_NOT_FOUND UNKNOWN_PROVIDER. */
MUST_CHECK enum err provider_find(struct db *db, struct arena *arena, const struct uuid *uuid, bool lock, struct provider_row *out);
/* As provider_find with the lock, and E_CONFLICT CONCURRENT_UPDATE (in Placement's words for `what`) unless the generation is the
 * one given (NULL: any). */
MUST_CHECK enum err provider_find_at(struct db *db, struct arena *arena, const struct uuid *uuid, const int64_t *generation,
                                     const char *words, struct provider_row *out);
struct placement_provider provider_from_row(const struct provider_row *row);

/* What may be allocated of an inventory, un-truncated (Placement 1.39). */
double capacity_of(int64_t total, int64_t reserved, double allocation_ratio);
bool units_allow(int64_t amount, int64_t min_unit, int64_t max_unit, int64_t step_size);
double inventory_capacity(const struct inventory_row *row);
/* The amount is one that may be asked for: its units, whatever is used. */
bool inventory_allows(const struct inventory_row *row, int64_t amount);
/* The amount fits beside what is used. */
bool inventory_has_room(const struct inventory_row *row, int64_t amount);
/* NULL: the provider has none of that class. */
const struct inventory_row *inventory_find(const struct inventory_rows *rows, int64_t provider_id, const char *resource_class);
/* NULL: not among them. */
const struct name_row *name_find(const struct name_rows *rows, const char *name);
