/* The images that a caller may boot from, as they travel in a request spec: this zone's own first, then those of its parents
 * (catalog = inherit). */
#pragma once

#include <jansson.h>

#include "gateway/http/core/core.h"

struct image_summary {
    const char *status;
    int64_t size;
    int64_t min_ram_mib;
    int64_t min_disk_gib;
    /* {"id","name","disk_format","container_format","size","virtual_size","sha512","min_disk","min_ram","kernel_id","ramdisk_id",
     * "properties":{…},"parts":[{"id","size","sha512","grant"}…],"grant"}: a new reference. `grant` (conductor/grant.h) is null
     * when there are no bytes. */
    json_t *embedded;
};

/* E_NOT_FOUND; E_INVALID: a kernel or ramdisk that it names is not there or not active; E_UNAVAILABLE: it may be a parent's, which
 * is silent. */
MUST_CHECK enum err image_catalog_embed(struct request *request, const char *id, struct image_summary *out);
