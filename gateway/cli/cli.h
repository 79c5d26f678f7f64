/*
 * The command line: one table of commands. `db`, `host`, `user` and `zone list|add|set|show|delete` work on the database; the
 * other zone commands ask the running zone with a short-lived token made from the key file.
 *
 * Exit codes: 0 done, 1 it failed (a sentence on stderr), 2 the command line is wrong, 3 not found, 4 conflict.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "gateway/base/arena.h"
#include "gateway/base/config.h"
#include "gateway/base/err.h"
#include "gateway/base/seal.h"
#include "schema/db.h"

struct private_server;

struct cli_option {
    const char *name; /* without dashes */
    const char *value;
};

/* A command line that was read: words behind the command's name, and options. */
struct cli {
    struct config config;
    const char *config_path;
    bool json;
    const char *const *words;
    size_t word_count;
    const struct cli_option *options;
    size_t option_count;
    struct arena arena;
    int status; /* the exit code of a command that did what it should; zone doctor's verdict */
};

int cli_main(int argc, char **argv);

/* NULL when it was not given. */
const char *cli_option(const struct cli *cli, const char *name);
/* A number of an option; `missing` without it. E_INVALID. */
MUST_CHECK enum err cli_option_int(const struct cli *cli, const char *name, int64_t missing, int64_t *out);
/* The first line of the file that the option names; "-" is standard input. In the arena. E_INVALID. */
MUST_CHECK enum err cli_option_secret(struct cli *cli, const char *name, const char **out);

/* What commands on the database need: the state directory, keys, the server (joined if private), a connection, an up-to-date
 * schema. */
struct cli_store {
    struct zone_keys keys;
    struct private_server *server;
    struct db_target target;
    struct db *db;
};
MUST_CHECK enum err cli_store_open(const struct config *config, struct cli_store *out);
/* The same without upgrading. */
MUST_CHECK enum err cli_store_open_as_is(const struct config *config, struct cli_store *out);
void cli_store_close(struct cli_store *store);
/* Makes the state directory (mode 0700) and opens the key file in it. */
MUST_CHECK enum err cli_keys_open(const struct config *config, struct zone_keys *out);

/* Rows of text columns as an aligned table, or with --json as a list of objects. `cells` NULL prints as "-". */
void cli_print_table(const struct cli *cli, const char *const *columns, size_t column_count, const char *const *cells,
                     size_t row_count);

enum err cmd_serve(struct cli *cli);
enum err cmd_config(struct cli *cli);
enum err cmd_db_upgrade(struct cli *cli);
enum err cmd_db_status(struct cli *cli);
enum err cmd_db_restored(struct cli *cli);
enum err cmd_host_add(struct cli *cli);
enum err cmd_host_list(struct cli *cli);
enum err cmd_host_delete(struct cli *cli);
enum err cmd_host_report(struct cli *cli);
enum err cmd_placement_get(struct cli *cli);
enum err cmd_placement_post(struct cli *cli);
enum err cmd_placement_put(struct cli *cli);
enum err cmd_placement_delete(struct cli *cli);
enum err cmd_placement_reshape(struct cli *cli);
enum err cmd_placement_audit(struct cli *cli);
enum err cmd_user_bootstrap(struct cli *cli);
enum err cmd_zone_list(struct cli *cli);
enum err cmd_zone_tree(struct cli *cli);
enum err cmd_zone_plan(struct cli *cli);
enum err cmd_zone_capacity(struct cli *cli);
enum err cmd_zone_add(struct cli *cli);
enum err cmd_zone_set(struct cli *cli);
enum err cmd_zone_show(struct cli *cli);
enum err cmd_zone_delete(struct cli *cli);
enum err cmd_zone_find(struct cli *cli);
enum err cmd_zone_doctor(struct cli *cli);
enum err cmd_zone_token(struct cli *cli);
enum err cmd_zone_join(struct cli *cli);
enum err cmd_zone_leave(struct cli *cli);
enum err cmd_zone_rekey(struct cli *cli);
enum err cmd_zone_links(struct cli *cli);
enum err cmd_zone_policy(struct cli *cli);
enum err cmd_zone_drain(struct cli *cli);
enum err cmd_zone_disable(struct cli *cli);
enum err cmd_zone_enable(struct cli *cli);
enum err cmd_zone_health(struct cli *cli);
