/* What aggregate.c and aggregate_zone.c share. */
#pragma once

#include "schema/aggregate.h"

/* As aggregate_get, with the row locked until the transaction ends. */
MUST_CHECK enum err aggregate_lock(struct db *db, struct arena *arena, int64_t id, struct aggregate *out);
MUST_CHECK enum err aggregate_set_item(struct db *db, int64_t id, const char *name, const char *value);
