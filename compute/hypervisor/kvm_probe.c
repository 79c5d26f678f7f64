/*
 * Does KVM really run guests on this host?
 *
 * /dev/kvm can exist, and libvirt advertise it, where no guest gets anywhere. So a guest with the CPU that ours get boots a sector
 * that switches the machine off; the domain disappears within seconds or KVM is not used. The domain is transient and dies with our
 * connection; the one-sector volume stays in the pool for the next time. Where we have no such sector (not x86) the proof is
 * weaker: the guest must start.
 */
#include <string.h>
#include <unistd.h>

#include "compute/hypervisor/host.h"
#include "gateway/base/log.h"

#define PROBE_VOLUME "zonegate-kvm-probe.img"

enum {
    PROBE_VOLUME_BYTES = 1 << 20, /* firmware refuses a smaller disk */
    SECTOR = 512,
    PATIENCE_MS = 15000,
};

/* cli; mov dx,0x604; mov ax,0x2000; out dx,ax (ACPI power-off of QEMU's q35); hlt; jmp to the hlt. */
static const unsigned char power_off[] = {0xfa, 0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, 0xf4, 0xeb, 0xfd};

static enum err send_sector(virConnectPtr connection, virStorageVolPtr volume)
{
    char sector[SECTOR] = {0};
    memcpy(sector, power_off, sizeof(power_off));
    sector[SECTOR - 2] = 0x55;
    sector[SECTOR - 1] = (char)0xaa;
    CLEANUP(stream_drop) virStreamPtr stream = virStreamNew(connection, 0);
    if (!stream || virStorageVolUpload(volume, stream, 0, sizeof(sector), 0) < 0)
        return fail_libvirt("virStorageVolUpload");
    if (virStreamSend(stream, sector, sizeof(sector)) != (int)sizeof(sector) || virStreamFinish(stream) < 0) {
        const enum err result = fail_libvirt("virStreamSend");
        (void)virStreamAbort(stream);
        return result;
    }
    return OK;
}

static enum err make_disk(struct host *host, virConnectPtr connection)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    CLEANUP(pool_drop) virStoragePoolPtr pool = NULL;
    CLEANUP(volume_drop) virStorageVolPtr volume = NULL;
    TRY(pool_open(host, connection, &pool));
    TRY(volume_find(pool, PROBE_VOLUME, &volume));
    if (!volume)
        TRY(volume_make(pool, volume_xml(&arena, PROBE_VOLUME, "raw", PROBE_VOLUME_BYTES, ""), &volume));
    return send_sector(connection, volume);
}

static const char *probe_xml(struct arena *arena, const struct host *host, const char *arch, const struct uuid *id, bool boots)
{
    CLEANUP(text_clear) struct text out = {0};
    const struct uuid_text uuid = uuid_to_text(id);
    text_add_format(&out,
                    "<domain type='kvm'><name>zonegate-kvm-probe-%s</name><uuid>%s</uuid><memory unit='MiB'>16</memory>"
                    "<vcpu>1</vcpu><os><type arch='",
                    uuid.text, uuid.text);
    xml_escape(&out, arch);
    text_add_str(&out, boots ? "' machine='q35'>hvm</type></os>" : "'>hvm</type></os>");
    text_add_str(&out, "<features><acpi/></features><cpu mode='host-model'/>"
                       "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>"
                       "<devices><controller type='usb' model='none'/><memballoon model='none'/>");
    if (boots) {
        text_add_str(&out, "<disk type='volume' device='disk'><driver name='qemu' type='raw'/><source pool='");
        xml_escape(&out, host->pool);
        text_add_str(&out, "' volume='" PROBE_VOLUME "'/><target dev='vda' bus='virtio'/></disk>");
    }
    text_add_str(&out, "</devices></domain>");
    return arena_strdup(arena, text_str(&out));
}

/* Why the guest proves nothing; NULL: it got as far as it can. */
static const char *watch_guest(struct host *host, virDomainPtr domain, bool boots)
{
    if (!boots)
        return NULL;
    if (virDomainResume(domain) < 0)
        return virGetLastErrorMessage();
    const int stop = host_wait_stop(host, clock_mono_ms() + PATIENCE_MS);
    if (stop < 0)
        return "the guest did not switch itself off";
    return stop == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN ? NULL : "the guest died";
}

static bool run_guest(struct host *host, virConnectPtr connection, const char *arch, bool boots)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct uuid id;
    uuid_new(&id);
    host_watch(host, &id);
    const char *xml = probe_xml(&arena, host, arch, &id, boots);
    virDomainPtr domain = virDomainCreateXML(connection, xml, VIR_DOMAIN_START_AUTODESTROY | VIR_DOMAIN_START_PAUSED);
    const char *reason = domain ? watch_guest(host, domain, boots) : virGetLastErrorMessage();
    if (reason)
        log_info("hypervisor.kvm.unusable", "host=%s error=%s", host->name, log_quote(reason).text);
    if (domain) {
        (void)virDomainDestroy(domain); /* gone already when it proved something */
        (void)virDomainFree(domain);
    }
    return !reason;
}

enum err kvm_probe(struct host *host, virConnectPtr connection, const char *arch, bool *out)
{
    CLEANUP(string_drop) char *capabilities = virConnectGetDomainCapabilities(connection, NULL, arch, NULL, "kvm", 0);
    if (!capabilities) {
        *out = false;
        return virConnectIsAlive(connection) == 1 ? OK : fail_libvirt("virConnectGetDomainCapabilities");
    }
    const bool boots = strcmp(arch, "x86_64") == 0;
    if (boots)
        TRY(make_disk(host, connection));
    const bool proved = run_guest(host, connection, arch, boots);
    if (virConnectIsAlive(connection) != 1)
        return fail(E_UNAVAILABLE, "Host %s: the connection was lost while KVM was tried.", host->name);
    *out = proved;
    return OK;
}
