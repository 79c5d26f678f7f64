/* Rows from requests; see record.h. */
#include "gateway/conductor/record.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int64_t int_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* The value as compact JSON text in the arena; `missing` when there is none. */
static const char *dump(struct arena *arena, const json_t *value, const char *missing)
{
    if (!value || json_is_null(value))
        return missing;
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *copy = text ? arena_strdup(arena, text) : missing;
    free(text);
    return copy;
}

const char *record_hostname(struct arena *arena, const char *name, const struct uuid *uuid)
{
    char *out = arena_alloc(arena, strlen(name) + 1);
    size_t used = 0;
    for (const char *p = name; *p && used < 63; p++) {
        const unsigned char c = (unsigned char)*p;
        if (isalnum(c) || c == '.')
            out[used++] = (char)tolower(c);
        else if (c == ' ' || c == '_' || c == '-')
            out[used++] = '-';
    }
    while (used && (out[used - 1] == '-' || out[used - 1] == '.'))
        used--;
    out[used] = '\0';
    const char *start = out + strspn(out, "-.");
    return *start ? start : arena_printf(arena, "Server-%s", uuid_to_text(uuid).text);
}

const char *record_ip6(struct arena *arena, const char *address)
{
    struct in6_addr bytes;
    char text[INET6_ADDRSTRLEN];
    if (!address || inet_pton(AF_INET6, address, &bytes) != 1 || !inet_ntop(AF_INET6, &bytes, text, sizeof(text)))
        return address;
    return arena_strdup(arena, text);
}

/* Nova's spellings of truth; anything else was refused by the schema. */
static bool is_true(const json_t *value)
{
    static const char *const yes[] = {"true", "1", "on", "yes", "y", "t"};
    if (json_is_boolean(value))
        return json_is_true(value);
    for (size_t i = 0; i < ARRAY_LEN(yes) && json_is_string(value); i++) {
        if (str_equal_nocase(json_string_value(value), yes[i]))
            return true;
    }
    return json_is_integer(value) && json_integer_value(value) == 1;
}

static void set_flavor(struct arena *arena, const json_t *flavor, struct server *out)
{
    json_auto_t *view = json_pack("{s:I, s:I, s:I, s:I, s:I, s:s?}", "vcpus", (json_int_t)int_of(flavor, "vcpus"), "ram",
                                  (json_int_t)int_of(flavor, "ram"), "disk", (json_int_t)int_of(flavor, "disk"), "ephemeral",
                                  (json_int_t)int_of(flavor, "ephemeral"), "swap", (json_int_t)int_of(flavor, "swap"),
                                  "original_name", text_of(flavor, "name"));
    json_t *specs = json_object_get(flavor, "extra_specs");
    (void)json_object_set_new(view, "extra_specs", specs ? json_incref(specs) : json_object());
    out->flavor_id = text_of(flavor, "id");
    out->flavor = dump(arena, view, "{}");
    out->vcpus = int_of(flavor, "vcpus");
    out->ram_mib = int_of(flavor, "ram");
    out->disk_gib = int_of(flavor, "disk") + int_of(flavor, "ephemeral") + (int_of(flavor, "swap") + 1023) / 1024;
}

static void set_image(struct arena *arena, const json_t *image, struct server *out)
{
    if (!json_is_object(image))
        return;
    out->image_ref = text_of(image, "id");
    out->image = dump(arena, image, NULL);
    out->kernel_id = text_of(image, "kernel_id");
    out->ramdisk_id = text_of(image, "ramdisk_id");
}

/* Each once, in the order of their first. */
static const char *tags_of(struct arena *arena, const json_t *tags)
{
    json_auto_t *known = json_object();
    json_auto_t *list = json_array();
    size_t index = 0;
    json_t *tag = NULL;
    json_array_foreach(tags, index, tag)
    {
        if (json_object_get(known, json_string_value(tag)))
            continue;
        (void)json_object_set_new(known, json_string_value(tag), json_true());
        (void)json_array_append(list, tag);
    }
    return dump(arena, list, "[]");
}

/* What the guest is told once and no row keeps. */
static const char *first_boot_of(struct arena *arena, const json_t *server)
{
    json_t *files = json_object_get(server, "personality");
    json_auto_t *first = json_object();
    if (text_of(server, "adminPass"))
        (void)json_object_set(first, "admin_pass", json_object_get(server, "adminPass"));
    if (json_array_size(files))
        (void)json_object_set(first, "files", files);
    return json_object_size(first) ? dump(arena, first, NULL) : NULL;
}

/* "az", "az:host" and "az:host:node": the part before the first colon. */
static const char *zone_part(struct arena *arena, const char *availability_zone)
{
    if (!availability_zone)
        return NULL;
    const size_t length = strcspn(availability_zone, ":");
    return length ? arena_strndup(arena, availability_zone, length) : NULL;
}

enum err record_make(struct arena *arena, const struct record_parts *parts, const struct caller *caller, struct server *out)
{
    const json_t *flavor = json_object_get(parts->embedded, "flavor");
    const json_t *keypair = json_object_get(parts->embedded, "keypair");
    const char *name = text_of(parts->server, "name");
    if (!json_is_object(flavor) || !text_of(flavor, "id") || !name)
        return fail(E_INVALID, "The request lacks its embedded flavor.");
    struct server server = {
        .uuid = *parts->uuid,
        .project_id = caller->project_id,
        .user_id = caller->user_id,
        .name = name,
        .description = text_of(parts->server, "description"),
        .hostname =
            text_of(parts->server, "hostname") ? text_of(parts->server, "hostname") : record_hostname(arena, name, parts->uuid),
        .availability_zone = zone_part(arena, text_of(parts->server, "availability_zone")),
        .launch_index = parts->launch_index,
        .reservation_id = parts->reservation_id,
        .key_name = text_of(keypair, "name"),
        .key_data = text_of(keypair, "public_key"),
        .user_data = text_of(parts->server, "user_data"),
        .config_drive = is_true(json_object_get(parts->server, "config_drive")),
        .metadata = dump(arena, json_object_get(parts->server, "metadata"), "{}"),
        .tags = tags_of(arena, json_object_get(parts->server, "tags")),
        .block_devices = dump(arena, json_object_get(parts->embedded, "block_devices"), NULL),
        .first_boot = first_boot_of(arena, parts->server),
        .groups = dump(arena, json_object_get(parts->embedded, "security_groups"), NULL),
        .networks = dump(arena, json_object_get(parts->embedded, "networks"), NULL),
        .trusted_certs = dump(arena, json_object_get(parts->server, "trusted_image_certificates"), NULL),
        .access_ip_v4 = text_of(parts->server, "accessIPv4"),
        .access_ip_v6 = record_ip6(arena, text_of(parts->server, "accessIPv6")),
        .disk_config = text_of(parts->server, "OS-DCF:diskConfig") ? text_of(parts->server, "OS-DCF:diskConfig") : "MANUAL",
        .request_spec = "{}",
    };
    set_flavor(arena, flavor, &server);
    set_image(arena, json_object_get(parts->embedded, "image"), &server);
    *out = server;
    return OK;
}

void record_write_created(struct text *out, const struct server *server, const json_t *request, const char *self_base,
                          const char *bookmark_base)
{
    const struct uuid_text uuid = uuid_to_text(&server->uuid);
    const json_t *groups = json_object_get(request, "security_groups");
    text_add_format(out, "{\"server\":{\"id\":\"%s\",\"links\":[{\"rel\":\"self\",\"href\":\"%s/servers/%s\"},", uuid.text,
                    self_base, uuid.text);
    text_add_format(out, "{\"rel\":\"bookmark\",\"href\":\"%s/servers/%s\"}],\"OS-DCF:diskConfig\":\"%s\",\"security_groups\":",
                    bookmark_base, uuid.text, server->disk_config);
    char *text = json_array_size(groups) ? json_dumps(groups, JSON_COMPACT) : NULL;
    text_add_str(out, text ? text : "[{\"name\":\"default\"}]");
    free(text);
    text_add_str(out, ",\"adminPass\":");
    text_add_json(out, text_of(request, "adminPass"));
    text_add_str(out, "}}");
}
