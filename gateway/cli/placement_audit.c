/*
 * `zonegate placement audit [--fix]`: claims that contradict the servers (compute/placement/audit.h), on the database alone, with
 * or without a running zone. Exit code 0: nothing is left to do, 1: something was found (with --fix: and not repaired).
 */
#include <stdio.h>
#include <string.h>

#include "compute/placement/audit.h"
#include "gateway/cli/cli.h"

static const char *repair_of(const struct audit_finding *finding)
{
    if (finding->repaired)
        return "repaired";
    return finding->why ? finding->why : NULL;
}

static void print_findings(struct cli *cli, const struct audit_findings *findings)
{
    static const char *const columns[] = {"finding", "consumer", "server", "host", "providers", "detail", "repair"};
    const char **cells = arena_alloc(&cli->arena, (findings->count + 1) * sizeof(columns));
    for (size_t i = 0; i < findings->count; i++) {
        const struct audit_finding *finding = &findings->items[i];
        const char *uuid = arena_strdup(&cli->arena, uuid_to_text(&finding->consumer).text);
        const char *const row[] = {audit_kind_name(finding->kind),
                                   uuid_is_zero(&finding->consumer) ? NULL : uuid,
                                   finding->server,
                                   finding->host,
                                   finding->providers,
                                   finding->detail,
                                   repair_of(finding)};
        memcpy(&cells[i * ARRAY_LEN(columns)], row, sizeof(row));
    }
    if (findings->count || cli->json)
        cli_print_table(cli, columns, ARRAY_LEN(columns), cells, findings->count);
    else
        (void)printf("Placement and the servers agree.\n");
}

enum err cmd_placement_audit(struct cli *cli)
{
    CLEANUP(cli_store_close) struct cli_store store = {0};
    struct audit_findings findings;
    TRY(cli_store_open(&cli->config, &store));
    TRY(placement_audit(store.db, &cli->arena, cli_option(cli, "fix") != NULL, &findings));
    print_findings(cli, &findings);
    cli->status = findings.open ? 1 : 0;
    return OK;
}
