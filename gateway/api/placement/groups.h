/* The query string of GET /allocation_candidates as a request to the domain (spec placement.md 6.1). */
#pragma once

#include "compute/placement/candidates.h"
#include "gateway/api/placement/inside.h"

/* All that is wrong with the query but unknown classes and traits. Everything is in the request's arena. E_INVALID. */
MUST_CHECK enum err groups_read(struct request *request, struct candidates_request *out);
