/*
 * The write of allocations (spec placement.md 4.2), and the reshaper around it; see allocation.h. What it finds and locks is in
 * allocation_lock.c, reading is in allocation_read.c.
 *
 * In one transaction: what is there, the locks (providers by id, consumers by uuid) and what is left of the inventories, then the
 * checks of generations and room, then the writes: old allocations away, consumers, new ones, generations raised. A consumer that
 * moved between the first look and its lock makes the transaction run again.
 */
#include "compute/placement/allocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/placement/allocation_inside.h"
#include "compute/placement/inventory_inside.h"
#include "schema/placement_allocation.h"
#include "schema/placement_inventory.h"

/* --- checks */

static enum err check_generation(const struct placement_claim_of *claim, const struct consumer_row *row)
{
    char given[24] = "None";
    if (!claim->checks_generation || (row && claim->generation && *claim->generation == row->generation) ||
        (!row && !claim->generation))
        return OK;
    if (claim->generation)
        (void)snprintf(given, sizeof(given), "%lld", (long long)*claim->generation);
    if (row)
        return fail_placement(E_CONFLICT, PROBLEM_CONSUMER_GENERATION, "consumer generation conflict - expected %lld but got %s",
                              (long long)row->generation, given);
    return fail_placement(E_CONFLICT, PROBLEM_CONSUMER_GENERATION, "consumer generation conflict - expected null but got %s",
                          given);
}

static enum err check_claims(const struct write *write)
{
    for (size_t i = 0; i < write->claim_count; i++)
        TRY(check_generation(&write->claims[i], write_find_consumer(write, &write->claims[i].consumer)));
    for (size_t i = 0; i < write->claim_count; i++) {
        for (size_t j = 0; j < write->claims[i].count; j++) {
            const struct uuid *uuid = &write->claims[i].shares[j].provider;
            if (!write_find_provider(write, uuid))
                return fail_placement(E_INVALID, PROBLEM_UNKNOWN_PROVIDER,
                                      "Allocation for resource provider '%s' that does not exist.", uuid_to_text(uuid).text);
        }
    }
    return OK;
}

static enum err check_reshaped(const struct write *write)
{
    for (size_t i = 0; i < write->reshaped_count; i++) {
        const struct placement_reshaped *reshaped = &write->reshaped[i];
        const struct uuid_text text = uuid_to_text(&reshaped->provider);
        const struct provider_row *row = write_find_provider(write, &reshaped->provider);
        if (!row)
            return fail_placement(E_INVALID, PROBLEM_UNKNOWN_PROVIDER,
                                  "Resource provider %s in inventories not found: No resource provider with uuid %s found",
                                  text.text, text.text);
        if (row->generation != reshaped->generation)
            return fail_placement(E_CONFLICT, PROBLEM_CONCURRENT_UPDATE,
                                  "resource provider generation conflict for provider %s: actual: %lld, given: %lld", text.text,
                                  (long long)row->generation, (long long)reshaped->generation);
    }
    return OK;
}

/* What this write takes of an inventory so far, less what it gives back. */
static int64_t taken(const struct write *write, const struct inventory_row *row)
{
    int64_t sum = 0;
    for (size_t i = 0; i < write->new_count; i++) {
        if (write->new[i].provider_id == row->provider_id && write->new[i].class_id == row->class_id)
            sum += write->new[i].used;
    }
    for (size_t i = 0; i < write->old.count; i++) {
        if (write->old.items[i].provider_id == row->provider_id && write->old.items[i].class_id == row->class_id)
            sum -= write->old.items[i].used;
    }
    return sum;
}

static enum err fail_room(const char *why, const struct resource_amount *want, const struct provider_row *provider)
{
    return fail_placement(E_CONFLICT, PROBLEM_NO_ROOM,
                          "Unable to create allocation for '%s' on resource provider '%s'. The requested amount would %s.",
                          want->resource_class, uuid_to_text(&provider->uuid).text, why);
}

/* E_NOT_FOUND UNKNOWN_CLASS names the first that is not known. What failed before stays said otherwise. */
static enum err check_classes(struct db *db, struct arena *arena, const struct placement_share *share)
{
    struct name_rows rows;
    const char **names = arena_alloc(arena, (share->count + 1) * sizeof(*names));
    for (size_t i = 0; i < share->count; i++)
        names[i] = share->resources[i].resource_class;
    TRY(names_find(db, arena, NAMES_CLASS, names, share->count, &rows));
    for (size_t i = 0; i < share->count; i++) {
        size_t at = 0;
        while (at < rows.count && strcmp(rows.items[at].name, names[i]) != 0)
            at++;
        if (at == rows.count)
            return fail_placement(E_NOT_FOUND, PROBLEM_UNKNOWN_CLASS, "No such resource class %s.", names[i]);
    }
    return OK;
}

static enum err fail_inventory(struct db *db, struct arena *arena, const struct resource_amount *want,
                               const struct provider_row *provider)
{
    struct name_rows rows;
    TRY(names_find(db, arena, NAMES_CLASS, &want->resource_class, 1, &rows));
    if (rows.count == 0)
        return fail_placement(E_NOT_FOUND, PROBLEM_UNKNOWN_CLASS, "No such resource class %s.", want->resource_class);
    return fail_placement(E_CONFLICT, PROBLEM_NO_ROOM, "Inventory for '%s' on resource provider '%s' invalid.",
                          want->resource_class, uuid_to_text(&provider->uuid).text);
}

static enum err add_amount(struct db *db, struct write *write, const struct uuid *consumer, const struct provider_row *provider,
                           const struct resource_amount *want)
{
    const struct inventory_row *row = inventory_find(&write->inventories, provider->id, want->resource_class);
    if (!row)
        return fail_inventory(db, write->arena, want, provider);
    if (!inventory_allows(row, want->amount))
        return fail_room("violate inventory constraints", want, provider);
    if (!inventory_has_room(row, taken(write, row) + want->amount))
        return fail_room("exceed the capacity", want, provider);
    write->new[write->new_count++] = (struct allocation_row){
        .consumer = *consumer, .provider_id = provider->id, .class_id = row->class_id, .used = want->amount};
    return OK;
}

static size_t count_amounts(const struct placement_claim_of *claim)
{
    size_t count = 0;
    for (size_t i = 0; i < claim->count; i++)
        count += claim->shares[i].count;
    return count;
}

static enum err add_claim(struct db *db, struct write *write, const struct placement_claim_of *claim)
{
    for (size_t i = 0; i < claim->count; i++) {
        const struct placement_share *share = &claim->shares[i];
        const struct provider_row *provider = write_find_provider(write, &share->provider);
        for (size_t j = 0; j < share->count; j++)
            TRY(add_amount(db, write, &claim->consumer, provider, &share->resources[j]));
    }
    return OK;
}

/* The new allocations, each checked against what is left. Nothing is written. */
static enum err check_room(struct db *db, struct write *write)
{
    size_t amounts = 0;
    for (size_t i = 0; i < write->claim_count; i++)
        amounts += count_amounts(&write->claims[i]);
    write->new = arena_alloc(write->arena, (amounts + 1) * sizeof(*write->new));
    write->new_count = 0;
    for (size_t i = 0; i < write->claim_count; i++)
        TRY(add_claim(db, write, &write->claims[i]));
    return OK;
}

/* --- the write */

static enum err remove_old(struct db *db, struct write *write)
{
    int64_t *ids = arena_alloc(write->arena, (write->consumers.count + 1) * sizeof(*ids));
    for (size_t i = 0; i < write->consumers.count; i++)
        ids[i] = write->consumers.items[i].id;
    return allocations_delete(db, write->arena, ids, write->consumers.count);
}

static enum err read_inventories(struct db *db, struct write *write)
{
    int64_t *ids = arena_alloc(write->arena, (write->providers.count + 1) * sizeof(*ids));
    for (size_t i = 0; i < write->providers.count; i++)
        ids[i] = write->providers.items[i].id;
    return inventory_rows_get(db, write->arena, ids, write->providers.count, &write->inventories);
}

static int compare_new(const void *a, const void *b)
{
    return memcmp(&((const struct consumer_new *)a)->uuid, &((const struct consumer_new *)b)->uuid, sizeof(struct uuid));
}

static enum err make_consumers(struct db *db, struct write *write)
{
    write->made = arena_alloc(write->arena, (write->claim_count + 1) * sizeof(*write->made));
    write->made_count = 0;
    for (size_t i = 0; i < write->claim_count; i++) {
        const struct placement_claim_of *claim = &write->claims[i];
        if (write_find_consumer(write, &claim->consumer) || count_amounts(claim) == 0)
            continue;
        write->made[write->made_count++] =
            (struct consumer_new){.uuid = claim->consumer,
                                  .project_id = claim->project_id ? claim->project_id : PLACEMENT_NOBODY,
                                  .user_id = claim->user_id ? claim->user_id : PLACEMENT_NOBODY,
                                  .type = claim->type};
    }
    qsort(write->made, write->made_count, sizeof(*write->made), compare_new);
    return consumers_insert(db, write->arena, write->made, write->made_count);
}

static int64_t made_id(const struct write *write, const struct uuid *consumer)
{
    size_t i = 0;
    while (i + 1 < write->made_count && !uuid_equal(&write->made[i].uuid, consumer))
        i++;
    return write->made[i].id;
}

static enum err write_consumer(struct db *db, const struct write *write, const struct placement_claim_of *claim)
{
    const struct consumer_row *row = write_find_consumer(write, &claim->consumer);
    if (!row)
        return OK; /* made, or none is needed */
    if (count_amounts(claim) == 0)
        return consumer_delete(db, row->id);
    return consumer_update(db, row->id, claim->project_id, claim->user_id, claim->type);
}

static enum err write_claims(struct db *db, struct write *write)
{
    TRY(remove_old(db, write));
    TRY(make_consumers(db, write));
    for (size_t i = 0; i < write->claim_count; i++)
        TRY(write_consumer(db, write, &write->claims[i]));
    for (size_t i = 0; i < write->new_count; i++) {
        const struct consumer_row *row = write_find_consumer(write, &write->new[i].consumer);
        write->new[i].consumer_id = row ? row->id : made_id(write, &write->new[i].consumer);
    }
    return allocations_insert(db, write->arena, write->new, write->new_count);
}

static bool is_emptied(const struct write *write, const struct uuid *consumer)
{
    for (size_t i = 0; i < write->claim_count; i++) {
        if (uuid_equal(&write->claims[i].consumer, consumer))
            return count_amounts(&write->claims[i]) == 0;
    }
    return false;
}

/* Those that give something; of a consumer that loses all, those that gave. What a claim leaves for another provider is not told to
 * the one it left, as in Placement. */
static enum err bump_allocated(struct db *db, const struct write *write)
{
    int64_t *ids = arena_alloc(write->arena, (write->providers.count + 1) * sizeof(*ids));
    size_t count = 0;
    for (size_t i = 0; i < write->providers.count && !write->is_raised; i++) {
        const int64_t id = write->providers.items[i].id;
        bool touched = false;
        for (size_t j = 0; j < write->old.count && !touched; j++)
            touched = write->old.items[j].provider_id == id && is_emptied(write, &write->old.items[j].consumer);
        for (size_t j = 0; j < write->new_count && !touched; j++)
            touched = write->new[j].provider_id == id;
        if (touched)
            ids[count++] = id;
    }
    return providers_bump(db, write->arena, ids, count);
}

static enum err replace(struct db *db, struct write *write)
{
    TRY(write_claims(db, write));
    return bump_allocated(db, write);
}

static enum err check_and_replace(struct db *db, struct write *write)
{
    TRY(write_prepare(db, write));
    TRY(check_claims(write));
    TRY(check_room(db, write));
    return replace(db, write);
}

/* What was not seen may be there, and then that is what is wrong: the next transaction says so. */
static enum err run_replace(struct db *db, void *context)
{
    struct write *write = context;
    const enum err result = check_and_replace(db, write);
    if (result == OK || !write->is_blind)
        return result;
    if (result != E_RETRY)
        TRY(holding_rows_get(db, write->arena, write_list_consumers(write), write->claim_count, &write->old));
    if (result != E_RETRY && write->old.count == 0)
        return result;
    write->is_blind = false;
    return fail(E_RETRY, "A consumer was there already.");
}

/* Who says that all consumers are new needs no look, as making them says whether it is so. */
static bool are_said_new(const struct placement_claim_of *claims, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!claims[i].checks_generation || claims[i].generation || count_amounts(&claims[i]) == 0)
            return false;
    }
    return true;
}

/* A class that nobody knows counts before room that is not there, wherever in the request it stands. */
static enum err blame_class(struct db *db, const struct write *write, enum err result)
{
    if (result != E_CONFLICT || placement_problem() != PROBLEM_NO_ROOM)
        return result;
    for (size_t i = 0; i < write->claim_count; i++) {
        for (size_t j = 0; j < write->claims[i].count; j++)
            TRY(check_classes(db, write->arena, &write->claims[i].shares[j]));
    }
    return result;
}

enum err placement_allocations_replace(struct db *db, const struct placement_claim_of *claims, size_t count)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct write write = {.arena = &arena, .claims = claims, .claim_count = count};
    write.is_blind = !db_in_transaction(db) && are_said_new(claims, count); /* the transaction must be ours to be run again */
    return blame_class(db, &write, placement_transaction(db, run_replace, &write));
}

/* --- the reshaper: old and new inventories together, then the allocations, then only the new inventories */

static enum err widen(struct db *db, const struct write *write)
{
    for (size_t i = 0; i < write->reshaped_count; i++) {
        const struct placement_reshaped *reshaped = &write->reshaped[i];
        const struct provider_row *row = write_find_provider(write, &reshaped->provider);
        if (reshaped->count == 0)
            continue;
        TRY(inventories_write(db, write->arena, row, reshaped->inventories, reshaped->count));
        TRY(providers_bump(db, write->arena, &row->id, 1));
    }
    return OK;
}

static enum err narrow(struct db *db, const struct write *write)
{
    for (size_t i = 0; i < write->reshaped_count; i++) {
        const struct placement_reshaped *reshaped = &write->reshaped[i];
        const struct provider_row *row = write_find_provider(write, &reshaped->provider);
        TRY(inventories_drop_others(db, write->arena, row, reshaped->inventories, reshaped->count));
        TRY(providers_bump(db, write->arena, &row->id, 1));
    }
    return OK;
}

static enum err run_reshape(struct db *db, void *context)
{
    struct write *write = context;
    TRY(write_prepare(db, write));
    TRY(check_reshaped(write));
    TRY(check_claims(write));
    TRY(widen(db, write));
    TRY(read_inventories(db, write));
    TRY(check_room(db, write));
    TRY(replace(db, write));
    return narrow(db, write);
}

enum err placement_reshape(struct db *db, const struct placement_reshaped *reshaped, size_t reshaped_count,
                           const struct placement_claim_of *claims, size_t claim_count)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct write write = {
        .arena = &arena, .reshaped = reshaped, .reshaped_count = reshaped_count, .claims = claims, .claim_count = claim_count};
    return blame_class(db, &write, placement_transaction(db, run_reshape, &write));
}

/* --- everything of one consumer away */

static enum err run_delete(struct db *db, void *context)
{
    struct write *write = context;
    TRY(write_prepare(db, write));
    if (write->consumers.count == 0)
        return fail(E_NOT_FOUND, "No allocations for consumer '%s'", uuid_to_text(&write->claims->consumer).text);
    TRY(remove_old(db, write));
    return consumer_delete(db, write->consumers.items[0].id);
}

enum err placement_allocations_delete(struct db *db, const struct uuid *consumer)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct placement_claim_of nothing = {.consumer = *consumer};
    struct write write = {.arena = &arena, .claims = &nothing, .claim_count = 1};
    return placement_transaction(db, run_delete, &write);
}
