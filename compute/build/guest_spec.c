/* Pure translation from a server's row; see guest_spec.h. */
#include "compute/build/guest_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "compute/build/build.h"
#include "compute/build/nics.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"

#define GIB       (INT64_C(1) << 30)
#define MIB       (INT64_C(1) << 20)
#define MAX_DISKS (GUEST_BLANKS + 2)

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

/* Where the disks of a role stand: one letter each, so that a disk's name does not depend on which others there are. */
static const struct disk_role {
    const char *role;
    char letter;
} disk_roles[] = {{"root", 'a'}, {"ephemeral", 'b'}, {"swap", 'c'}, {"ephemeral1", 'd'}};

const char *const guest_volume_roles[] = {"config", "ephemeral1", "swap", "ephemeral", "root", NULL};

static char letter_of(const char *role)
{
    for (size_t i = 0; i < ARRAY_LEN(disk_roles); i++) {
        if (str_equal(disk_roles[i].role, role))
            return disk_roles[i].letter;
    }
    return '\0';
}

/* Serial numbers are how a guest finds a tagged disk; see devices_document. */
static struct guest_disk disk_of(struct arena *arena, const char *volume, const json_t *device)
{
    const char *role = text_of(device, "role");
    const char *bus = text_of(device, "bus");
    const char *target = arena_printf(arena, "%s%c", bus ? "sd" : "vd", letter_of(role));
    return (struct guest_disk){.volume = volume,
                               .target = target,
                               .format = "qcow2",
                               .bus = bus,
                               .serial = text_of(device, "tag") ? arena_strdup(arena, role) : NULL};
}

static json_t *device_of(const char *role, int64_t bytes)
{
    return json_pack("{s:s, s:I}", "role", role, "bytes", (json_int_t)bytes);
}

/* What the flavor says where the request said nothing. */
static json_t *flavor_devices(const json_t *flavor)
{
    json_t *list = json_array();
    (void)json_array_append_new(list, device_of("root", 0));
    if (int_of(flavor, "ephemeral") > 0)
        (void)json_array_append_new(list, device_of("ephemeral", int_of(flavor, "ephemeral") * GIB));
    if (int_of(flavor, "swap") > 0)
        (void)json_array_append_new(list, device_of("swap", int_of(flavor, "swap") * MIB));
    return list;
}

static enum err load_devices(struct arena *arena, const struct server *server, const json_t *flavor, json_t **out)
{
    json_t *list = server->block_devices ? json_loads(server->block_devices, 0, NULL) : flavor_devices(flavor);
    if (list)
        arena_defer(arena, release_json, list);
    bool good = json_is_array(list) && json_array_size(list) <= GUEST_BLANKS + 1;
    for (size_t i = 0; good && i < json_array_size(list); i++)
        good = letter_of(text_of(json_array_get(list, i), "role")) != '\0';
    *out = list;
    return good ? OK : fail(E_INVALID, "The server's block devices are damaged.");
}

static void plan_root(struct arena *arena, struct guest_plan *plan, const struct server *server, const json_t *flavor)
{
    const int64_t wanted = int_of(flavor, "disk") * GIB;
    plan->root_volume = build_server_volume(arena, &server->uuid, "root");
    plan->root_backing = build_image_volume(arena, server->image_ref);
    plan->root_backing_format = plan->images[0].format;
    plan->root_bytes = (uint64_t)(wanted > plan->images[0].virtual_bytes ? wanted : plan->images[0].virtual_bytes);
}

static void plan_disks(struct arena *arena, struct guest_plan *plan, const struct server *server, const json_t *devices)
{
    struct guest_disk *disks = arena_alloc(arena, MAX_DISKS * sizeof(*disks));
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *device = json_array_get(devices, i);
        const char *volume = build_server_volume(arena, &server->uuid, text_of(device, "role"));
        const bool root = strcmp(text_of(device, "role"), "root") == 0;
        disks[count++] = disk_of(arena, volume, device);
        if (!root && plan->blank_count < GUEST_BLANKS)
            plan->blanks[plan->blank_count++] = (struct guest_blank){volume, (uint64_t)int_of(device, "bytes")};
    }
    if (server->config_drive) {
        plan->config_volume = build_server_volume(arena, &server->uuid, "config");
        disks[count++] =
            (struct guest_disk){.volume = plan->config_volume, .target = "hda", .format = "raw", .cdrom = true, .read_only = true};
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
    if (server->block_devices)
        (void)json_object_set_new(record, "block_devices", json_loads(server->block_devices, 0, NULL));
    if (server->nics)
        (void)json_object_set_new(record, "nics", nics_load(server));
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
    json_t *devices = NULL;
    TRY(load_object(arena, server->flavor, "flavor", &flavor));
    TRY(load_object(arena, server->image, "image", &image));
    TRY(load_devices(arena, server, flavor, &devices));
    struct guest_plan plan = {0};
    plan_images(arena, &plan, server, image);
    plan_root(arena, &plan, server, flavor);
    plan_disks(arena, &plan, server, devices);
    plan.guest.id = server->uuid;
    plan.guest.name = arena_printf(arena, "instance-%s", uuid_to_text(&server->uuid).text);
    plan.guest.title = server->name;
    plan.guest.metadata = record_text(arena, server, zone_name);
    plan.guest.fence = fence;
    plan.guest.vcpus = server->vcpus;
    plan.guest.ram_mib = server->ram_mib;
    nics_guest(arena, server, &plan.guest.nics, &plan.guest.nic_count);
    const char *command_line = text_of(json_object_get(image, "properties"), "os_command_line");
    if (plan.guest.kernel_volume)
        plan.guest.command_line = command_line ? command_line : "root=/dev/vda console=ttyS0";
    *out = plan;
    return OK;
}

/* Nova's "devices": those that the request gave a tag, disks found by their serial number, interfaces by their MAC. */
static json_t *devices_document(const struct server *server)
{
    json_auto_t *devices = server->block_devices ? json_loads(server->block_devices, 0, NULL) : NULL;
    json_auto_t *nics = nics_load(server);
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(nics); i++) {
        const json_t *nic = json_array_get(nics, i);
        if (text_of(nic, "tag"))
            (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:[s]}", "type", "nic", "bus", "none", "address",
                                                        "none", "mac", text_of(nic, "mac"), "tags", text_of(nic, "tag")));
    }
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *device = json_array_get(devices, i);
        if (text_of(device, "tag"))
            (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:[s]}", "type", "disk", "bus", "none", "address",
                                                        "none", "serial", text_of(device, "role"), "tags", text_of(device, "tag")));
    }
    return list;
}

static void add_keys(json_t *document, const struct server *server)
{
    if (!server->key_data)
        return;
    (void)json_object_set_new(document, "public_keys", json_pack("{s:s}", server->key_name, server->key_data));
    (void)json_object_set_new(document, "keys",
                              json_pack("[{s:s, s:s, s:s}]", "name", server->key_name, "type",
                                        str_starts(server->key_data, "-----BEGIN") ? "x509" : "ssh", "data", server->key_data));
}

/* Nova's "files": where each injected file belongs, and which file of the drive has its bytes. */
static void add_file_paths(json_t *document, const json_t *files)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(files); i++) {
        const char *path = text_of(json_array_get(files, i), "path");
        char content[32];
        (void)snprintf(content, sizeof(content), "/content/%04zu", i);
        (void)json_array_append_new(list, json_pack("{s:s, s:s}", "content_path", content, "path", path ? path : ""));
    }
    (void)json_object_set_new(document, "files", list);
}

static json_t *metadata_document(const struct server *server, const json_t *first_boot)
{
    json_t *document =
        json_pack("{s:s, s:s, s:s, s:i, s:s?, s:s, s:o}", "uuid", uuid_to_text(&server->uuid).text, "name", server->name,
                  "hostname", server->hostname, "launch_index", server->launch_index, "availability_zone",
                  server->availability_zone, "project_id", server->project_id, "devices", devices_document(server));
    json_t *meta = json_loads(server->metadata, 0, NULL);
    if (json_object_size(meta))
        (void)json_object_set(document, "meta", meta);
    json_decref(meta);
    add_keys(document, server);
    if (json_array_size(json_object_get(first_boot, "files")))
        add_file_paths(document, json_object_get(first_boot, "files"));
    if (text_of(first_boot, "admin_pass"))
        (void)json_object_set(document, "admin_pass", json_object_get(first_boot, "admin_pass"));
    return document;
}

static enum err decode_base64(struct arena *arena, const char *encoded, struct config_drive_file *out)
{
    const size_t length = strlen(encoded);
    char *bytes = arena_alloc(arena, 3 * (length / 4) + 3);
    TRY(json_base64_decode(encoded, length, bytes, &out->length));
    out->bytes = bytes;
    return OK;
}

static enum err add_contents(struct arena *arena, const json_t *injected, struct config_drive_file *files, size_t *count)
{
    for (size_t i = 0; i < json_array_size(injected); i++) {
        const char *contents = text_of(json_array_get(injected, i), "contents");
        struct config_drive_file *file = &files[*count];
        file->path = arena_printf(arena, "openstack/content/%04zu", i);
        TRY(decode_base64(arena, contents ? contents : "", file));
        (*count)++;
    }
    return OK;
}

static const char *const config_versions[] = {"latest", "2018-08-27"};

enum { VERSION_FILES = 4 };

/* The same files under every version of the format. */
static size_t add_documents(struct arena *arena, const char *document, const char *network,
                            const struct config_drive_file *user_data, struct config_drive_file *files)
{
    const struct config_drive_file each[VERSION_FILES] = {{"meta_data.json", document, strlen(document)},
                                                          {"vendor_data.json", "{}", 2},
                                                          {"network_data.json", network, strlen(network)},
                                                          {"user_data", user_data->bytes, user_data->length}};
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(config_versions); i++) {
        for (size_t k = 0; k < VERSION_FILES; k++) {
            if (!each[k].bytes)
                continue;
            files[count] = each[k];
            files[count++].path = arena_printf(arena, "openstack/%s/%s", config_versions[i], each[k].path);
        }
    }
    return count;
}

static const char *dump(struct arena *arena, const json_t *document)
{
    char *text = json_dumps(document, JSON_COMPACT);
    const char *copy = arena_strdup(arena, text ? text : "{}");
    free(text);
    return copy;
}

enum err guest_config_files(struct arena *arena, const struct server *server, const struct config_drive_file **out,
                            size_t *out_count)
{
    json_auto_t *first_boot = server->first_boot ? json_loads(server->first_boot, 0, NULL) : NULL;
    json_auto_t *document = metadata_document(server, first_boot);
    const json_t *injected = json_object_get(first_boot, "files");
    const size_t most = ARRAY_LEN(config_versions) * VERSION_FILES + json_array_size(injected);
    struct config_drive_file *files = arena_alloc(arena, most * sizeof(*files));
    struct config_drive_file user_data = {0};
    json_auto_t *network = nics_document(server);
    const char *text = dump(arena, document);
    if (server->user_data)
        TRY(decode_base64(arena, server->user_data, &user_data));
    size_t count = add_documents(arena, text, dump(arena, network), &user_data, files);
    TRY(add_contents(arena, injected, files, &count));
    *out = files;
    *out_count = count;
    return OK;
}
