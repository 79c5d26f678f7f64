/* Reporting, fitting and claiming; see placement.h. */
#include "compute/placement/placement.h"

#include <math.h>
#include <string.h>

#include "schema/placement.h"

static double capacity(const struct inventory_row *row)
{
    return (double)(row->total - row->reserved) * row->allocation_ratio;
}

static const struct inventory_row *find_class(const struct inventory_rows *rows, int64_t provider_id, const char *resource_class)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->items[i].provider_id == provider_id && strcmp(rows->items[i].resource_class, resource_class) == 0)
            return &rows->items[i];
    }
    return NULL;
}

static enum err check_room(const struct inventory_rows *rows, const struct provider_row *provider,
                           const struct resource_amount *want)
{
    const struct inventory_row *row = find_class(rows, provider->id, want->resource_class);
    if (!row)
        return fail(E_CONFLICT, "Inventory for '%s' on resource provider '%s' invalid.", want->resource_class, provider->name);
    if (want->amount < row->min_unit || want->amount > row->max_unit || want->amount % row->step_size != 0)
        return fail(E_CONFLICT, "Inventory for '%s' on resource provider '%s' invalid: %lld does not fit its units.",
                    want->resource_class, provider->name, (long long)want->amount);
    if (capacity(row) < (double)(row->used + want->amount))
        return fail(
            E_CONFLICT,
            "Unable to create allocation for '%s' on resource provider '%s'. The requested amount would exceed the capacity.",
            want->resource_class, provider->name);
    return OK;
}

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
        const struct inventory_row *old = find_class(rows, provider_id, new->resource_class);
        if (!old || old->total != new->total || old->reserved != new->reserved ||
            fabs(old->allocation_ratio - new->allocation_ratio) > 1e-6)
            return false;
    }
    return true;
}

static enum err report_in_transaction(struct db *db, void *context)
{
    const struct report *report = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct provider_rows providers;
    struct inventory_rows rows;
    TRY(provider_put(db, report->provider, report->name));
    TRY(provider_rows_lock(db, &arena, report->provider, 1, &providers));
    if (providers.count == 0)
        return fail(E_CONFLICT, "Resource provider name '%s' is used by another provider.", report->name);
    const int64_t id = providers.items[0].id;
    TRY(inventory_rows_get(db, &arena, id, &rows));
    if (is_unchanged(&rows, id, report))
        return OK;
    for (size_t i = 0; i < report->count; i++) {
        const struct resource_inventory *new = &report->inventories[i];
        const struct inventory_row row = {id, new->resource_class,   new->total, new->reserved, 1, new->total,
                                          1,  new->allocation_ratio, 0};
        TRY(inventory_put(db, &row));
    }
    return provider_bump(db, id, providers.items[0].generation);
}

enum err placement_report(struct db *db, const struct uuid *provider, const char *name,
                          const struct resource_inventory *inventories, size_t count)
{
    struct report report = {provider, name, inventories, count};
    return db_transaction(db, report_in_transaction, &report);
}

static int64_t free_amount(const struct inventory_rows *rows, int64_t provider_id, const char *resource_class)
{
    const struct inventory_row *row = find_class(rows, provider_id, resource_class);
    return row ? (int64_t)floor(capacity(row)) - row->used : 0;
}

/* False when something does not fit. */
static bool measure_fit(const struct inventory_rows *rows, int64_t provider_id, const struct resource_amount *amounts, size_t count,
                        struct placement_fit *out)
{
    double least = 1.0;
    for (size_t i = 0; i < count; i++) {
        if (amounts[i].amount == 0)
            continue;
        const struct inventory_row *row = find_class(rows, provider_id, amounts[i].resource_class);
        if (!row || amounts[i].amount < row->min_unit || amounts[i].amount > row->max_unit ||
            amounts[i].amount % row->step_size != 0)
            return false;
        const double left = capacity(row) - (double)(row->used + amounts[i].amount);
        if (left < 0)
            return false;
        least = fmin(least, left / capacity(row));
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
    TRY(inventory_rows_get(db, arena, 0, &rows));
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

/* What the consumer had elsewhere goes with this claim: those providers change too. */
static enum err leave_former(struct db *db, const struct uuid *consumer, int64_t consumer_id, int64_t provider_id)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct provider_rows former;
    TRY(allocation_providers(db, &arena, consumer, &former));
    TRY(allocation_delete_all(db, consumer_id));
    for (size_t i = 0; i < former.count; i++) {
        if (former.items[i].id != provider_id)
            TRY(provider_bump(db, former.items[i].id, former.items[i].generation));
    }
    return OK;
}

enum err placement_claim(struct db *db, const struct uuid *provider, const struct uuid *consumer, const char *project_id,
                         const char *user_id, const struct resource_amount *amounts, size_t count)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct provider_rows providers;
    TRY(provider_rows_lock(db, &arena, provider, 1, &providers));
    if (providers.count == 0)
        return fail(E_NOT_FOUND, "No resource provider with uuid %s found", uuid_to_text(provider).text);
    int64_t consumer_id = 0;
    TRY(consumer_ensure(db, consumer, project_id, user_id, "INSTANCE", &consumer_id));
    TRY(leave_former(db, consumer, consumer_id, providers.items[0].id));
    struct inventory_rows rows;
    TRY(inventory_rows_get(db, &arena, providers.items[0].id, &rows));
    for (size_t i = 0; i < count; i++) {
        if (amounts[i].amount == 0)
            continue;
        TRY(check_room(&rows, &providers.items[0], &amounts[i]));
        TRY(allocation_insert(db, consumer_id, providers.items[0].id, amounts[i].resource_class, amounts[i].amount));
    }
    TRY(provider_bump(db, providers.items[0].id, providers.items[0].generation));
    return consumer_bump(db, consumer_id);
}

enum err placement_release(struct db *db, const struct uuid *consumer)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct provider_rows providers;
    int64_t consumer_id = 0;
    TRY(allocation_providers(db, &arena, consumer, &providers));
    TRY(consumer_find(db, consumer, &consumer_id));
    if (!consumer_id)
        return OK;
    TRY(allocation_delete_all(db, consumer_id));
    for (size_t i = 0; i < providers.count; i++)
        TRY(provider_bump(db, providers.items[i].id, providers.items[i].generation));
    return consumer_delete(db, consumer_id);
}
