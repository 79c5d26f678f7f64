/* How inventories are judged, and names found; see inside.h. */
#include "compute/placement/inside.h"

#include <string.h>

double capacity_of(int64_t total, int64_t reserved, double allocation_ratio)
{
    return (double)(total - reserved) * allocation_ratio;
}

bool units_allow(int64_t amount, int64_t min_unit, int64_t max_unit, int64_t step_size)
{
    return amount >= min_unit && amount <= max_unit && step_size > 0 && amount % step_size == 0;
}

double inventory_capacity(const struct inventory_row *row)
{
    return capacity_of(row->total, row->reserved, row->allocation_ratio);
}

bool inventory_allows(const struct inventory_row *row, int64_t amount)
{
    return units_allow(amount, row->min_unit, row->max_unit, row->step_size);
}

bool inventory_has_room(const struct inventory_row *row, int64_t amount)
{
    return (double)(row->used + amount) <= inventory_capacity(row);
}

/* The first of the provider, by bisection. */
static size_t first_of(const struct inventory_rows *rows, int64_t provider_id)
{
    size_t low = 0;
    size_t high = rows->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (rows->items[middle].provider_id < provider_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct inventory_row *inventory_find(const struct inventory_rows *rows, int64_t provider_id, const char *resource_class)
{
    for (size_t i = first_of(rows, provider_id); i < rows->count && rows->items[i].provider_id == provider_id; i++) {
        if (strcmp(rows->items[i].resource_class, resource_class) == 0)
            return &rows->items[i];
    }
    return NULL;
}

const struct name_row *name_find(const struct name_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (strcmp(rows->items[i].name, name) == 0)
            return &rows->items[i];
    }
    return NULL;
}
