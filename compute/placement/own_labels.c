/* See own_labels.h. */
#include "compute/placement/own_labels.h"

#include <string.h>

#include "compute/placement/inside.h"
#include "schema/placement_inventory.h"

struct setting {
    const struct uuid *uuid;
    const struct own_labels *labels;
};

static bool has_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static bool has_uuid(const struct uuid *uuids, size_t count, const struct uuid *uuid)
{
    for (size_t i = 0; i < count; i++) {
        if (uuid_equal(&uuids[i], uuid))
            return true;
    }
    return false;
}

static bool has_row(const struct name_rows *rows, int64_t id)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->items[i].id == id)
            return true;
    }
    return false;
}

/* Those of the provider that are not owned, and those that are named. `*out_changed` false: they are there already. */
static enum err merge_traits(struct db *db, struct arena *arena, int64_t id, const struct own_labels *labels, bool *out_changed)
{
    struct name_rows old;
    struct name_rows named;
    size_t count = 0;
    size_t kept = 0;
    TRY(provider_traits(db, arena, id, &old));
    TRY(names_find(db, arena, NAMES_TRAIT, labels->traits, labels->trait_count, &named));
    int64_t *ids = arena_alloc(arena, (old.count + named.count + 1) * sizeof(*ids));
    for (size_t i = 0; i < named.count; i++) {
        ids[count++] = named.items[i].id;
        kept += has_row(&old, named.items[i].id);
    }
    for (size_t i = 0; i < old.count; i++) {
        if (!has_row(&named, old.items[i].id) && !has_name(labels->owned_traits, labels->owned_trait_count, old.items[i].name)) {
            ids[count++] = old.items[i].id;
            kept++;
        }
    }
    if (kept == count && kept == old.count)
        return OK;
    *out_changed = true;
    return provider_traits_replace(db, arena, id, ids, count);
}

static enum err merge_aggregates(struct db *db, struct arena *arena, int64_t id, const struct own_labels *labels, bool *out_changed)
{
    struct uuid_rows old;
    size_t kept = 0;
    TRY(provider_aggregates(db, arena, id, &old));
    struct uuid *all = arena_alloc(arena, (old.count + labels->aggregate_count + 1) * sizeof(*all));
    size_t count = 0;
    for (size_t i = 0; i < labels->aggregate_count; i++) {
        all[count++] = labels->aggregates[i];
        kept += has_uuid(old.items, old.count, &labels->aggregates[i]);
    }
    for (size_t i = 0; i < old.count; i++) {
        if (!has_uuid(labels->aggregates, labels->aggregate_count, &old.items[i]) &&
            !has_uuid(labels->owned_aggregates, labels->owned_aggregate_count, &old.items[i])) {
            all[count++] = old.items[i];
            kept++;
        }
    }
    if (kept == count && kept == old.count)
        return OK;
    *out_changed = true;
    return provider_aggregates_replace(db, arena, id, all, count);
}

static enum err set_in_transaction(struct db *db, void *context)
{
    const struct setting *setting = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct provider_row row;
    bool changed = false;
    const enum err found = provider_find(db, &arena, setting->uuid, true, &row);
    if (found == E_NOT_FOUND)
        return OK;
    TRY(found);
    TRY(merge_traits(db, &arena, row.id, setting->labels, &changed));
    TRY(merge_aggregates(db, &arena, row.id, setting->labels, &changed));
    return changed ? provider_bump(db, row.id, row.generation) : OK;
}

enum err placement_own_labels_set(struct db *db, const struct uuid *provider, const struct own_labels *labels)
{
    struct setting setting = {provider, labels};
    return placement_transaction(db, set_in_transaction, &setting);
}
