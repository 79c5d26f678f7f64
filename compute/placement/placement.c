/* What the build pipeline does with Placement: hosts report, servers fit, claim and release; see placement.h. */
#include "compute/placement/placement.h"

#include <math.h>
#include <string.h>

#include "compute/placement/allocation.h"
#include "compute/placement/inside.h"
#include "compute/placement/inventory_inside.h"
#include "schema/placement_inventory.h"

struct report {
    const struct uuid *provider;
    const char *name;
    const struct resource_inventory *inventories;
    size_t count;
};

static bool is_unchanged(const struct inventory_rows *rows, int64_t provider_id, const struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct resource_inventory *new = &report->inventories[i];
        const struct inventory_row *old = inventory_find(rows, provider_id, new->resource_class);
        if (!old || old->total != new->total || old->reserved != new->reserved ||
            fabs(old->allocation_ratio - new->allocation_ratio) > 1e-6)
            return false;
    }
    return true;
}

/* The provider, made or renamed, locked. */
static enum err ensure_provider(struct db *db, struct arena *arena, const struct report *report, struct provider_row *out)
{
    const struct placement_provider_change change = {.name = report->name};
    struct placement_provider provider;
    enum err result = provider_find(db, arena, report->provider, true, out);
    if (result == OK && strcmp(out->name, report->name) == 0)
        return OK;
    if (result == OK)
        result = placement_provider_update(db, arena, report->provider, &change, &provider);
    else if (result == E_NOT_FOUND)
        result = placement_provider_create(db, arena, report->provider, report->name, NULL, &provider);
    if (result == E_CONFLICT)
        return fail(E_CONFLICT, "Resource provider name '%s' is used by another provider.", report->name);
    TRY(result);
    return provider_find(db, arena, report->provider, true, out);
}

/* Only providers below it have the class. */
static bool is_below(const struct inventory_rows *rows, int64_t provider_id, const char *resource_class)
{
    bool below = false;
    for (size_t i = 0; i < rows->count; i++) {
        if (strcmp(rows->items[i].resource_class, resource_class) != 0)
            continue;
        if (rows->items[i].provider_id == provider_id)
            return false;
        below = true;
    }
    return below;
}

/* Without the classes that providers below have instead: a reshape moved them there, and they are not to be counted twice. */
static enum err leave_to_children(struct db *db, struct arena *arena, int64_t provider_id, struct report *report)
{
    const int64_t *ids = NULL;
    size_t id_count = 0;
    struct inventory_rows rows;
    struct resource_inventory *kept = arena_alloc(arena, (report->count + 1) * sizeof(*kept));
    size_t count = 0;
    TRY(provider_subtree(db, arena, provider_id, &ids, &id_count));
    TRY(inventory_rows_get(db, arena, ids, id_count, &rows));
    for (size_t i = 0; i < report->count; i++) {
        if (!is_below(&rows, provider_id, report->inventories[i].resource_class))
            kept[count++] = report->inventories[i];
    }
    report->inventories = kept;
    report->count = count;
    return OK;
}

static enum err report_in_transaction(struct db *db, void *context)
{
    struct report own = *(const struct report *)context;
    struct report *report = &own;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct provider_row provider;
    struct inventory_rows rows;
    TRY(ensure_provider(db, &arena, report, &provider));
    TRY(leave_to_children(db, &arena, provider.id, report));
    TRY(inventory_rows_get(db, &arena, &provider.id, 1, &rows));
    if (is_unchanged(&rows, provider.id, report))
        return OK;
    struct placement_inventory *inventories = arena_alloc(&arena, (report->count + 1) * sizeof(*inventories));
    for (size_t i = 0; i < report->count; i++) {
        const struct resource_inventory *new = &report->inventories[i];
        inventories[i] = (struct placement_inventory){new->resource_class, new->total, new->reserved,         1,
                                                      new->total,          1,          new->allocation_ratio, 0};
    }
    TRY(inventories_put(db, &arena, &provider, inventories, report->count, true));
    return provider_bump(db, provider.id, provider.generation);
}

enum err placement_report(struct db *db, const struct uuid *provider, const char *name,
                          const struct resource_inventory *inventories, size_t count)
{
    struct report report = {provider, name, inventories, count};
    return placement_transaction(db, report_in_transaction, &report);
}

static int64_t free_amount(const struct inventory_rows *rows, int64_t provider_id, const char *resource_class)
{
    const struct inventory_row *row = inventory_find(rows, provider_id, resource_class);
    return row ? (int64_t)floor(inventory_capacity(row)) - row->used : 0;
}

/* False when something does not fit. */
static bool measure_fit(const struct inventory_rows *rows, int64_t provider_id, const struct resource_amount *amounts, size_t count,
                        struct placement_fit *out)
{
    double least = 1.0;
    for (size_t i = 0; i < count; i++) {
        if (amounts[i].amount == 0)
            continue;
        const struct inventory_row *row = inventory_find(rows, provider_id, amounts[i].resource_class);
        if (!row || !inventory_allows(row, amounts[i].amount) || !inventory_has_room(row, amounts[i].amount))
            return false;
        const double capacity = inventory_capacity(row);
        least = fmin(least, (capacity - (double)(row->used + amounts[i].amount)) / capacity);
    }
    out->free_share = least;
    out->free_vcpus = free_amount(rows, provider_id, "VCPU");
    out->free_ram_mib = free_amount(rows, provider_id, "MEMORY_MB");
    out->free_disk_gib = free_amount(rows, provider_id, "DISK_GB");
    return true;
}

enum err placement_fit(struct db *db, struct arena *arena, const struct resource_amount *amounts, size_t count,
                       struct placement_fits *out)
{
    struct provider_rows providers;
    struct inventory_rows rows;
    TRY(provider_rows_all(db, arena, &providers));
    TRY(inventory_rows_all(db, arena, &rows));
    struct placement_fit *items = arena_alloc(arena, (providers.count + 1) * sizeof(*items));
    size_t used = 0;
    for (size_t i = 0; i < providers.count; i++) {
        items[used].provider = providers.items[i].uuid;
        if (measure_fit(&rows, providers.items[i].id, amounts, count, &items[used]))
            used++;
    }
    *out = (struct placement_fits){items, used};
    return OK;
}

enum err placement_claim(struct db *db, const struct uuid *provider, const struct uuid *consumer, const char *project_id,
                         const char *user_id, const struct resource_amount *amounts, size_t count)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct resource_amount *wanted = arena_alloc(&arena, (count + 1) * sizeof(*wanted));
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (amounts[i].amount)
            wanted[used++] = amounts[i];
    }
    const struct placement_share share = {*provider, wanted, used};
    const struct placement_claim_of claim = {
        .consumer = *consumer, .project_id = project_id, .user_id = user_id, .type = "INSTANCE", .shares = &share, .count = 1};
    const enum err result = placement_allocations_replace(db, &claim, 1);
    if (result == E_INVALID && placement_problem() == PROBLEM_UNKNOWN_PROVIDER)
        return fail(E_NOT_FOUND, "No resource provider with uuid %s found", uuid_to_text(provider).text);
    return result;
}

enum err placement_release(struct db *db, const struct uuid *consumer)
{
    const struct placement_claim_of nothing = {.consumer = *consumer};
    return placement_allocations_replace(db, &nothing, 1);
}
