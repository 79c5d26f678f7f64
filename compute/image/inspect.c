/* The table of formats, the first row that fits counts: a magic number at the start goes before one further in. See inspect.h. */
#include "compute/image/inspect.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "compute/image/inspect_inside.h"
#include "gateway/base/text.h"

#define ISO_DESCRIPTOR_OFFSET 32768

enum err source_read(const struct image_source *source, uint64_t offset, void *out, size_t length)
{
    if (offset > source->size || length > source->size - offset)
        return fail(E_INVALID, "The image is truncated: nothing at byte %llu.", (unsigned long long)offset);
    return source->read(source->context, offset, out, length);
}

static bool qcow_matches(const struct probe *probe)
{
    return has_bytes(probe->head, "QFI\xfb", 4) && big_endian(probe->head + 4, 4) == 1;
}

static bool qcow2_matches(const struct probe *probe)
{
    return has_bytes(probe->head, "QFI\xfb", 4);
}

static bool qed_matches(const struct probe *probe)
{
    return has_bytes(probe->head, "QED\0", 4);
}

static bool luks_matches(const struct probe *probe)
{
    return has_bytes(probe->head, "LUKS\xba\xbe", 6);
}

static bool vhdx_matches(const struct probe *probe)
{
    return has_bytes(probe->head, "vhdxfile", 8);
}

static bool vdi_matches(const struct probe *probe)
{
    return little_endian(probe->head + 0x40, 4) == 0xbeda107f;
}

static bool ploop_matches(const struct probe *probe)
{
    return has_bytes(probe->head, "WithoutFreeSpace", 16) || has_bytes(probe->head, "WithouFreSpacExt", 16);
}

static bool bochs_matches(const struct probe *probe)
{
    return has_bytes(probe->head, "Bochs Virtual HD Image", 22);
}

static bool iso_matches(const struct probe *probe)
{
    return has_bytes(probe->volume_descriptor + 1, "CD001", 5);
}

/* A dynamic disk has its footer in front too; a fixed one only at the end (one byte less of it in old versions). */
static bool vhd_matches(const struct probe *probe)
{
    return has_bytes(probe->head, "conectix", 8) || has_bytes(probe->tail, "conectix", 8) ||
           has_bytes(probe->tail + 1, "conectix", 8);
}

static bool always_matches(const struct probe *probe)
{
    (void)probe;
    return true;
}

static enum err plain_examine(const struct image_source *source, uint64_t *out_virtual_bytes)
{
    *out_virtual_bytes = source->size;
    return OK;
}

static enum err refused_examine(const struct image_source *source, uint64_t *out_virtual_bytes)
{
    (void)source;
    (void)out_virtual_bytes;
    return fail(E_INVALID, "This format is not accepted.");
}

static enum err ploop_examine(const struct image_source *source, uint64_t *out_virtual_bytes)
{
    uint8_t header[64];
    TRY(source_read(source, 0, header, sizeof(header)));
    const uint64_t sectors = little_endian(header + 36, has_bytes(header, "WithouFreSpacExt", 16) ? 8 : 4);
    if (sectors > INT64_MAX / SECTOR)
        return fail(E_INVALID, "The ploop header's disk size is absurd.");
    *out_virtual_bytes = sectors * SECTOR;
    return OK;
}

/* Version 1.1; kinds 1 (dynamic) and 2 (fixed). Undo and difference disks, and those that name a parent, depend on other files. */
enum err vdi_examine(const struct image_source *source, uint64_t *out_virtual_bytes)
{
    uint8_t header[SECTOR];
    TRY(source_read(source, 0, header, sizeof(header)));
    const uint64_t kind = little_endian(header + 0x4c, 4);
    const uint64_t bytes = little_endian(header + 0x170, 8);
    if (little_endian(header + 0x44, 4) != 0x00010001)
        return fail(E_INVALID, "The VDI header has an unknown version.");
    if (kind != 1 && kind != 2)
        return fail(E_INVALID, "The VDI image is not dynamic or fixed but depends on another one.");
    if (!is_zero(header + 0x1a8, 32))
        return fail(E_INVALID, "The VDI image names a parent.");
    if (bytes > INT64_MAX)
        return fail(E_INVALID, "The VDI header's disk size is absurd.");
    *out_virtual_bytes = bytes;
    return OK;
}

static const struct format {
    const char *name;
    format_matches_f *matches;
    format_examine_f *examine;
} formats[] = {
    {"qcow", qcow_matches, refused_examine}, {"qcow2", qcow2_matches, qcow2_examine},   {"qed", qed_matches, refused_examine},
    {"luks", luks_matches, refused_examine}, {"vhdx", vhdx_matches, vhdx_examine},      {"vmdk", vmdk_matches, vmdk_examine},
    {"ploop", ploop_matches, ploop_examine}, {"bochs", bochs_matches, refused_examine}, {"vdi", vdi_matches, vdi_examine},
    {"iso", iso_matches, plain_examine},     {"vhd", vhd_matches, vhd_examine},         {"raw", always_matches, plain_examine},
};

static enum err read_probe(const struct image_source *source, struct probe *out)
{
    struct probe probe = {.head_length = source->size < SECTOR ? (size_t)source->size : SECTOR};
    if (probe.head_length)
        TRY(source_read(source, 0, probe.head, probe.head_length));
    if (source->size >= SECTOR)
        TRY(source_read(source, source->size - SECTOR, probe.tail, SECTOR));
    if (source->size >= ISO_DESCRIPTOR_OFFSET + sizeof(probe.volume_descriptor))
        TRY(source_read(source, ISO_DESCRIPTOR_OFFSET, probe.volume_descriptor, sizeof(probe.volume_descriptor)));
    *out = probe;
    return OK;
}

static enum err recognise(const struct image_source *source, const struct format **out)
{
    struct probe probe;
    TRY(read_probe(source, &probe));
    const struct format *format = formats;
    while (!format->matches(&probe))
        format++;
    *out = format;
    return OK;
}

enum err image_inspect(const struct image_source *source, struct image_facts *out)
{
    const struct format *format;
    uint64_t virtual_bytes = 0;
    TRY(recognise(source, &format));
    TRY(format->examine(source, &virtual_bytes));
    *out = (struct image_facts){format->name, virtual_bytes};
    return OK;
}

/* The formats of the API that have no structure of their own. */
static const char *real_format(const char *declared)
{
    static const char *const plain[] = {"aki", "ari", "ami"};
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (str_equal(plain[i], declared))
            return "raw";
    return declared;
}

enum err image_check(const struct image_source *source, const char *declared, struct image_facts *out)
{
    const struct format *format;
    TRY(recognise(source, &format));
    if (!str_equal(format->name, real_format(declared)))
        return fail(E_INVALID, "Image content does not match disk_format: %s was declared, the data is %s.", declared,
                    format->name);
    return image_inspect(source, out);
}

static enum err read_file(void *context, uint64_t offset, void *out, size_t length)
{
    const int fd = *(const int *)context;
    uint8_t *to = out;
    while (length) {
        const ssize_t got = pread(fd, to, length, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return fail(E_INTERNAL, "The image file cannot be read: %s.", got < 0 ? strerrordesc_np(errno) : "it ended early");
        to += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return OK;
}

enum err image_check_file(int fd, uint64_t size, const char *declared, struct image_facts *out)
{
    const struct image_source source = {read_file, &fd, size};
    return declared ? image_check(&source, declared, out) : image_inspect(&source, out);
}
