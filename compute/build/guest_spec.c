/* Pure translation from a server's row; see guest_spec.h. */
#include "compute/build/guest_spec.h"

#include <string.h>

#include <jansson.h>

#include "compute/build/build.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"

#define GIB       (INT64_C(1) << 30)
#define MIB       (INT64_C(1) << 20)
#define MAX_DISKS 4

const char *build_image_volume(struct arena *arena, const char *image_id)
{
    return arena_printf(arena, "image-%s", image_id);
}

const char *build_server_volume(struct arena *arena, const struct uuid *server, const char *role)
{
    return arena_printf(arena, "%s.%s", uuid_to_text(server).text, role);
}

static void release_json(void *object)
{
    json_decref(object);
}

static enum err load_object(struct arena *arena, const char *text, const char *what, json_t **out)
{
    json_t *object = text ? json_loads(text, 0, NULL) : NULL;
    if (!json_is_object(object)) {
        json_decref(object);
        return fail(E_INVALID, "The server's %s is damaged.", what);
    }
    arena_defer(arena, release_json, object);
    *out = object;
    return OK;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int64_t int_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* A volume of the pool is raw or qcow2: kernels, ramdisks, ISO and machine images are raw bytes to it. */
static const char *volume_format(const char *disk_format)
{
    return str_equal(disk_format, "qcow2") ? "qcow2" : "raw";
}

static void add_image(struct guest_plan *plan, const char *id, const char *disk_format, int64_t virtual_bytes)
{
    plan->images[plan->image_count++] = (struct guest_image){id, disk_format, volume_format(disk_format), virtual_bytes};
}

static void plan_images(struct arena *arena, struct guest_plan *plan, const struct server *server, const json_t *image)
{
    add_image(plan, server->image_ref, text_of(image, "disk_format"), int_of(image, "virtual_size"));
    if (server->kernel_id && *server->kernel_id) {
        add_image(plan, server->kernel_id, "aki", 0);
        plan->guest.kernel_volume = build_image_volume(arena, server->kernel_id);
    }
    if (server->ramdisk_id && *server->ramdisk_id) {
        add_image(plan, server->ramdisk_id, "ari", 0);
        plan->guest.ramdisk_volume = build_image_volume(arena, server->ramdisk_id);
    }
}

static void plan_disks(struct arena *arena, struct guest_plan *plan, const struct server *server, const json_t *flavor)
{
    struct guest_disk *disks = arena_alloc(arena, MAX_DISKS * sizeof(*disks));
    size_t count = 0;
    const int64_t wanted = int_of(flavor, "disk") * GIB;
    plan->root_volume = build_server_volume(arena, &server->uuid, "root");
    plan->root_backing = build_image_volume(arena, server->image_ref);
    plan->root_backing_format = plan->images[0].format;
    plan->root_bytes = (uint64_t)(wanted > plan->images[0].virtual_bytes ? wanted : plan->images[0].virtual_bytes);
    disks[count++] = (struct guest_disk){plan->root_volume, "vda", "qcow2", false, false};
    if (int_of(flavor, "ephemeral") > 0) {
        plan->ephemeral_volume = build_server_volume(arena, &server->uuid, "ephemeral");
        plan->ephemeral_bytes = (uint64_t)(int_of(flavor, "ephemeral") * GIB);
        disks[count++] = (struct guest_disk){plan->ephemeral_volume, "vdb", "qcow2", false, false};
    }
    if (int_of(flavor, "swap") > 0) {
        plan->swap_volume = build_server_volume(arena, &server->uuid, "swap");
        plan->swap_bytes = (uint64_t)(int_of(flavor, "swap") * MIB);
        disks[count++] = (struct guest_disk){plan->swap_volume, "vdc", "qcow2", false, false};
    }
    if (server->config_drive) {
        plan->config_volume = build_server_volume(arena, &server->uuid, "config");
        disks[count++] = (struct guest_disk){plan->config_volume, "hda", "raw", true, true};
    }
    plan->guest.disks = disks;
    plan->guest.disk_count = count;
}

/* The server's record as it travels with the domain: enough to make the row again, no secrets (no user data, no password). */
static const char *record_text(struct arena *arena, const struct server *server, const char *zone_name)
{
    json_auto_t *record = json_pack(
        "{s:s, s:s, s:s, s:s, s:s?, s:s, s:s?, s:s, s:s?, s:s?, s:s, s:b, s:I, s:s}", "uuid", uuid_to_text(&server->uuid).text,
        "name", server->name, "project_id", server->project_id, "user_id", server->user_id, "image_ref", server->image_ref,
        "flavor_id", server->flavor_id, "availability_zone", server->availability_zone, "reservation_id", server->reservation_id,
        "key_name", server->key_name, "description", server->description, "hostname", server->hostname, "config_drive",
        server->config_drive, "created", (json_int_t)server->created_us, "zone", zone_name);
    json_t *flavor = json_loads(server->flavor, 0, NULL);
    json_t *metadata = json_loads(server->metadata, 0, NULL);
    (void)json_object_set_new(record, "flavor", flavor);
    (void)json_object_set_new(record, "metadata", metadata);
    char *text = json_dumps(record, JSON_COMPACT);
    const char *copy = arena_strdup(arena, text ? text : "{}");
    free(text);
    return copy;
}

enum err guest_plan_make(struct arena *arena, const struct server *server, const char *zone_name, int64_t fence,
                         struct guest_plan *out)
{
    json_t *flavor = NULL;
    json_t *image = NULL;
    TRY(load_object(arena, server->flavor, "flavor", &flavor));
    TRY(load_object(arena, server->image, "image", &image));
    struct guest_plan plan = {0};
    plan_images(arena, &plan, server, image);
    plan_disks(arena, &plan, server, flavor);
    plan.guest.id = server->uuid;
    plan.guest.name = arena_printf(arena, "instance-%s", uuid_to_text(&server->uuid).text);
    plan.guest.title = server->name;
    plan.guest.metadata = record_text(arena, server, zone_name);
    plan.guest.fence = fence;
    plan.guest.vcpus = server->vcpus;
    plan.guest.ram_mib = server->ram_mib;
    const char *command_line = text_of(json_object_get(image, "properties"), "os_command_line");
    if (plan.guest.kernel_volume)
        plan.guest.command_line = command_line ? command_line : "root=/dev/vda console=ttyS0";
    *out = plan;
    return OK;
}

static json_t *metadata_document(const struct server *server)
{
    json_t *document = json_pack("{s:s, s:s, s:s, s:i, s:s?, s:s}", "uuid", uuid_to_text(&server->uuid).text, "name", server->name,
                                 "hostname", server->hostname, "launch_index", server->launch_index, "availability_zone",
                                 server->availability_zone, "project_id", server->project_id);
    json_t *meta = json_loads(server->metadata, 0, NULL);
    if (json_object_size(meta))
        (void)json_object_set(document, "meta", meta);
    json_decref(meta);
    if (server->key_data) {
        (void)json_object_set_new(document, "public_keys", json_pack("{s:s}", server->key_name, server->key_data));
        (void)json_object_set_new(
            document, "keys", json_pack("[{s:s, s:s, s:s}]", "name", server->key_name, "type", "ssh", "data", server->key_data));
    }
    return document;
}

static enum err decode_user_data(struct arena *arena, const struct server *server, struct config_drive_file *out)
{
    const size_t length = strlen(server->user_data);
    char *bytes = arena_alloc(arena, 3 * (length / 4) + 3);
    TRY(json_base64_decode(server->user_data, length, bytes, &out->length));
    out->bytes = bytes;
    return OK;
}

enum err guest_config_files(struct arena *arena, const struct server *server, const struct config_drive_file **out,
                            size_t *out_count)
{
    static const char *const versions[] = {"latest", "2018-08-27"};
    static const char network[] = "{\"links\":[],\"networks\":[],\"services\":[]}";
    struct config_drive_file *files = arena_alloc(arena, 8 * sizeof(*files));
    struct config_drive_file user_data = {0};
    json_auto_t *document = metadata_document(server);
    char *dumped = json_dumps(document, JSON_COMPACT);
    const char *text = arena_strdup(arena, dumped ? dumped : "{}");
    free(dumped);
    if (server->user_data)
        TRY(decode_user_data(arena, server, &user_data));
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        files[count++] =
            (struct config_drive_file){arena_printf(arena, "openstack/%s/meta_data.json", versions[i]), text, strlen(text)};
        files[count++] = (struct config_drive_file){arena_printf(arena, "openstack/%s/vendor_data.json", versions[i]), "{}", 2};
        files[count++] = (struct config_drive_file){arena_printf(arena, "openstack/%s/network_data.json", versions[i]), network,
                                                    strlen(network)};
        if (user_data.bytes)
            files[count++] = (struct config_drive_file){arena_printf(arena, "openstack/%s/user_data", versions[i]), user_data.bytes,
                                                        user_data.length};
    }
    *out = files;
    *out_count = count;
    return OK;
}
