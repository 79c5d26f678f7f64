/* The images that a caller may boot from, as they travel in a request spec. The one place where images of a parent will be added
 * (catalog = inherit). */
#pragma once

#include <jansson.h>

#include "gateway/http/core/core.h"

struct image_summary {
    const char *status;
    int64_t size;
    int64_t min_ram_mib;
    int64_t min_disk_gib;
    json_t *
        embedded; /* {"id","name","disk_format","container_format","size","virtual_size","sha512","min_disk","min_ram","kernel_id","ramdisk_id",
                     "properties":{…},"parts":[{"id","size","sha512"}…]}: a new reference */
};

/* E_NOT_FOUND; E_INVALID: a kernel or ramdisk that it names is not there or not active. */
MUST_CHECK enum err image_catalog_embed(struct request *request, const char *id, struct image_summary *out);
