/* zonegate db restored; see cli.h. `db upgrade` and `db status` are in commands.c. */
#include <stdio.h>

#include "gateway/cli/cli.h"
#include "schema/zone_self.h"

enum err cmd_db_restored(struct cli *cli)
{
    CLEANUP(cli_store_close) struct cli_store store = {0};
    int64_t incarnation = 0;
    TRY(cli_store_open(&cli->config, &store));
    TRY(zone_self_renew(store.db, &incarnation));
    if (cli->json) {
        (void)printf("{\"incarnation\": %lld}\n", (long long)incarnation);
        return OK;
    }
    (void)printf(
        "The zone is incarnation %lld now. Until it has been compared with its hosts it answers 503, not 404, for servers of\n"
        "its own that this database does not know; those that still run are taken in again. Restart the zone.\n",
        (long long)incarnation);
    return OK;
}
