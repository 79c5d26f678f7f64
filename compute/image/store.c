/*
 * See store.h. The lock (an open file description's) belongs to the open file, not to its name: it goes from `<id>.part` to `<id>`
 * with the rename and ends with the process. Whoever takes the lock looks afterwards whether the name still means the same file.
 */
#include "compute/image/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/image.h"

#define PART_SUFFIX    ".part"
#define NAME_SIZE      64
#define BEGIN_ATTEMPTS 8

struct image_store {
    int directory;
    uint64_t max_bytes;
};

struct image_write {
    struct uuid id;
    int directory; /* a copy of the store's */
    int fd;        /* -1: nothing is open */
    bool finished;
    uint64_t size;
    uint64_t max_bytes;
    struct digest *digest;
};

struct file_name {
    char text[NAME_SIZE];
};

static struct file_name name_of(const struct uuid *id, const char *suffix)
{
    struct file_name name;
    (void)snprintf(name.text, sizeof(name.text), "%s%s", uuid_to_text(id).text, suffix);
    return name;
}

static enum err fail_file(const char *what, const char *name)
{
    const int cause = errno;
    if (cause == ENOSPC || cause == EDQUOT || cause == EFBIG)
        return fail(E_TOO_LARGE, "There is not enough space for image data in this zone.");
    return fail(E_INTERNAL, "image store: %s %s: %s", what, name, strerrordesc_np(cause));
}

static enum err open_directory(const char *path, int *out)
{
    if (mkdir(path, 0700) && errno != EEXIST)
        return fail_file("cannot make", path);
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_file("cannot open", path);
    *out = fd;
    return OK;
}

enum err image_store_open(const char *state_dir, uint64_t max_bytes, struct image_store **out)
{
    int directory = -1;
    CLEANUP(text_clear) struct text path = {0};
    text_add_format(&path, "%s/images", state_dir);
    TRY(open_directory(text_str(&path), &directory));
    struct image_store *store = malloc(sizeof(*store));
    if (!store)
        abort();
    *store = (struct image_store){directory, max_bytes};
    *out = store;
    return OK;
}

void image_store_close(struct image_store *store)
{
    if (store)
        (void)close(store->directory);
    free(store);
}

uint64_t image_store_max_bytes(const struct image_store *store)
{
    return store->max_bytes;
}

static enum err look_before_use(int fd, const char *id, uint64_t *out_size)
{
    struct stat status;
    struct image_facts facts;
    if (fstat(fd, &status))
        return fail_file("cannot look at", id);
    TRY(image_check_file(fd, (uint64_t)status.st_size, NULL, &facts));
    *out_size = (uint64_t)status.st_size;
    return OK;
}

enum err image_open(const struct image_store *store, const char *id, int *out_fd, uint64_t *out_size)
{
    struct uuid uuid;
    if (uuid_from_text(id, &uuid) != OK)
        return fail(E_NOT_FOUND, "No image found with ID %s", id);
    const struct file_name name = name_of(&uuid, "");
    const int fd = openat(store->directory, name.text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return fail(E_NOT_FOUND, "Image %s has no data in this zone.", id);
    if (fd < 0)
        return fail_file("cannot open", name.text);
    const enum err looked = look_before_use(fd, id, out_size);
    if (looked != OK) {
        (void)close(fd);
        return looked;
    }
    *out_fd = fd;
    return OK;
}

static enum err remove_name(int directory, const char *name)
{
    if (unlinkat(directory, name, 0) && errno != ENOENT)
        return fail_file("cannot remove", name);
    return OK;
}

enum err image_store_remove(const struct image_store *store, const struct uuid *id)
{
    return remove_name(store->directory, name_of(id, "").text);
}

/* True when `name` in the directory is the file that `fd` has open. */
static bool is_named(int directory, const char *name, int fd)
{
    struct stat named;
    struct stat held;
    return fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &held) == 0 && named.st_ino == held.st_ino &&
           named.st_dev == held.st_dev;
}

static bool take_lock(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Asks only: a lock taken to see whether it can be taken would refuse a writer that begins now. */
static bool is_locked(int directory, const char *name)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int fd = openat(directory, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool locked = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    (void)close(fd);
    return locked;
}

/* The partial file, locked and empty. E_RETRY: its name was taken away between opening and locking it. */
static enum err open_part(int directory, const char *name, int *out)
{
    const int fd = openat(directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_file("cannot make", name);
    enum err result = OK;
    if (!take_lock(fd))
        result = errno == EAGAIN || errno == EACCES ? fail(E_CONFLICT, "The image's data is being uploaded already.")
                                                    : fail_file("cannot lock", name);
    else if (!is_named(directory, name, fd))
        result = fail(E_RETRY, "image store: %s was replaced", name);
    else if (ftruncate(fd, 0))
        result = fail_file("cannot empty", name);
    if (result == OK)
        *out = fd;
    else
        (void)close(fd);
    return result;
}

enum err image_store_write_begin(const struct image_store *store, const struct uuid *id, struct image_write **out)
{
    int fd = -1;
    const struct file_name name = name_of(id, PART_SUFFIX);
    enum err result = E_RETRY;
    for (int attempt = 0; result == E_RETRY && attempt < BEGIN_ATTEMPTS; attempt++)
        result = open_part(store->directory, name.text, &fd);
    TRY(result);
    const int directory = fcntl(store->directory, F_DUPFD_CLOEXEC, 0);
    struct image_write *write = calloc(1, sizeof(*write));
    if (!write)
        abort();
    *write = (struct image_write){*id, directory, fd, false, 0, store->max_bytes, digest_new()};
    *out = write;
    if (directory >= 0)
        return OK;
    result = fail_file("cannot open", "the directory");
    image_store_write_close(write);
    *out = NULL;
    return result;
}

static enum err write_all(int fd, const uint8_t *bytes, size_t length)
{
    while (length) {
        const ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_file("cannot write", "an image");
        bytes += written;
        length -= (size_t)written;
    }
    return OK;
}

enum err image_store_write_add(struct image_write *write, const void *bytes, size_t length)
{
    if (length > write->max_bytes - write->size)
        return fail(E_TOO_LARGE, "The image is larger than %llu bytes, the most that this zone takes.",
                    (unsigned long long)write->max_bytes);
    TRY(write_all(write->fd, bytes, length));
    digest_add(write->digest, bytes, length);
    write->size += length;
    return OK;
}

static enum err check_content(const struct image_write *write, const char *disk_format, const char *sha512,
                              struct image_written *out)
{
    struct image_facts facts;
    TRY(image_check_file(write->fd, write->size, disk_format, &facts));
    out->virtual_size = facts.virtual_bytes;
    if (sha512 && !str_equal_nocase(sha512, out->digests.sha512))
        return fail(E_INVALID, "The image's data is not what was announced: its SHA-512 differs.");
    return OK;
}

static enum err publish(const struct image_write *write)
{
    const struct file_name part = name_of(&write->id, PART_SUFFIX);
    const struct file_name name = name_of(&write->id, "");
    if (fsync(write->fd))
        return fail_file("cannot sync", part.text);
    if (renameat(write->directory, part.text, write->directory, name.text))
        return fail_file("cannot rename", part.text);
    return fsync(write->directory) ? fail_file("cannot sync", "the directory") : OK;
}

enum err image_store_write_finish(struct image_write *write, const char *disk_format, const char *sha512, struct image_written *out)
{
    struct image_written written = {.size = write->size, .digests = digest_end(write->digest)};
    TRY(check_content(write, disk_format, sha512, &written));
    TRY(publish(write));
    write->finished = true;
    *out = written;
    return OK;
}

void image_store_write_close(struct image_write *write)
{
    if (!write)
        return;
    if (!write->finished && write->directory >= 0)
        (void)unlinkat(write->directory, name_of(&write->id, PART_SUFFIX).text, 0);
    (void)close(write->fd);
    if (write->directory >= 0)
        (void)close(write->directory);
    digest_free(write->digest);
    free(write);
}

/* First the partial file, then the complete one: a rename in between moves the lock to where we look next. */
bool image_store_is_writing(const struct image_store *store, const struct uuid *id)
{
    return is_locked(store->directory, name_of(id, PART_SUFFIX).text) || is_locked(store->directory, name_of(id, "").text);
}

static void drop_write(struct image_write **write)
{
    image_store_write_close(*write);
}

/* Under the lock, so that it is not an upload which began just now that is taken back. */
static enum err requeue(const struct image_store *store, struct db *db, const struct uuid *id)
{
    CLEANUP(drop_write) struct image_write *lock = NULL;
    const enum err begun = image_store_write_begin(store, id, &lock); /* NOLINT(clang-analyzer-unix.Malloc): CLEANUP releases it */
    if (begun == E_CONFLICT || (begun == OK && is_locked(store->directory, name_of(id, "").text)))
        return OK;
    TRY(begun);
    const enum err moved = image_move(db, id, IMAGE_SAVING, IMAGE_QUEUED);
    if (moved == OK)
        log_info("image.upload_lost", "image=%s", uuid_to_text(id).text);
    return moved == E_CONFLICT || moved == E_NOT_FOUND ? OK : moved; /* someone else was faster */
}

static enum err recover_one(const struct image_store *store, struct db *db, const struct image *image)
{
    if (strcmp(image->status, IMAGE_DELETED) == 0) {
        TRY(image_store_remove(store, &image->id));
        return image_forget(db, &image->id);
    }
    return image_store_is_writing(store, &image->id) ? OK : requeue(store, db, &image->id);
}

enum err image_store_recover(const struct image_store *store, struct db *db)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct images images;
    TRY(image_unfinished(db, &arena, &images));
    for (size_t i = 0; i < images.count; i++)
        TRY(recover_one(store, db, &images.items[i]));
    return OK;
}

static void close_entries(DIR **entries)
{
    if (*entries)
        (void)closedir(*entries);
}

/* The lock is taken before the name goes, so that a writer that begins now does not lose its file. */
static enum err sweep_one(int directory, const char *name)
{
    const int fd = openat(directory, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    enum err result = OK;
    if (fd < 0)
        return errno == ENOENT ? OK : fail_file("cannot open", name);
    if (take_lock(fd) && is_named(directory, name, fd))
        result = remove_name(directory, name);
    (void)close(fd);
    return result;
}

enum err image_store_sweep(const struct image_store *store)
{
    const int fd = openat(store->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(close_entries) DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        const enum err result = fail_file("cannot read", "the directory");
        if (fd >= 0)
            (void)close(fd);
        return result;
    }
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries))
        if (str_ends(entry->d_name, PART_SUFFIX))
            TRY(sweep_one(store->directory, entry->d_name));
    return OK;
}
