/*
 * The hosts' thread: reports what each host has (row, resource provider, inventories) and writes power states that libvirt tells.
 *
 * One thread, one database connection. libvirt's event threads only enqueue. A host that cannot be reached is marked down with
 * libvirt's words; it keeps its inventory.
 */
#pragma once

#include "compute/hypervisor/hypervisor.h"
#include "schema/db.h"
#include "schema/host.h"

struct host_watch;

struct host_watch_options {
    const struct db_target *target;
    int64_t interval_ms;
    double cpu_ratio;
};

MUST_CHECK enum err host_watch_start(const struct host_watch_options *options, struct host_watch **out);
/* After start and before the first event: the hypervisors were opened with host_watch_power_changed and this watch as context. */
void host_watch_use(struct host_watch *watch, struct hypervisors *hypervisors);
/* Ends the thread; events are still taken, and lost. Both accept NULL. */
void host_watch_stop(struct host_watch *watch);
/* After host_watch_stop and after hypervisors_close, until which events come. */
void host_watch_free(struct host_watch *watch);

/* A power_changed_f: enqueues. A full queue drops the oldest: the periodic sync tells again. */
void host_watch_power_changed(void *context, const struct uuid *server, int power_state);

/* Looks at one host now and writes what it said, also that it is down. The hosts known to `hypervisors` are brought up to date with
 * the rows. */
MUST_CHECK enum err host_report(struct db *db, struct hypervisors *hypervisors, const struct host *host, double cpu_ratio,
                                int64_t budget_ms);
