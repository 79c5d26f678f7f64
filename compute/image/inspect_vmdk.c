/*
 * VMDK: only a single sparse file that holds its own descriptor (monolithicSparse, streamOptimized). A descriptor on its own,
 * extents in other files, and children of a parent are refused.
 */
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "compute/image/inspect_inside.h"
#include "gateway/base/text.h"

#define DESCRIPTOR_MAX     (64U << 10)
#define DESCRIPTOR_SECTORS 20 /* what QEMU reads, whatever the header says */

/* A descriptor in text, as QEMU recognises it: comments and blank lines, then the version. */
static bool is_descriptor(const char *text, size_t length)
{
    static const char *const versions[] = {"version=1", "version=2", "version=3"};
    size_t at = 0;
    if (length >= 21 && strncasecmp(text, "# Disk DescriptorFile", 21) == 0)
        return true;
    while (at < length && (text[at] == '#' || text[at] == ' ' || text[at] == '\n' || text[at] == '\r')) {
        while (at < length && text[at] != '\n')
            at++;
        at += at < length;
    }
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        if (length - at >= 9 && strncasecmp(text + at, versions[i], 9) == 0)
            return true;
    return false;
}

bool vmdk_matches(const struct probe *probe)
{
    return has_bytes(probe->head, "KDMV", 4) || has_bytes(probe->head, "COWD", 4) ||
           is_descriptor((const char *)probe->head, probe->head_length);
}

static enum err check_type(const char *value)
{
    static const char *const types[] = {"\"monolithicSparse\"", "\"streamOptimized\""};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcasecmp(value, types[i]) == 0)
            return OK;
    return fail(E_INVALID, "The VMDK image is of a type that needs other files.");
}

static enum err check_parent_id(const char *value)
{
    return strcasecmp(value, "ffffffff") == 0 ? OK : fail(E_INVALID, "The VMDK image has a parent.");
}

static const struct {
    const char *key;
    enum err (*check)(const char *value);
} keys[] = {
    {"createType", check_type},
    {"parentCID", check_parent_id},
};

/* `RW 20480 SPARSE "disk.vmdk"`: the file itself under some name, never a path. */
static enum err check_extent(const char *line)
{
    const char *type = line + strcspn(line, " \t");
    type += strspn(type, " \t0123456789");
    const char *name = strchr(line, '"');
    if (strncasecmp(type, "SPARSE", 6) != 0 || !name || strpbrk(name, "/\\") || strstr(name, ".."))
        return fail(E_INVALID, "The VMDK image has an extent in another file.");
    return OK;
}

static bool is_extent(const char *line)
{
    static const char *const accesses[] = {"RW", "RDONLY", "NOACCESS"};
    for (size_t i = 0; i < ARRAY_LEN(accesses); i++) {
        const size_t length = strlen(accesses[i]);
        if (strncasecmp(line, accesses[i], length) == 0 && (line[length] == ' ' || line[length] == '\t'))
            return true;
    }
    return false;
}

static enum err check_setting(char *line, bool *typed)
{
    char *equals = strchr(line, '=');
    if (!equals)
        return OK;
    char *end = equals;
    while (end > line && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    const char *value = equals + 1 + strspn(equals + 1, " \t");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcasecmp(line, keys[i].key) == 0)
            TRY(keys[i].check(value));
    *typed = *typed || strcasecmp(line, "createType") == 0;
    return OK;
}

static void trim_end(char *line)
{
    size_t length = strlen(line);
    while (length && isspace((unsigned char)line[length - 1]))
        line[--length] = '\0';
}

static enum err check_descriptor(char *text)
{
    size_t extents = 0;
    bool typed = false;
    for (char *line = text; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] == '\n');
        line[length] = '\0';
        line += strspn(line, " \t\r");
        trim_end(line);
        if (is_extent(line)) {
            extents++;
            TRY(check_extent(line));
        } else if (*line != '#') {
            TRY(check_setting(line, &typed));
        }
        line = next;
    }
    if (!typed || extents != 1)
        return fail(E_INVALID, "The VMDK descriptor has no type, or not exactly one extent.");
    return OK;
}

static void free_text(char **text)
{
    free(*text);
}

static enum err read_descriptor(const struct image_source *source, uint64_t sector, uint64_t sectors)
{
    if (sector == 0 || sectors == 0)
        return fail(E_INVALID, "The VMDK image has no descriptor.");
    if (sectors > DESCRIPTOR_MAX / SECTOR || sector > INT64_MAX / SECTOR)
        return fail(E_INVALID, "The VMDK image's descriptor is too large.");
    const uint64_t wanted = (sectors < DESCRIPTOR_SECTORS ? DESCRIPTOR_SECTORS : sectors) * SECTOR;
    const uint64_t left = sector * SECTOR < source->size ? source->size - sector * SECTOR : 0;
    const size_t length = (size_t)(wanted < left ? wanted : left);
    CLEANUP(free_text) char *text = calloc(1, length + 1);
    if (!text)
        return fail(E_INTERNAL, "Out of memory.");
    TRY(source_read(source, sector * SECTOR, text, length));
    if (strcasestr(text, "parentFileNameHint")) /* anywhere: QEMU just searches for it */
        return fail(E_INVALID, "The VMDK image names a parent file.");
    return check_descriptor(text);
}

/* QEMU takes the header's last copy as the truth when the first one says that the directory's place came later. */
static enum err read_footer(const struct image_source *source, uint8_t header[SECTOR])
{
    if (source->size < 3 * SECTOR)
        return fail(E_INVALID, "The VMDK image is truncated.");
    TRY(source_read(source, source->size - 2 * SECTOR, header, SECTOR));
    return has_bytes(header, "KDMV", 4) ? OK : fail(E_INVALID, "The VMDK image has no footer.");
}

/* Without a capacity QEMU follows the descriptor to other files. */
static enum err check_capacity(uint64_t sectors)
{
    if (sectors == 0 || sectors > INT64_MAX / SECTOR)
        return fail(E_INVALID, "The VMDK header's capacity is not legal.");
    return OK;
}

enum err vmdk_examine(const struct image_source *source, uint64_t *out_virtual_bytes)
{
    uint8_t header[SECTOR];
    TRY(source_read(source, 0, header, sizeof(header)));
    if (!has_bytes(header, "KDMV", 4))
        return fail(E_INVALID, "The VMDK image keeps its data in other files.");
    const uint64_t sector = little_endian(header + 28, 8);
    const uint64_t sectors = little_endian(header + 36, 8);
    TRY(check_capacity(little_endian(header + 12, 8)));
    TRY(read_descriptor(source, sector, sectors));
    if (little_endian(header + 56, 8) == UINT64_MAX) {
        TRY(read_footer(source, header));
        TRY(check_capacity(little_endian(header + 12, 8)));
        if (little_endian(header + 28, 8) && little_endian(header + 36, 8))
            TRY(read_descriptor(source, little_endian(header + 28, 8), little_endian(header + 36, 8)));
    }
    *out_virtual_bytes = little_endian(header + 12, 8) * SECTOR;
    return OK;
}
