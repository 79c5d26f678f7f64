/* One image as JSON; see image_service.h. */
#include "gateway/api/image_service.h"
#include "gateway/base/clock.h"

static json_t *size_or_null(int64_t size)
{
    return size < 0 ? json_null() : json_integer(size);
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static void add_base(json_t *view, const struct image *image)
{
    const struct {
        const char *name;
        json_t *value;
    } members[] = {
        {"name", text_or_null(image->name)},
        {"disk_format", text_or_null(image->disk_format)},
        {"container_format", text_or_null(image->container_format)},
        {"visibility", json_string(image->visibility)},
        {"size", size_or_null(image->size)},
        {"virtual_size", size_or_null(image->virtual_size)},
        {"status", json_string(image->status)},
        {"checksum", text_or_null(image->checksum)},
        {"protected", json_boolean(image->is_protected)},
        {"min_ram", json_integer(image->min_ram)},
        {"min_disk", json_integer(image->min_disk)},
        {"owner", text_or_null(image->owner)},
        {"os_hidden", json_boolean(image->hidden)},
        {"os_hash_algo", text_or_null(image->sha512 ? "sha512" : NULL)},
        {"os_hash_value", text_or_null(image->sha512)},
        {"id", json_string(uuid_to_text(&image->id).text)},
        {"created_at", json_string(time_iso_z(image->created_us).text)},
        {"updated_at", json_string(time_iso_z(image->updated_us).text)},
    };
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        (void)json_object_set_new(view, members[i].name, members[i].value);
}

json_t *image_view(struct arena *arena, const struct image *image)
{
    const struct uuid_text id = uuid_to_text(&image->id);
    json_t *view = json_loads(image->properties, 0, NULL);
    json_t *tags = json_loads(image->tags, 0, NULL);
    if (!view)
        view = json_object();
    add_base(view, image);
    (void)json_object_set_new(view, "tags", tags ? tags : json_array());
    (void)json_object_set_new(view, "self", json_string(arena_printf(arena, "/v2/images/%s", id.text)));
    (void)json_object_set_new(view, "file", json_string(arena_printf(arena, "/v2/images/%s/file", id.text)));
    (void)json_object_set_new(view, "schema", json_string("/v2/schemas/image"));
    return view;
}
