/*
 * The flavors that a caller sees. This is the one place that answers "which flavors are there": the API and server creation ask
 * here, so that flavors inherited from a parent zone (DESIGN section 3, catalog = inherit) can be added in one file.
 * Admins see all; others see public flavors and those their project has access to.
 */
#pragma once

#include "gateway/http/core/core.h"
#include "schema/flavor.h"

/* E_NOT_FOUND "Flavor … could not be found.". */
MUST_CHECK enum err flavor_catalog_get(struct request *request, const char *flavorid, struct flavor *out);
/* The query's project is set here. E_INVALID for an unknown marker. */
MUST_CHECK enum err flavor_catalog_list(struct request *request, const struct flavor_query *query, struct flavors *out);
