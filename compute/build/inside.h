/* What accept.c shares with hold.c. Private to compute/build. */
#pragma once

#include "compute/build/build.h"

/* Inside a transaction, for a server whose claim stands: its row (building/spawning), the `create` action and the build task. */
MUST_CHECK enum err build_begin_locked(struct db *db, const struct build_order *order);
