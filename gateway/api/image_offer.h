/* The images that a caller sees: this zone's own and, behind them by id, those inherited from its parents (DESIGN section 3,
 * catalog = inherit), which are never changed here. */
#pragma once

#include "gateway/http/core/core.h"
#include "schema/image.h"

/* A page of both, at most `query->limit`. With parents that offer images both are put together in memory, at most CATALOG_ROWS_MOST
 * of each; hidden images of a parent are not listed. E_INVALID: unknown marker. */
MUST_CHECK enum err image_offer_list(struct request *request, const struct image_query *query, struct images *out);
/* An image of a parent. E_NOT_FOUND "No image found with ID x"; E_UNAVAILABLE: it may be a parent's, which is silent. */
MUST_CHECK enum err image_offer_inherited(struct request *request, const char *id, struct image *out);
