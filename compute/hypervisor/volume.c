/*
 * The storage pool of a host and its volumes, without their bytes (upload.c).
 *
 * The pool is a directory pool; a host that lacks it gets it. Everything can be repeated: two lane threads, or two gateways, may do
 * the same thing at the same time, so whatever fails because it is there already is looked up again.
 */
#include <stdio.h>
#include <string.h>

#include "compute/hypervisor/host.h"

struct volume_job {
    struct host_job base;
    const char *name;
    const char *format;
    const char *backing;
    const char *backing_format;
    uint64_t bytes;
    bool exists;
};

void volume_drop(virStorageVolPtr *volume)
{
    if (*volume)
        (void)virStorageVolFree(*volume);
}

static void define_pool(struct host *host, virConnectPtr connection)
{
    CLEANUP(text_clear) struct text xml = {0};
    text_add_str(&xml, "<pool type='dir'><name>");
    xml_escape(&xml, host->pool);
    text_add_str(&xml, "</name><target><path>");
    xml_escape(&xml, host->pool_path);
    text_add_str(&xml, "</path></target></pool>");
    virStoragePoolPtr pool = virStoragePoolDefineXML(connection, text_str(&xml), 0);
    pool_drop(&pool);
}

static enum err start_pool(virStoragePoolPtr pool)
{
    if (virStoragePoolIsActive(pool) == 1)
        return OK;
    (void)virStoragePoolBuild(pool, 0); /* makes the directory; fails where there is one that we may not change: starting tells */
    if (virStoragePoolCreate(pool, 0) < 0 && virStoragePoolIsActive(pool) != 1)
        return fail_libvirt("virStoragePoolCreate");
    (void)virStoragePoolSetAutostart(pool, 1); /* else the next call starts it */
    return OK;
}

enum err pool_open(struct host *host, virConnectPtr connection, virStoragePoolPtr *out)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(connection, host->pool);
    if (!pool && libvirt_error_is(VIR_ERR_NO_STORAGE_POOL)) {
        define_pool(host, connection);
        const enum err defined = fail_libvirt("virStoragePoolDefineXML");
        pool = virStoragePoolLookupByName(connection, host->pool); /* somebody else may have been faster */
        if (!pool)
            return defined;
    }
    if (!pool)
        return fail_libvirt("virStoragePoolLookupByName");
    const enum err started = start_pool(pool);
    if (started != OK) {
        pool_drop(&pool);
        return started;
    }
    *out = pool;
    return OK;
}

enum err pool_read_path(virStoragePoolPtr pool, char *out, size_t size)
{
    CLEANUP(string_drop) char *xml = virStoragePoolGetXMLDesc(pool, 0);
    if (!xml)
        return fail_libvirt("virStoragePoolGetXMLDesc");
    CLEANUP(arena_clear) struct arena arena = {0};
    const char *path = xml_text(&arena, xml_document(xml), "path");
    if (!path || !*path || strlen(path) >= size)
        return fail(E_INVALID, "Storage pool '%s' is no directory pool: its volumes have no common path.",
                    virStoragePoolGetName(pool));
    (void)snprintf(out, size, "%s", path);
    return OK;
}

enum err volume_find(virStoragePoolPtr pool, const char *name, virStorageVolPtr *out)
{
    *out = virStorageVolLookupByName(pool, name);
    return *out || libvirt_error_is(VIR_ERR_NO_STORAGE_VOL) ? OK : fail_libvirt("virStorageVolLookupByName");
}

enum err volume_make(virStoragePoolPtr pool, const char *xml, virStorageVolPtr *out)
{
    *out = virStorageVolCreateXML(pool, xml, 0);
    return *out ? OK : fail_libvirt("virStorageVolCreateXML");
}

enum err volume_remove(virStoragePoolPtr pool, const char *name)
{
    CLEANUP(volume_drop) virStorageVolPtr volume = NULL;
    TRY(volume_find(pool, name, &volume));
    if (volume && virStorageVolDelete(volume, 0) < 0 && !libvirt_error_is(VIR_ERR_NO_STORAGE_VOL))
        return fail_libvirt("virStorageVolDelete");
    return OK;
}

const char *volume_xml(struct arena *arena, const char *name, const char *format, uint64_t bytes, const char *backing_xml)
{
    CLEANUP(text_clear) struct text xml = {0};
    text_add_str(&xml, "<volume><name>");
    xml_escape(&xml, name);
    text_add_format(&xml,
                    "</name><capacity unit='bytes'>%llu</capacity><allocation unit='bytes'>0</allocation><target><format type='",
                    (unsigned long long)bytes);
    xml_escape(&xml, format);
    text_add_str(&xml, "'/></target>");
    text_add_str(&xml, backing_xml);
    text_add_str(&xml, "</volume>");
    return arena_strdup(arena, text_str(&xml));
}

static enum err backing_xml(virStoragePoolPtr pool, const struct volume_job *job, struct text *out)
{
    if (!job->backing)
        return OK;
    CLEANUP(volume_drop) virStorageVolPtr volume = NULL;
    TRY(volume_find(pool, job->backing, &volume));
    if (!volume)
        return fail(E_NOT_FOUND, "Backing volume '%s' could not be found.", job->backing);
    CLEANUP(string_drop) char *path = virStorageVolGetPath(volume);
    if (!path)
        return fail_libvirt("virStorageVolGetPath");
    text_add_str(out, "<backingStore><path>");
    xml_escape(out, path);
    text_add_str(out, "</path><format type='");
    xml_escape(out, job->backing_format);
    text_add_str(out, "'/></backingStore>");
    return OK;
}

static enum err check_same(virStorageVolPtr volume, const struct volume_job *job)
{
    virStorageVolInfo info;
    if (virStorageVolGetInfo(volume, &info) < 0)
        return fail_libvirt("virStorageVolGetInfo");
    if (info.capacity != job->bytes)
        return fail(E_CONFLICT, "Volume '%s' exists with %llu bytes instead of %llu.", job->name, info.capacity,
                    (unsigned long long)job->bytes);
    return OK;
}

static enum err run_create(struct host *host, virConnectPtr connection, struct host_job *base)
{
    struct volume_job *job = (struct volume_job *)base;
    CLEANUP(pool_drop) virStoragePoolPtr pool = NULL;
    CLEANUP(volume_drop) virStorageVolPtr volume = NULL;
    CLEANUP(text_clear) struct text backing = {0};
    TRY(pool_open(host, connection, &pool));
    TRY(volume_find(pool, job->name, &volume));
    if (volume)
        return check_same(volume, job);
    TRY(backing_xml(pool, job, &backing));
    return volume_make(pool, volume_xml(&job->base.job.arena, job->name, job->format, job->bytes, text_str(&backing)), &volume);
}

static enum err run_delete(struct host *host, virConnectPtr connection, struct host_job *base)
{
    struct volume_job *job = (struct volume_job *)base;
    CLEANUP(pool_drop) virStoragePoolPtr pool = NULL;
    TRY(pool_open(host, connection, &pool));
    TRY(volume_remove(pool, job->name));
    return volume_remove(pool, upload_marker_name(&base->job.arena, job->name));
}

static enum err run_exists(struct host *host, virConnectPtr connection, struct host_job *base)
{
    struct volume_job *job = (struct volume_job *)base;
    CLEANUP(pool_drop) virStoragePoolPtr pool = NULL;
    CLEANUP(volume_drop) virStorageVolPtr volume = NULL;
    CLEANUP(volume_drop) virStorageVolPtr marker = NULL;
    TRY(pool_open(host, connection, &pool));
    TRY(volume_find(pool, job->name, &volume));
    TRY(volume_find(pool, upload_marker_name(&base->job.arena, job->name), &marker));
    job->exists = volume && !marker;
    return OK;
}

enum err volume_name_check(const char *name)
{
    if (!*name || name[0] == '.' || strchr(name, '/') || strlen(name) > 200 || !str_is_utf8(name, strlen(name)))
        return fail(E_INVALID, "'%.64s' is no name for a volume.", name);
    return OK;
}

static struct volume_job *new_job(const char *what, host_call_f *call, const char *name)
{
    struct volume_job *job = host_job_new(sizeof(*job), what, call);
    job->name = arena_strdup(&job->base.job.arena, name);
    return job;
}

enum err hypervisor_volume_create(struct hypervisors *all, const char *host, const char *name, const char *format, uint64_t bytes,
                                  const char *backing, const char *backing_format, struct budget budget)
{
    TRY(volume_name_check(name));
    CLEANUP(host_job_drop) struct volume_job *job = new_job("volume create", run_create, name);
    struct arena *arena = &job->base.job.arena;
    job->format = arena_strdup(arena, format);
    job->backing = arena_strdup(arena, backing);
    job->backing_format = arena_strdup(arena, backing_format);
    job->bytes = bytes;
    return host_call(all, host, job, budget);
}

enum err hypervisor_volume_delete(struct hypervisors *all, const char *host, const char *name, struct budget budget)
{
    TRY(volume_name_check(name));
    CLEANUP(host_job_drop) struct volume_job *job = new_job("volume delete", run_delete, name);
    return host_call(all, host, job, budget);
}

enum err hypervisor_volume_exists(struct hypervisors *all, const char *host, const char *name, struct budget budget, bool *out)
{
    TRY(volume_name_check(name));
    CLEANUP(host_job_drop) struct volume_job *job = new_job("volume exists", run_exists, name);
    TRY(host_call(all, host, job, budget));
    *out = job->exists;
    return OK;
}
