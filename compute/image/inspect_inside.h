/* Between inspect.c and the formats; nobody else includes it. */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "compute/image/inspect.h"

#define SECTOR 512

/* What recognising needs, read once: the first and last sector (zeros where the file is shorter), the first volume descriptor. */
struct probe {
    uint8_t head[SECTOR];
    uint8_t tail[SECTOR];
    uint8_t volume_descriptor[6]; /* at 32768, ECMA-119 */
    size_t head_length;
};

/* E_INVALID when the file ends before. */
MUST_CHECK enum err source_read(const struct image_source *source, uint64_t offset, void *out, size_t length);

static inline uint64_t big_endian(const uint8_t *bytes, unsigned length)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < length; i++)
        value = value << 8 | bytes[i];
    return value;
}

static inline uint64_t little_endian(const uint8_t *bytes, unsigned length)
{
    uint64_t value = 0;
    for (unsigned i = length; i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

static inline bool has_bytes(const uint8_t *bytes, const char *expected, size_t length)
{
    return memcmp(bytes, expected, length) == 0;
}

static inline bool is_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i])
            return false;
    return true;
}

/* One row of the table in inspect.c. `examine` looks for what is refused, and gives the virtual size. */
typedef bool format_matches_f(const struct probe *probe);
typedef enum err format_examine_f(const struct image_source *source, uint64_t *out_virtual_bytes);

format_examine_f qcow2_examine; /* inspect_qcow2.c */
format_matches_f vmdk_matches;  /* inspect_vmdk.c */
format_examine_f vmdk_examine;
format_examine_f vhd_examine; /* inspect_vhd.c */
format_examine_f vhdx_examine;
format_examine_f vdi_examine; /* inspect.c */
