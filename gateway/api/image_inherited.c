/* See image_inherited.h. A column of an image is taken as the value that the database would compare, texts and times byte by byte.
 */
#include "gateway/api/image_inherited.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"

/* --- reading */

/* What every image has; all other members are its custom properties. */
static const char *const base_members[] = {
    "id",       "name",         "status",     "visibility", "disk_format",  "container_format", "size",      "tags",
    "checksum", "virtual_size", "min_ram",    "min_disk",   "owner",        "os_hidden",        "self",      "file",
    "schema",   "protected",    "created_at", "updated_at", "os_hash_algo", "direct_url",       "locations", "os_hash_value"};

static bool is_base(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(base_members); i++) {
        if (strcmp(base_members[i], name) == 0)
            return true;
    }
    return false;
}

static const char *dump(struct arena *arena, const json_t *value, const char *missing)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    const char *copy = text ? arena_strdup(arena, text) : missing;
    free(text);
    return copy;
}

static const char *properties_of(struct arena *arena, const json_t *json)
{
    json_auto_t *properties = json_object();
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)json, name, value)
    {
        if (!is_base(name) && json_is_string(value))
            (void)json_object_set_new(properties, name, json_string(json_string_value(value)));
    }
    return dump(arena, properties, "{}");
}

static const char *text_of(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static int64_t int_of(const json_t *json, const char *key, int64_t missing)
{
    const json_t *value = json_object_get(json, key);
    return json_is_integer(value) ? json_integer_value(value) : missing;
}

static enum err read_times(const json_t *json, struct image *image)
{
    const char *created = text_of(json, "created_at");
    const char *updated = text_of(json, "updated_at");
    TRY(time_parse_iso(created ? created : "", &image->created_us));
    return time_parse_iso(updated ? updated : "", &image->updated_us);
}

enum err image_read(struct arena *arena, const json_t *json, struct image *out)
{
    const char *id = text_of(json, "id");
    const json_t *tags = json_object_get(json, "tags");
    struct image image = {.owner = text_of(json, "owner"),
                          .name = text_of(json, "name"),
                          .status = text_of(json, "status"),
                          .visibility = text_of(json, "visibility"),
                          .disk_format = text_of(json, "disk_format"),
                          .container_format = text_of(json, "container_format"),
                          .size = int_of(json, "size", -1),
                          .virtual_size = int_of(json, "virtual_size", -1),
                          .checksum = text_of(json, "checksum"),
                          .sha512 = text_of(json, "os_hash_value"),
                          .min_disk = int_of(json, "min_disk", 0),
                          .min_ram = int_of(json, "min_ram", 0),
                          .is_protected = json_is_true(json_object_get(json, "protected")),
                          .hidden = json_is_true(json_object_get(json, "os_hidden"))};
    if (!id || !uuid_is_text(id) || uuid_from_text(id, &image.id) != OK || !image.status || !image.visibility ||
        read_times(json, &image) != OK)
        return fail(E_INVALID, "A parent zone's image %.64s is damaged.", id ? id : "without id");
    image.properties = properties_of(arena, json);
    image.tags = dump(arena, json_is_array(tags) ? tags : NULL, "[]");
    *out = image;
    return OK;
}

/* --- columns */

static struct sql_value text_column(const char *text)
{
    return sql_text(text ? text : "");
}

static struct sql_value column_value(const struct image *image, const char *name)
{
    const struct {
        const char *name;
        struct sql_value value;
    } columns[] = {
        {"id", sql_uuid(&image->id)},
        {"name", text_column(image->name)},
        {"status", text_column(image->status)},
        {"owner", text_column(image->owner)},
        {"disk_format", text_column(image->disk_format)},
        {"container_format", text_column(image->container_format)},
        {"checksum", text_column(image->checksum)},
        {"os_hash_value", text_column(image->sha512)},
        {"size", sql_int(image->size)},
        {"virtual_size", sql_int(image->virtual_size)},
        {"min_disk", sql_int(image->min_disk)},
        {"min_ram", sql_int(image->min_ram)},
        {"protected", sql_bool(image->is_protected)},
        {"os_hidden", sql_bool(image->hidden)},
        {"created_at", sql_time(image->created_us)},
        {"updated_at", sql_time(image->updated_us)},
    };
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (strcmp(columns[i].name, name) == 0)
            return columns[i].value;
    }
    return sql_null();
}

static int compare_values(const struct sql_value *a, const struct sql_value *b)
{
    if (a->type == SQL_INT)
        return (a->number > b->number) - (a->number < b->number);
    const void *left = a->bytes ? a->bytes : a->inline_bytes;
    const void *right = b->bytes ? b->bytes : b->inline_bytes;
    const size_t length = a->length < b->length ? a->length : b->length;
    const int order = length ? memcmp(left, right, length) : 0;
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

/* --- filters */

static bool is_one_of(const struct image *image, const struct image_condition *condition)
{
    const struct sql_value value = column_value(image, condition->column->name);
    for (size_t i = 0; i < condition->count; i++) {
        if (compare_values(&value, &condition->values[i]) == 0)
            return true;
    }
    return false;
}

static bool has_property(const struct image *image, const struct image_condition *condition)
{
    json_auto_t *properties = json_loads(image->properties, 0, NULL);
    return str_equal(json_string_value(json_object_get(properties, condition->property)), condition->values[0].bytes);
}

static bool has_tag(const struct image *image, const struct image_condition *condition)
{
    json_auto_t *tags = json_loads(image->tags, 0, NULL);
    size_t i = 0;
    const json_t *tag = NULL;
    json_array_foreach(tags, i, tag)
    {
        if (str_equal(json_string_value(tag), condition->values[0].bytes))
            return true;
    }
    return false;
}

static bool compares(const struct image *image, const struct image_condition *condition)
{
    const struct sql_value value = column_value(image, condition->column->name);
    const int order = compare_values(&value, &condition->values[0]);
    const bool holds[] = {
        [IMAGE_IS_NOT] = order != 0,
        [IMAGE_LESS] = order<0, [IMAGE_AT_MOST] = order <= 0, [IMAGE_MORE] = order> 0,
        [IMAGE_AT_LEAST] = order >= 0,
    };
    return holds[condition->compare];
}

static bool fulfils(const struct image *image, const struct image_condition *condition)
{
    if (condition->compare == IMAGE_IS)
        return is_one_of(image, condition);
    if (condition->compare == IMAGE_PROPERTY)
        return has_property(image, condition);
    return condition->compare == IMAGE_TAG ? has_tag(image, condition) : compares(image, condition);
}

static bool is_visible(const struct image *image, const struct image_query *query)
{
    if (!query->visibility)
        return strcmp(image->visibility, "community") != 0 || str_equal(image->owner, query->project_id);
    return strcmp(query->visibility, "all") == 0 || strcmp(query->visibility, image->visibility) == 0;
}

bool image_matches(const struct image *image, const struct image_query *query)
{
    if (!is_visible(image, query))
        return false;
    for (size_t i = 0; i < query->condition_count; i++) {
        if (!fulfils(image, &query->conditions[i]))
            return false;
    }
    return true;
}

/* --- pages */

static int compare_images(const void *left, const void *right, void *context)
{
    const struct image *a = left;
    const struct image *b = right;
    const struct image_query *query = context;
    static const char *const last[] = {"created_at", "id"};
    const size_t count = query->sort_count + ARRAY_LEN(last);
    for (size_t i = 0; i < count; i++) {
        const bool asked = i < query->sort_count;
        const char *name = asked ? query->sorts[i].column->name : last[i - query->sort_count];
        const struct sql_value left_value = column_value(a, name);
        const struct sql_value right_value = column_value(b, name);
        const int order = compare_values(&left_value, &right_value);
        if (order)
            return asked && !query->sorts[i].descending ? order : -order;
    }
    return 0;
}

void image_page(struct arena *arena, struct image *all, size_t count, const struct image_query *query, const struct image *marker,
                size_t limit, struct images *out)
{
    struct image_query order = *query;
    struct image *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    size_t shown = 0;
    qsort_r(all, count, sizeof(*all), compare_images, &order);
    for (size_t i = 0; i < count && shown < limit; i++) {
        if (!marker || compare_images(&all[i], marker, &order) > 0)
            items[shown++] = all[i];
    }
    *out = (struct images){items, shown};
}
