/* The columns of `servers` in one order, and how a row becomes a struct: shared by server.c and server_list.c only. */
#pragma once

#include "schema/server.h"

#define SERVER_STORED 49 /* columns of SERVER_COLUMNS */

#define SERVER_COLUMNS                                                                                                             \
    "uuid, project_id, user_id, display_name, display_description, hostname, host, node, availability_zone, vm_state, "            \
    "task_state, "                                                                                                                 \
    "power_state, progress, launch_index, reservation_id, flavor_id, flavor, vcpus, ram_mib, disk_gib, image_ref, image, "         \
    "kernel_id, "                                                                                                                  \
    "ramdisk_id, root_device_name, key_name, key_data, user_data, config_drive, metadata, tags, security_groups, trusted_certs, "  \
    "access_ip_v4, access_ip_v6, disk_config, locked, locked_by, locked_reason, fault, request_spec, created_at, updated_at, "     \
    "launched_at, terminated_at, deleted_at, deleted, block_devices, nics"

/* What a SELECT asks for: the generated column is not inserted. */
#define SERVER_SELECT SERVER_COLUMNS ", host_id"

void server_row_read(const struct rows *rows, size_t row, struct server *out);
