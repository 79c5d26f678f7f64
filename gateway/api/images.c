/* One image: create, show, update, delete, its tags, deactivation (Image API v2). */
#include <string.h>
#include <strings.h>

#include "compute/image/edit.h"
#include "compute/image/image.h"
#include "compute/image/store.h"
#include "gateway/api/image_offer.h"
#include "gateway/api/image_service.h"
#include "gateway/conductor/catalog.h"
#include "gateway/gateway.h"

static const struct {
    const char *type;
    enum image_patch_form form;
} patch_types[] = {
    {"application/openstack-images-v2.1-json-patch", IMAGE_PATCH_V21},
    {"application/openstack-images-v2.0-json-patch", IMAGE_PATCH_V20},
};

/* Own images go before a parent's of the same id: nobody but an admin may choose one that hides it. */
static enum err check_chosen_id(struct request *request)
{
    struct catalog_items list;
    if (request->caller.is_admin || !json_object_get(request->json, "id"))
        return OK;
    catalog_list(request, CATALOG_IMAGES, &list);
    if (list.inherits)
        return fail(E_FORBIDDEN, "This zone shows its parent's images: only an admin may choose an image's id.");
    return OK;
}

static enum err create_image(struct request *request, struct response *response)
{
    struct image image;
    TRY(check_chosen_id(request));
    TRY(image_make(request->arena, &request->caller, request->json, &image));
    TRY(image_add(request->db, &image));
    TRY(image_get(request->db, request->arena, &image.id, NULL, &image));
    response_header(request, response, "Location", request_link(request, "/v2/images/%s", uuid_to_text(&image.id).text));
    response->json = image_view(request->arena, &image);
    response->status = 201;
    return OK;
}

static enum err show_image(struct request *request, struct response *response)
{
    struct image image;
    enum err found = image_find(request, &image);
    if (found == E_NOT_FOUND)
        found = image_offer_inherited(request, request_param(request, "image_id"), &image);
    TRY(found);
    response->json = image_view(request->arena, &image);
    return OK;
}

static enum err read_patch_type(struct request *request, struct response *response, enum image_patch_form *out)
{
    const char *type = request_header(request, "Content-Type");
    const size_t length = type ? strcspn(type, "; \t") : 0;
    for (size_t i = 0; i < ARRAY_LEN(patch_types); i++) {
        if (type && length == strlen(patch_types[i].type) && strncasecmp(patch_types[i].type, type, length) == 0) {
            *out = patch_types[i].form;
            return OK;
        }
    }
    response_header(request, response, "Accept-Patch",
                    arena_printf(request->arena, "%s, %s", patch_types[0].type, patch_types[1].type));
    return fail(E_MEDIA_TYPE, "Images are changed by JSON patches; the media types are in the header Accept-Patch.");
}

/* What an edit needs; runs under the row's lock, so the owner is looked at again there. */
struct change {
    const struct caller *caller;
    enum image_patch_form form;
    const json_t *operations;
    const char *tag;
    enum err (*tag_edit)(struct arena *arena, const char *tag, struct image *image);
};

static enum err run_change(void *context, struct arena *arena, struct image *image)
{
    const struct change *change = context;
    if (!image_may_change(change->caller, image))
        return fail(E_FORBIDDEN, "You are not permitted to modify this image.");
    if (change->tag_edit)
        return change->tag_edit(arena, change->tag, image);
    return image_patch(arena, change->caller, change->form, change->operations, image);
}

static enum err update_image(struct request *request, struct response *response)
{
    struct image image;
    struct change change = {.caller = &request->caller, .operations = request->json};
    TRY(read_patch_type(request, response, &change.form));
    TRY(image_find_mine(request, &image));
    TRY(image_edit(request->db, request->arena, &image.id, run_change, &change, &image));
    response->json = image_view(request->arena, &image);
    return OK;
}

/* The row first says that it is gone, then the file goes, then the row: a crash in between leaves what image_store_recover ends. */
static enum err delete_image(struct request *request, struct response *response)
{
    struct image image;
    TRY(image_find_mine(request, &image));
    TRY(image_bury(request->db, &image.id));
    TRY(image_store_remove(request->gateway->images, &image.id));
    TRY(image_forget(request->db, &image.id));
    response->status = 204;
    return OK;
}

static enum err change_tag(struct request *request, struct response *response,
                           enum err (*edit)(struct arena *arena, const char *tag, struct image *image))
{
    struct image image;
    struct change change = {.caller = &request->caller, .tag = request_param(request, "tag"), .tag_edit = edit};
    TRY(image_find_mine(request, &image));
    TRY(image_edit(request->db, request->arena, &image.id, run_change, &change, NULL));
    response->status = 204;
    return OK;
}

static enum err add_tag(struct request *request, struct response *response)
{
    return change_tag(request, response, image_tag_add);
}

static enum err remove_tag(struct request *request, struct response *response)
{
    return change_tag(request, response, image_tag_remove);
}

/* A second time is no error; from any other state it is not allowed. */
static enum err move_image(struct request *request, struct response *response, const char *from, const char *to)
{
    struct image image;
    TRY(image_find_mine(request, &image));
    if (strcmp(image.status, to) != 0 && strcmp(image.status, from) != 0)
        return fail(E_FORBIDDEN, "Image status transition from %s to %s is not allowed", image.status, to);
    if (strcmp(image.status, to) != 0)
        TRY(image_move(request->db, &image.id, from, to));
    response->status = 204;
    return OK;
}

static enum err deactivate_image(struct request *request, struct response *response)
{
    return move_image(request, response, IMAGE_ACTIVE, IMAGE_DEACTIVATED);
}

static enum err reactivate_image(struct request *request, struct response *response)
{
    return move_image(request, response, IMAGE_DEACTIVATED, IMAGE_ACTIVE);
}

#define IMAGES "/v2/images"
#define ONE    "/v2/images/{image_id}"

const struct route image_routes[] = {
    {.method = "POST",
     .path = IMAGES,
     .access = ACCESS_MEMBER,
     .handler = create_image,
     .body = BODY_JSON,
     .schema = "image_create"},
    {.method = "GET", .path = ONE, .access = ACCESS_READER, .handler = show_image},
    {.method = "PATCH", .path = ONE, .access = ACCESS_MEMBER, .handler = update_image, .body = BODY_OPAQUE},
    {.method = "DELETE", .path = ONE, .access = ACCESS_MEMBER, .handler = delete_image},
    {.method = "PUT", .path = ONE "/tags/{tag}", .access = ACCESS_MEMBER, .handler = add_tag},
    {.method = "DELETE", .path = ONE "/tags/{tag}", .access = ACCESS_MEMBER, .handler = remove_tag},
    {.method = "POST", .path = ONE "/actions/deactivate", .access = ACCESS_MEMBER, .handler = deactivate_image},
    {.method = "POST", .path = ONE "/actions/reactivate", .access = ACCESS_MEMBER, .handler = reactivate_image},
    {.method = NULL},
};
