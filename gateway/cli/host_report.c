/*
 * `zonegate host report --direct [NAME]`: what hosts have goes to Placement while every daemon is stopped (and harmlessly while one
 * runs: it reports the same). The running zone's own reporter does it, compute/build/host_watch.h.
 */
#include <stdio.h>
#include <string.h>

#include "compute/build/host_watch.h"
#include "compute/placement/resource_class.h"
#include "gateway/cli/cli.h"
#include "schema/host.h"

#define REPORT_MS 60000 /* the first call to a host may wait for libvirt's probes */

static enum err open_hypervisors(const struct config *config, struct hypervisors **out)
{
    const struct hypervisor_options options = {.virt_type = config->compute.virt_type,
                                               .pool = config->compute.pool,
                                               .pool_path = config->compute.pool_path,
                                               .lane_queue = (size_t)config->compute.lane_queue,
                                               .console_bytes = (size_t)config->compute.console_kib * 1024,
                                               .sync_interval_s = config->compute.sync_interval_s,
                                               .networks = config->compute.networks};
    return hypervisors_open(&options, NULL, NULL, out);
}

struct reported {
    size_t asked;
    size_t down;
};

/* Says what became of the host: a host that does not answer is written down as down, and is no failure of the others. */
static enum err report_one(struct cli *cli, struct db *db, struct hypervisors *hypervisors, const char *name, struct reported *out)
{
    struct host host;
    TRY(host_get(db, &cli->arena, name, &host));
    TRY(host_report(db, hypervisors, &host, (double)cli->config.compute.cpu_ratio, REPORT_MS));
    TRY(host_get(db, &cli->arena, name, &host));
    out->asked++;
    out->down += !host.up;
    if (host.up)
        (void)printf("%s: reported.\n", host.name);
    else
        (void)printf("%s: does not answer: %s\n", host.name, host.last_error ? host.last_error : "no reason given");
    return OK;
}

static enum err report_hosts(struct cli *cli, struct db *db, struct hypervisors *hypervisors, struct reported *out)
{
    struct hosts hosts;
    if (cli->word_count)
        return report_one(cli, db, hypervisors, cli->words[0], out);
    TRY(host_list(db, &cli->arena, &hosts));
    for (size_t i = 0; i < hosts.count; i++)
        TRY(report_one(cli, db, hypervisors, hosts.items[i].name, out));
    return OK;
}

enum err cmd_host_report(struct cli *cli)
{
    CLEANUP(cli_store_close) struct cli_store store = {0};
    struct hypervisors *hypervisors = NULL;
    struct reported reported = {0};
    if (!cli_option(cli, "direct"))
        return fail(E_INVALID, "A running zone reports its hosts by itself, every few seconds; --direct does it without one.");
    TRY(cli_store_open(&cli->config, &store));
    TRY(placement_sync(store.db));
    TRY(open_hypervisors(&cli->config, &hypervisors));
    const enum err result = report_hosts(cli, store.db, hypervisors, &reported);
    hypervisors_close(hypervisors);
    TRY(result);
    if (reported.down)
        return fail(E_UNAVAILABLE, "%zu of %zu hosts did not answer.", reported.down, reported.asked);
    return OK;
}
