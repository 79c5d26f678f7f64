/* Config drive: an ISO 9660 image labelled `config-2` with OpenStack's layout, made by libarchive (Rock Ridge and Joliet). */
#pragma once

#include <stddef.h>

#include "gateway/base/err.h"

struct config_drive_file {
    const char *path; /* "openstack/latest/meta_data.json" */
    const void *bytes;
    size_t length;
};

/* Writes the image to a new unlinked temporary file (in `directory`) and gives its descriptor, at offset 0, and size; the caller
 * closes it. E_INTERNAL with libarchive's words. */
MUST_CHECK enum err config_drive_make(const char *directory, const struct config_drive_file *files, size_t count, int *out_fd,
                                      size_t *out_length);
