/*
 * Bytes into a volume.
 *
 * libvirt cannot rename a volume, so completeness is recorded beside it: a small volume "NAME.part" exists while NAME is
 * incomplete, and outlives whoever died in between. Its capacity is a random number that tells whose upload it is: a later upload
 * of the same name takes the marker over, and the earlier one notices that at its end and reports a conflict instead of success.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compute/hypervisor/host.h"

enum {
    CHUNK = 256 * 1024,
    MARKER_UNIT = 512,
    MARKER_NUMBERS = 100000,
};

struct upload_job {
    struct host_job base;
    const char *name;
    const char *format;
    const char *marker;
    uint64_t ticket; /* capacity of our marker */
    int fd;
    uint64_t length;
};

void stream_drop(virStreamPtr *stream)
{
    if (*stream)
        (void)virStreamFree(*stream);
}

const char *upload_marker_name(struct arena *arena, const char *name)
{
    return arena_printf(arena, "%s.part", name);
}

/* Where the driver keeps real files: the file's size. Else what the volume was made with. */
static enum err read_size(virStorageVolPtr volume, const struct driver *driver, uint64_t *out)
{
    virStorageVolInfo info;
    const int result = driver->upload ? virStorageVolGetInfoFlags(volume, &info, VIR_STORAGE_VOL_GET_PHYSICAL)
                                      : virStorageVolGetInfo(volume, &info);
    if (result < 0)
        return fail_libvirt("virStorageVolGetInfo");
    *out = driver->upload ? info.allocation : info.capacity;
    return OK;
}

static enum err is_complete(virStoragePoolPtr pool, const struct driver *driver, const struct upload_job *job, bool *out)
{
    CLEANUP(volume_drop) virStorageVolPtr volume = NULL;
    CLEANUP(volume_drop) virStorageVolPtr marker = NULL;
    TRY(volume_find(pool, job->name, &volume));
    TRY(volume_find(pool, job->marker, &marker));
    uint64_t size = 0;
    if (volume && !marker)
        TRY(read_size(volume, driver, &size));
    *out = volume && !marker && size == job->length;
    return OK;
}

static enum err take_marker(virStoragePoolPtr pool, struct upload_job *job)
{
    CLEANUP(volume_drop) virStorageVolPtr marker = NULL;
    TRY(volume_remove(pool, job->marker));
    job->ticket = MARKER_UNIT * (1 + (uint64_t)random_below(MARKER_NUMBERS));
    return volume_make(pool, volume_xml(&job->base.job.arena, job->marker, "raw", job->ticket, ""), &marker);
}

/* E_CONFLICT when another upload of this name began after ours. */
static enum err drop_marker(virStoragePoolPtr pool, const struct driver *driver, const struct upload_job *job)
{
    CLEANUP(volume_drop) virStorageVolPtr marker = NULL;
    TRY(volume_find(pool, job->marker, &marker));
    uint64_t ticket = 0;
    if (marker)
        TRY(read_size(marker, driver, &ticket));
    if (ticket != job->ticket)
        return fail(E_CONFLICT, "Another upload of volume '%s' took this one's place.", job->name);
    return volume_remove(pool, job->marker);
}

static enum err read_chunk(const struct upload_job *job, uint64_t offset, char *out, size_t *out_length)
{
    const size_t wanted = job->length - offset < CHUNK ? (size_t)(job->length - offset) : CHUNK;
    const ssize_t got = pread(job->fd, out, wanted, (off_t)offset);
    if (got < 0 && errno != EINTR)
        return fail(E_INTERNAL, "Volume '%s': its source cannot be read: %s", job->name, strerror(errno));
    if (got == 0)
        return fail(E_INVALID, "Volume '%s': its source ends after %llu of %llu bytes.", job->name, (unsigned long long)offset,
                    (unsigned long long)job->length);
    *out_length = got > 0 ? (size_t)got : 0;
    return OK;
}

static enum err send_all(virStreamPtr stream, const char *bytes, size_t length)
{
    for (size_t sent = 0; sent < length;) {
        const int result = virStreamSend(stream, bytes + sent, length - sent);
        if (result < 0)
            return fail_libvirt("virStreamSend");
        sent += (size_t)result;
    }
    return OK;
}

static enum err send_file(virStreamPtr stream, const struct upload_job *job)
{
    CLEANUP(string_drop) char *chunk = malloc(CHUNK);
    if (!chunk)
        abort();
    for (uint64_t offset = 0; offset < job->length;) {
        size_t length = 0;
        TRY(read_chunk(job, offset, chunk, &length));
        TRY(send_all(stream, chunk, length));
        offset += length;
    }
    return OK;
}

static enum err fill(virConnectPtr connection, virStorageVolPtr volume, const struct upload_job *job)
{
    if (job->length == 0)
        return OK;
    CLEANUP(stream_drop) virStreamPtr stream = virStreamNew(connection, 0);
    if (!stream || virStorageVolUpload(volume, stream, 0, job->length, 0) < 0)
        return fail_libvirt("virStorageVolUpload");
    const enum err sent = send_file(stream, job);
    if (sent != OK) {
        (void)virStreamAbort(stream);
        return sent;
    }
    return virStreamFinish(stream) == 0 ? OK : fail_libvirt("virStreamFinish");
}

static enum err run_upload(struct host *host, virConnectPtr connection, struct host_job *base)
{
    struct upload_job *job = (struct upload_job *)base;
    CLEANUP(pool_drop) virStoragePoolPtr pool = NULL;
    CLEANUP(volume_drop) virStorageVolPtr volume = NULL;
    const struct driver *driver;
    TRY(driver_of(connection, &driver));
    TRY(pool_open(host, connection, &pool));
    bool complete = false;
    TRY(is_complete(pool, driver, job, &complete));
    if (complete)
        return OK;
    TRY(take_marker(pool, job));
    TRY(volume_remove(pool, job->name));
    /* raw while it is filled: libvirt finds out what it is when it looks at the pool again. */
    const char *format = driver->upload ? "raw" : job->format;
    TRY(volume_make(pool, volume_xml(&base->job.arena, job->name, format, job->length, ""), &volume));
    if (driver->upload)
        TRY(fill(connection, volume, job));
    return drop_marker(pool, driver, job);
}

static void close_fd(void *object)
{
    (void)close(*(int *)object);
}

enum err hypervisor_volume_upload(struct hypervisors *all, const char *host, const char *name, const char *format, int fd,
                                  uint64_t length, struct budget budget)
{
    TRY(volume_name_check(name));
    const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return fail(E_INTERNAL, "Volume '%s': its source cannot be read: %s", name, strerror(errno));
    CLEANUP(host_job_drop) struct upload_job *job = host_job_new(sizeof(*job), "volume upload", run_upload);
    struct arena *arena = &job->base.job.arena;
    job->base.job.slow = true;
    job->fd = own;
    arena_defer(arena, close_fd, &job->fd);
    job->name = arena_strdup(arena, name);
    job->format = arena_strdup(arena, format);
    job->marker = upload_marker_name(arena, name);
    job->length = length;
    return host_call(all, host, job, budget);
}
