/* See image.h. */
#include "compute/image/image.h"

#include <jansson.h>

#include "gateway/base/text.h"

const char *image_viewer(const struct caller *caller)
{
    if (!caller || caller->is_admin)
        return NULL;
    return caller->project_id ? caller->project_id : "";
}

bool image_may_change(const struct caller *caller, const struct image *image)
{
    return caller->is_admin || (caller->project_id && str_equal(caller->project_id, image->owner));
}

static const char *property(struct arena *arena, const json_t *properties, const char *name)
{
    const char *value = json_string_value(json_object_get(properties, name));
    return value && *value ? arena_strdup(arena, value) : NULL;
}

enum err image_lookup(struct db *db, struct arena *arena, const char *id, const struct caller *caller, struct image_ref *out)
{
    struct uuid uuid;
    struct image image;
    if (!uuid_is_text(id) || uuid_from_text(id, &uuid) != OK)
        return fail(E_NOT_FOUND, "No image found with ID %s", id);
    TRY(image_get(db, arena, &uuid, image_viewer(caller), &image));
    json_auto_t *properties = json_loads(image.properties, 0, NULL);
    if (!properties)
        return fail(E_INTERNAL, "The properties of image %s are damaged.", id);
    *out = (struct image_ref){
        .id = arena_strdup(arena, uuid_to_text(&uuid).text),
        .name = image.name ? image.name : "",
        .status = image.status,
        .disk_format = image.disk_format,
        .container_format = image.container_format,
        .size = image.size,
        .virtual_size = image.virtual_size,
        .min_disk = image.min_disk,
        .min_ram = image.min_ram,
        .properties = image.properties,
        .sha512 = image.sha512,
        .kernel_id = property(arena, properties, "kernel_id"),
        .ramdisk_id = property(arena, properties, "ramdisk_id"),
    };
    return OK;
}
