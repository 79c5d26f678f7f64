/*
 * The flavors that a caller sees: this zone's own and, behind them, those inherited from its parents (DESIGN section 3, catalog =
 * inherit). This is the one place that answers "which flavors are there": the API and server creation ask here.
 * Of its own ones admins see all; others see public flavors and those their project has access to. An inherited flavor is what the
 * parent shows to the caller's project, its `id` is 0, and it is never changed here.
 */
#pragma once

#include "gateway/http/core/core.h"
#include "schema/flavor.h"

/* E_NOT_FOUND "Flavor … could not be found."; E_UNAVAILABLE: it may be a parent's, which is silent. */
MUST_CHECK enum err flavor_catalog_get(struct request *request, const char *flavorid, struct flavor *out);
/* The query's project is set here. E_INVALID for an unknown marker. */
MUST_CHECK enum err flavor_catalog_list(struct request *request, const struct flavor_query *query, struct flavors *out);
