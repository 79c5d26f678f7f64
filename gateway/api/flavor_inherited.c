/* See flavor_inherited.h. Texts compare byte by byte, as the database's collation does. */
#include "gateway/api/flavor_inherited.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

static int64_t int_of(const json_t *json, const char *key)
{
    return json_integer_value(json_object_get(json, key)); /* 0 for "" (an old swap) */
}

static bool is_true(const json_t *json, const char *key)
{
    return json_is_true(json_object_get(json, key));
}

static const char *specs_of(struct arena *arena, const json_t *json)
{
    const json_t *specs = json_object_get(json, "extra_specs");
    char *text = json_is_object(specs) ? json_dumps(specs, JSON_COMPACT) : NULL;
    const char *copy = text ? arena_strdup(arena, text) : "{}";
    free(text);
    return copy;
}

enum err flavor_read(struct arena *arena, const json_t *json, struct flavor *out)
{
    static const char *const numbers[] = {"ram", "vcpus", "disk"};
    const char *id = json_string_value(json_object_get(json, "id"));
    const char *name = json_string_value(json_object_get(json, "name"));
    bool good = id && *id && name;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        good = good && json_is_integer(json_object_get(json, numbers[i])) && int_of(json, numbers[i]) >= 0;
    if (!good)
        return fail(E_INVALID, "A parent zone's flavor %s is damaged.", id ? id : "without id");
    *out = (struct flavor){.flavorid = id,
                           .name = name,
                           .ram_mib = int_of(json, "ram"),
                           .vcpus = int_of(json, "vcpus"),
                           .disk_gib = int_of(json, "disk"),
                           .ephemeral_gib = int_of(json, "OS-FLV-EXT-DATA:ephemeral"),
                           .swap_mib = int_of(json, "swap"),
                           .rxtx_factor = json_number_value(json_object_get(json, "rxtx_factor")),
                           .is_public = is_true(json, "os-flavor-access:is_public"),
                           .disabled = is_true(json, "OS-FLV-DISABLED:disabled"),
                           .description = json_string_value(json_object_get(json, "description")),
                           .extra_specs = specs_of(arena, json)};
    return OK;
}

bool flavor_matches(const struct flavor *flavor, const struct flavor_query *query)
{
    return flavor->ram_mib >= query->least_ram_mib && flavor->disk_gib >= query->least_disk_gib &&
           (query->disabled_too || !flavor->disabled) && (query->publicity != FLAVORS_PRIVATE || !flavor->is_public);
}

static int compare_int(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

#define COMPARE_INT(member)                                                                                                        \
    static int by_##member(const struct flavor *a, const struct flavor *b)                                                         \
    {                                                                                                                              \
        return compare_int(a->member, b->member);                                                                                  \
    }
#define COMPARE_TEXT(member)                                                                                                       \
    static int by_##member(const struct flavor *a, const struct flavor *b)                                                         \
    {                                                                                                                              \
        return compare_text(a->member, b->member);                                                                                 \
    }

COMPARE_INT(created_us)
COMPARE_TEXT(description)
COMPARE_INT(disabled)
COMPARE_INT(ephemeral_gib)
COMPARE_TEXT(flavorid)
COMPARE_INT(is_public)
COMPARE_INT(ram_mib)
COMPARE_TEXT(name)
COMPARE_INT(disk_gib)
COMPARE_INT(swap_mib)
COMPARE_INT(updated_us)
COMPARE_INT(vcpus)

static int by_rxtx_factor(const struct flavor *a, const struct flavor *b)
{
    return (a->rxtx_factor > b->rxtx_factor) - (a->rxtx_factor < b->rxtx_factor);
}

/* Nova's sort keys; those of the row's age (id, vcpu_weight) are the order that is there. */
static const struct {
    const char *key;
    int (*compare)(const struct flavor *a, const struct flavor *b);
} sort_keys[] = {
    {"created_at", by_created_us}, {"description", by_description}, {"disabled", by_disabled}, {"ephemeral_gb", by_ephemeral_gib},
    {"flavorid", by_flavorid},     {"is_public", by_is_public},     {"memory_mb", by_ram_mib}, {"name", by_name},
    {"root_gb", by_disk_gib},      {"rxtx_factor", by_rxtx_factor}, {"swap", by_swap_mib},     {"updated_at", by_updated_us},
    {"vcpus", by_vcpus},
};

struct order {
    int (*compare)(const struct flavor *a, const struct flavor *b); /* NULL: by rank alone */
    int sign;
};

static struct order order_of(const struct flavor_query *query)
{
    struct order order = {NULL, query->descending ? -1 : 1};
    const char *key = query->sort_key ? query->sort_key : "flavorid";
    for (size_t i = 0; i < ARRAY_LEN(sort_keys); i++) {
        if (str_equal(sort_keys[i].key, key))
            order.compare = sort_keys[i].compare;
    }
    return order;
}

static int compare_ranked(const void *left, const void *right, void *context)
{
    const struct ranked_flavor *a = left;
    const struct ranked_flavor *b = right;
    const struct order *order = context;
    const int by_key = order->compare ? order->compare(&a->flavor, &b->flavor) : 0;
    return order->sign * (by_key ? by_key : compare_int((int64_t)a->rank, (int64_t)b->rank));
}

void flavor_page(struct arena *arena, struct ranked_flavor *all, size_t count, const struct flavor_query *query,
                 const struct ranked_flavor *marker, struct flavors *out)
{
    struct order order = order_of(query);
    struct flavor *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    size_t shown = 0;
    qsort_r(all, count, sizeof(*all), compare_ranked, &order);
    for (size_t i = 0; i < count && shown < query->limit; i++) {
        if (!marker || compare_ranked(&all[i], marker, &order) > 0)
            items[shown++] = all[i].flavor;
    }
    *out = (struct flavors){items, shown};
}
