/* See image_service.h. */
#include <string.h>

#include "compute/image/image.h"
#include "compute/image/store.h"
#include "gateway/api/image_offer.h"
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

/* A parent's image is seen here, but neither changed nor downloaded. What nobody has is not found. */
static enum err refuse_inherited(struct request *request, const char *sentence)
{
    struct image image;
    TRY(image_offer_inherited(request, request_param(request, "image_id"), &image));
    return fail(E_FORBIDDEN, "%s", sentence);
}

enum err image_find_mine(struct request *request, struct image *out)
{
    struct image image;
    const enum err found = image_find(request, &image);
    if (found == E_NOT_FOUND)
        return refuse_inherited(request, "You are not permitted to modify this image: it is a parent zone's.");
    TRY(found);
    if (!image_may_change(&request->caller, &image))
        return fail(E_FORBIDDEN, "You are not permitted to modify this image.");
    *out = image;
    return OK;
}

enum err image_find_data(struct request *request, struct image *out)
{
    const enum err found = image_find(request, out);
    if (found == E_NOT_FOUND)
        return refuse_inherited(request, "The image is a parent zone's: its data is read there.");
    return found;
}
