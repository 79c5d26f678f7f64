/* Allocations as they are; see allocation.h. */
#include "compute/placement/allocation.h"
#include "compute/placement/inside.h"
#include "schema/placement_allocation.h"

static struct placement_allocations from_rows(struct arena *arena, const struct allocation_rows *rows)
{
    struct placement_allocation *items = arena_alloc(arena, (rows->count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows->count; i++) {
        const struct allocation_row *row = &rows->items[i];
        items[i] = (struct placement_allocation){
            row->provider, row->provider_generation, row->consumer, row->consumer_generation, row->resource_class,
            row->used,     row->updated_us};
    }
    return (struct placement_allocations){items, rows->count};
}

enum err placement_allocations_of_consumer(struct db *db, struct arena *arena, const struct uuid *consumer,
                                           struct placement_consumer *out_consumer, struct placement_allocations *out)
{
    struct consumer_rows consumers;
    struct allocation_rows rows;
    placement_problem_set(PROBLEM_NONE);
    *out_consumer = (struct placement_consumer){0};
    TRY(allocations_of_consumers(db, arena, consumer, 1, &rows));
    TRY(consumer_rows_get(db, arena, consumer, 1, false, &consumers));
    if (consumers.count)
        *out_consumer = (struct placement_consumer){consumers.items[0].project_id, consumers.items[0].user_id,
                                                    consumers.items[0].type, consumers.items[0].generation};
    *out = from_rows(arena, &rows);
    return OK;
}

enum err placement_allocations_of_provider(struct db *db, struct arena *arena, const struct uuid *provider,
                                           struct placement_provider *out_provider, struct placement_allocations *out)
{
    struct provider_row row;
    struct allocation_rows rows;
    placement_problem_set(PROBLEM_NONE);
    TRY(provider_find(db, arena, provider, false, &row));
    TRY(allocations_of_provider(db, arena, row.id, &rows));
    *out_provider = provider_from_row(&row);
    *out = from_rows(arena, &rows);
    return OK;
}
