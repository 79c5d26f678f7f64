/* Whom to ask for what this zone does not have: the tree as it is known (zones/resolve.h), what the children have to tell when that
 * is not enough, and what was seen in passing. */
#pragma once

#include "gateway/http/core/core.h"
#include "zones/resolve.h"

/* By the tag in its id. In the request's arena. */
struct location whereabouts_of_server(struct request *request, const struct uuid *uuid);
/* The zone that a record says has a server. */
struct location whereabouts_of_zone(struct request *request, const struct uuid *zone);
