/* What was found, as the caller gets it: candidates with their amounts added up, and summaries of the trees they take from; see
 * candidates_inside.h. */
#include <string.h>

#include "compute/placement/candidates_inside.h"

static const char *name_of(const struct name_rows *names, int64_t id)
{
    size_t low = 0;
    size_t high = names->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (names->items[middle].id == id)
            return names->items[middle].name;
        if (names->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* One class of one provider. */
struct part {
    const struct member *member;
    int64_t class_id;
    int64_t amount;
};

static int compare_parts(const struct part *a, const struct part *b)
{
    if (a->member != b->member)
        return a->member->number < b->member->number ? -1 : 1;
    return (a->class_id > b->class_id) - (a->class_id < b->class_id);
}

/* In order, adding to one that is there. There are few. */
static size_t add_part(struct part *parts, size_t count, const struct part *part)
{
    size_t at = count;
    while (at > 0 && compare_parts(&parts[at - 1], part) > 0)
        at--;
    if (at > 0 && compare_parts(&parts[at - 1], part) == 0) {
        parts[at - 1].amount += part->amount;
        return count;
    }
    memmove(&parts[at + 1], &parts[at], (count - at) * sizeof(*parts));
    parts[at] = *part;
    return count + 1;
}

static size_t amount_count(const struct want *want)
{
    size_t count = 0;
    for (size_t i = 0; i < want->item_count; i++)
        count += want->items[i].amount_count;
    return count;
}

static void mark_used(const struct member *member)
{
    member->tree->is_used = true;
    member->tree->members[member - member->tree->members].gives = true;
}

/* `parts` has room for all amounts. */
static void make_allocations(struct arena *arena, const struct want *want, const struct member *const *finding, struct part *parts,
                             struct candidate *out)
{
    size_t count = 0;
    for (size_t i = 0; i < want->item_count; i++) {
        for (size_t j = 0; j < want->items[i].amount_count; j++) {
            const struct class_amount *amount = &want->items[i].amounts[j];
            const struct part part = {finding[i], amount->class_id, amount->amount};
            count = add_part(parts, count, &part);
        }
    }
    struct candidate_allocation *allocations = arena_alloc(arena, (count + 1) * sizeof(*allocations));
    for (size_t i = 0; i < count; i++) {
        mark_used(parts[i].member);
        allocations[i] =
            (struct candidate_allocation){&parts[i].member->row->uuid, name_of(&want->classes, parts[i].class_id), parts[i].amount};
    }
    out->allocations = allocations;
    out->allocation_count = count;
}

static bool has_provider(const struct uuid *const *providers, size_t count, const struct uuid *provider)
{
    for (size_t i = 0; i < count; i++) {
        if (providers[i] == provider)
            return true;
    }
    return false;
}

static void make_mappings(struct arena *arena, const struct want *want, const struct member *const *finding, struct candidate *out)
{
    struct candidate_mapping *mappings = arena_alloc(arena, (want->group_count + 1) * sizeof(*mappings));
    const struct uuid **providers = arena_alloc(arena, (want->item_count + 1) * sizeof(*providers));
    for (size_t i = 0; i < want->item_count; i++) { /* the items of one group stand together, in the order of the groups */
        struct candidate_mapping *mapping = &mappings[want->items[i].group_number];
        const struct uuid *provider = &finding[i]->row->uuid;
        if (mapping->provider_count == 0) {
            *mapping = (struct candidate_mapping){want->items[i].group->suffix, providers, 0};
        } else if (has_provider(mapping->providers, mapping->provider_count, provider)) {
            continue;
        }
        *providers++ = provider;
        mapping->provider_count++;
    }
    out->mappings = mappings;
    out->mapping_count = want->group_count;
}

/* Ascending ids, each once. */
struct id_set {
    int64_t *items;
    size_t count;
    size_t capacity;
};

static void add_id(struct arena *arena, struct id_set *set, int64_t id)
{
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (set->items[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < set->count && set->items[low] == id)
        return;
    if (set->count == set->capacity) {
        int64_t *items = arena_alloc(arena, (2 * set->capacity + 64) * sizeof(*items));
        if (set->count > 0)
            memcpy(items, set->items, set->count * sizeof(*items));
        set->items = items;
        set->capacity = 2 * set->capacity + 64;
    }
    memmove(&set->items[low + 1], &set->items[low], (set->count - low) * sizeof(*set->items));
    set->items[low] = id;
    set->count++;
}

struct summarizer {
    struct arena *arena;
    const struct want *want;
    const struct member **members; /* those that get a summary */
    size_t member_count;
    struct name_rows classes;
    struct name_rows traits;
};

static void choose_members(struct summarizer *summarizer, const struct forest *forest)
{
    summarizer->members = arena_alloc(summarizer->arena, (forest->member_count + 1) * sizeof(*summarizer->members));
    for (struct tree *tree = forest->trees; tree; tree = tree->hh.next) {
        for (size_t i = 0; tree->is_used && i < tree->count; i++) {
            if (tree->members[i].gives || summarizer->want->request->nested_aware)
                summarizer->members[summarizer->member_count++] = &tree->members[i];
        }
    }
}

static enum err name_classes(struct db *db, struct summarizer *summarizer)
{
    struct id_set ids = {0};
    summarizer->classes = summarizer->want->classes;
    if (!summarizer->want->request->all_classes)
        return OK;
    for (size_t i = 0; i < summarizer->member_count; i++) {
        const struct tree_provider *row = summarizer->members[i]->row;
        for (size_t j = 0; j < row->stock_count; j++)
            add_id(summarizer->arena, &ids, row->stocks[j].class_id);
    }
    return class_names_get(db, summarizer->arena, &(struct id_list){ids.items, ids.count}, &summarizer->classes);
}

/* Of two providers with the same list, the second has nothing new. */
static bool has_new_traits(const struct summarizer *summarizer, size_t number)
{
    return number == 0 || summarizer->members[number]->row->traits.items != summarizer->members[number - 1]->row->traits.items;
}

static enum err name_traits(struct db *db, struct summarizer *summarizer)
{
    struct id_set ids = {0};
    for (size_t i = 0; summarizer->want->request->want_traits && i < summarizer->member_count; i++) {
        const struct id_list *traits = &summarizer->members[i]->row->traits;
        for (size_t j = 0; has_new_traits(summarizer, i) && j < traits->count; j++)
            add_id(summarizer->arena, &ids, traits->items[j]);
    }
    if (ids.count == 0)
        return OK;
    return trait_names_get(db, summarizer->arena, &(struct id_list){ids.items, ids.count}, &summarizer->traits);
}

static void summarize_resources(const struct summarizer *summarizer, const struct tree_provider *row, struct candidate_summary *out)
{
    struct candidate_resource *resources = arena_alloc(summarizer->arena, (row->stock_count + 1) * sizeof(*resources));
    size_t count = 0;
    for (size_t i = 0; i < row->stock_count; i++) {
        const char *name = name_of(&summarizer->classes, row->stocks[i].class_id);
        if (name)
            resources[count++] = (struct candidate_resource){name, row->stocks[i].capacity, row->stocks[i].used};
    }
    out->resources = resources;
    out->resource_count = count;
}

static void summarize_traits(const struct summarizer *summarizer, const struct id_list *traits, struct candidate_summary *out)
{
    const char **names = arena_alloc(summarizer->arena, (traits->count + 1) * sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < traits->count; i++) {
        names[count] = name_of(&summarizer->traits, traits->items[i]);
        count += names[count] != NULL;
    }
    out->traits = names;
    out->trait_count = count;
}

static const struct candidate_summary *summarize(const struct summarizer *summarizer)
{
    struct candidate_summary *summaries = arena_alloc(summarizer->arena, (summarizer->member_count + 1) * sizeof(*summaries));
    for (size_t i = 0; i < summarizer->member_count; i++) {
        const struct member *member = summarizer->members[i];
        summaries[i] = (struct candidate_summary){
            .uuid = &member->row->uuid,
            .parent = member->parent ? &member->parent->row->uuid : NULL,
            .root = &member->tree->root->row->uuid,
        };
        summarize_resources(summarizer, member->row, &summaries[i]);
        if (has_new_traits(summarizer, i)) {
            summarize_traits(summarizer, &member->row->traits, &summaries[i]);
        } else {
            summaries[i].traits = summaries[i - 1].traits;
            summaries[i].trait_count = summaries[i - 1].trait_count;
        }
    }
    return summaries;
}

enum err result_make(struct db *db, struct arena *arena, const struct want *want, const struct forest *forest,
                     const struct findings *findings, struct candidates *out)
{
    struct candidate *items = arena_alloc(arena, (findings->count + 1) * sizeof(*items));
    struct part *parts = arena_alloc(arena, (amount_count(want) + 1) * sizeof(*parts));
    for (size_t i = 0; i < findings->count; i++) {
        make_allocations(arena, want, findings->items[i], parts, &items[i]);
        make_mappings(arena, want, findings->items[i], &items[i]);
    }
    struct summarizer summarizer = {.arena = arena, .want = want};
    choose_members(&summarizer, forest);
    TRY(name_classes(db, &summarizer));
    TRY(name_traits(db, &summarizer));
    *out = (struct candidates){.items = items, .count = findings->count, .summaries = summarize(&summarizer)};
    out->summary_count = summarizer.member_count;
    return OK;
}
