/* db, host and user commands; see cli.h. */
#include <stdio.h>
#include <string.h>

#include "gateway/cli/cli.h"
#include "gateway/identity/identity.h"
#include "schema/host.h"
#include "schema/migrate.h"

enum err cmd_db_upgrade(struct cli *cli)
{
    CLEANUP(cli_store_close) struct cli_store store = {0};
    struct schema_status status;
    TRY(cli_store_open(&cli->config, &store)); /* this upgrades */
    TRY(db_schema_status(store.db, &cli->arena, &status));
    (void)printf("The schema is at version %d.\n", status.current);
    return OK;
}

enum err cmd_db_status(struct cli *cli)
{
    CLEANUP(cli_store_close) struct cli_store store = {0};
    struct schema_status status;
    TRY(cli_store_open_as_is(&cli->config, &store));
    TRY(db_schema_status(store.db, &cli->arena, &status));
    static const char *const columns[] = {"current", "newest", "pending"};
    const char *const cells[] = {arena_printf(&cli->arena, "%d", status.current), arena_printf(&cli->arena, "%d", status.newest),
                                 arena_printf(&cli->arena, "%zu", status.pending_count)};
    cli_print_table(cli, columns, ARRAY_LEN(columns), cells, 1);
    return OK;
}

enum err cmd_host_add(struct cli *cli)
{
    CLEANUP(cli_store_close) struct cli_store store = {0};
    struct host host = {.name = cli->words[0], .uri = cli->words[1], .availability_zone = cli_option(cli, "availability-zone")};
    if (!strstr(host.uri, "://"))
        return fail(E_INVALID, "'%s' is not a libvirt URI, such as qemu:///system or qemu+tls://host/system.", host.uri);
    TRY(cli_option_int(cli, "vcpus", 0, &host.vcpus));
    TRY(cli_option_int(cli, "ram-mib", 0, &host.ram_mib));
    TRY(cli_option_int(cli, "disk-gib", 0, &host.disk_gib));
    TRY(cli_store_open(&cli->config, &store));
    uuid_new(&host.uuid);
    uuid_new(&host.service);
    TRY(host_add(store.db, &host));
    (void)printf("Host %s is registered; the zone looks at it within seconds.\n", host.name);
    return OK;
}

enum err cmd_host_list(struct cli *cli)
{
    static const char *const columns[] = {"name", "uri", "state", "status", "availability_zone", "servers", "last_error"};
    CLEANUP(cli_store_close) struct cli_store store = {0};
    struct hosts hosts;
    TRY(cli_store_open(&cli->config, &store));
    TRY(host_list(store.db, &cli->arena, &hosts));
    const char **cells = arena_alloc(&cli->arena, (hosts.count + 1) * ARRAY_LEN(columns) * sizeof(*cells));
    for (size_t i = 0; i < hosts.count; i++) {
        const struct host *host = &hosts.items[i];
        int64_t servers = 0;
        TRY(host_count_servers(store.db, host->name, &servers));
        const char *const row[] = {host->name,
                                   host->uri,
                                   host->up ? "up" : "down",
                                   host->disabled ? "disabled" : "enabled",
                                   host->availability_zone ? host->availability_zone : cli->config.zone.name,
                                   arena_printf(&cli->arena, "%lld", (long long)servers),
                                   host->last_error};
        memcpy(&cells[i * ARRAY_LEN(columns)], row, sizeof(row));
    }
    cli_print_table(cli, columns, ARRAY_LEN(columns), cells, hosts.count);
    return OK;
}

enum err cmd_host_delete(struct cli *cli)
{
    CLEANUP(cli_store_close) struct cli_store store = {0};
    TRY(cli_store_open(&cli->config, &store));
    TRY(host_forget(store.db, cli->words[0]));
    (void)printf("Host %s is forgotten.\n", cli->words[0]);
    return OK;
}

enum err cmd_user_bootstrap(struct cli *cli)
{
    CLEANUP(cli_store_close) struct cli_store store = {0};
    struct bootstrap bootstrap = {
        .username = cli_option(cli, "username"), .project = cli_option(cli, "project"), .region = cli_option(cli, "region")};
    if (!bootstrap.username)
        return fail(E_INVALID, "--username NAME is required.");
    TRY(cli_option_secret(cli, "password-file", &bootstrap.password));
    if (*cli->config.identity.url)
        return fail(E_CONFLICT, "This zone's users are kept by %s; bootstrap there.", cli->config.identity.url);
    TRY(cli_store_open(&cli->config, &store));
    TRY(identity_bootstrap(store.db, &bootstrap));
    (void)printf("User %s is admin of project %s.\n", bootstrap.username, bootstrap.project ? bootstrap.project : "admin");
    return OK;
}
