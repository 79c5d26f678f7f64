/* Between edit.c and patch.c; nobody else includes it. */
#pragma once

#include <jansson.h>

#include "gateway/base/caller.h"
#include "schema/image.h"

/* An image being changed: properties and tags as trees until draft_store. `caller` is NULL where no attribute is set. */
struct draft {
    struct arena *arena;
    const struct caller *caller;
    struct image *image;
    json_t *properties;
    json_t *tags;
};

MUST_CHECK enum err draft_open(struct draft *draft);
void draft_store(struct draft *draft);
void draft_clear(struct draft *draft); /* for CLEANUP */

/* An attribute or property, whether it is there or not; only one that is there; away with it. */
MUST_CHECK enum err draft_set(struct draft *draft, const char *name, const json_t *value);
MUST_CHECK enum err draft_replace(struct draft *draft, const char *name, const json_t *value);
MUST_CHECK enum err draft_remove(struct draft *draft, const char *name);
MUST_CHECK enum err draft_add_tag(struct draft *draft, const char *tag);
