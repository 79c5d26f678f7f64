/* Usages; see inventory.h. */
#include <string.h>

#include "compute/placement/inside.h"
#include "compute/placement/inventory.h"
#include "schema/placement_allocation.h"
#include "schema/placement_inventory.h"

enum err placement_usages_of_provider(struct db *db, struct arena *arena, const struct uuid *uuid,
                                      struct placement_provider *out_provider, struct placement_usages *out)
{
    struct provider_row row;
    struct inventory_rows rows;
    placement_problem_set(PROBLEM_NONE);
    TRY(provider_find(db, arena, uuid, false, &row));
    TRY(inventory_rows_get(db, arena, &row.id, 1, &rows));
    struct placement_usage *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct placement_usage){NULL, rows.items[i].resource_class, rows.items[i].used, 0};
    *out_provider = provider_from_row(&row);
    *out = (struct placement_usages){items, rows.count};
    return OK;
}

enum err placement_usages_get(struct db *db, struct arena *arena, const struct placement_usage_query *query,
                              struct placement_usages *out)
{
    const bool all = query->consumer_type && strcmp(query->consumer_type, "all") == 0;
    const bool unknown = query->consumer_type && strcmp(query->consumer_type, "unknown") == 0;
    const char *type = unknown ? "" : query->consumer_type;
    struct usage_rows rows;
    placement_problem_set(PROBLEM_NONE);
    TRY(usage_rows_get(db, arena, query->project_id, query->user_id, all ? NULL : type, all || !query->by_type, &rows));
    struct placement_usage *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++) {
        const struct usage_row *in = &rows.items[i];
        const char *name = all ? "all" : in->type ? in->type : "unknown";
        items[i] = (struct placement_usage){query->by_type ? name : NULL, in->resource_class, in->used, in->consumers};
    }
    *out = (struct placement_usages){items, rows.count};
    return OK;
}
