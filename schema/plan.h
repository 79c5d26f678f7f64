/* Which sealed entries were used, and for which server. */
#pragma once

#include "schema/db.h"

#define PLAN_ENTRY_SIZE 32 /* a hash */

struct plan_binding {
    const uint8_t *entry; /* PLAN_ENTRY_SIZE bytes */
    const struct uuid *server;
    int64_t expires_us;
};

/* Inside a transaction: binds each entry to its server, or finds it bound to it already. E_CONFLICT: one is another server's. Also
 * drops rows that have expired, a few at a time. */
MUST_CHECK enum err plan_bind_all(struct db *db, const struct plan_binding *items, size_t count);
/* The same for one. */
MUST_CHECK enum err plan_bind(struct db *db, const uint8_t entry[PLAN_ENTRY_SIZE], const struct uuid *server, int64_t expires_us);
