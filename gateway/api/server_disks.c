/* Two syntaxes, one list of mappings; see server_disks.h. */
#include "gateway/api/server_disks.h"

#include <string.h>

#include "gateway/base/text.h"

#define LOCALS_MOST 3 /* Nova's max_local_block_devices */
#define GIB         (INT64_C(1) << 30)
#define MIB         (INT64_C(1) << 20)
#define INVALID     "Block Device Mapping is Invalid: "

struct mapping {
    const char *source; /* image, blank, volume, snapshot */
    const char *destination;
    const char *uuid;
    const char *guest_format;
    const char *device_type;
    const char *disk_bus;
    const char *tag;
    const char *volume_type;
    int64_t size; /* GiB, of swap MiB; 0: not said */
    int64_t boot_index;
};

struct mappings {
    struct mapping *items;
    size_t count;
};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* A number, or a text of digits: the schema has checked which. */
static int64_t number_of(const json_t *value, int64_t missing)
{
    int64_t number = missing;
    if (json_is_integer(value))
        return json_integer_value(value);
    if (json_is_string(value) && !str_to_int(json_string_value(value), &number))
        return missing;
    return number;
}

/* Nova's strutils: anything but the words for no. */
static bool is_set(const json_t *value)
{
    static const char *const no[] = {"", "0", "f", "false", "off", "n", "no"};
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < ARRAY_LEN(no); i++) {
        if (str_equal_nocase(text, no[i]))
            return false;
    }
    return value && !json_is_null(value) && !json_is_false(value) && !(json_is_integer(value) && json_integer_value(value) == 0);
}

/* Version 1 names what it wants by which key is there. `*out` false: nothing of its own. */
static enum err read_legacy(const json_t *item, struct mapping *mapping, bool *out)
{
    const char *virtual_name = text_of(item, "virtual_name");
    *mapping = (struct mapping){.size = number_of(json_object_get(item, "volume_size"), 0), .boot_index = -1};
    *out = true;
    if (text_of(item, "volume_id") || text_of(item, "snapshot_id")) {
        mapping->source = text_of(item, "volume_id") ? "volume" : "snapshot";
        mapping->uuid = text_of(item, "volume_id") ? text_of(item, "volume_id") : text_of(item, "snapshot_id");
        mapping->destination = "volume";
    } else if (virtual_name && (strcmp(virtual_name, "swap") == 0 || str_starts(virtual_name, "ephemeral"))) {
        mapping->source = "blank";
        mapping->destination = "local";
        mapping->guest_format = strcmp(virtual_name, "swap") == 0 ? "swap" : NULL;
    } else if (virtual_name) {
        *out = false; /* root, ami: the image itself */
    } else {
        return fail(E_INVALID, INVALID "Unrecognized legacy format.");
    }
    return OK;
}

static void read_item(const json_t *item, struct mapping *mapping)
{
    const char *source = text_of(item, "source_type");
    const bool local = str_equal(source, "image") || str_equal(source, "blank");
    *mapping = (struct mapping){
        .source = source,
        .destination = text_of(item, "destination_type") ? text_of(item, "destination_type")
                       : local                           ? "local"
                                                         : "volume",
        .uuid = text_of(item, "uuid"),
        .guest_format = text_of(item, "guest_format"),
        .device_type = text_of(item, "device_type"),
        .disk_bus = text_of(item, "disk_bus"),
        .tag = text_of(item, "tag"),
        .volume_type = text_of(item, "volume_type"),
        .size = number_of(json_object_get(item, "volume_size"), 0),
        .boot_index = number_of(json_object_get(item, "boot_index"), -1),
    };
}

/* All but those that say no_device. Version 1 has the image at its head, as Nova puts it there. */
static enum err read_mappings(struct arena *arena, const json_t *server, struct mappings *out)
{
    const json_t *legacy = json_object_get(server, "block_device_mapping");
    const json_t *list = json_object_get(server, "block_device_mapping_v2");
    const bool old = json_array_size(legacy) > 0;
    if (old && json_array_size(list))
        return fail(E_INVALID, "Using different block_device_mapping syntaxes is not allowed in the same request.");
    if (old)
        list = legacy;
    struct mapping *items = arena_alloc(arena, (json_array_size(list) + 1) * sizeof(*items));
    size_t count = 0;
    if (old && text_of(server, "imageRef"))
        items[count++] = (struct mapping){.source = "image", .destination = "local", .uuid = text_of(server, "imageRef")};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        bool taken = true;
        if (is_set(json_object_get(item, "no_device")))
            continue;
        if (old)
            TRY(read_legacy(item, &items[count], &taken));
        else
            read_item(item, &items[count]);
        count += taken ? 1 : 0;
    }
    *out = (struct mappings){items, count};
    return OK;
}

static bool is_local(const struct mapping *mapping)
{
    return strcmp(mapping->destination, "local") == 0;
}

static bool is_image(const struct mapping *mapping)
{
    return strcmp(mapping->source, "image") == 0;
}

static bool is_swap(const struct mapping *mapping)
{
    return str_equal(mapping->guest_format, "swap");
}

/* As Nova's from_api. */
static enum err check_form(const struct mapping *mapping, const char *image)
{
    if (!mapping->source)
        return fail(E_INVALID, INVALID "Invalid source_type field.");
    const bool blank = strcmp(mapping->source, "blank") == 0;
    if (blank && mapping->uuid)
        return fail(E_INVALID, INVALID "Invalid device UUID.");
    if (!blank && !mapping->uuid)
        return fail(E_INVALID, INVALID "Missing device UUID.");
    if (is_image(mapping) && is_local(mapping) && (mapping->boot_index != 0 || !str_equal(mapping->uuid, image)))
        return fail(E_INVALID, INVALID "Mapping image to local is not supported.");
    if (mapping->volume_type && is_local(mapping))
        return fail(E_INVALID, INVALID "Specifying a volume_type with destination_type=local is not supported.");
    return OK;
}

/* What needs Cinder. */
static enum err check_no_volume(const struct mapping *mapping)
{
    if (strcmp(mapping->source, "volume") == 0 || strcmp(mapping->source, "snapshot") == 0)
        return fail(E_INVALID, INVALID "failed to get %s %s: there is no volume service here.", mapping->source, mapping->uuid);
    if (is_local(mapping))
        return OK;
    if (!mapping->size)
        return fail(E_INVALID, INVALID "%s volumes (source: '%s', dest: 'volume') need to have non-zero size",
                    is_image(mapping) ? "Images to" : "Blank", mapping->source);
    return fail(E_INVALID, INVALID "a volume of %lld GiB cannot be made: there is no volume service here.",
                (long long)mapping->size);
}

/* How the disk stands in the machine. */
static enum err check_device(const struct mapping *mapping)
{
    const char *bus = mapping->disk_bus;
    if (bus && strcmp(bus, "virtio") != 0 && (is_image(mapping) || strcmp(bus, "scsi") != 0))
        return fail(E_INVALID, INVALID "the disk_bus %s is not possible here: %s.", bus,
                    is_image(mapping) ? "a root disk is virtio" : "virtio and scsi are");
    if (mapping->device_type && strcmp(mapping->device_type, "disk") != 0)
        return fail(E_INVALID, INVALID "the device_type %s is not possible here: disk is.", mapping->device_type);
    if (mapping->guest_format && *mapping->guest_format && !is_swap(mapping))
        return fail(E_INVALID, INVALID "the guest_format %s is not possible here: disks begin empty.", mapping->guest_format);
    return OK;
}

enum err server_disks_check(struct arena *arena, const json_t *server)
{
    struct mappings mappings;
    TRY(read_mappings(arena, server, &mappings));
    for (size_t i = 0; i < mappings.count; i++)
        TRY(check_form(&mappings.items[i], text_of(server, "imageRef")));
    for (size_t i = 0; i < mappings.count; i++) {
        TRY(check_no_volume(&mappings.items[i]));
        TRY(check_device(&mappings.items[i]));
    }
    return OK;
}

static size_t count_index(const struct mappings *mappings, int64_t index)
{
    size_t found = 0;
    for (size_t i = 0; i < mappings->count; i++)
        found += mappings->items[i].boot_index == index ? 1 : 0;
    return found;
}

/* 0, 1, 2 … in any order, each once, and one image: nothing else here can be booted from. */
static enum err check_boot_order(const struct mappings *mappings)
{
    size_t indexed = 0;
    size_t images = 0;
    bool good = true;
    for (size_t i = 0; i < mappings->count; i++) {
        indexed += mappings->items[i].boot_index >= 0 ? 1 : 0;
        images += is_image(&mappings->items[i]) ? 1 : 0;
    }
    for (size_t i = 0; i < indexed; i++)
        good = good && count_index(mappings, (int64_t)i) == 1;
    if (!good || images != 1)
        return fail(E_INVALID, INVALID "Boot sequence for the instance and image/block device mapping combination is not valid.");
    return OK;
}

struct sums {
    size_t swaps;
    size_t ephemerals;
    int64_t swap_mib;
    int64_t ephemeral_gib;
};

static int64_t size_of(const struct mapping *mapping, const struct flavor *flavor)
{
    if (mapping->size)
        return mapping->size;
    return is_swap(mapping) ? flavor->swap_mib : flavor->ephemeral_gib;
}

static struct sums sum_up(const struct mappings *mappings, const struct flavor *flavor)
{
    struct sums sums = {0};
    for (size_t i = 0; i < mappings->count; i++) {
        const struct mapping *mapping = &mappings->items[i];
        if (is_image(mapping))
            continue;
        *(is_swap(mapping) ? &sums.swaps : &sums.ephemerals) += 1;
        *(is_swap(mapping) ? &sums.swap_mib : &sums.ephemeral_gib) += size_of(mapping, flavor);
    }
    return sums;
}

static enum err check_sums(const struct sums *sums, const struct flavor *flavor)
{
    const size_t swaps = sums->swaps ? sums->swaps : flavor->swap_mib ? 1 : 0;
    const size_t ephemerals = sums->ephemerals ? sums->ephemerals : flavor->ephemeral_gib ? 1 : 0;
    if (sums->swaps > 1)
        return fail(E_INVALID, INVALID "More than one swap drive requested.");
    if (sums->ephemeral_gib > flavor->ephemeral_gib)
        return fail(E_INVALID, INVALID "Ephemeral disks requested are larger than the instance type allows. If no size is given in "
                                       "one block device mapping, flavor ephemeral size will be used.");
    if (sums->swap_mib > flavor->swap_mib)
        return fail(E_INVALID, INVALID "Swap drive requested is larger than instance type allows.");
    if (1 + swaps + ephemerals > LOCALS_MOST)
        return fail(E_INVALID, INVALID "You specified more local devices than the limit allows");
    return OK;
}

/* Disks of no size are not made. */
static void add_device(json_t *list, const char *role, int64_t bytes, const struct mapping *mapping)
{
    if (bytes <= 0 && strcmp(role, "root") != 0)
        return;
    json_t *device = json_pack("{s:s, s:I}", "role", role, "bytes", (json_int_t)bytes);
    if (mapping && str_equal(mapping->disk_bus, "scsi"))
        (void)json_object_set_new(device, "bus", json_string("scsi"));
    if (mapping && mapping->tag)
        (void)json_object_set_new(device, "tag", json_string(mapping->tag));
    (void)json_array_append_new(list, device);
}

static json_t *list_devices(const struct mappings *mappings, const struct flavor *flavor, const struct sums *sums)
{
    json_t *list = json_array();
    size_t ephemerals = 0;
    for (size_t i = 0; i < mappings->count; i++) {
        const struct mapping *mapping = &mappings->items[i];
        const int64_t size = size_of(mapping, flavor);
        if (is_image(mapping))
            add_device(list, "root", 0, mapping);
        else if (is_swap(mapping))
            add_device(list, "swap", size * MIB, mapping);
        else
            add_device(list, ephemerals++ ? "ephemeral1" : "ephemeral", size * GIB, mapping);
    }
    if (!sums->ephemerals)
        add_device(list, "ephemeral", flavor->ephemeral_gib * GIB, NULL);
    if (!sums->swaps)
        add_device(list, "swap", flavor->swap_mib * MIB, NULL);
    return list;
}

enum err server_disks_plan(struct arena *arena, const json_t *server, const struct flavor *flavor, json_t **out)
{
    struct mappings mappings;
    TRY(read_mappings(arena, server, &mappings));
    *out = NULL;
    if (mappings.count == 0)
        return OK;
    TRY(check_boot_order(&mappings));
    const struct sums sums = sum_up(&mappings, flavor);
    TRY(check_sums(&sums, flavor));
    if (mappings.count > 1 || mappings.items[0].tag)
        *out = list_devices(&mappings, flavor, &sums);
    return OK;
}
