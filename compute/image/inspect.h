/*
 * What an image file really is. Pure: works on bytes from a reader, so it can be tested and fuzzed without files.
 *
 * Guarantees that what it accepts refers to no other file (backing file, parent, external data file, extents elsewhere), has no
 * feature that this code does not know, and is of the format that was declared. It reads a bounded part of the file only, so it
 * says nothing of a damaged interior. Layouts follow QEMU's docs/interop/qcow2.txt, VMware's Virtual Disk Format 5.0, Microsoft's
 * VHD and VHDX specifications (MS-VHDX), VirtualBox's VDI header, ECMA-119.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

struct image_source {
    /* Exactly `length` bytes at `offset`; only asked for what lies within `size`. */
    enum err (*read)(void *context, uint64_t offset, void *out, size_t length);
    void *context;
    uint64_t size;
};

struct image_facts {
    const char *
        format; /* "raw", "qcow2", "iso", "vmdk", "vhd", "vhdx", "vdi", "ploop"; also what no image may be: "qcow", "qed", "luks" */
    uint64_t virtual_bytes;
};

/* Recognises the format and looks for what it may not have. E_INVALID says what was found. */
MUST_CHECK enum err image_inspect(const struct image_source *source, struct image_facts *out);

/* As image_inspect; E_INVALID too when `declared` (the API's disk_format) is not the real one. raw, aki, ari and ami are any bytes
 * that are no known container. */
MUST_CHECK enum err image_check(const struct image_source *source, const char *declared, struct image_facts *out);

/* The same for an open file of `size` bytes (borrowed, read by pread). `declared` NULL: as image_inspect. */
MUST_CHECK enum err image_check_file(int fd, uint64_t size, const char *declared, struct image_facts *out);
