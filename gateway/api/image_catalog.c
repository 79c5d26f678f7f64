/* Images as create needs them; see image_catalog.h. */
#include "gateway/api/image_catalog.h"

#include <string.h>

#include "schema/image.h"

static enum err find_image(struct request *request, const char *id, struct image *out)
{
    struct uuid uuid;
    if (uuid_from_text(id, &uuid) != OK)
        return fail(E_NOT_FOUND, "No image found with ID %s", id);
    return image_get(request->db, request->arena, &uuid, request->caller.is_admin ? NULL : request->caller.project_id, out);
}

/* {"id","size","sha512"}: a kernel or ramdisk that the image names. */
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
    json_t *entry = json_pack("{s:s, s:I, s:s?}", "id", id, "size", (json_int_t)part.size, "sha512", part.sha512);
    (void)json_array_append_new(json_object_get(embedded, "parts"), entry);
    return OK;
}

static json_t *embed(const struct image *image, json_t *properties)
{
    return json_pack("{s:s, s:s?, s:s?, s:s?, s:I, s:I, s:s?, s:I, s:I, s:O, s:[]}", "id", uuid_to_text(&image->id).text, "name",
                     image->name, "disk_format", image->disk_format, "container_format", image->container_format, "size",
                     (json_int_t)image->size, "virtual_size", (json_int_t)image->virtual_size, "sha512", image->sha512, "min_disk",
                     (json_int_t)image->min_disk, "min_ram", (json_int_t)image->min_ram, "properties", properties, "parts");
}

enum err image_catalog_embed(struct request *request, const char *id, struct image_summary *out)
{
    struct image image;
    TRY(find_image(request, id, &image));
    json_auto_t *properties = json_loads(image.properties, 0, NULL);
    json_auto_t *embedded = embed(&image, properties);
    if (!embedded)
        return fail(E_INTERNAL, "Image %s cannot be embedded.", id);
    if (strcmp(image.status, IMAGE_ACTIVE) == 0) {
        TRY(add_part(request, embedded, "kernel_id", json_string_value(json_object_get(properties, "kernel_id"))));
        TRY(add_part(request, embedded, "ramdisk_id", json_string_value(json_object_get(properties, "ramdisk_id"))));
    }
    *out = (struct image_summary){image.status, image.size, image.min_ram, image.min_disk, json_incref(embedded)};
    return OK;
}
