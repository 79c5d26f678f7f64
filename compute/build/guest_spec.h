/* Pure: from a server's row to what the hypervisor gets: the guest, its volumes, the files of its config drive. Everything lives in
 * the arena. */
#pragma once

#include <stdint.h>

#include "compute/hypervisor/config_drive.h"
#include "compute/hypervisor/hypervisor.h"
#include "schema/server.h"

/* One of the images that a server boots from: the disk image, its kernel, its ramdisk. */
struct guest_image {
    const char *id;
    const char *disk_format; /* as the image service calls it; NULL: not said, any raw bytes */
    const char *format;      /* raw | qcow2: as the pool's volume */
    int64_t virtual_bytes;
};

#define GUEST_BLANKS 3

/* A disk that begins empty: ephemeral or swap. */
struct guest_blank {
    const char *volume;
    uint64_t bytes;
};

struct guest_plan {
    struct guest_image images[3];
    size_t image_count;
    const char *root_volume;
    const char *root_backing; /* the image's volume */
    const char *root_backing_format;
    uint64_t root_bytes;
    const char *config_volume; /* NULL: no config drive */
    struct guest_blank blanks[GUEST_BLANKS];
    size_t blank_count;
    struct guest guest;
};

/* The roles of a server's volumes, for build_server_volume: NULL-terminated, all that a server may have. */
extern const char *const guest_volume_roles[];

/* E_INVALID: the row's image or flavor text is damaged. `fence` goes into the domain's metadata. */
MUST_CHECK enum err guest_plan_make(struct arena *arena, const struct server *server, const char *zone_name, int64_t fence,
                                    struct guest_plan *out);

/* The files of the config drive (OpenStack's metadata layout). E_INVALID: user data that is not base64. */
MUST_CHECK enum err guest_config_files(struct arena *arena, const struct server *server, const struct config_drive_file **out,
                                       size_t *out_count);
