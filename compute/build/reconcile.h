/*
 * After a restored backup: guests that run here and that the database does not know get their row and their claim again, from the
 * record that each carries in its metadata (DESIGN sections 5 and 10). Until all hosts were looked at, the zone does not say "not
 * found" about ids of its own.
 *
 * Not here: rows whose guest is gone (the power sync shows them), servers that had no guest when the backup was made.
 */
#pragma once

#include "compute/hypervisor/hypervisor.h"
#include "schema/db.h"

/* Does nothing unless the zone was restored and not reconciled yet. E_UNAVAILABLE names a host that cannot be looked at: to be
 * called again. May be repeated at any moment. */
MUST_CHECK enum err reconcile_restored(struct db *db, struct hypervisors *hypervisors);
