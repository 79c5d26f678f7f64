/*
 * The disks that a new server asks for: block_device_mapping and block_device_mapping_v2 (nova-api.md section 8).
 *
 * The image as the root, and blank local disks (ephemeral and swap) within what the flavor allows, are made as volumes of the
 * host's pool. There are no Cinder volumes here: what asks for one is refused by name.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/arena.h"
#include "schema/flavor.h"

/* Before the flavor is known: forms, and what no zone here can do. E_INVALID in Nova's words. */
MUST_CHECK enum err server_disks_check(struct arena *arena, const json_t *server);
/* Against the flavor: a new list as struct server.block_devices is; NULL when they are just what the flavor has. E_INVALID. */
MUST_CHECK enum err server_disks_plan(struct arena *arena, const json_t *server, const struct flavor *flavor, json_t **out);
