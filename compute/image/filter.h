/*
 * The query of an image list, parameter by parameter (Image API v2, "List images"), as data for schema/image.h's image_list.
 *
 * What is no parameter and no attribute is equality of a custom property. Errors are E_INVALID with the parameter's name.
 */
#pragma once

#include "gateway/base/caller.h"
#include "schema/image.h"

#define IMAGE_LIMIT_DEFAULT 25
#define IMAGE_LIMIT_MAX     1000

struct image_filter {
    struct image_query query;
    struct arena *arena;
    bool hidden_given;
    const char *sort_keys[IMAGE_SORT_MAX]; /* the older form: keys and directions apart */
    size_t sort_key_count;
    const char *sort_dirs[IMAGE_SORT_MAX];
    size_t sort_dir_count;
};

void image_filter_begin(struct image_filter *filter, struct arena *arena, const struct caller *caller);
/* Once per parameter, in order. */
MUST_CHECK enum err image_filter_add(struct image_filter *filter, const char *name, const char *value);
/* `filter->query` is complete afterwards. */
MUST_CHECK enum err image_filter_end(struct image_filter *filter);
