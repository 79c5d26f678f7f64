/*
 * Spec → domain XML: a pure function with golden files (tests/unit/hypervisor/golden).
 *
 * Few devices, so that a guest boots fast even without KVM: virtio disks and nics, a virtio-scsi CD-ROM (the SATA one of q35 is not
 * seen by Debian's cloud kernel), a serial console logged to a file, a random source; no graphics, USB or balloon. Machine details
 * are given for x86 only; elsewhere libvirt's defaults hold. The driver Test gets what it understands, and no host-specific part.
 */
#include <string.h>

#include "compute/hypervisor/hypervisor.h"
#include "compute/hypervisor/xml.h"

static void add_element(struct text *out, const char *name, const char *value)
{
    text_add_format(out, "<%s>", name);
    xml_escape(out, value);
    text_add_format(out, "</%s>\n", name);
}

static void add_attribute(struct text *out, const char *name, const char *value)
{
    text_add_format(out, " %s='", name);
    xml_escape(out, value);
    text_add_char(out, '\'');
}

static bool is_test(const struct guest_host *host)
{
    return strcmp(host->driver, "Test") == 0;
}

static bool is_x86(const struct guest_host *host)
{
    return strcmp(host->arch, "x86_64") == 0 || strcmp(host->arch, "i686") == 0;
}

/* libvirt refuses a line break in a title. */
static void add_title(struct arena *arena, struct text *out, const char *title)
{
    char *line = arena_strdup(arena, title);
    for (char *at = strpbrk(line, "\r\n"); at; at = strpbrk(at, "\r\n"))
        *at = ' ';
    if (*line)
        add_element(out, "title", line);
}

static void add_identity(struct arena *arena, struct text *out, const struct guest *guest, const struct guest_host *host)
{
    const char *type = is_test(host) ? "test" : host->kvm ? "kvm" : "qemu";
    text_add_format(out, "<domain type='%s'>\n", type);
    add_element(out, "name", guest->name);
    add_element(out, "uuid", uuid_to_text(&guest->id).text);
    if (guest->title)
        add_title(arena, out, guest->title);
    text_add_format(out, "<metadata><zg:server xmlns:zg='" GUEST_METADATA_URI "' fence='%lld'>", (long long)guest->fence);
    xml_escape(out, guest->metadata ? guest->metadata : "");
    text_add_str(out, "</zg:server></metadata>\n");
    text_add_format(out, "<memory unit='MiB'>%lld</memory>\n", (long long)guest->ram_mib);
    text_add_format(out, "<vcpu placement='static'>%lld</vcpu>\n", (long long)guest->vcpus);
}

static void add_pool_path(struct text *out, const char *element, const struct guest_host *host, const char *volume)
{
    text_add_format(out, "<%s>", element);
    xml_escape(out, host->pool_path);
    text_add_char(out, '/');
    xml_escape(out, volume);
    text_add_format(out, "</%s>\n", element);
}

static void add_boot(struct text *out, const struct guest *guest, const struct guest_host *host)
{
    text_add_str(out, "<os>\n<type");
    add_attribute(out, "arch", host->arch);
    text_add_str(out, !is_test(host) && is_x86(host) ? " machine='q35'>hvm</type>\n" : ">hvm</type>\n");
    if (guest->kernel_volume)
        add_pool_path(out, "kernel", host, guest->kernel_volume);
    if (guest->kernel_volume && guest->ramdisk_volume)
        add_pool_path(out, "initrd", host, guest->ramdisk_volume);
    if (guest->kernel_volume && guest->command_line)
        add_element(out, "cmdline", guest->command_line);
    if (!guest->kernel_volume)
        text_add_str(out, "<boot dev='hd'/>\n");
    text_add_str(out, "</os>\n");
}

static void add_machine(struct text *out, const struct guest_host *host)
{
    const bool bound_tcg = !host->kvm && host->bound_tcg;
    if (!is_test(host) && (is_x86(host) || bound_tcg)) {
        text_add_str(out, is_x86(host) ? "<features>\n<acpi/>\n<apic/>\n" : "<features>\n");
        if (bound_tcg)
            text_add_str(out, "<tcg><tb-cache unit='MiB'>32</tb-cache></tcg>\n");
        text_add_str(out, "</features>\n");
    }
    if (!is_test(host) && host->kvm)
        text_add_str(out, "<cpu mode='host-model'/>\n");
    text_add_str(out, "<clock offset='utc'/>\n"
                      "<on_poweroff>destroy</on_poweroff>\n<on_reboot>restart</on_reboot>\n<on_crash>destroy</on_crash>\n");
}

static const char *bus_of(const struct guest_disk *disk)
{
    return disk->bus ? disk->bus : disk->cdrom ? "scsi" : "virtio";
}

static void add_disk(struct text *out, const struct guest_disk *disk, const struct guest_host *host)
{
    text_add_format(out, "<disk type='volume' device='%s'>\n", disk->cdrom ? "cdrom" : "disk");
    if (!is_test(host)) {
        text_add_str(out, "<driver name='qemu'");
        add_attribute(out, "type", disk->format);
        text_add_str(out, "/>\n");
    }
    text_add_str(out, "<source");
    add_attribute(out, "pool", host->pool);
    add_attribute(out, "volume", disk->volume);
    text_add_str(out, "/>\n<target");
    add_attribute(out, "dev", disk->target);
    add_attribute(out, "bus", bus_of(disk));
    text_add_str(out, "/>\n");
    if (disk->serial)
        add_element(out, "serial", disk->serial);
    text_add_str(out, disk->cdrom || disk->read_only ? "<readonly/>\n</disk>\n" : "</disk>\n");
}

static void add_disks(struct text *out, const struct guest *guest, const struct guest_host *host)
{
    bool scsi = false;
    for (size_t i = 0; i < guest->disk_count; i++) {
        add_disk(out, &guest->disks[i], host);
        scsi = scsi || strcmp(bus_of(&guest->disks[i]), "scsi") == 0;
    }
    if (scsi && !is_test(host))
        text_add_str(out, "<controller type='scsi' index='0' model='virtio-scsi'/>\n");
}

void guest_nic_xml(struct text *out, const struct guest_nic *nic)
{
    text_add_str(out, "<interface type='network'>\n<mac");
    add_attribute(out, "address", nic->mac);
    text_add_str(out, "/>\n<source");
    add_attribute(out, "network", nic->network);
    text_add_str(out, "/>\n<model type='virtio'/>\n");
    if (nic->filter) {
        text_add_str(out, "<filterref");
        add_attribute(out, "filter", nic->filter);
        text_add_str(out, "/>\n");
    }
    text_add_str(out, "</interface>\n");
}

static void add_nics(struct text *out, const struct guest *guest)
{
    for (size_t i = 0; i < guest->nic_count; i++)
        guest_nic_xml(out, &guest->nics[i]);
}

static void add_console(struct text *out, const struct guest_host *host)
{
    text_add_str(out, "<serial type='pty'>\n");
    if (host->console_path) {
        text_add_str(out, "<log");
        add_attribute(out, "file", host->console_path);
        text_add_str(out, " append='on'/>\n");
    }
    text_add_str(out, "<target port='0'/>\n</serial>\n<console type='pty'>\n<target type='serial' port='0'/>\n</console>\n");
}

const char *guest_xml(struct arena *arena, const struct guest *guest, const struct guest_host *host)
{
    CLEANUP(text_clear) struct text out = {0};
    add_identity(arena, &out, guest, host);
    add_boot(&out, guest, host);
    add_machine(&out, host);
    text_add_str(&out, "<devices>\n");
    add_disks(&out, guest, host);
    add_nics(&out, guest);
    if (!is_test(host)) {
        add_console(&out, host);
        text_add_str(&out, "<controller type='usb' model='none'/>\n<memballoon model='none'/>\n"
                           "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\n");
    }
    text_add_str(&out, "</devices>\n</domain>\n");
    return arena_strdup(arena, text_str(&out));
}
