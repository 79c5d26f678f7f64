/*
 * What a client may set on an image, attribute by attribute, and JSON patches of it (Image API v2, "HTTP PATCH media types"; RFC
 * 6902's add, replace and remove on top-level members).
 *
 * Works on a `struct image` in memory, so that it can run inside image_edit. On an error the image may be half changed: the caller
 * drops it. Errors: E_INVALID a wrong value, E_FORBIDDEN an attribute that is read-only, reserved or not this caller's to set,
 * E_CONFLICT a property that is not there, E_TOO_LARGE too many properties or tags.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/caller.h"
#include "schema/image.h"

#define IMAGE_PROPERTY_LIMIT 128
#define IMAGE_TAG_LIMIT      128
#define IMAGE_MEMBER_LIMIT   128

/* Names of read-only attributes, NULL-terminated: what the schema document marks so. */
extern const char *const image_read_only[];

/* A new image of the caller's from the body of a create (already valid by the schema image_create): id, owner and defaults are set.
 */
MUST_CHECK enum err image_make(struct arena *arena, const struct caller *caller, const json_t *body, struct image *out);

enum image_patch_form { IMAGE_PATCH_V20, IMAGE_PATCH_V21 }; /* {"replace": "/name", …}; {"op": "replace", "path": "/name", …} */

MUST_CHECK enum err image_patch(struct arena *arena, const struct caller *caller, enum image_patch_form form,
                                const json_t *operations, struct image *image);

/* Adds or removes one tag. E_NOT_FOUND: nothing to remove. */
MUST_CHECK enum err image_tag_add(struct arena *arena, const char *tag, struct image *image);
MUST_CHECK enum err image_tag_remove(struct arena *arena, const char *tag, struct image *image);
