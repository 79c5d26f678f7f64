/* Which idempotency keys were used, for what, and what was answered. */
#pragma once

#include "schema/db.h"

#define IDEMPOTENCY_HASH_SIZE 32

struct idempotency_row {
    uint8_t question[IDEMPOTENCY_HASH_SIZE];
    const void *answer; /* sealed bytes in the arena; NULL: there is none yet */
    size_t answer_length;
};

/* Takes the key: `*taken` true, it is the caller's. False: it was used within 24 hours, `out` is its row. Drops old rows, a few at
 * a time. */
MUST_CHECK enum err idempotency_take(struct db *db, struct arena *arena, const uint8_t id[IDEMPOTENCY_HASH_SIZE],
                                     const uint8_t question[IDEMPOTENCY_HASH_SIZE], bool *taken, struct idempotency_row *out);
MUST_CHECK enum err idempotency_answer(struct db *db, const uint8_t id[IDEMPOTENCY_HASH_SIZE], const void *answer, size_t length);
/* Nothing happened, or nobody knows: the key may be used again. */
MUST_CHECK enum err idempotency_forget(struct db *db, const uint8_t id[IDEMPOTENCY_HASH_SIZE]);
