/* What a write of allocations finds, and its locks; see allocation_inside.h. Nothing is written here, but for the generation whose
 * rise is the lock of one provider. */
#include <stdlib.h>

#include "compute/placement/allocation_inside.h"

const struct provider_row *write_find_provider(const struct write *write, const struct uuid *uuid)
{
    for (size_t i = 0; i < write->providers.count; i++) {
        if (uuid_equal(&write->providers.items[i].uuid, uuid))
            return &write->providers.items[i];
    }
    return NULL;
}

const struct consumer_row *write_find_consumer(const struct write *write, const struct uuid *uuid)
{
    for (size_t i = 0; i < write->consumers.count; i++) {
        if (uuid_equal(&write->consumers.items[i].uuid, uuid))
            return &write->consumers.items[i];
    }
    return NULL;
}

static size_t count_shares(const struct write *write)
{
    size_t count = 0;
    for (size_t i = 0; i < write->claim_count; i++)
        count += write->claims[i].count;
    return count;
}

const struct uuid *write_list_consumers(const struct write *write)
{
    struct uuid *uuids = arena_alloc(write->arena, (write->claim_count + 1) * sizeof(*uuids));
    for (size_t i = 0; i < write->claim_count; i++)
        uuids[i] = write->claims[i].consumer;
    return uuids;
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Sorted, without duplicates and zeros. */
static size_t sort_ids(int64_t *ids, size_t count)
{
    size_t used = 0;
    qsort(ids, count, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < count; i++) {
        if (ids[i] && (used == 0 || ids[used - 1] != ids[i]))
            ids[used++] = ids[i];
    }
    return used;
}

static enum err lock_by_id(struct db *db, struct write *write, const struct uuid *wanted, size_t count)
{
    const int64_t *found = NULL;
    size_t found_count = 0;
    if (count)
        TRY(provider_ids_find(db, write->arena, wanted, count, &found, &found_count));
    int64_t *ids = arena_alloc(write->arena, (found_count + write->old.count + 1) * sizeof(*ids));
    for (size_t i = 0; i < found_count; i++)
        ids[i] = found[i];
    for (size_t i = 0; i < write->old.count; i++)
        ids[found_count + i] = write->old.items[i].provider_id;
    const size_t id_count = sort_ids(ids, found_count + write->old.count);
    if (id_count == 0)
        return OK;
    TRY(stock_lock(db, write->arena, ids, id_count, &write->providers, &write->inventories));
    return write->providers.count == id_count ? OK : fail(E_RETRY, "A resource provider was deleted meanwhile.");
}

static size_t list_providers(const struct write *write, struct uuid **out)
{
    struct uuid *uuids = arena_alloc(write->arena, (count_shares(write) + write->reshaped_count + 1) * sizeof(*uuids));
    size_t count = 0;
    for (size_t i = 0; i < write->claim_count; i++) {
        for (size_t j = 0; j < write->claims[i].count; j++)
            uuids[count++] = write->claims[i].shares[j].provider;
    }
    for (size_t i = 0; i < write->reshaped_count; i++)
        uuids[count++] = write->reshaped[i].provider;
    *out = uuids;
    return count;
}

/* Most writes give something of one provider to one consumer that had nothing. There is no order to keep then, and it is sure that
 * the provider's generation rises. */
static bool is_simple(const struct write *write)
{
    return write->claim_count == 1 && write->claims->count == 1 && write->claims->shares->count > 0 && write->reshaped_count == 0 &&
           write->old.count == 0;
}

static enum err lock_providers(struct db *db, struct write *write)
{
    struct uuid *uuids = NULL;
    const size_t count = list_providers(write, &uuids);
    write->providers = (struct provider_rows){0};
    write->inventories = (struct inventory_rows){0};
    write->is_raised = is_simple(write);
    if (write->is_raised)
        return stock_take(db, write->arena, uuids, &write->providers, &write->inventories);
    return lock_by_id(db, write, uuids, count);
}

/* The consumer at the first look; NULL: there was none. */
static const struct holding_row *find_seen(const struct write *write, const struct uuid *consumer)
{
    for (size_t i = 0; i < write->old.count; i++) {
        if (uuid_equal(&write->old.items[i].consumer, consumer))
            return &write->old.items[i];
    }
    return NULL;
}

/* One made anew since has another id, and its first generation again. */
static bool is_as_seen(const struct consumer_row *row, const struct holding_row *seen)
{
    if (!row || !seen)
        return !row && !seen;
    return row->id == seen->consumer_id && row->generation == seen->consumer_generation;
}

/* Where there was none, there is nothing to lock: making it says whether it is still so. */
static enum err lock_consumers(struct db *db, struct write *write)
{
    write->consumers = (struct consumer_rows){0};
    if (write->old.count == 0)
        return OK;
    TRY(consumer_rows_get(db, write->arena, write_list_consumers(write), write->claim_count, true, &write->consumers));
    for (size_t i = 0; i < write->claim_count; i++) {
        const struct uuid *consumer = &write->claims[i].consumer;
        if (!is_as_seen(write_find_consumer(write, consumer), find_seen(write, consumer)))
            return fail(E_RETRY, "A consumer was changed meanwhile.");
    }
    return OK;
}

enum err write_prepare(struct db *db, struct write *write)
{
    write->old = (struct holding_rows){0};
    if (!write->is_blind)
        TRY(holding_rows_get(db, write->arena, write_list_consumers(write), write->claim_count, &write->old));
    TRY(lock_providers(db, write));
    return lock_consumers(db, write);
}
