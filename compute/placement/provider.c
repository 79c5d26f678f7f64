/* Providers one by one: create, change, delete; see provider.h. The list is in provider_list.c, traits and aggregates are in
 * provider_labels.c. */
#include "compute/placement/provider.h"

#include <string.h>

#include "compute/placement/inside.h"

#define RE_PARENT  "re-parenting a provider is not currently allowed."
#define UN_PARENT  "un-parenting a provider is not currently allowed."
#define NO_PARENT  "parent provider UUID does not exist."
#define OWN_PARENT "parent provider UUID cannot be same as UUID. Please set parent provider UUID to None if there is no parent."
#define LOOP       "creating loop in the provider tree is not allowed."

enum err placement_transaction(struct db *db, enum err (*work)(struct db *db, void *context), void *context)
{
    placement_problem_set(PROBLEM_NONE);
    const bool outer = db_in_transaction(db);
    const enum err result = db_transaction(db, work, context);
    if (result != E_RETRY || outer)
        return result;
    return fail_placement(E_CONFLICT, PROBLEM_CONCURRENT_UPDATE,
                          "Another thread concurrently updated the data. Please retry your update");
}

enum err provider_find(struct db *db, struct arena *arena, const struct uuid *uuid, bool lock, struct provider_row *out)
{
    struct provider_rows rows;
    TRY(provider_rows_get(db, arena, uuid, 1, &rows));
    if (rows.count == 0)
        return fail_placement(E_NOT_FOUND, PROBLEM_UNKNOWN_PROVIDER, "No resource provider with uuid %s found",
                              uuid_to_text(uuid).text);
    if (lock)
        TRY(provider_rows_lock(db, arena, &rows));
    *out = rows.items[0];
    return OK;
}

enum err provider_find_at(struct db *db, struct arena *arena, const struct uuid *uuid, const int64_t *generation, const char *words,
                          struct provider_row *out)
{
    TRY(provider_find(db, arena, uuid, true, out));
    if (generation && *generation != out->generation)
        return fail_placement(E_CONFLICT, PROBLEM_CONCURRENT_UPDATE, "%s", words);
    return OK;
}

struct placement_provider provider_from_row(const struct provider_row *row)
{
    return (struct placement_provider){row->id,     row->uuid, row->name,      row->generation, row->parent_id != 0,
                                       row->parent, row->root, row->updated_us};
}

enum err placement_provider_get(struct db *db, struct arena *arena, const struct uuid *uuid, struct placement_provider *out)
{
    struct provider_row row;
    placement_problem_set(PROBLEM_NONE);
    TRY(provider_find(db, arena, uuid, false, &row));
    *out = provider_from_row(&row);
    return OK;
}

struct creation {
    struct arena *arena;
    const struct uuid *uuid;
    const char *name;
    const struct uuid *parent;
    struct provider_row row;
};

static enum err fail_tree(const char *action, const char *reason)
{
    return fail_placement(E_INVALID, PROBLEM_BAD_TREE, "Object action %s failed because: %s", action, reason);
}

/* Placement says "create" here, whatever was asked. */
static enum err find_parent(struct db *db, struct arena *arena, const struct uuid *uuid, bool lock, struct provider_row *out)
{
    const enum err result = provider_find(db, arena, uuid, lock, out);
    return result == E_NOT_FOUND ? fail_tree("create", NO_PARENT) : result;
}

static enum err fail_duplicate(struct db *db, const struct uuid *uuid, const char *name)
{
    bool has_uuid = false;
    bool has_name = false;
    TRY(provider_taken(db, uuid, name, &has_uuid, &has_name));
    return fail_placement(E_CONFLICT, PROBLEM_DUPLICATE, "Conflicting resource provider %s%s%s%s%s already exists.",
                          has_uuid ? "uuid: " : "", has_uuid ? uuid_to_text(uuid).text : "", has_uuid && has_name ? ", " : "",
                          has_name ? "name: " : "", has_name ? name : "");
}

static enum err create(struct db *db, void *context)
{
    struct creation *creation = context;
    struct provider_row parent = {0};
    int64_t id = 0;
    if (creation->parent && uuid_equal(creation->parent, creation->uuid))
        return fail_tree("create", OWN_PARENT);
    if (creation->parent)
        TRY(find_parent(db, creation->arena, creation->parent, true, &parent));
    const enum err result = provider_insert(db, creation->uuid, creation->name, parent.id, parent.root_id, &id);
    if (result == E_CONFLICT)
        return fail_duplicate(db, creation->uuid, creation->name);
    TRY(result);
    return provider_find(db, creation->arena, creation->uuid, false, &creation->row);
}

enum err placement_provider_create(struct db *db, struct arena *arena, const struct uuid *uuid, const char *name,
                                   const struct uuid *parent, struct placement_provider *out)
{
    struct creation creation = {arena, uuid, name, parent, {0}};
    TRY(placement_transaction(db, create, &creation));
    *out = provider_from_row(&creation.row);
    return OK;
}

struct change {
    struct arena *arena;
    const struct uuid *uuid;
    const struct placement_provider_change *change;
    struct provider_row row;
};

/* What a move touches, locked in one go: the provider, all below it, the new parent (`id` 0: none). Roots are the same in a whole
 * tree only if nobody adds to this part of it meanwhile, and who adds locks the parent. */
struct family {
    struct provider_row row;
    struct provider_row parent;
    const int64_t *below;
    size_t count;
};

static bool is_same_list(const int64_t *a, size_t a_count, const int64_t *b, size_t b_count)
{
    return a_count == b_count && memcmp(a, b, a_count * sizeof(*a)) == 0;
}

/* The row as it is under the lock. E_RETRY when it went before. */
static enum err take_row(const struct provider_rows *rows, int64_t id, struct provider_row *out)
{
    size_t i = 0;
    while (i < rows->count && rows->items[i].id != id)
        i++;
    if (i == rows->count)
        return fail(E_RETRY, "A resource provider was deleted meanwhile.");
    *out = rows->items[i];
    return OK;
}

static enum err lock_family(struct db *db, struct arena *arena, struct family *family)
{
    const int64_t *now = NULL;
    size_t count = 0;
    struct provider_rows rows;
    TRY(provider_subtree(db, arena, family->row.id, &family->below, &family->count));
    int64_t *ids = arena_alloc(arena, (family->count + 2) * sizeof(*ids));
    memcpy(ids, family->below, family->count * sizeof(*ids));
    ids[family->count] = family->parent.id; /* 0 is nobody's */
    TRY(provider_rows_by_id(db, arena, ids, family->count + 1, &rows));
    TRY(provider_rows_lock(db, arena, &rows));
    TRY(provider_subtree(db, arena, family->row.id, &now, &count));
    if (!is_same_list(now, count, family->below, family->count))
        return fail(E_RETRY, "The tree of the resource provider was changed meanwhile.");
    TRY(take_row(&rows, family->row.id, &family->row));
    return family->parent.id ? take_row(&rows, family->parent.id, &family->parent) : OK;
}

static enum err move_family(struct db *db, struct arena *arena, const struct family *family)
{
    for (size_t i = 0; i < family->count; i++) {
        if (family->below[i] == family->parent.id)
            return fail_tree("update", LOOP);
    }
    TRY(provider_set_parent(db, family->row.id, family->parent.id));
    return provider_set_root(db, arena, family->below, family->count, family->parent.id ? family->parent.root_id : family->row.id);
}

/* Below 1.37 a parent may be given only to a provider that has none. */
static enum err change_parent(struct db *db, struct change *context, struct family *family)
{
    const struct placement_provider_change *change = context->change;
    if (change->parent)
        TRY(find_parent(db, context->arena, change->parent, false, &family->parent));
    TRY(lock_family(db, context->arena, family));
    if (family->row.parent_id == family->parent.id)
        return OK;
    if (family->row.parent_id && !change->may_move)
        return fail_tree("update", change->parent ? RE_PARENT : UN_PARENT);
    return move_family(db, context->arena, family);
}

static enum err update(struct db *db, void *context)
{
    struct change *change = context;
    struct family family = {0};
    TRY(provider_find(db, change->arena, change->uuid, !change->change->sets_parent, &family.row));
    if (change->change->sets_parent)
        TRY(change_parent(db, change, &family));
    const enum err result = provider_set_name(db, family.row.id, change->change->name);
    if (result == E_CONFLICT)
        return fail_placement(E_CONFLICT, PROBLEM_DUPLICATE, "Conflicting resource provider %s already exists.",
                              change->change->name);
    TRY(result);
    return provider_find(db, change->arena, change->uuid, false, &change->row);
}

enum err placement_provider_update(struct db *db, struct arena *arena, const struct uuid *uuid,
                                   const struct placement_provider_change *change, struct placement_provider *out)
{
    struct change context = {arena, uuid, change, {0}};
    TRY(placement_transaction(db, update, &context));
    *out = provider_from_row(&context.row);
    return OK;
}

static enum err remove_provider(struct db *db, void *context)
{
    const struct uuid *uuid = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct provider_row row;
    bool found = false;
    TRY(provider_find(db, &arena, uuid, true, &row));
    TRY(provider_children(db, row.id, &found));
    if (found)
        return fail_placement(E_CONFLICT, PROBLEM_HAS_CHILDREN, "It has child resource providers.");
    TRY(provider_allocated(db, row.id, &found));
    if (found)
        return fail_placement(E_CONFLICT, PROBLEM_PROVIDER_IN_USE, "Resource provider has allocations.");
    return provider_remove(db, row.id);
}

enum err placement_provider_delete(struct db *db, const struct uuid *uuid)
{
    struct uuid copy = *uuid;
    return placement_transaction(db, remove_provider, &copy);
}
