/*
 * Images of a parent zone among this zone's own: reading what a parent's image API wrote, the filters of a list in memory, and
 * sorted pages over both. Pure. What schema/image_list.c says in SQL is said here once more for images without a row, in the same
 * order (image.h: the asked keys, then created_at and id, descending).
 */
#pragma once

#include <jansson.h>

#include "schema/image.h"

/* Reads an image as the API shows it. Texts are the JSON's, or live in the arena; times are whole seconds. E_INVALID. */
MUST_CHECK enum err image_read(struct arena *arena, const json_t *json, struct image *out);

/* Would the list that was asked for show it? Whether the caller may see it, the parent has decided. */
bool image_matches(const struct image *image, const struct image_query *query);

/* Sorts `all` and cuts the page out of it: what comes after `marker` (NULL: from the start; it need not be in the list), at most
 * `limit`. */
void image_page(struct arena *arena, struct image *all, size_t count, const struct image_query *query, const struct image *marker,
                size_t limit, struct images *out);
