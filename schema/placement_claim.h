/* The most frequent write of Placement, a claim: a new consumer gets something of one provider. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

/* Most classes of one claim here: each number of them is a statement of its own. */
#define CLAIM_CLASSES_MOST 8

struct claim_row {
    struct uuid consumer;
    const char *project_id;
    const char *user_id;
    const char *type; /* NULL: none */
    struct uuid provider;
    const char *const *classes; /* each once */
    const int64_t *amounts;     /* each at least 1 */
    size_t count;               /* 1 … CLAIM_CLASSES_MOST */
};

/*
 * All of it in one message to the server, as a transaction of its own: the provider is locked by raising its generation, room and
 * units are judged where `used` is raised, then the consumer (generation 1) and its allocations are made.
 * E_CONFLICT: not so simple, and nothing is changed: the consumer exists, there is no room, or provider, class, inventory or type
 * are not there. Not inside a transaction.
 */
MUST_CHECK enum err claim_insert(struct db *db, struct arena *arena, const struct claim_row *claim);
