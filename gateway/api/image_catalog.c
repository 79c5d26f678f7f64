/* Images as create needs them; see image_catalog.h. What this zone does not have comes from its parents in the embedded form, with
 * the owner's grant in it. */
#include "gateway/api/image_catalog.h"

#include <string.h>

#include "compute/image/image.h"
#include "gateway/conductor/catalog.h"
#include "gateway/conductor/grant.h"
#include "gateway/gateway.h"
#include "schema/image.h"

static enum err find_image(struct request *request, const char *id, struct image *out)
{
    struct uuid uuid;
    if (uuid_from_text(id, &uuid) != OK)
        return fail(E_NOT_FOUND, "No image found with ID %s", id);
    return image_get(request->db, request->arena, &uuid, image_viewer(&request->caller), out);
}

/* With it, the zone that builds may fetch the bytes here. NULL: there are none. */
static const char *grant_of(struct request *request, const struct image *image)
{
    const struct zone_keys *keys = &request->gateway->keys;
    const struct grant grant = {.image = image->id,
                                .zone = keys->zone,
                                .sha512 = image->sha512,
                                .size = image->size,
                                .expires_s = clock_wall_us() / 1000000 + GRANT_LIFETIME_S};
    return image->sha512 ? grant_write(request->arena, &grant, keys->sign_secret) : NULL;
}

/* {"id","size","sha512","grant"}: a kernel or ramdisk that the image names. */
static enum err add_part(struct request *request, json_t *embedded, const char *key, const char *id)
{
    struct image part;
    if (!id || !*id)
        return OK;
    const enum err result = find_image(request, id, &part);
    if (result == E_NOT_FOUND || (result == OK && strcmp(part.status, IMAGE_ACTIVE) != 0))
        return fail(E_INVALID, "Image %s, the %s of the image, can not be found or is not active.", id, key);
    TRY(result);
    (void)json_object_set_new(embedded, key, json_string(id));
    json_t *entry = json_pack("{s:s, s:I, s:s?, s:s?}", "id", id, "size", (json_int_t)part.size, "sha512", part.sha512, "grant",
                              grant_of(request, &part));
    (void)json_array_append_new(json_object_get(embedded, "parts"), entry);
    return OK;
}

static json_t *embed(struct request *request, const struct image *image, json_t *properties)
{
    return json_pack("{s:s, s:s?, s:s?, s:s?, s:I, s:I, s:s?, s:I, s:I, s:O, s:[], s:s?}", "id", uuid_to_text(&image->id).text,
                     "name", image->name, "disk_format", image->disk_format, "container_format", image->container_format, "size",
                     (json_int_t)image->size, "virtual_size", (json_int_t)image->virtual_size, "sha512", image->sha512, "min_disk",
                     (json_int_t)image->min_disk, "min_ram", (json_int_t)image->min_ram, "properties", properties, "parts", "grant",
                     grant_of(request, image));
}

static enum err embed_own(struct request *request, const char *id, struct image_summary *out)
{
    struct image image;
    TRY(find_image(request, id, &image));
    json_auto_t *properties = json_loads(image.properties, 0, NULL);
    json_auto_t *embedded = embed(request, &image, properties);
    if (!embedded)
        return fail(E_INTERNAL, "Image %s cannot be embedded.", id);
    if (strcmp(image.status, IMAGE_ACTIVE) == 0) {
        TRY(add_part(request, embedded, "kernel_id", json_string_value(json_object_get(properties, "kernel_id"))));
        TRY(add_part(request, embedded, "ramdisk_id", json_string_value(json_object_get(properties, "ramdisk_id"))));
    }
    *out = (struct image_summary){image.status, image.size, image.min_ram, image.min_disk, json_incref(embedded)};
    return OK;
}

static int64_t int_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* What a parent wrote is kept for others: it is copied, not shared. */
static enum err embed_inherited(struct request *request, const char *id, struct image_summary *out)
{
    struct uuid uuid;
    const json_t *answer = NULL;
    if (!uuid_is_text(id) || uuid_from_text(id, &uuid) != OK)
        return fail(E_NOT_FOUND, "No image found with ID %s", id);
    const char *target = arena_printf(request->arena, "/compute/v2.1/os-zones/images/%s/embedded", uuid_to_text(&uuid).text);
    const enum err asked = catalog_ask(request, target, &answer);
    if (asked == E_NOT_FOUND)
        return fail(E_NOT_FOUND, "No image found with ID %s", id);
    TRY(asked);
    const json_t *embedded = json_object_get(answer, "embedded");
    const char *status = json_string_value(json_object_get(answer, "status"));
    json_t *copy = json_is_object(embedded) ? json_deep_copy(embedded) : NULL;
    if (!copy || !status) {
        json_decref(copy);
        return fail(E_UNAVAILABLE, "A parent zone answers garbage.");
    }
    *out = (struct image_summary){status, int_of(answer, "size"), int_of(answer, "min_ram"), int_of(answer, "min_disk"), copy};
    return OK;
}

enum err image_catalog_embed(struct request *request, const char *id, struct image_summary *out)
{
    const enum err own = embed_own(request, id, out);
    return own == E_NOT_FOUND ? embed_inherited(request, id, out) : own;
}
