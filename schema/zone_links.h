/* What a link is proved with: session keys (sealed by the caller), join tokens, nonces of mutations. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"

struct zone_session_row {
    int64_t zone_id;
    const char *key_id;
    const uint8_t *sealed;
    size_t sealed_length;
    int64_t created_us;
};

struct zone_session_rows {
    const struct zone_session_row *items;
    size_t count;
};

/* Of all zones, newest first. */
MUST_CHECK enum err zone_session_list(struct db *db, struct arena *arena, struct zone_session_rows *out);
/* Adds one as the newest; of the others only `keep` (a key id, or NULL) stays. Call it in a transaction. */
MUST_CHECK enum err zone_session_add(struct db *db, const struct zone_session_row *session, const char *keep);

/* A join token's secret, as its hash. */
MUST_CHECK enum err zone_token_add(struct db *db, const uint8_t hash[32], int64_t expires_us);
/* Takes it, once. E_UNAUTHORIZED: unknown, used or too old. */
MUST_CHECK enum err zone_token_take(struct db *db, const uint8_t hash[32]);

/* E_UNAUTHORIZED: seen before. */
MUST_CHECK enum err zone_nonce_add(struct db *db, const struct uuid *link, const uint8_t nonce[16], int64_t expires_us);
/* Forgets nonces and join tokens whose time is over, a bounded number. */
MUST_CHECK enum err zone_nonce_purge(struct db *db);
