/*
 * Resource classes and traits: the standard ones, which come with the program, and custom ones (spec placement.md 2.2, 2.3).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compute/placement/problem.h"
#include "compute/placement/provider.h"
#include "schema/db.h"

struct placement_class {
    const char *name;
    int64_t updated_us;
};

struct placement_classes {
    const struct placement_class *items; /* standard ones first, as they were defined */
    size_t count;
};

/* Writes the standard classes and traits that the database lacks. Cheap when none is missing; to be called at start and by tools
 * that work without a zone. */
MUST_CHECK enum err placement_sync(struct db *db);

MUST_CHECK enum err placement_class_list(struct db *db, struct arena *arena, struct placement_classes *out);
/* E_NOT_FOUND UNKNOWN_CLASS "No such resource class NAME." */
MUST_CHECK enum err placement_class_get(struct db *db, struct arena *arena, const char *name, struct placement_class *out);
/* E_CONFLICT DUPLICATE. The form of the name (CUSTOM_…) is the caller's to check. */
MUST_CHECK enum err placement_class_create(struct db *db, const char *name);
/* E_NOT_FOUND; E_INVALID STANDARD; E_CONFLICT DUPLICATE. */
MUST_CHECK enum err placement_class_rename(struct db *db, const char *name, const char *new_name);
/* E_NOT_FOUND; E_INVALID STANDARD; E_CONFLICT IN_USE. */
MUST_CHECK enum err placement_class_delete(struct db *db, const char *name);

enum placement_association { ASSOCIATION_ANY, ASSOCIATION_SOME, ASSOCIATION_NONE };

struct placement_trait_list_filter {
    const struct placement_names *names; /* NULL: any name */
    const char *prefix;                  /* NULL: any */
    enum placement_association association;
};

MUST_CHECK enum err placement_trait_list(struct db *db, struct arena *arena, const struct placement_trait_list_filter *filter,
                                         struct placement_traits *out);
/* E_NOT_FOUND UNKNOWN_TRAIT "No such trait(s): NAME." */
MUST_CHECK enum err placement_trait_get(struct db *db, struct arena *arena, const char *name, struct placement_trait *out);
/* `out_created` false: it was there. */
MUST_CHECK enum err placement_trait_create(struct db *db, struct arena *arena, const char *name, struct placement_trait *out,
                                           bool *out_created);
/* E_NOT_FOUND; E_INVALID STANDARD; E_CONFLICT IN_USE. */
MUST_CHECK enum err placement_trait_delete(struct db *db, const char *name);
