/* Sums and largest hosts; see capacity.h. */
#include "gateway/conductor/capacity.h"

#include <string.h>

#include "compute/placement/candidates.h"
#include "compute/scheduler/resources.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"

struct amount {
    const char *key;            /* in the summary */
    const char *resource_class; /* in Placement */
    size_t offset;              /* in struct capacity_need */
};

static const struct amount amounts[] = {
    {"vcpus", "VCPU", offsetof(struct capacity_need, vcpus)},
    {"ram_mib", "MEMORY_MB", offsetof(struct capacity_need, ram_mib)},
    {"disk_gib", "DISK_GB", offsetof(struct capacity_need, disk_gib)},
};

static int64_t needed(const struct capacity_need *need, size_t index)
{
    return *(const int64_t *)(const void *)((const char *)need + amounts[index].offset);
}

/* Those of all groups; in the arena. */
static enum err read_traits(struct arena *arena, const struct sizing *sizing, struct capacity_need *out)
{
    struct candidates_request request;
    size_t count = 0;
    TRY(spec_request(arena, sizing, &request));
    for (size_t i = 0; i < request.group_count; i++)
        count += request.groups[i].query.traits.required_count;
    struct placement_names *traits = arena_alloc(arena, (count + 1) * sizeof(*traits));
    count = 0;
    for (size_t i = 0; i < request.group_count; i++) {
        const struct placement_trait_filter *filter = &request.groups[i].query.traits;
        for (size_t j = 0; j < filter->required_count; j++)
            traits[count++] = filter->required[j];
    }
    out->traits = traits;
    out->trait_count = count;
    return OK;
}

enum err capacity_need_of(struct arena *arena, const struct sizing *sizing, struct capacity_need *out)
{
    struct resource_amounts claim;
    struct capacity_need need = {.availability_zone = sizing->availability_zone};
    TRY(spec_amounts(arena, sizing, &claim));
    TRY(read_traits(arena, sizing, &need));
    for (size_t i = 0; i < claim.count; i++) {
        for (size_t j = 0; j < ARRAY_LEN(amounts); j++) {
            if (strcmp(claim.items[i].resource_class, amounts[j].resource_class) == 0)
                *(int64_t *)(void *)((char *)&need + amounts[j].offset) = claim.items[i].amount;
        }
    }
    *out = need;
    return OK;
}

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void add_to(json_t *object, const char *key, int64_t more)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)(number(object, key) + more)));
}

static void raise_to(json_t *object, const char *key, int64_t value)
{
    if (!json_object_get(object, key) || number(object, key) < value)
        (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void add_one(json_t *zones, const char *name, const json_t *more)
{
    json_t *zone = json_object_get(zones, name);
    const json_t *largest = json_object_get(more, "largest");
    if (!zone) {
        zone = json_pack("{s:i, s:i, s:i, s:i, s:{}}", "vcpus", 0, "ram_mib", 0, "disk_gib", 0, "hosts", 0, "largest");
        (void)json_object_set_new(zones, name, zone);
    }
    add_to(zone, "hosts", number(more, "hosts"));
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        add_to(zone, amounts[i].key, number(more, amounts[i].key));
        raise_to(json_object_get(zone, "largest"), amounts[i].key, number(largest, amounts[i].key));
    }
}

void capacity_add_host(json_t *zones, const char *availability_zone, int64_t vcpus, int64_t ram_mib, int64_t disk_gib)
{
    json_auto_t *host = json_pack("{s:I, s:I, s:I, s:i, s:{s:I, s:I, s:I}}", "vcpus", (json_int_t)vcpus, "ram_mib",
                                  (json_int_t)ram_mib, "disk_gib", (json_int_t)disk_gib, "hosts", 1, "largest", "vcpus",
                                  (json_int_t)vcpus, "ram_mib", (json_int_t)ram_mib, "disk_gib", (json_int_t)disk_gib);
    add_one(zones, availability_zone, host);
}

void capacity_add_all(json_t *zones, const json_t *more)
{
    const char *name;
    json_t *zone;
    json_object_foreach((json_t *)more, name, zone)
    {
        add_one(zones, name, zone);
    }
}

static int64_t count_in(const json_t *zone, const struct capacity_need *need)
{
    const json_t *largest = json_object_get(zone, "largest");
    int64_t count = INT64_MAX;
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        const int64_t one = needed(need, i);
        const int64_t sum = number(zone, amounts[i].key);
        if (one <= 0)
            continue;
        if (number(largest, amounts[i].key) < one || sum <= 0)
            return 0;
        count = sum / one < count ? sum / one : count;
    }
    return count;
}

int64_t capacity_count(const json_t *zones, const struct capacity_need *need)
{
    int64_t sum = 0;
    const char *name;
    json_t *zone;
    json_object_foreach((json_t *)zones, name, zone)
    {
        if (need->availability_zone && strcmp(name, need->availability_zone) != 0)
            continue;
        const int64_t count = count_in(zone, need);
        sum = count > INT64_MAX - sum ? INT64_MAX : sum + count;
    }
    return sum;
}

static json_t *read_capacity(const struct zone *child)
{
    json_auto_t *info = NULL;
    if (!child->row.info || json_parse_foreign(child->row.info, strlen(child->row.info), &info) != OK)
        return NULL;
    return json_incref(json_object_get(info, "capacity"));
}

json_t *capacity_of_child(const struct zone *child)
{
    json_auto_t *capacity = read_capacity(child);
    json_t *zones = json_object_get(capacity, "subtree");
    return json_is_object(zones) ? json_incref(zones) : NULL;
}

static bool has_name(const json_t *traits, const char *name)
{
    for (size_t i = 0; i < json_array_size(traits); i++) {
        if (str_equal(json_string_value(json_array_get(traits, i)), name))
            return true;
    }
    return false;
}

void capacity_add_traits(json_t *set, const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name)
            (void)json_object_set_new(set, name, json_true());
    }
}

json_t *capacity_traits_of_child(const struct zone *child)
{
    json_auto_t *capacity = read_capacity(child);
    json_t *traits = json_object_get(capacity, "traits");
    return json_is_array(traits) ? json_incref(traits) : NULL;
}

static bool has_any(const json_t *traits, const struct placement_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (has_name(traits, names->items[i]))
            return true;
    }
    return false;
}

static bool lacks_trait(const json_t *traits, const struct capacity_need *need)
{
    for (size_t i = 0; i < need->trait_count; i++) {
        if (!has_any(traits, &need->traits[i]))
            return true;
    }
    return false;
}

bool capacity_is_short(const struct zone *child, const struct capacity_need *need)
{
    json_auto_t *zones = capacity_of_child(child);
    json_auto_t *traits = need->trait_count ? capacity_traits_of_child(child) : NULL;
    return (zones && capacity_count(zones, need) == 0) || (traits && lacks_trait(traits, need));
}

bool capacity_servers_of_child(const struct zone *child, int64_t *out)
{
    json_auto_t *capacity = read_capacity(child);
    const json_t *own = json_object_get(capacity, "servers");
    const json_t *below = json_object_get(capacity, "servers_below");
    *out = json_integer_value(own) + json_integer_value(below);
    return json_is_integer(own) && json_is_integer(below);
}
