/* See resource_class.h. */
#include "compute/placement/resource_class.h"

#include <string.h>

#include "compute/placement/inside.h"
#include "gateway/base/text.h"
#include "schema/placement_inventory.h"

enum err placement_sync(struct db *db)
{
    TRY(names_sync(db, NAMES_CLASS));
    return names_sync(db, NAMES_TRAIT);
}

static bool is_custom(const char *name)
{
    return str_starts(name, "CUSTOM_");
}

static enum err fail_unknown(enum name_table table, const char *name)
{
    if (table == NAMES_CLASS)
        return fail_placement(E_NOT_FOUND, PROBLEM_UNKNOWN_CLASS, "No such resource class %s.", name);
    return fail_placement(E_NOT_FOUND, PROBLEM_UNKNOWN_TRAIT, "No such trait(s): %s.", name);
}

static enum err find_name(struct db *db, struct arena *arena, enum name_table table, const char *name, struct name_row *out)
{
    struct name_rows rows;
    placement_problem_set(PROBLEM_NONE);
    TRY(names_find(db, arena, table, &name, 1, &rows));
    if (rows.count == 0)
        return fail_unknown(table, name);
    *out = rows.items[0];
    return OK;
}

enum err placement_class_list(struct db *db, struct arena *arena, struct placement_classes *out)
{
    struct name_rows rows;
    placement_problem_set(PROBLEM_NONE);
    TRY(names_all(db, arena, NAMES_CLASS, &rows));
    struct placement_class *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct placement_class){rows.items[i].name, rows.items[i].updated_us};
    *out = (struct placement_classes){items, rows.count};
    return OK;
}

enum err placement_class_get(struct db *db, struct arena *arena, const char *name, struct placement_class *out)
{
    struct name_row row;
    TRY(find_name(db, arena, NAMES_CLASS, name, &row));
    *out = (struct placement_class){row.name, row.updated_us};
    return OK;
}

static enum err as_duplicate(enum err result, const char *name)
{
    return result == E_CONFLICT ? fail_placement(E_CONFLICT, PROBLEM_DUPLICATE, "Resource class %s already exists.", name) : result;
}

enum err placement_class_create(struct db *db, const char *name)
{
    placement_problem_set(PROBLEM_NONE);
    return as_duplicate(names_insert(db, NAMES_CLASS, name), name);
}

enum err placement_class_rename(struct db *db, const char *name, const char *new_name)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct name_row row;
    TRY(find_name(db, &arena, NAMES_CLASS, name, &row));
    if (!is_custom(name))
        return fail_placement(E_INVALID, PROBLEM_STANDARD, "Cannot update standard resource class %s.", name);
    return as_duplicate(names_rename(db, NAMES_CLASS, row.id, new_name), new_name);
}

struct removal {
    enum name_table table;
    const char *name;
};

static enum err fail_in_use(const struct removal *removal)
{
    if (removal->table == NAMES_CLASS)
        return fail_placement(E_CONFLICT, PROBLEM_IN_USE, "Cannot delete resource class %s. Class is in use in inventory.",
                              removal->name);
    return fail_placement(E_CONFLICT, PROBLEM_IN_USE, "The trait %s is in use by a resource provider.", removal->name);
}

static enum err remove_name(struct db *db, void *context)
{
    const struct removal *removal = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct name_row row;
    bool used = false;
    TRY(find_name(db, &arena, removal->table, removal->name, &row));
    if (!is_custom(removal->name))
        return fail_placement(E_INVALID, PROBLEM_STANDARD, "Cannot delete standard %s %s.",
                              removal->table == NAMES_CLASS ? "resource class" : "trait", removal->name);
    TRY(names_used(db, removal->table, row.id, &used));
    return used ? fail_in_use(removal) : names_remove(db, removal->table, row.id);
}

enum err placement_class_delete(struct db *db, const char *name)
{
    struct removal removal = {NAMES_CLASS, name};
    return placement_transaction(db, remove_name, &removal);
}

enum err placement_trait_delete(struct db *db, const char *name)
{
    struct removal removal = {NAMES_TRAIT, name};
    return placement_transaction(db, remove_name, &removal);
}

static bool is_named(const struct placement_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) == 0)
            return true;
    }
    return false;
}

static bool is_id_in(const struct name_rows *rows, int64_t id)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->items[i].id == id)
            return true;
    }
    return false;
}

static bool is_wanted(const struct placement_trait_list_filter *filter, const struct name_rows *associated,
                      const struct name_row *row)
{
    if (filter->names && !is_named(filter->names, row->name))
        return false;
    if (filter->prefix && !str_starts(row->name, filter->prefix))
        return false;
    return filter->association == ASSOCIATION_ANY || is_id_in(associated, row->id) == (filter->association == ASSOCIATION_SOME);
}

enum err placement_trait_list(struct db *db, struct arena *arena, const struct placement_trait_list_filter *filter,
                              struct placement_traits *out)
{
    struct name_rows rows;
    struct name_rows associated = {0};
    size_t used = 0;
    placement_problem_set(PROBLEM_NONE);
    TRY(names_all(db, arena, NAMES_TRAIT, &rows));
    if (filter->association != ASSOCIATION_ANY)
        TRY(names_associated(db, arena, &associated));
    struct placement_trait *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++) {
        if (is_wanted(filter, &associated, &rows.items[i]))
            items[used++] = (struct placement_trait){rows.items[i].name, rows.items[i].updated_us};
    }
    *out = (struct placement_traits){items, used};
    return OK;
}

enum err placement_trait_get(struct db *db, struct arena *arena, const char *name, struct placement_trait *out)
{
    struct name_row row;
    TRY(find_name(db, arena, NAMES_TRAIT, name, &row));
    *out = (struct placement_trait){row.name, row.updated_us};
    return OK;
}

enum err placement_trait_create(struct db *db, struct arena *arena, const char *name, struct placement_trait *out,
                                bool *out_created)
{
    placement_problem_set(PROBLEM_NONE);
    const enum err result = names_insert(db, NAMES_TRAIT, name);
    *out_created = result == OK;
    if (result != E_CONFLICT)
        TRY(result);
    return placement_trait_get(db, arena, name, out);
}
