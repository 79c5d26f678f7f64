/* Which sealed entries were used, and for which server. */
#pragma once

#include "schema/db.h"

/* Inside a transaction: binds the entry (a 32-byte hash) to the server, or finds it bound to it already. E_CONFLICT: it is another
 * server's. Also drops rows that have expired, a few at a time. */
MUST_CHECK enum err plan_bind(struct db *db, const uint8_t entry[32], const struct uuid *server, int64_t expires_us);
