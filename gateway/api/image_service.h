/*
 * The image API (Image API v2, the subset of DESIGN section 3): its service and route tables, and what its handlers share.
 *
 * Images of other projects that the caller may not see are 404; what it sees and may not change is 403.
 */
#pragma once

#include "gateway/http/core/core.h"
#include "schema/image.h"

extern const struct service image_service; /* image_service.c: mounted at /image, paths begin with /v2 */

extern const struct route image_routes[];        /* images.c: create, show, update, delete, tags, actions */
extern const struct route image_list_routes[];   /* image_index.c */
extern const struct route image_data_routes[];   /* image_data.c */
extern const struct route image_member_routes[]; /* image_members.c */
extern const struct route image_schema_routes[]; /* image_schemas.c */

/* image_view.c: the image as clients see it; links in it are paths from the service's root, as Glance writes them. */
json_t *image_view(struct arena *arena, const struct image *image);

/* image_access.c: the image of the path's `image_id`, if it is this zone's and the caller sees it; or if it also may change it, or
 * read its data. An upload that was cut off is put back to queued first. To the latter two a parent's image is E_FORBIDDEN. */
MUST_CHECK enum err image_find(struct request *request, struct image *out);
MUST_CHECK enum err image_find_mine(struct request *request, struct image *out);
MUST_CHECK enum err image_find_data(struct request *request, struct image *out);
