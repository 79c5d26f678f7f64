/* A flavor as the API shows it: description from 2.55, extra specs from 2.61, an absent swap is "" before 2.75 and 0 from then on.
 */
#pragma once

#include "gateway/http/core/core.h"
#include "schema/flavor.h"

/* An object: id, name, links, description. */
void flavor_view_brief(struct text *out, const struct request *request, const struct flavor *flavor);
void flavor_view_detail(struct text *out, const struct request *request, const struct flavor *flavor);
