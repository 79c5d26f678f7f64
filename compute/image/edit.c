/* The table of attributes and what setting one of them does; see edit.h. Patches are in patch.c. */
#include "compute/image/edit.h"

#include <stdlib.h>
#include <string.h>

#include "compute/image/edit_inside.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"

#define PROPERTY_NAME_MAX  255
#define PROPERTY_VALUE_MAX 65535

const char *const image_read_only[] = {
    "id",         "status",     "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value",
    "created_at", "updated_at", "self", "file",         "schema",   "direct_url",   NULL,
};

static const char *const reserved[] = {"location", "locations", "deleted", "deleted_at", NULL};

static bool is_listed(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static const char *text_copy(struct draft *draft, const json_t *value)
{
    return arena_strdup(draft->arena, json_string_value(value));
}

static enum err set_name(struct draft *draft, const json_t *value)
{
    draft->image->name = text_copy(draft, value);
    return OK;
}

static enum err set_visibility(struct draft *draft, const json_t *value)
{
    if (str_equal(json_string_value(value), "public") && !draft->caller->is_admin)
        return fail(E_FORBIDDEN, "You are not authorized to complete publicize_image action.");
    draft->image->visibility = text_copy(draft, value);
    return OK;
}

static enum err set_protected(struct draft *draft, const json_t *value)
{
    draft->image->is_protected = json_is_true(value);
    return OK;
}

static enum err set_hidden(struct draft *draft, const json_t *value)
{
    draft->image->hidden = json_is_true(value);
    return OK;
}

static enum err set_owner(struct draft *draft, const json_t *value)
{
    if (!draft->caller->is_admin && !str_equal(json_string_value(value), draft->image->owner))
        return fail(E_FORBIDDEN, "You are not permitted to give images to another project.");
    draft->image->owner = text_copy(draft, value);
    return OK;
}

static enum err require_queued(const struct draft *draft, const char *name)
{
    if (strcmp(draft->image->status, IMAGE_QUEUED) != 0)
        return fail(E_FORBIDDEN, "Attribute %s can be only replaced for a queued image.", name);
    return OK;
}

static enum err set_disk_format(struct draft *draft, const json_t *value)
{
    TRY(require_queued(draft, "disk_format"));
    draft->image->disk_format = text_copy(draft, value);
    return OK;
}

static enum err set_container_format(struct draft *draft, const json_t *value)
{
    TRY(require_queued(draft, "container_format"));
    draft->image->container_format = text_copy(draft, value);
    return OK;
}

static enum err set_min_disk(struct draft *draft, const json_t *value)
{
    draft->image->min_disk = json_integer_value(value);
    return OK;
}

static enum err set_min_ram(struct draft *draft, const json_t *value)
{
    draft->image->min_ram = json_integer_value(value);
    return OK;
}

/* A set: duplicates vanish, as in Glance. */
static enum err set_tags(struct draft *draft, const json_t *value)
{
    size_t i;
    const json_t *tag;
    (void)json_array_clear(draft->tags);
    json_array_foreach(value, i, tag) TRY(draft_add_tag(draft, json_string_value(tag)));
    return OK;
}

static const struct {
    const char *name;
    enum err (*set)(struct draft *draft, const json_t *value);
} attributes[] = {
    {"name", set_name},         {"visibility", set_visibility}, {"protected", set_protected},
    {"os_hidden", set_hidden},  {"owner", set_owner},           {"disk_format", set_disk_format},
    {"min_disk", set_min_disk}, {"min_ram", set_min_ram},       {"container_format", set_container_format},
    {"tags", set_tags},
};

static enum err check_value(const char *name, const json_t *value)
{
    json_auto_t *document = json_object();
    if (json_object_set(document, name, (json_t *)value))
        return fail(E_INVALID, "Attribute %s has no legal value.", name);
    return json_validate(json_schema_named("image_create"), document);
}

static enum err set_property(struct draft *draft, const char *name, const json_t *value)
{
    if (json_is_null(value)) {
        (void)json_object_del(draft->properties, name);
        return OK;
    }
    if (*name == '\0' || strlen(name) > PROPERTY_NAME_MAX || json_string_length(value) > PROPERTY_VALUE_MAX)
        return fail(E_INVALID, "Property names have 1 to %d bytes, their values at most %d.", PROPERTY_NAME_MAX,
                    PROPERTY_VALUE_MAX);
    json_object_set(draft->properties, name, (json_t *)value);
    if (json_object_size(draft->properties) > IMAGE_PROPERTY_LIMIT)
        return fail(E_TOO_LARGE, "The limit has been exceeded on the number of allowed image properties (%d).",
                    IMAGE_PROPERTY_LIMIT);
    return OK;
}

static enum err refuse_fixed(const char *name)
{
    if (is_listed(image_read_only, name))
        return fail(E_FORBIDDEN, "Attribute '%s' is read-only.", name);
    if (is_listed(reserved, name) || str_starts(name, "os_glance_"))
        return fail(E_FORBIDDEN, "Attribute '%s' is reserved.", name);
    return OK;
}

static bool is_attribute(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        if (strcmp(attributes[i].name, name) == 0)
            return true;
    return false;
}

enum err draft_set(struct draft *draft, const char *name, const json_t *value)
{
    TRY(refuse_fixed(name));
    TRY(check_value(name, value));
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        if (strcmp(attributes[i].name, name) == 0)
            return attributes[i].set(draft, value);
    return set_property(draft, name, value);
}

enum err draft_replace(struct draft *draft, const char *name, const json_t *value)
{
    TRY(refuse_fixed(name));
    if (!is_attribute(name) && !json_object_get(draft->properties, name))
        return fail(E_CONFLICT, "Property %s does not exist.", name);
    return draft_set(draft, name, value);
}

enum err draft_remove(struct draft *draft, const char *name)
{
    TRY(refuse_fixed(name));
    if (is_attribute(name))
        return fail(E_FORBIDDEN, "Property %s may not be removed.", name);
    if (json_object_del(draft->properties, name))
        return fail(E_CONFLICT, "Property %s does not exist.", name);
    return OK;
}

static size_t find_tag(const json_t *tags, const char *tag)
{
    size_t i;
    const json_t *each;
    json_array_foreach(tags, i, each) if (strcmp(json_string_value(each), tag) == 0) break;
    return i;
}

enum err draft_add_tag(struct draft *draft, const char *tag)
{
    size_t at = 0;
    if (find_tag(draft->tags, tag) < json_array_size(draft->tags))
        return OK;
    if (json_array_size(draft->tags) >= IMAGE_TAG_LIMIT)
        return fail(E_TOO_LARGE, "The limit has been exceeded on the number of allowed image tags (%d).", IMAGE_TAG_LIMIT);
    while (at < json_array_size(draft->tags) && strcmp(json_string_value(json_array_get(draft->tags, at)), tag) < 0)
        at++;
    if (json_array_insert_new(draft->tags, at, json_string(tag)))
        return fail(E_INVALID, "A tag is no UTF-8 text.");
    return OK;
}

enum err draft_open(struct draft *draft)
{
    draft->properties = json_loads(draft->image->properties, 0, NULL);
    draft->tags = json_loads(draft->image->tags, 0, NULL);
    if (!json_is_object(draft->properties) || !json_is_array(draft->tags))
        return fail(E_INTERNAL, "The properties or tags of image %s are damaged.", uuid_to_text(&draft->image->id).text);
    return OK;
}

static const char *dump(struct arena *arena, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    const char *copy = arena_strdup(arena, text ? text : "");
    free(text);
    return copy;
}

void draft_store(struct draft *draft)
{
    draft->image->properties = dump(draft->arena, draft->properties);
    draft->image->tags = dump(draft->arena, draft->tags);
}

void draft_clear(struct draft *draft)
{
    json_decref(draft->properties);
    json_decref(draft->tags);
}

static enum err fill(struct draft *draft, const json_t *body)
{
    const char *name;
    json_t *value;
    TRY(draft_open(draft));
    json_object_foreach((json_t *)body, name, value)
    {
        if (strcmp(name, "id") == 0)
            TRY(uuid_from_text(json_string_value(value), &draft->image->id));
        else
            TRY(draft_set(draft, name, value));
    }
    draft_store(draft);
    return OK;
}

enum err image_make(struct arena *arena, const struct caller *caller, const json_t *body, struct image *out)
{
    struct image image = {.owner = caller->project_id,
                          .status = IMAGE_QUEUED,
                          .visibility = "shared",
                          .size = -1,
                          .virtual_size = -1,
                          .properties = "{}",
                          .tags = "[]"};
    CLEANUP(draft_clear) struct draft draft = {.arena = arena, .caller = caller, .image = &image};
    uuid_new(&image.id);
    TRY(fill(&draft, body));
    *out = image;
    return OK;
}

enum err image_tag_add(struct arena *arena, const char *tag, struct image *image)
{
    CLEANUP(draft_clear) struct draft draft = {.arena = arena, .image = image};
    json_auto_t *tags = json_pack("[s]", tag);
    TRY(check_value("tags", tags));
    TRY(draft_open(&draft));
    TRY(draft_add_tag(&draft, tag));
    draft_store(&draft);
    return OK;
}

enum err image_tag_remove(struct arena *arena, const char *tag, struct image *image)
{
    CLEANUP(draft_clear) struct draft draft = {.arena = arena, .image = image};
    TRY(draft_open(&draft));
    const size_t at = find_tag(draft.tags, tag);
    if (at == json_array_size(draft.tags))
        return fail(E_NOT_FOUND, "Image %s has no tag %s.", uuid_to_text(&image->id).text, tag);
    (void)json_array_remove(draft.tags, at);
    draft_store(&draft);
    return OK;
}
