/*
 * Config drive; see config_drive.h. libarchive writes straight into a file that has no name.
 *
 * libarchive keeps to the letter of ISO 9660 and writes CONFIG_2 into the primary volume descriptor (config-2 only into Joliet's).
 * Guests look for config-2, as genisoimage has it, so the label is put there afterwards.
 */
#include "compute/hypervisor/config_drive.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#define LABEL       "config-2                        " /* 32 bytes */
#define ISO_OPTIONS "iso9660:volume-id=config-2,iso9660:joliet,iso9660:rockridge=useful"

enum { LABEL_OFFSET = 16 * 2048 + 40 }; /* ECMA-119 section 8.4.7 */

static void archive_drop(struct archive **archive)
{
    if (*archive)
        (void)archive_write_free(*archive);
}

static void entry_drop(struct archive_entry **entry)
{
    if (*entry)
        archive_entry_free(*entry);
}

static enum err fail_archive(struct archive *archive)
{
    const char *words = archive ? archive_error_string(archive) : NULL;
    return fail(E_INTERNAL, "The config drive cannot be made: %s", words ? words : "out of memory");
}

static enum err add_file(struct archive *archive, const struct config_drive_file *file)
{
    CLEANUP(entry_drop) struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return fail_archive(NULL);
    archive_entry_set_pathname(entry, file->path);
    archive_entry_set_size(entry, (la_int64_t)file->length);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0444);
    archive_entry_set_mtime(entry, time(NULL), 0);
    if (archive_write_header(archive, entry) != ARCHIVE_OK)
        return fail_archive(archive);
    if (file->length > 0 && archive_write_data(archive, file->bytes, file->length) != (la_ssize_t)file->length)
        return fail_archive(archive);
    return OK;
}

static enum err write_image(int fd, const struct config_drive_file *files, size_t count)
{
    CLEANUP(archive_drop) struct archive *archive = archive_write_new();
    if (!archive || archive_write_set_format_iso9660(archive) != ARCHIVE_OK ||
        archive_write_set_options(archive, ISO_OPTIONS) != ARCHIVE_OK || archive_write_open_fd(archive, fd) != ARCHIVE_OK)
        return fail_archive(archive);
    for (size_t i = 0; i < count; i++)
        TRY(add_file(archive, &files[i]));
    return archive_write_close(archive) == ARCHIVE_OK ? OK : fail_archive(archive);
}

/* A file without a name; where the file system has no such thing, one whose name is taken away at once. */
static int open_nameless(const char *directory)
{
    const int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    char path[PATH_MAX];
    if (fd >= 0 || errno != EOPNOTSUPP || snprintf(path, sizeof(path), "%s/config-drive-XXXXXX", directory) >= (int)sizeof(path))
        return fd;
    const int named = mkostemp(path, O_CLOEXEC);
    if (named >= 0)
        (void)unlink(path);
    return named;
}

static enum err fill(int fd, const struct config_drive_file *files, size_t count, size_t *out_length)
{
    TRY(write_image(fd, files, count));
    if (pwrite(fd, LABEL, sizeof(LABEL) - 1, LABEL_OFFSET) != (ssize_t)sizeof(LABEL) - 1)
        return fail(E_INTERNAL, "The config drive cannot be labelled: %s", strerror(errno));
    struct stat status;
    if (fstat(fd, &status) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return fail(E_INTERNAL, "The config drive cannot be read: %s", strerror(errno));
    *out_length = (size_t)status.st_size;
    return OK;
}

enum err config_drive_make(const char *directory, const struct config_drive_file *files, size_t count, int *out_fd,
                           size_t *out_length)
{
    const int fd = open_nameless(directory);
    if (fd < 0)
        return fail(E_INTERNAL, "The config drive cannot be made in %s: %s", directory, strerror(errno));
    const enum err result = fill(fd, files, count, out_length);
    if (result == OK)
        *out_fd = fd;
    else
        (void)close(fd);
    return result;
}
