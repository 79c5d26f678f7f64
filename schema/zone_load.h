/* What a zone carries, as its neighbours are told (spec link.md section 6, capacity). */
#pragma once

#include <stdint.h>

#include "gateway/base/err.h"
#include "schema/db.h"

/* Servers of this zone that are not deleted, those being built included. */
MUST_CHECK enum err zone_count_servers(struct db *db, int64_t *out);
