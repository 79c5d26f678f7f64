/*
 * Resource providers: trees of them, their aggregates and traits (Placement 1.39, spec placement.md 2).
 *
 * Changes run in one transaction that locks the providers' rows by id; inside an outer transaction they are part of it. Words are
 * Placement's. Nothing here knows JSON or HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compute/placement/problem.h"
#include "compute/placement/query.h"
#include "schema/db.h"

struct placement_provider {
    int64_t id;
    struct uuid uuid;
    const char *name;
    int64_t generation;
    bool has_parent;
    struct uuid parent;
    struct uuid root;
    int64_t updated_us;
};

struct placement_providers {
    const struct placement_provider *items;
    size_t count;
};

/* E_CONFLICT DUPLICATE: `uuid` or `name` are taken (the words name which). E_INVALID BAD_TREE: no such parent, or its own. */
MUST_CHECK enum err placement_provider_create(struct db *db, struct arena *arena, const struct uuid *uuid, const char *name,
                                              const struct uuid *parent, struct placement_provider *out);
/* E_NOT_FOUND UNKNOWN_PROVIDER "No resource provider with uuid … found". */
MUST_CHECK enum err placement_provider_get(struct db *db, struct arena *arena, const struct uuid *uuid,
                                           struct placement_provider *out);

struct placement_provider_change {
    const char *name;
    bool sets_parent; /* `parent` counts, NULL too: a root */
    const struct uuid *parent;
    bool may_move; /* from 1.37: another parent than the one it has, or none any more */
};

/* The generation stays. A moved subtree gets its new root. E_NOT_FOUND, E_CONFLICT DUPLICATE, E_INVALID BAD_TREE. */
MUST_CHECK enum err placement_provider_update(struct db *db, struct arena *arena, const struct uuid *uuid,
                                              const struct placement_provider_change *change, struct placement_provider *out);
/* With its inventories, traits and aggregates. E_NOT_FOUND; E_CONFLICT HAS_CHILDREN, then PROVIDER_IN_USE. */
MUST_CHECK enum err placement_provider_delete(struct db *db, const struct uuid *uuid);

struct placement_provider_filter {
    const struct uuid *uuid; /* NULL: any */
    const char *name;        /* NULL: any */
    struct placement_query query;
};

/* By id. Resources mean room on that provider alone. E_NOT_FOUND UNKNOWN_CLASS, UNKNOWN_TRAIT. */
MUST_CHECK enum err placement_provider_list(struct db *db, struct arena *arena, const struct placement_provider_filter *filter,
                                            struct placement_providers *out);

struct placement_aggregates {
    const struct uuid *items;
    size_t count;
};

/* `out_provider` as in all calls that take it: the provider as it is afterwards. E_NOT_FOUND. */
MUST_CHECK enum err placement_aggregates_get(struct db *db, struct arena *arena, const struct uuid *uuid,
                                             struct placement_provider *out_provider, struct placement_aggregates *out);
/* `generation` NULL (below 1.19): neither checked nor raised. E_NOT_FOUND; E_CONFLICT CONCURRENT_UPDATE. */
MUST_CHECK enum err placement_aggregates_set(struct db *db, struct arena *arena, const struct uuid *uuid, const int64_t *generation,
                                             const struct uuid *aggregates, size_t count, struct placement_provider *out_provider);

struct placement_trait {
    const char *name;
    int64_t updated_us;
};

struct placement_traits {
    const struct placement_trait *items;
    size_t count;
};

MUST_CHECK enum err placement_provider_traits_get(struct db *db, struct arena *arena, const struct uuid *uuid,
                                                  struct placement_provider *out_provider, struct placement_traits *out);
/* `generation` NULL: not checked (DELETE sets none). Raises it. E_NOT_FOUND UNKNOWN_PROVIDER; E_INVALID UNKNOWN_TRAIT "No such
 * trait …"; E_CONFLICT CONCURRENT_UPDATE. `out` may be NULL. */
MUST_CHECK enum err placement_provider_traits_set(struct db *db, struct arena *arena, const struct uuid *uuid,
                                                  const int64_t *generation, const char *const *names, size_t count,
                                                  struct placement_provider *out_provider, struct placement_traits *out);
