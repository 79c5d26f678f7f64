/*
 * This zone's libvirt hosts: a lane per host, and what can be asked of one.
 *
 * libvirt's calls have no timeout, so each host has its own lane: a bounded queue and at most two threads made on demand. A caller
 * waits with its deadline and walks away (E_TIMEOUT: the call may still happen); a full lane, or a call that was not begun in time,
 * is E_UNAVAILABLE ("Host … is not responding": nothing happened); a connection that was lost is E_UNAVAILABLE too, and since
 * every operation may be repeated, so may the call. Arguments are copied into the job, so a caller that left leaves nothing
 * dangling. A table per driver says what it can do; what it cannot is E_NOT_IMPLEMENTED with the driver's name, never an invented
 * answer. Everything goes through libvirt's API, so a remote host is no different from a local one. An unknown host is E_NOT_FOUND.
 * Not here: what a server is in the database.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "gateway/base/text.h"

struct hypervisors;

struct hypervisor_options {
    const char *virt_type; /* auto | kvm | qemu: auto proves KVM by a throw-away guest before it uses it */
    const char *pool;      /* storage pool name, made as a dir pool at pool_path and started when the host lacks it */
    const char *pool_path;
    size_t lane_queue;
    size_t console_bytes;    /* most that hypervisor_console returns */
    int64_t sync_interval_s; /* the slow periodic sync of power states */
    const char *networks;    /* libvirt networks that servers may use: "A, B", "*" all; NULL or "": none */
};

/*
 * Called on libvirt's event thread or a lane thread (the sync), never by two at once for one host, with every domain that the host
 * has, ours or not: must only enqueue or write quickly, and must not call back into this part.
 */
typedef void power_changed_f(void *context, const struct uuid *server, int power_state);

/* `changed` may be NULL. Starts the event loop thread and the keeper (periodic sync; looks after hosts that are down). One at a
 * time per process: libvirt's event loop is the process's. E_INVALID: unknown virt_type. */
MUST_CHECK enum err hypervisors_open(const struct hypervisor_options *options, power_changed_f *changed, void *context,
                                     struct hypervisors **out);
void hypervisors_close(struct hypervisors *all); /* accepts NULL; abandons threads stuck in libvirt after 2 s */

/* Makes the host known (does not wait for it; the lane connects on first use, or within seconds, and again after a loss). Same
 * name, other URI: replaced. E_INVALID: an empty name or URI. */
MUST_CHECK enum err hypervisor_add(struct hypervisors *all, const char *host, const char *uri);
void hypervisor_remove(struct hypervisors *all, const char *host);
/* True when the last call on the host's lane reached libvirt; a host never tried is tried first, for two seconds at most. A host
 * that is down is asked again every five seconds without anybody's call. */
bool hypervisor_is_up(struct hypervisors *all, const char *host);

/* A libvirt network of the host that is active and may be used (options.networks). Addresses are IPv4 in host byte order. */
struct hypervisor_network {
    struct uuid uuid;
    const char *name;
    const char *bridge; /* NULL */
    uint32_t gateway;   /* the host's own address there; 0: none */
    int prefix;
    uint32_t dhcp_first; /* 0: no DHCP range */
    uint32_t dhcp_last;
};

/* What the host has. Strings in the arena. */
struct hypervisor_inventory {
    int64_t vcpus;
    int64_t ram_mib;
    int64_t disk_gib; /* of the storage pool */
    int64_t disk_free_gib;
    const char *hostname;
    const char *driver; /* "QEMU", "Test" */
    int64_t version;    /* as Nova prints it: 7002000 */
    const char *arch;
    const char *cpu_model;
    const char *cpu_vendor;
    const char *const *cpu_features;
    size_t cpu_feature_count;
    int sockets, cores, threads;
    bool kvm; /* proved, or virt_type = kvm says so */
    const struct hypervisor_network *networks;
    size_t network_count;
};
/* The first call after a connection may take 10 s and more (libvirt probes QEMU, we probe KVM). */
MUST_CHECK enum err hypervisor_inventory(struct hypervisors *all, const char *host, struct budget budget, struct arena *arena,
                                         struct hypervisor_inventory *out);

/* One guest, as the pure translation spec -> domain XML takes it. */
struct guest_disk {
    const char *volume; /* name in the pool */
    const char *target; /* vda, vdb; hda for a cdrom (which is a virtio-scsi one) */
    const char *format; /* qcow2 | raw */
    bool cdrom;
    bool read_only;
    const char *bus;    /* scsi; NULL: virtio for a disk, scsi for a cdrom */
    const char *serial; /* at most 20 letters; NULL */
};

struct guest_nic {
    const char *network; /* libvirt network */
    const char *mac;
    const char *address; /* IPv4 that DHCP gives it; NULL: not ours to say */
    const char *filter;  /* nwfilter; NULL: none */
};

struct guest {
    struct uuid id;
    const char *name;     /* libvirt name: "instance-" and the uuid */
    const char *title;    /* display name */
    const char *metadata; /* JSON text of the server's record (no secrets), put into <metadata> as text */
    int64_t fence;        /* of the task that defines it, put into <metadata> */
    int64_t vcpus;
    int64_t ram_mib;
    const char *kernel_volume; /* names in the pool, or NULL: boot from the disk */
    const char *ramdisk_volume;
    const char *command_line; /* with a kernel */
    const struct guest_disk *disks;
    size_t disk_count;
    const struct guest_nic *nics;
    size_t nic_count;
};

/* Namespace of our element in a domain's <metadata>: `<server fence="N">JSON</server>`. */
#define GUEST_METADATA_URI "https://zonegate.dev/xmlns/server/1"

/* What the host contributes to the XML. */
struct guest_host {
    const char *driver; /* "QEMU" | "Test" */
    bool kvm;
    bool bound_tcg; /* without KVM: bound the translation cache (libvirt 8 and later can) */
    const char *arch;
    const char *pool;
    const char *pool_path;    /* for kernel and ramdisk paths */
    const char *console_path; /* serial log file on the host, or NULL */
};

/* Pure: the element of one interface. */
void guest_nic_xml(struct text *out, const struct guest_nic *nic);
/* Pure: golden files in tests/unit/hypervisor/golden. Text in the arena. */
const char *guest_xml(struct arena *arena, const struct guest *guest, const struct guest_host *host);

/*
 * Volumes in the pool. All of them are repeatable: making one that exists with the same parameters, or deleting one that is gone,
 * is OK. A name is not empty, has no '/' and no '.' in front, and at most 200 bytes; else E_INVALID.
 */

/*
 * Uploads `length` bytes of descriptor `fd` from its beginning (read by pread through a duplicate: the caller may close its own as
 * soon as this returns) as volume `name`. Complete or absent: while it is incomplete a volume "NAME.part" marks it, `exists` says
 * no, and the next upload makes it again. One that is there with `length` bytes is kept. With a driver that takes no bytes (Test)
 * the volume is made empty with that capacity and `format`. E_CONFLICT: another upload of the same name took over. E_INVALID: `fd`
 * ends early.
 */
MUST_CHECK enum err hypervisor_volume_upload(struct hypervisors *all, const char *host, const char *name, const char *format,
                                             int fd, uint64_t length, struct budget budget);
/* A new volume of `bytes` capacity; with `backing` (a volume of the same pool, format `backing_format`) a qcow2 overlay over it.
 * E_CONFLICT: it exists with another capacity. E_NOT_FOUND: no such backing volume. */
MUST_CHECK enum err hypervisor_volume_create(struct hypervisors *all, const char *host, const char *name, const char *format,
                                             uint64_t bytes, const char *backing, const char *backing_format, struct budget budget);
MUST_CHECK enum err hypervisor_volume_delete(struct hypervisors *all, const char *host, const char *name, struct budget budget);
MUST_CHECK enum err hypervisor_volume_exists(struct hypervisors *all, const char *host, const char *name, struct budget budget,
                                             bool *out);

/* Domains. Repeatable: define over the same uuid replaces; start of a running one, stop of a stopped one, undefine of a missing
 * one: OK. Else a missing domain is E_NOT_FOUND. */
/* E_LOST: the domain was defined under a greater fence. */
MUST_CHECK enum err hypervisor_define(struct hypervisors *all, const char *host, const struct guest *guest, struct budget budget);
MUST_CHECK enum err hypervisor_start(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget);
/* ACPI shutdown (pressed again every 10 s), then after `patience_ms` destroy; 0 = destroy at once. Give it a budget longer than the
 * patience: when that ends first the guest is left to its shutdown, and the answer is E_TIMEOUT. */
MUST_CHECK enum err hypervisor_stop(struct hypervisors *all, const char *host, const struct uuid *server, int64_t patience_ms,
                                    struct budget budget);
/* E_CONFLICT: it does not run. Soft: virDomainReboot (falls back to hard after 20 s without an effect is the caller's business);
 * hard: destroy and start. */
MUST_CHECK enum err hypervisor_reboot_soft(struct hypervisors *all, const char *host, const struct uuid *server,
                                           struct budget budget);
/* Its processors stand still, its memory stays; and back. E_CONFLICT: it does not run. */
MUST_CHECK enum err hypervisor_pause(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget);
MUST_CHECK enum err hypervisor_unpause(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget);
/* Its memory goes to the host's disk and it ends; the next start goes on from there, unless that memory was forgotten. E_CONFLICT:
 * it does not run, and was not saved. */
MUST_CHECK enum err hypervisor_save(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget);
MUST_CHECK enum err hypervisor_forget_saved(struct hypervisors *all, const char *host, const struct uuid *server,
                                            struct budget budget);
/* DHCP of the network gives `address` to `mac`, and no more. Both may be repeated; another reservation of either is replaced.
 * E_NOT_FOUND: no such network. */
MUST_CHECK enum err hypervisor_lease_add(struct hypervisors *all, const char *host, const struct guest_nic *nic,
                                         struct budget budget);
MUST_CHECK enum err hypervisor_lease_remove(struct hypervisors *all, const char *host, const struct guest_nic *nic,
                                            struct budget budget);
/* An nwfilter, made or changed (running guests' at once), or gone. Both may be repeated. E_NOT_IMPLEMENTED: the driver has none. */
MUST_CHECK enum err hypervisor_filter_set(struct hypervisors *all, const char *host, const char *xml, struct budget budget);
MUST_CHECK enum err hypervisor_filter_remove(struct hypervisors *all, const char *host, const char *name, struct budget budget);
/* One more interface, or one less (by its MAC), now and at the next start. Both may be repeated. E_NOT_IMPLEMENTED: the driver
 * cannot do it while the guest runs. */
MUST_CHECK enum err hypervisor_nic_attach(struct hypervisors *all, const char *host, const struct uuid *server,
                                          const struct guest_nic *nic, struct budget budget);
MUST_CHECK enum err hypervisor_nic_detach(struct hypervisors *all, const char *host, const struct uuid *server, const char *mac,
                                          struct budget budget);
/* Ends it if it runs, and removes its console log. Its disks are the caller's. */
MUST_CHECK enum err hypervisor_undefine(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget);

/* Nova's numbers: 0 none, 1 running, 3 paused, 4 shutdown, 6 crashed, 7 suspended. E_NOT_FOUND: no such domain. */
#define POWER_NOSTATE   0
#define POWER_RUNNING   1
#define POWER_PAUSED    3
#define POWER_SHUTDOWN  4
#define POWER_CRASHED   6
#define POWER_SUSPENDED 7
MUST_CHECK enum err hypervisor_power(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget,
                                     int *out);

/* A guest of ours on a host: what a lost row can be made from. */
struct guest_seen {
    struct uuid id;
    const char *record; /* struct guest.metadata as it was defined */
    int power;
};
/* All of them, in the arena. E_UNAVAILABLE, E_TIMEOUT: the host does not say. */
MUST_CHECK enum err hypervisor_guests(struct hypervisors *all, const char *host, struct budget budget, struct arena *arena,
                                      struct guest_seen **out, size_t *out_count);

/* The tail of the guest's serial console, at most options.console_bytes; raw bytes in the arena, NUL behind them. Read from the
 * volume
 * "<uuid>.console" of the pool, so that a remote host works too. "" for a guest that printed nothing; E_NOT_FOUND: no such log. */
MUST_CHECK enum err hypervisor_console(struct hypervisors *all, const char *host, const struct uuid *server, struct budget budget,
                                       struct arena *arena, const char **out, size_t *out_length);
