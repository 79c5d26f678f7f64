/*
 * The serial console of a guest, through libvirt alone, so that a remote host is no different.
 *
 * QEMU appends what the guest prints to "<uuid>.console" in the pool's directory. The file is made as a volume before the domain is
 * defined, so libvirt knows it and its bytes can be downloaded. Where virtlogd writes the log (libvirt's default) it keeps at most
 * 2 MiB in the file and three older pieces beside it; those are removed with the server, but never read.
 */
#include <string.h>

#include "compute/hypervisor/host.h"
#include "gateway/base/log.h"

struct console_job {
    struct host_job base;
    const char *volume;
    size_t most;
    char *bytes;
    size_t length;
};

static const char *const older_pieces[] = {".0", ".1", ".2"};

const char *console_volume_name(struct arena *arena, const char *server)
{
    return arena_printf(arena, "%s.console", server);
}

enum err console_make(struct host *host, virConnectPtr connection, struct arena *arena, const char *server)
{
    const char *name = console_volume_name(arena, server);
    CLEANUP(pool_drop) virStoragePoolPtr pool = NULL;
    CLEANUP(volume_drop) virStorageVolPtr volume = NULL;
    TRY(pool_open(host, connection, &pool));
    TRY(volume_find(pool, name, &volume));
    return volume ? OK : volume_make(pool, volume_xml(arena, name, "raw", 0, ""), &volume);
}

enum err console_remove(struct host *host, virConnectPtr connection, struct arena *arena, const char *server)
{
    const struct driver *driver;
    TRY(driver_of(connection, &driver));
    if (!driver->console)
        return OK;
    const char *name = console_volume_name(arena, server);
    CLEANUP(pool_drop) virStoragePoolPtr pool = NULL;
    TRY(pool_open(host, connection, &pool));
    TRY(volume_remove(pool, name));
    if (virStoragePoolRefresh(pool, 0) <
        0) { /* refused while another volume is being made: the pieces stay, nothing else suffers */
        log_info("hypervisor.console.pieces", "host=%s server=%s error=%s", host->name, server,
                 log_quote(virGetLastErrorMessage()).text);
        return OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(older_pieces); i++)
        TRY(volume_remove(pool, arena_printf(arena, "%s%s", name, older_pieces[i])));
    return OK;
}

static enum err receive(virStreamPtr stream, char *out, size_t size, size_t *out_length)
{
    size_t length = 0;
    while (length < size) {
        const int got = virStreamRecv(stream, out + length, size - length);
        if (got < 0)
            return fail_libvirt("virStreamRecv");
        if (got == 0)
            break; /* the file became shorter */
        length += (size_t)got;
    }
    *out_length = length;
    return OK;
}

static enum err download(virConnectPtr connection, virStorageVolPtr volume, uint64_t offset, struct console_job *job)
{
    CLEANUP(stream_drop) virStreamPtr stream = virStreamNew(connection, 0);
    if (!stream || virStorageVolDownload(volume, stream, offset, job->length, 0) < 0)
        return fail_libvirt("virStorageVolDownload");
    const enum err received = receive(stream, job->bytes, job->length, &job->length);
    if (received != OK) {
        (void)virStreamAbort(stream);
        return received;
    }
    return virStreamFinish(stream) == 0 ? OK : fail_libvirt("virStreamFinish");
}

/* The volume, after another look into the directory when libvirt does not know it. */
static enum err find_log(virStoragePoolPtr pool, const char *name, virStorageVolPtr *out)
{
    TRY(volume_find(pool, name, out));
    if (!*out && virStoragePoolRefresh(pool, 0) == 0)
        TRY(volume_find(pool, name, out));
    return *out ? OK : fail(E_NOT_FOUND, "The console log %s could not be found.", name);
}

static enum err run_console(struct host *host, virConnectPtr connection, struct host_job *base)
{
    struct console_job *job = (struct console_job *)base;
    const struct driver *driver;
    TRY(driver_of(connection, &driver));
    if (!driver->console)
        return fail(E_NOT_IMPLEMENTED, "The libvirt driver %s has no console log.", driver->name);
    CLEANUP(pool_drop) virStoragePoolPtr pool = NULL;
    CLEANUP(volume_drop) virStorageVolPtr volume = NULL;
    TRY(pool_open(host, connection, &pool));
    TRY(find_log(pool, job->volume, &volume));
    virStorageVolInfo info;
    if (virStorageVolGetInfoFlags(volume, &info, VIR_STORAGE_VOL_GET_PHYSICAL) < 0)
        return fail_libvirt("virStorageVolGetInfo");
    job->length = info.allocation < job->most ? (size_t)info.allocation : job->most;
    job->bytes = arena_alloc(&base->job.arena, job->length + 1);
    return job->length ? download(connection, volume, info.allocation - job->length, job) : OK;
}

enum err hypervisor_console(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget,
                            struct arena *arena, const char **out, size_t *out_length)
{
    CLEANUP(host_job_drop) struct console_job *job = host_job_new(sizeof(*job), "console", run_console);
    job->volume = console_volume_name(&job->base.job.arena, uuid_to_text(server).text);
    job->most = hypervisors_console_bytes(all);
    TRY(host_call(all, host, job, budget));
    char *bytes = arena_alloc(arena, job->length + 1);
    memcpy(bytes, job->bytes, job->length);
    *out = bytes;
    *out_length = job->length;
    return OK;
}
