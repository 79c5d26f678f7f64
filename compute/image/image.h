/* An image as the rest of the program needs it: found for a caller, and who may see and change it. */
#pragma once

#include <stdbool.h>

#include "gateway/base/caller.h"
#include "schema/image.h"

/* Strings live in the arena. */
struct image_ref {
    const char *id;
    const char *name; /* "" when it has none */
    const char *status;
    const char *disk_format; /* NULL while queued without one, as container_format */
    const char *container_format;
    int64_t size;           /* bytes; -1 without data */
    int64_t virtual_size;   /* bytes; -1 without data */
    int64_t min_disk;       /* GiB */
    int64_t min_ram;        /* MiB */
    const char *properties; /* JSON object of strings */
    const char *sha512;     /* hex, NULL without data */
    const char *kernel_id;  /* of the properties; NULL: boots from the disk */
    const char *ramdisk_id;
};

/* E_NOT_FOUND "No image found with ID x": there is none, or the caller may not see it. Any state: the user of the data looks at
 * `status`. `caller` NULL: whoever asks. */
MUST_CHECK enum err image_lookup(struct db *db, struct arena *arena, const char *id, const struct caller *caller,
                                 struct image_ref *out);

/* The project by which schema/image.h decides what the caller sees: NULL (everything) for an admin. */
const char *image_viewer(const struct caller *caller);
/* True for an admin and the owning project. */
bool image_may_change(const struct caller *caller, const struct image *image);
