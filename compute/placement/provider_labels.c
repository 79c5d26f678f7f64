/* Aggregates and traits of a provider; see provider.h. */
#include <string.h>

#include "compute/placement/inside.h"
#include "gateway/base/text.h"
#include "schema/placement_inventory.h"

#define GENERATION_WORDS "Resource provider's generation already changed. Please update the generation and try again."

struct labels {
    struct arena *arena;
    const struct uuid *uuid;
    const int64_t *generation;
    const struct uuid *aggregates;
    const char *const *traits;
    size_t count;
    struct provider_row row;
};

enum err placement_aggregates_get(struct db *db, struct arena *arena, const struct uuid *uuid,
                                  struct placement_provider *out_provider, struct placement_aggregates *out)
{
    struct provider_row row;
    struct uuid_rows rows;
    placement_problem_set(PROBLEM_NONE);
    TRY(provider_find(db, arena, uuid, false, &row));
    TRY(provider_aggregates(db, arena, row.id, &rows));
    *out_provider = provider_from_row(&row);
    *out = (struct placement_aggregates){rows.items, rows.count};
    return OK;
}

static enum err set_aggregates(struct db *db, void *context)
{
    struct labels *labels = context;
    TRY(provider_find_at(db, labels->arena, labels->uuid, labels->generation, GENERATION_WORDS, &labels->row));
    TRY(provider_aggregates_replace(db, labels->arena, labels->row.id, labels->aggregates, labels->count));
    if (!labels->generation)
        return OK;
    TRY(provider_bump(db, labels->row.id, labels->row.generation));
    return provider_find(db, labels->arena, labels->uuid, false, &labels->row);
}

enum err placement_aggregates_set(struct db *db, struct arena *arena, const struct uuid *uuid, const int64_t *generation,
                                  const struct uuid *aggregates, size_t count, struct placement_provider *out_provider)
{
    struct labels labels = {.arena = arena, .uuid = uuid, .generation = generation, .aggregates = aggregates, .count = count};
    TRY(placement_transaction(db, set_aggregates, &labels));
    *out_provider = provider_from_row(&labels.row);
    return OK;
}

static enum err read_traits(struct db *db, struct arena *arena, int64_t id, struct placement_traits *out)
{
    struct name_rows rows;
    TRY(provider_traits(db, arena, id, &rows));
    struct placement_trait *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct placement_trait){rows.items[i].name, rows.items[i].updated_us};
    *out = (struct placement_traits){items, rows.count};
    return OK;
}

enum err placement_provider_traits_get(struct db *db, struct arena *arena, const struct uuid *uuid,
                                       struct placement_provider *out_provider, struct placement_traits *out)
{
    struct provider_row row;
    placement_problem_set(PROBLEM_NONE);
    TRY(provider_find(db, arena, uuid, false, &row));
    *out_provider = provider_from_row(&row);
    return read_traits(db, arena, row.id, out);
}

/* "No such trait A, B": all that are unknown. */
static enum err check_traits(const struct labels *labels, const struct name_rows *rows)
{
    CLEANUP(text_clear) struct text unknown = {0};
    for (size_t i = 0; i < labels->count; i++) {
        if (!name_find(rows, labels->traits[i]))
            text_add_format(&unknown, "%s%s", unknown.length ? ", " : "", labels->traits[i]);
    }
    return unknown.length ? fail_placement(E_INVALID, PROBLEM_UNKNOWN_TRAIT, "No such trait %s", text_str(&unknown)) : OK;
}

static bool has_all(const struct name_rows *rows, const struct name_rows *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (!name_find(rows, names->items[i].name))
            return false;
    }
    return true;
}

/* Traits that are there already are no change: the generation stays. */
static enum err set_traits(struct db *db, void *context)
{
    struct labels *labels = context;
    struct name_rows rows;
    struct name_rows old;
    TRY(provider_find_at(db, labels->arena, labels->uuid, labels->generation, GENERATION_WORDS, &labels->row));
    TRY(names_find(db, labels->arena, NAMES_TRAIT, labels->traits, labels->count, &rows));
    TRY(check_traits(labels, &rows));
    TRY(provider_traits(db, labels->arena, labels->row.id, &old));
    if (old.count == rows.count && has_all(&old, &rows))
        return OK;
    int64_t *ids = arena_alloc(labels->arena, (rows.count + 1) * sizeof(*ids));
    for (size_t i = 0; i < rows.count; i++)
        ids[i] = rows.items[i].id;
    TRY(provider_traits_replace(db, labels->arena, labels->row.id, ids, rows.count));
    TRY(provider_bump(db, labels->row.id, labels->row.generation));
    return provider_find(db, labels->arena, labels->uuid, false, &labels->row);
}

enum err placement_provider_traits_set(struct db *db, struct arena *arena, const struct uuid *uuid, const int64_t *generation,
                                       const char *const *names, size_t count, struct placement_provider *out_provider,
                                       struct placement_traits *out)
{
    struct labels labels = {.arena = arena, .uuid = uuid, .generation = generation, .traits = names, .count = count};
    TRY(placement_transaction(db, set_traits, &labels));
    *out_provider = provider_from_row(&labels.row);
    return out ? read_traits(db, arena, labels.row.id, out) : OK;
}
