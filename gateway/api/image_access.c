/* See image_service.h. */
#include <string.h>

#include "compute/image/image.h"
#include "compute/image/store.h"
#include "gateway/api/image_service.h"
#include "gateway/gateway.h"

enum err image_find(struct request *request, struct image *out)
{
    struct uuid id;
    const char *text = request_param(request, "image_id");
    const char *viewer = image_viewer(&request->caller);
    const struct image_store *store = request->gateway->images;
    if (!uuid_is_text(text) || uuid_from_text(text, &id) != OK)
        return fail(E_NOT_FOUND, "No image found with ID %.200s", text);
    TRY(image_get(request->db, request->arena, &id, viewer, out));
    if (strcmp(out->status, IMAGE_SAVING) != 0 || image_store_is_writing(store, &id))
        return OK;
    TRY(image_store_recover(store, request->db));
    return image_get(request->db, request->arena, &id, viewer, out);
}

enum err image_find_mine(struct request *request, struct image *out)
{
    struct image image;
    TRY(image_find(request, &image));
    if (!image_may_change(&request->caller, &image))
        return fail(E_FORBIDDEN, "You are not permitted to modify this image.");
    *out = image;
    return OK;
}
