/* What a guest's XML needs to know of its host; asked once per connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/hypervisor/host.h"
#include "gateway/base/log.h"

enum { FIRST_WITH_TB_CACHE = 8000000 };

static enum err read_arch(virConnectPtr connection, char *out, size_t size)
{
    CLEANUP(string_drop) char *xml = virConnectGetCapabilities(connection);
    if (!xml)
        return fail_libvirt("virConnectGetCapabilities");
    CLEANUP(arena_clear) struct arena arena = {0};
    struct xml_span host;
    const char *arch = xml_find(xml_document(xml), "host", &host) ? xml_text(&arena, host, "arch") : NULL;
    if (!arch || strlen(arch) >= size)
        return fail(E_INTERNAL, "libvirt does not say which architecture the host has.");
    (void)snprintf(out, size, "%s", arch);
    return OK;
}

static enum err decide_kvm(struct host *host, virConnectPtr connection, const struct host_facts *facts, bool *out)
{
    if (!facts->driver->kvm || strcmp(host->virt_type, "qemu") == 0) {
        *out = false;
        return OK;
    }
    if (strcmp(host->virt_type, "kvm") == 0) {
        *out = true; /* the administrator's word */
        return OK;
    }
    return kvm_probe(host, connection, facts->arch, out);
}

static enum err ask(struct host *host, virConnectPtr connection, struct host_facts *out)
{
    TRY(driver_of(connection, &out->driver));
    TRY(read_arch(connection, out->arch, sizeof(out->arch)));
    CLEANUP(pool_drop) virStoragePoolPtr pool = NULL;
    TRY(pool_open(host, connection, &pool));
    TRY(pool_read_path(pool, out->pool_path, sizeof(out->pool_path)));
    unsigned long version = 0;
    if (virConnectGetLibVersion(connection, &version) < 0)
        return fail_libvirt("virConnectGetLibVersion");
    out->bound_tcg = version >= FIRST_WITH_TB_CACHE;
    TRY(decide_kvm(host, connection, out, &out->kvm));
    log_info("hypervisor.host.facts", "host=%s driver=%s arch=%s kvm=%s pool_path=%s", host->name, out->driver->name, out->arch,
             out->kvm ? "yes" : "no", out->pool_path);
    return OK;
}

static bool recall(struct host *host, struct host_facts *out)
{
    (void)pthread_mutex_lock(&host->lock);
    const bool known = host->facts_known;
    if (known)
        *out = host->facts;
    (void)pthread_mutex_unlock(&host->lock);
    return known;
}

/* Only if the connection that was asked is still the host's. */
static void remember(struct host *host, virConnectPtr connection, const struct host_facts *facts)
{
    (void)pthread_mutex_lock(&host->lock);
    if (host->connection == connection) {
        host->facts = *facts;
        host->facts_known = true;
    }
    (void)pthread_mutex_unlock(&host->lock);
}

enum err host_facts(struct host *host, virConnectPtr connection, struct host_facts *out)
{
    if (recall(host, out))
        return OK;
    host_enter(host);
    enum err result = OK;
    if (!recall(host, out)) {
        struct host_facts facts = {0};
        result = ask(host, connection, &facts);
        if (result == OK) {
            remember(host, connection, &facts);
            *out = facts;
        }
    }
    host_leave(host);
    return result;
}
