/*
 * libFuzzer target: any bytes as an image file through the inspector. The first 64 KiB of the file are the input's front, its last
 * bytes lie at the file's end, and the places where formats keep their second headers are filled from the middle, so that a short
 * input reaches them all. Checked besides crashes: no read outside the file, a refusal has a message, an accepted format is one of
 * ours, and what a check accepts it accepts for its own format only.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compute/image/inspect.h"
#include "gateway/base/text.h"

#define FILE_SIZE (320U << 10)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

struct file {
    uint64_t size;
    uint8_t bytes[FILE_SIZE];
};

static enum err read_file(void *context, uint64_t offset, void *out, size_t length)
{
    const struct file *file = context;
    if (offset > file->size || length > file->size - offset)
        abort();
    memcpy(out, file->bytes + offset, length);
    return OK;
}

static void place(struct file *file, uint64_t at, const uint8_t *bytes, size_t length)
{
    if (at < file->size)
        memcpy(file->bytes + at, bytes, length < file->size - at ? length : (size_t)(file->size - at));
}

/* Small inputs are files of their own; larger ones are spread. */
static void spread(struct file *file, const uint8_t *bytes, size_t length)
{
    static const uint64_t places[] = {32768, 192U << 10, 256U << 10};
    const size_t part = length / 5;
    file->size = FILE_SIZE;
    place(file, 0, bytes, part);
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        place(file, places[i], bytes + (i + 1) * part, part);
    place(file, FILE_SIZE - (length - 4 * part), bytes + 4 * part, length - 4 * part);
}

static void look(const struct file *file)
{
    static const char *const accepted[] = {"raw", "qcow2", "iso", "vmdk", "vhd", "vhdx", "vdi", "ploop"};
    const struct image_source source = {read_file, (void *)file, file->size};
    struct image_facts facts = {0};
    bool known = false;
    if (image_inspect(&source, &facts) != OK) {
        if (*err_message() == '\0')
            abort();
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        const bool is_it = str_equal(accepted[i], facts.format);
        struct image_facts checked;
        known = known || is_it;
        if ((image_check(&source, accepted[i], &checked) == OK) != is_it)
            abort();
    }
    if (!known || facts.virtual_bytes > INT64_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct file file; /* too large for a stack; one thread */
    if (length > FILE_SIZE)
        return 0;
    memset(&file, 0, sizeof(file));
    file.size = length;
    memcpy(file.bytes, bytes, length);
    look(&file);
    memset(&file, 0, sizeof(file));
    spread(&file, bytes, length);
    look(&file);
    return 0;
}
