/* The steps of an inventory's change, for the reshaper too. Inside a transaction, the provider's row locked; no generation moves.
 */
#pragma once

#include "compute/placement/inventory.h"
#include "schema/placement_provider.h"

/* Adds them or changes what is there; other classes stay. */
MUST_CHECK enum err inventories_put(struct db *db, struct arena *arena, const struct provider_row *provider,
                                    const struct placement_inventory *inventories, size_t count, bool reserved_may_be_total);
/* The same, whatever is reserved: the reshaper judges allocations only, as Placement's. */
MUST_CHECK enum err inventories_write(struct db *db, struct arena *arena, const struct provider_row *provider,
                                      const struct placement_inventory *inventories, size_t count);
/* Classes that are not in `kept` go. */
MUST_CHECK enum err inventories_drop_others(struct db *db, struct arena *arena, const struct provider_row *provider,
                                            const struct placement_inventory *kept, size_t count);
