/*
 * The image files of a zone: `<state_dir>/images/<id>`, written under a temporary name (`<id>.part`) and complete or absent.
 *
 * Who writes an image holds a lock on its file from the first byte until image_store_write_close, so one process at a time writes
 * it and a writer that died is told from one that works. Several gateways of a zone share the directory. Not here: rows
 * (schema/image.h) and who may do what.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compute/image/digest.h"
#include "compute/image/inspect.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"

struct image_store;
struct image_write;

/* Makes the directory when it is missing. `max_bytes`: the largest image. E_INTERNAL. */
MUST_CHECK enum err image_store_open(const char *state_dir, uint64_t max_bytes, struct image_store **out);
void image_store_close(struct image_store *store); /* accepts NULL; writes that are open live on */
uint64_t image_store_max_bytes(const struct image_store *store);

/*
 * Opens a complete image for reading; the descriptor is the caller's. Looks at it first (image_inspect): what refers to other files
 * is E_INVALID. Who knows the image's disk_format calls image_check_file with it. E_NOT_FOUND: no such file.
 */
MUST_CHECK enum err image_open(const struct image_store *store, const char *id, int *out_fd, uint64_t *out_size);
/* Deletes the file; that there is none is OK. Readers that have it open keep it. */
MUST_CHECK enum err image_store_remove(const struct image_store *store, const struct uuid *id);

/* Writing, in this order: begin, add…, finish, close. `close` alone takes everything back. */
/* E_CONFLICT: it is being written already. */
MUST_CHECK enum err image_store_write_begin(const struct image_store *store, const struct uuid *id, struct image_write **out);
/* E_TOO_LARGE: over the limit, or the disk is full. */
MUST_CHECK enum err image_store_write_add(struct image_write *write, const void *bytes, size_t length);

struct image_written {
    uint64_t size;
    uint64_t virtual_size;
    struct digest_text digests;
};

/* Makes it durable and visible if it is what was declared: its real format is `disk_format` and, unless `sha512` (hex) is NULL, its
 * digest is that. E_INVALID otherwise. */
MUST_CHECK enum err image_store_write_finish(struct image_write *write, const char *disk_format, const char *sha512,
                                             struct image_written *out);
void image_store_write_close(struct image_write *write); /* accepts NULL; gives the lock back */

/* True while someone, in this process or another, holds the image's lock. */
bool image_store_is_writing(const struct image_store *store, const struct uuid *id);

/* Puts right what a crash or a broken upload left: images that nobody writes any more go from saving back to queued, deleted ones
 * lose their files and rows. Cheap when there is nothing to do; safe while others work. */
MUST_CHECK enum err image_store_recover(const struct image_store *store, struct db *db);
/* Once at start: deletes partial files that nobody writes. */
MUST_CHECK enum err image_store_sweep(const struct image_store *store);
