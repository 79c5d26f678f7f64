/* Inventories between JSON and the domain: for their own routes and for the reshaper. */
#pragma once

#include "compute/placement/inventory.h"
#include "gateway/api/placement/inside.h"

/* An object that its schema let pass; what it leaves out has Placement's defaults. */
struct placement_inventory inventory_read(const char *resource_class, const json_t *object);
/* {"VCPU": {…}, …} as a list in the arena. */
struct placement_inventories inventory_read_all(struct arena *arena, const json_t *object);
json_t *inventory_describe(const struct placement_inventory *inventory);
