/* qcow2, versions 2 and 3 (QEMU docs/interop/qcow2.txt): one self-contained, clean, unencrypted file. */
#include "compute/image/inspect_inside.h"
#include "gateway/base/text.h"

#define HEADER_V2_SIZE 72
#define HEADER_V3_SIZE 104
#define EXTENSION_MAX  64

/* Extension types that are refused: they name another file, or keys. */
#define EXTENSION_END            0x00000000U
#define EXTENSION_BACKING_FORMAT 0xe2792acaU
#define EXTENSION_DATA_FILE      0x44415441U
#define EXTENSION_ENCRYPTION     0x0537be77U

/* Incompatible features that do not make it depend on anything: how clusters are compressed, subclusters. */
#define FEATURE_COMPRESSION 0x8ULL
#define FEATURE_EXTENDED_L2 0x10ULL

/* Bits with a reason of their own. */
static const struct {
    uint64_t bit;
    const char *reason;
} refused_features[] = {
    {0x1, "is marked dirty (not closed properly)"},
    {0x2, "is marked corrupt"},
    {0x4, "has an external data file"},
};

struct header {
    unsigned version;
    uint64_t backing_offset;
    unsigned cluster_bits;
    uint64_t size;
    uint64_t crypt_method;
    uint64_t l1_size;
    uint64_t l1_offset;
    uint64_t refcount_offset;
    uint64_t features;
    uint64_t length;
};

static enum err read_header(const struct image_source *source, struct header *out)
{
    uint8_t bytes[HEADER_V3_SIZE] = {0};
    TRY(source_read(source, 0, bytes, HEADER_V2_SIZE));
    const unsigned version = (unsigned)big_endian(bytes + 4, 4);
    if (version != 2 && version != 3)
        return fail(E_INVALID, "qcow2 version %u is not known.", version);
    if (version == 3)
        TRY(source_read(source, 0, bytes, HEADER_V3_SIZE));
    *out = (struct header){
        .version = version,
        .backing_offset = big_endian(bytes + 8, 8) | big_endian(bytes + 16, 4),
        .cluster_bits = (unsigned)big_endian(bytes + 20, 4),
        .size = big_endian(bytes + 24, 8),
        .crypt_method = big_endian(bytes + 32, 4),
        .l1_size = big_endian(bytes + 36, 4),
        .l1_offset = big_endian(bytes + 40, 8),
        .refcount_offset = big_endian(bytes + 48, 8),
        .features = version == 3 ? big_endian(bytes + 72, 8) : 0,
        .length = version == 3 ? big_endian(bytes + 100, 4) : HEADER_V2_SIZE,
    };
    return OK;
}

static enum err check_features(uint64_t features)
{
    for (size_t i = 0; i < ARRAY_LEN(refused_features); i++)
        if (features & refused_features[i].bit)
            return fail(E_INVALID, "The qcow2 image %s.", refused_features[i].reason);
    if (features & ~(FEATURE_COMPRESSION | FEATURE_EXTENDED_L2))
        return fail(E_INVALID, "The qcow2 image has unknown incompatible features (0x%llx).", (unsigned long long)features);
    return OK;
}

static enum err check_tables(const struct image_source *source, const struct header *header)
{
    const uint64_t mask = (UINT64_C(1) << header->cluster_bits) - 1;
    if (header->size > INT64_MAX)
        return fail(E_INVALID, "The qcow2 header's disk size is absurd.");
    if ((header->l1_offset | header->refcount_offset) & mask)
        return fail(E_INVALID, "The qcow2 header's tables are not aligned.");
    if (header->refcount_offset >= source->size || header->l1_offset > source->size ||
        header->l1_size * 8 > source->size - header->l1_offset)
        return fail(E_INVALID, "The qcow2 image is truncated: its tables lie beyond its end.");
    return OK;
}

static enum err check_header(const struct image_source *source, const struct header *header)
{
    if (header->backing_offset)
        return fail(E_INVALID, "The qcow2 image has a backing file.");
    TRY(check_features(header->features));
    if (header->crypt_method)
        return fail(E_INVALID, "The qcow2 image is encrypted.");
    if (header->cluster_bits < 9 || header->cluster_bits > 21)
        return fail(E_INVALID, "The qcow2 header's cluster size is not legal.");
    if (header->version == 3 && (header->length < HEADER_V3_SIZE || header->length % 8))
        return fail(E_INVALID, "The qcow2 header's length is not legal.");
    return check_tables(source, header);
}

static enum err check_extension(uint32_t type)
{
    if (type == EXTENSION_DATA_FILE)
        return fail(E_INVALID, "The qcow2 image has an external data file.");
    if (type == EXTENSION_BACKING_FORMAT)
        return fail(E_INVALID, "The qcow2 image has a backing file format.");
    if (type == EXTENSION_ENCRYPTION)
        return fail(E_INVALID, "The qcow2 image is encrypted.");
    return OK;
}

/* Extensions fill what the header leaves of the first cluster. */
static enum err check_extensions(const struct image_source *source, const struct header *header)
{
    const uint64_t end = UINT64_C(1) << header->cluster_bits;
    uint64_t at = header->length;
    for (int count = 0; at + 8 <= end && at + 8 <= source->size; count++) {
        uint8_t bytes[8];
        TRY(source_read(source, at, bytes, sizeof(bytes)));
        const uint32_t type = (uint32_t)big_endian(bytes, 4);
        if (type == EXTENSION_END)
            return OK;
        if (count == EXTENSION_MAX)
            return fail(E_INVALID, "The qcow2 image has too many header extensions.");
        TRY(check_extension(type));
        at += 8 + ((big_endian(bytes + 4, 4) + 7) & ~UINT64_C(7));
    }
    return at <= end ? OK : fail(E_INVALID, "The qcow2 image's header extensions leave the first cluster.");
}

enum err qcow2_examine(const struct image_source *source, uint64_t *out_virtual_bytes)
{
    struct header header;
    TRY(read_header(source, &header));
    TRY(check_header(source, &header));
    TRY(check_extensions(source, &header));
    *out_virtual_bytes = header.size;
    return OK;
}
