/* Rows of consumers and allocations, and sums of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

struct consumer_row {
    int64_t id;
    struct uuid uuid;
    const char *project_id;
    const char *user_id;
    const char *type; /* NULL: none */
    int64_t generation;
};

struct consumer_rows {
    const struct consumer_row *items; /* by uuid */
    size_t count;
};

/* Unknown ones are left out. `lock`: their rows stay locked until the transaction ends. */
MUST_CHECK enum err consumer_rows_get(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count, bool lock,
                                      struct consumer_rows *out);
struct consumer_new {
    struct uuid uuid;
    const char *project_id;
    const char *user_id;
    const char *type; /* NULL: none */
    int64_t id;       /* set by consumers_insert */
};

/* Generation 1, made in the order given: by uuid, so that two writers do not wait for each other. E_RETRY: somebody else made one
 * of them. */
MUST_CHECK enum err consumers_insert(struct db *db, struct arena *arena, struct consumer_new *items, size_t count);
/* What is NULL stays. The generation rises by one. */
MUST_CHECK enum err consumer_update(struct db *db, int64_t id, const char *project_id, const char *user_id, const char *type);
MUST_CHECK enum err consumer_delete(struct db *db, int64_t id);

/* A consumer, and something that it has. */
struct holding_row {
    int64_t consumer_id;
    struct uuid consumer;
    int64_t consumer_generation;
    int64_t provider_id; /* 0: it has nothing */
    int64_t class_id;
    int64_t used;
};

struct holding_rows {
    const struct holding_row *items;
    size_t count;
};

/* Those of the consumers that exist. */
MUST_CHECK enum err holding_rows_get(struct db *db, struct arena *arena, const struct uuid *consumers, size_t count,
                                     struct holding_rows *out);

struct allocation_row {
    int64_t provider_id;
    struct uuid provider;
    int64_t provider_generation;
    int64_t consumer_id;
    struct uuid consumer;
    int64_t consumer_generation;
    int64_t class_id;
    const char *resource_class;
    int64_t used;
    int64_t updated_us;
};

struct allocation_rows {
    const struct allocation_row *items; /* by provider, consumer, class */
    size_t count;
};

MUST_CHECK enum err allocations_of_consumers(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count,
                                             struct allocation_rows *out);
MUST_CHECK enum err allocations_of_provider(struct db *db, struct arena *arena, int64_t provider_id, struct allocation_rows *out);
/* consumer_id, provider_id, class_id and used count. */
MUST_CHECK enum err allocations_insert(struct db *db, struct arena *arena, const struct allocation_row *rows, size_t count);
MUST_CHECK enum err allocations_delete(struct db *db, struct arena *arena, const int64_t *consumer_ids, size_t count);

struct usage_row {
    const char *type; /* NULL: none */
    const char *resource_class;
    int64_t used;
    int64_t consumers; /* of the type */
};

struct usage_rows {
    const struct usage_row *items;
    size_t count;
};

/* Sums by type (or with `together` over all types) and class. `user_id`, `type` NULL: any; `type` "" : those without one. */
MUST_CHECK enum err usage_rows_get(struct db *db, struct arena *arena, const char *project_id, const char *user_id,
                                   const char *type, bool together, struct usage_rows *out);
