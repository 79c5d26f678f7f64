/* Microsoft's VHD and VHDX: fixed and dynamic disks; not differencing ones, which have a parent. */
#include "compute/image/inspect_inside.h"

#define VHD_FIXED   2
#define VHD_DYNAMIC 3

#define REGION_TABLE_OFFSET  (192U << 10)
#define REGION_ENTRY_MAX     2047U
#define METADATA_ENTRY_MAX   2047U
#define METADATA_HEADER_SIZE 32
#define ENTRY_SIZE           32

/* Little-endian forms of the GUIDs of MS-VHDX sections 2.2.3.2 and 2.6.2. */
static const uint8_t region_metadata[16] = {0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
                                            0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e};
static const uint8_t item_parameters[16] = {0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
                                            0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b};
static const uint8_t item_size[16] = {0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
                                      0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8};
static const uint8_t item_parent[16] = {0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
                                        0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c};

static enum err check_footer(const uint8_t *footer, uint64_t *out_virtual_bytes)
{
    const uint64_t kind = big_endian(footer + 60, 4);
    const uint64_t bytes = big_endian(footer + 48, 8);
    if (kind != VHD_FIXED && kind != VHD_DYNAMIC)
        return fail(E_INVALID, "The VHD image is not fixed or dynamic but depends on another one.");
    if (bytes > INT64_MAX)
        return fail(E_INVALID, "The VHD footer's disk size is absurd.");
    *out_virtual_bytes = bytes;
    return OK;
}

/* Every copy of the footer must be harmless: readers differ in which one they believe. */
enum err vhd_examine(const struct image_source *source, uint64_t *out_virtual_bytes)
{
    uint8_t footer[SECTOR] = {0};
    bool found = false;
    const uint64_t places[] = {0, source->size - SECTOR, source->size - SECTOR + 1};
    if (source->size < SECTOR)
        return fail(E_INVALID, "The VHD image is truncated.");
    for (size_t i = ARRAY_LEN(places); i > 0; i--) {
        TRY(source_read(source, places[i - 1], footer, i == 3 ? SECTOR - 1 : SECTOR));
        if (!has_bytes(footer, "conectix", 8))
            continue;
        TRY(check_footer(footer, out_virtual_bytes));
        found = true;
    }
    return found ? OK : fail(E_INVALID, "The VHD image has no footer.");
}

/* Where the metadata region begins. */
static enum err find_metadata(const struct image_source *source, uint64_t *out)
{
    uint8_t bytes[ENTRY_SIZE];
    TRY(source_read(source, REGION_TABLE_OFFSET, bytes, 16));
    const uint64_t count = little_endian(bytes + 8, 4);
    if (!has_bytes(bytes, "regi", 4) || count > REGION_ENTRY_MAX)
        return fail(E_INVALID, "The VHDX image's region table is damaged.");
    for (uint64_t i = 0; i < count; i++) {
        TRY(source_read(source, REGION_TABLE_OFFSET + 16 + i * ENTRY_SIZE, bytes, ENTRY_SIZE));
        if (memcmp(bytes, region_metadata, sizeof(region_metadata)) == 0) {
            *out = little_endian(bytes + 16, 8);
            return OK;
        }
    }
    return fail(E_INVALID, "The VHDX image has no metadata.");
}

/* What the items say; offsets count from the region's start. */
struct vhdx_facts {
    bool has_parameters;
    bool has_parent;
    bool has_size;
    uint64_t size;
};

static enum err read_item(const struct image_source *source, uint64_t region, const uint8_t *entry, struct vhdx_facts *facts)
{
    uint8_t bytes[8];
    const uint64_t at = region + little_endian(entry + 16, 4);
    if (memcmp(entry, item_parent, 16) == 0) {
        facts->has_parent = true;
    } else if (memcmp(entry, item_parameters, 16) == 0) {
        TRY(source_read(source, at, bytes, sizeof(bytes)));
        facts->has_parameters = true;
        facts->has_parent = facts->has_parent || (little_endian(bytes + 4, 4) & 2);
    } else if (memcmp(entry, item_size, 16) == 0) {
        TRY(source_read(source, at, bytes, sizeof(bytes)));
        facts->has_size = true;
        facts->size = little_endian(bytes, 8);
    }
    return OK;
}

static enum err read_metadata(const struct image_source *source, uint64_t region, struct vhdx_facts *facts)
{
    uint8_t bytes[METADATA_HEADER_SIZE];
    if (region > source->size)
        return fail(E_INVALID, "The VHDX image is truncated: its metadata lie beyond its end.");
    TRY(source_read(source, region, bytes, sizeof(bytes)));
    const uint64_t count = little_endian(bytes + 10, 2);
    if (!has_bytes(bytes, "metadata", 8) || count > METADATA_ENTRY_MAX)
        return fail(E_INVALID, "The VHDX image's metadata are damaged.");
    for (uint64_t i = 0; i < count; i++) {
        uint8_t entry[ENTRY_SIZE];
        TRY(source_read(source, region + METADATA_HEADER_SIZE + i * ENTRY_SIZE, entry, sizeof(entry)));
        TRY(read_item(source, region, entry, facts));
    }
    return OK;
}

enum err vhdx_examine(const struct image_source *source, uint64_t *out_virtual_bytes)
{
    uint64_t region = 0;
    struct vhdx_facts facts = {0};
    TRY(find_metadata(source, &region));
    TRY(read_metadata(source, region, &facts));
    if (facts.has_parent)
        return fail(E_INVALID, "The VHDX image has a parent.");
    if (!facts.has_parameters || !facts.has_size || facts.size > INT64_MAX)
        return fail(E_INVALID, "The VHDX image's metadata are damaged.");
    *out_virtual_bytes = facts.size;
    return OK;
}
