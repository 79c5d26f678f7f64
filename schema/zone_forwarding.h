/*
 * Forwarding records: a server that was born here and lives in another zone now (DESIGN section 5, step 1). Written by what moves
 * servers between zones, kept until the server is deleted and forgotten.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"

/* `*out_found` false: there is none. Else `*out_zone` is the uuid of the zone that owns it. */
MUST_CHECK enum err zone_forwarding_get(struct db *db, const struct uuid *server, struct uuid *out_zone, bool *out_found);
/* One of the servers has such a record. */
MUST_CHECK enum err zone_forwarding_any(struct db *db, const struct uuid *servers, size_t count, bool *out);
/* A second record takes the place of the first. */
MUST_CHECK enum err zone_forwarding_put(struct db *db, const struct uuid *server, const struct uuid *zone);
/* None: OK. */
MUST_CHECK enum err zone_forwarding_delete(struct db *db, const struct uuid *server);
