/*
 * What libvirt counts of one guest (diagnostics of Nova). What the driver does not count is COUNT_UNKNOWN; a guest that does not
 * run has sizes and devices, and no counts.
 */
#pragma once

#include "compute/hypervisor/hypervisor.h"

#define COUNT_UNKNOWN (-1)

struct disk_statistics {
    const char *target; /* vda */
    int64_t read_requests;
    int64_t read_bytes;
    int64_t write_requests;
    int64_t write_bytes;
    int64_t errors;
};

struct nic_statistics {
    const char *mac;
    const char *target; /* the host's device; NULL: none now */
    int64_t rx_bytes;
    int64_t rx_packets;
    int64_t rx_errors;
    int64_t rx_dropped;
    int64_t tx_bytes;
    int64_t tx_packets;
    int64_t tx_errors;
    int64_t tx_dropped;
};

struct guest_statistics {
    const char *type; /* of the domain: kvm, qemu, test */
    int power;
    int64_t memory_max_kib;
    int64_t memory_kib;
    int64_t *cpu_times_ns; /* of each CPU */
    size_t cpu_count;
    struct disk_statistics *disks;
    size_t disk_count;
    struct nic_statistics *nics;
    size_t nic_count;
};

/* In the arena. E_NOT_FOUND: no such domain; E_UNAVAILABLE, E_TIMEOUT: the host does not say. */
MUST_CHECK enum err hypervisor_statistics(struct hypervisors *all, const char *host, const struct uuid *server,
                                          struct budget budget, struct arena *arena, struct guest_statistics *out);
