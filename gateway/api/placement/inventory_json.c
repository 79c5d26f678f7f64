/* See inventory_json.h. The table is the whole mapping; allocation_ratio alone is no integer. */
#include "gateway/api/placement/inventory_json.h"

#include <stddef.h>

#define UNIT_MAX 2147483647

static const struct {
    const char *name;
    size_t offset;
    int64_t standard;
} fields[] = {
    {"total", offsetof(struct placement_inventory, total), 0},
    {"reserved", offsetof(struct placement_inventory, reserved), 0},
    {"min_unit", offsetof(struct placement_inventory, min_unit), 1},
    {"max_unit", offsetof(struct placement_inventory, max_unit), UNIT_MAX},
    {"step_size", offsetof(struct placement_inventory, step_size), 1},
};

struct placement_inventory inventory_read(const char *resource_class, const json_t *object)
{
    struct placement_inventory inventory = {.resource_class = resource_class, .allocation_ratio = 1.0};
    const json_t *ratio = json_object_get(object, "allocation_ratio");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const json_t *value = json_object_get(object, fields[i].name);
        *(int64_t *)(void *)((char *)&inventory + fields[i].offset) = value ? json_integer_value(value) : fields[i].standard;
    }
    if (ratio)
        inventory.allocation_ratio = json_number_value(ratio);
    return inventory;
}

struct placement_inventories inventory_read_all(struct arena *arena, const json_t *object)
{
    struct placement_inventory *items = arena_alloc(arena, (json_object_size(object) + 1) * sizeof(*items));
    size_t count = 0;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) items[count++] = inventory_read(name, value);
    return (struct placement_inventories){items, count};
}

json_t *inventory_describe(const struct placement_inventory *inventory)
{
    json_t *object = json_object();
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        (void)json_object_set_new(object, fields[i].name,
                                  json_integer(*(const int64_t *)(const void *)((const char *)inventory + fields[i].offset)));
    (void)json_object_set_new(object, "allocation_ratio", json_real(inventory->allocation_ratio));
    return object;
}
