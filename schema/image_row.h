/* What the statements on `images` share: the columns, and how a row becomes a struct. Only for schema/image*.c. */
#pragma once

#include "schema/image.h"

#define IMAGE_COLUMNS                                                                                                              \
    "i.id, i.owner, i.name, i.status, i.visibility, i.disk_format, i.container_format, i.size, i.virtual_size, i.checksum, "       \
    "i.sha512, i.min_disk, i.min_ram, i.protected, i.os_hidden, i.properties, i.tags, i.created_at, i.updated_at"

struct image image_row_read(const struct rows *rows, size_t row);
enum err image_row_missing(const struct uuid *id);
