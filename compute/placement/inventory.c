/* See inventory.h. The words are Placement's. */
#include "compute/placement/inventory.h"

#include <string.h>

#include "compute/placement/inside.h"
#include "compute/placement/inventory_inside.h"
#include "gateway/base/text.h"
#include "schema/placement_inventory.h"

#define GENERATION_WORDS "resource provider generation conflict"

struct edit {
    struct arena *arena;
    const struct uuid *uuid;
    const struct placement_inventory_rules *rules;
    const struct placement_inventory *inventories;
    size_t count;
    const char *resource_class; /* delete */
    struct provider_row row;
};

enum err placement_inventories_get(struct db *db, struct arena *arena, const struct uuid *uuid,
                                   struct placement_provider *out_provider, struct placement_inventories *out)
{
    struct provider_row row;
    struct inventory_rows rows;
    placement_problem_set(PROBLEM_NONE);
    TRY(provider_find(db, arena, uuid, false, &row));
    TRY(inventory_rows_get(db, arena, &row.id, 1, &rows));
    struct placement_inventory *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++) {
        const struct inventory_row *in = &rows.items[i];
        items[i] = (struct placement_inventory){in->resource_class, in->total,     in->reserved,         in->min_unit,
                                                in->max_unit,       in->step_size, in->allocation_ratio, in->updated_us};
    }
    *out_provider = provider_from_row(&row);
    *out = (struct placement_inventories){items, rows.count};
    return OK;
}

static enum err check_capacity(const struct uuid *provider, const struct placement_inventory *inventory, bool may_be_total)
{
    const double capacity = capacity_of(inventory->total, inventory->reserved, inventory->allocation_ratio);
    if (may_be_total ? capacity > -1 : capacity >= 1) /* as a whole number: >= 0, > 0 */
        return OK;
    return fail_placement(E_INVALID, PROBLEM_CAPACITY,
                          "Invalid inventory for '%s' on resource provider '%s'. The reserved value is greater than%s total.",
                          inventory->resource_class, uuid_to_text(provider).text, may_be_total ? "" : " or equal to");
}

static enum err class_id(struct db *db, const char *name, int64_t *out)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct name_rows rows;
    TRY(names_find(db, &arena, NAMES_CLASS, &name, 1, &rows));
    if (rows.count == 0)
        return fail_placement(E_NOT_FOUND, PROBLEM_UNKNOWN_CLASS, "No such resource class %s.", name);
    *out = rows.items[0].id;
    return OK;
}

static enum err put_one(struct db *db, const struct provider_row *provider, const struct inventory_row *old,
                        const struct placement_inventory *new)
{
    struct inventory_row row = {provider->id,
                                old ? old->class_id : 0,
                                new->resource_class,
                                new->total,
                                new->reserved,
                                new->min_unit,
                                new->max_unit,
                                new->step_size,
                                new->allocation_ratio,
                                0,
                                0};
    if (!old)
        TRY(class_id(db, new->resource_class, &row.class_id));
    return inventory_put(db, &row);
}

enum err inventories_put(struct db *db, struct arena *arena, const struct provider_row *provider,
                         const struct placement_inventory *inventories, size_t count, bool reserved_may_be_total)
{
    for (size_t i = 0; i < count; i++)
        TRY(check_capacity(&provider->uuid, &inventories[i], reserved_may_be_total));
    return inventories_write(db, arena, provider, inventories, count);
}

enum err inventories_write(struct db *db, struct arena *arena, const struct provider_row *provider,
                           const struct placement_inventory *inventories, size_t count)
{
    struct inventory_rows rows;
    TRY(inventory_rows_get(db, arena, &provider->id, 1, &rows));
    for (size_t i = 0; i < count; i++)
        TRY(put_one(db, provider, inventory_find(&rows, provider->id, inventories[i].resource_class), &inventories[i]));
    return OK;
}

static bool is_kept(const struct placement_inventory *inventories, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(inventories[i].resource_class, name) == 0)
            return true;
    }
    return false;
}

enum err inventories_drop_others(struct db *db, struct arena *arena, const struct provider_row *provider,
                                 const struct placement_inventory *kept, size_t count)
{
    CLEANUP(text_clear) struct text used = {0};
    struct inventory_rows rows;
    TRY(inventory_rows_get(db, arena, &provider->id, 1, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        if (!is_kept(kept, count, rows.items[i].resource_class) && rows.items[i].used)
            text_add_format(&used, "%s%s", used.length ? ", " : "", rows.items[i].resource_class);
    }
    if (used.length)
        return fail_placement(E_CONFLICT, PROBLEM_INVENTORY_IN_USE, "Inventory for '%s' on resource provider '%s' in use.",
                              text_str(&used), uuid_to_text(&provider->uuid).text);
    for (size_t i = 0; i < rows.count; i++) {
        if (!is_kept(kept, count, rows.items[i].resource_class))
            TRY(inventory_remove(db, provider->id, rows.items[i].class_id));
    }
    return OK;
}

static enum err find_provider(struct db *db, struct edit *edit)
{
    const int64_t *generation = edit->rules ? edit->rules->generation : NULL;
    return provider_find_at(db, edit->arena, edit->uuid, generation, GENERATION_WORDS, &edit->row);
}

static enum err finish(struct db *db, struct edit *edit)
{
    TRY(provider_bump(db, edit->row.id, edit->row.generation));
    return provider_find(db, edit->arena, edit->uuid, false, &edit->row);
}

static enum err add(struct db *db, void *context)
{
    struct edit *edit = context;
    struct inventory_rows rows;
    TRY(find_provider(db, edit));
    TRY(check_capacity(edit->uuid, edit->inventories, edit->rules->reserved_may_be_total)); /* also of one that is there already */
    TRY(inventory_rows_get(db, edit->arena, &edit->row.id, 1, &rows));
    if (inventory_find(&rows, edit->row.id, edit->inventories->resource_class))
        return fail_placement(E_CONFLICT, PROBLEM_CONCURRENT_UPDATE, "Inventory of class %s is there already.",
                              edit->inventories->resource_class);
    TRY(inventories_put(db, edit->arena, &edit->row, edit->inventories, 1, edit->rules->reserved_may_be_total));
    return finish(db, edit);
}

static enum err set(struct db *db, void *context)
{
    struct edit *edit = context;
    TRY(find_provider(db, edit));
    TRY(inventories_put(db, edit->arena, &edit->row, edit->inventories, edit->count, edit->rules->reserved_may_be_total));
    TRY(inventories_drop_others(db, edit->arena, &edit->row, edit->inventories, edit->count));
    return finish(db, edit);
}

static enum err update(struct db *db, void *context)
{
    struct edit *edit = context;
    struct inventory_rows rows;
    const struct placement_inventory *new = edit->inventories;
    int64_t unused = 0;
    TRY(find_provider(db, edit));
    TRY(check_capacity(edit->uuid, new, edit->rules->reserved_may_be_total));
    TRY(inventory_rows_get(db, edit->arena, &edit->row.id, 1, &rows));
    const struct inventory_row *old = inventory_find(&rows, edit->row.id, new->resource_class);
    if (!old) {
        TRY(class_id(db, new->resource_class, &unused));
        return fail_placement(E_NOT_FOUND, PROBLEM_NO_INVENTORY, "No inventory of class %s found.", new->resource_class);
    }
    TRY(put_one(db, &edit->row, old, new));
    return finish(db, edit);
}

static enum err remove_class(struct db *db, void *context)
{
    struct edit *edit = context;
    struct inventory_rows rows;
    int64_t unused = 0;
    TRY(find_provider(db, edit));
    TRY(class_id(db, edit->resource_class, &unused));
    TRY(inventory_rows_get(db, edit->arena, &edit->row.id, 1, &rows));
    const struct inventory_row *old = inventory_find(&rows, edit->row.id, edit->resource_class);
    if (!old)
        return fail_placement(E_NOT_FOUND, PROBLEM_NO_INVENTORY, "No inventory of class %s found.", edit->resource_class);
    if (old->used)
        return fail_placement(E_CONFLICT, PROBLEM_INVENTORY_IN_USE, "Inventory for '%s' on resource provider '%s' in use.",
                              edit->resource_class, uuid_to_text(edit->uuid).text);
    TRY(inventory_remove(db, edit->row.id, old->class_id));
    return finish(db, edit);
}

static enum err run(struct db *db, enum err (*work)(struct db *, void *), struct edit *edit,
                    struct placement_provider *out_provider)
{
    TRY(placement_transaction(db, work, edit));
    *out_provider = provider_from_row(&edit->row);
    return OK;
}

enum err placement_inventory_add(struct db *db, struct arena *arena, const struct uuid *uuid,
                                 const struct placement_inventory *inventory, const struct placement_inventory_rules *rules,
                                 struct placement_provider *out_provider)
{
    struct edit edit = {.arena = arena, .uuid = uuid, .rules = rules, .inventories = inventory, .count = 1};
    return run(db, add, &edit, out_provider);
}

enum err placement_inventories_set(struct db *db, struct arena *arena, const struct uuid *uuid,
                                   const struct placement_inventory *inventories, size_t count,
                                   const struct placement_inventory_rules *rules, struct placement_provider *out_provider)
{
    struct edit edit = {.arena = arena, .uuid = uuid, .rules = rules, .inventories = inventories, .count = count};
    return run(db, set, &edit, out_provider);
}

enum err placement_inventory_update(struct db *db, struct arena *arena, const struct uuid *uuid,
                                    const struct placement_inventory *inventory, const struct placement_inventory_rules *rules,
                                    struct placement_provider *out_provider)
{
    struct edit edit = {.arena = arena, .uuid = uuid, .rules = rules, .inventories = inventory, .count = 1};
    return run(db, update, &edit, out_provider);
}

enum err placement_inventory_delete(struct db *db, struct arena *arena, const struct uuid *uuid, const char *resource_class)
{
    struct edit edit = {.arena = arena, .uuid = uuid, .resource_class = resource_class};
    struct placement_provider provider;
    return run(db, remove_class, &edit, &provider);
}
