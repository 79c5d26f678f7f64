/* The text of a sizing and what is asked of it; see sizing.h. */
#include "compute/scheduler/sizing.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "schema/json/json.h"

#define UUIDS_MOST 2048 /* of one list */

static void release_json(void *json)
{
    json_decref(json);
}

static json_t *uuid_list(const struct uuid *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, json_string(uuid_to_text(&items[i]).text));
    return list;
}

static void set_object(json_t *object, const char *key, const json_t *value)
{
    if (json_object_size(value))
        (void)json_object_set_new(object, key, json_incref((json_t *)value)); /* counted, not changed */
}

static json_t *group_object(const struct sizing_group *group)
{
    return json_pack("{s:s, s:s, s:I, s:o}", "uuid", uuid_to_text(&group->uuid).text, "policy", group->policy,
                     "max_server_per_host", (json_int_t)group->max_server_per_host, "members",
                     uuid_list(group->members, group->member_count));
}

const char *sizing_write(struct arena *arena, const struct sizing *sizing)
{
    json_auto_t *object =
        json_pack("{s:I, s:I, s:I, s:s?, s:s?}", "vcpus", (json_int_t)sizing->vcpus, "ram_mib", (json_int_t)sizing->ram_mib,
                  "disk_gib", (json_int_t)sizing->disk_gib, "availability_zone", sizing->availability_zone, "host", sizing->host);
    if (sizing->excluded_count)
        (void)json_object_set_new(object, "excluded", uuid_list(sizing->excluded, sizing->excluded_count));
    set_object(object, "extra_specs", sizing->extra_specs);
    set_object(object, "image", sizing->image);
    set_object(object, "hints", sizing->hints);
    if (sizing->only_here)
        (void)json_object_set_new(object, "only_here", json_true());
    if (sizing->networks)
        (void)json_object_set_new(object, "networks", json_incref((json_t *)sizing->networks));
    if (sizing->group)
        (void)json_object_set_new(object, "group", group_object(sizing->group));
    char *text = json_dumps(object, JSON_COMPACT);
    const char *copy = arena_strdup(arena, text ? text : "{}");
    free(text);
    return copy;
}

static enum err read_uuids(struct arena *arena, const json_t *list, const struct uuid **out, size_t *out_count)
{
    const size_t count = json_array_size(list);
    if (count > UUIDS_MOST)
        return fail(E_INVALID, "The sizing has a list of more than %d ids.", UUIDS_MOST);
    struct uuid *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        TRY(uuid_from_text(text ? text : "", &items[i]));
    }
    *out = items;
    *out_count = count;
    return OK;
}

static enum err read_group(struct arena *arena, const json_t *object, const struct sizing_group **out)
{
    const char *policy = json_string_value(json_object_get(object, "policy"));
    const char *uuid = json_string_value(json_object_get(object, "uuid"));
    struct sizing_group *group = arena_alloc(arena, sizeof(*group));
    if (!object)
        return OK;
    if (!policy || !uuid)
        return fail(E_INVALID, "The sizing's group lacks uuid or policy.");
    TRY(uuid_from_text(uuid, &group->uuid));
    TRY(read_uuids(arena, json_object_get(object, "members"), &group->members, &group->member_count));
    group->policy = arena_strdup(arena, policy);
    group->max_server_per_host = json_integer_value(json_object_get(object, "max_server_per_host"));
    *out = group;
    return OK;
}

static const json_t *object_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_object(value) ? value : NULL;
}

enum err sizing_read(struct arena *arena, const char *text, size_t length, struct sizing *out)
{
    json_t *object = NULL;
    struct sizing sizing = {0};
    TRY(json_parse_foreign(text, length, &object));
    arena_defer(arena, release_json, object);
    const json_t *vcpus = json_object_get(object, "vcpus");
    const json_t *ram = json_object_get(object, "ram_mib");
    const json_t *disk = json_object_get(object, "disk_gib");
    if (!json_is_integer(vcpus) || !json_is_integer(ram) || !json_is_integer(disk))
        return fail(E_INVALID, "The sizing lacks vcpus, ram_mib or disk_gib.");
    sizing.vcpus = json_integer_value(vcpus);
    sizing.ram_mib = json_integer_value(ram);
    sizing.disk_gib = json_integer_value(disk);
    if (sizing.vcpus < 0 || sizing.ram_mib < 0 || sizing.disk_gib < 0)
        return fail(E_INVALID, "The sizing has a negative number.");
    sizing.availability_zone = arena_strdup(arena, json_string_value(json_object_get(object, "availability_zone")));
    sizing.host = arena_strdup(arena, json_string_value(json_object_get(object, "host")));
    sizing.extra_specs = object_of(object, "extra_specs");
    sizing.image = object_of(object, "image");
    sizing.hints = object_of(object, "hints");
    sizing.networks = json_object_get(object, "networks");
    sizing.only_here = json_is_true(json_object_get(object, "only_here"));
    TRY(read_uuids(arena, json_object_get(object, "excluded"), &sizing.excluded, &sizing.excluded_count));
    TRY(read_group(arena, object_of(object, "group"), &sizing.group));
    *out = sizing;
    return OK;
}

static bool chooses_hosts(const char *property)
{
    static const char *const known[] = {"architecture",
                                        "hw_architecture",
                                        "hypervisor_type",
                                        "img_hv_type",
                                        "vm_mode",
                                        "hw_vm_mode",
                                        "hypervisor_version_requires",
                                        "img_hv_requested_version"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(known[i], property) == 0)
            return true;
    }
    return str_starts(property, "trait:");
}

json_t *sizing_image_properties(const json_t *properties)
{
    json_t *out = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)properties, key, value)
    {
        if (chooses_hosts(key) && json_is_string(value))
            (void)json_object_set(out, key, value);
    }
    if (json_object_size(out))
        return out;
    json_decref(out);
    return NULL;
}

bool sizing_excludes(const struct sizing *sizing, const struct uuid *uuid)
{
    for (size_t i = 0; i < sizing->excluded_count; i++) {
        if (uuid_equal(&sizing->excluded[i], uuid))
            return true;
    }
    return false;
}

const char *sizing_hint(const struct sizing *sizing, const char *name)
{
    return json_string_value(json_object_get(sizing->hints, name));
}

bool sizing_has_policy(const struct sizing *sizing, const char *policy)
{
    return sizing->group && strcmp(sizing->group->policy, policy) == 0;
}
