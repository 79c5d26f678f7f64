/* The database as commands use it, and tables on the terminal; see cli.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/base/text.h"
#include "gateway/cli/cli.h"
#include "schema/migrate.h"
#include "schema/private_server.h"

enum err cli_keys_open(const struct config *config, struct zone_keys *out)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    if (mkdir(config->zone.state_dir, 0700) != 0 && errno != EEXIST)
        return fail(E_INVALID, "[zone] state_dir %s cannot be made: %s.", config->zone.state_dir, strerror(errno));
    return zone_keys_open(arena_printf(&arena, "%s/zone.keys", config->zone.state_dir), out);
}

static enum err open_parts(const struct config *config, struct cli_store *store)
{
    TRY(cli_keys_open(config, &store->keys));
    if (strcmp(config->database.connection, "private") == 0) {
        TRY(private_server_join(config->database.mariadbd, config->zone.state_dir, &store->server));
        TRY(db_target_copy(private_server_target(store->server), &store->target));
    } else {
        TRY(db_target_parse(config->database.connection, &store->target));
        TRY(db_create_database(&store->target));
    }
    return db_open(&store->target, &store->db);
}

/* Filled in place: the connection points to the target. */
enum err cli_store_open_as_is(const struct config *config, struct cli_store *out)
{
    *out = (struct cli_store){0};
    const enum err result = open_parts(config, out);
    if (result != OK)
        cli_store_close(out);
    return result;
}

enum err cli_store_open(const struct config *config, struct cli_store *out)
{
    int from = 0;
    int to = 0;
    TRY(cli_store_open_as_is(config, out));
    return db_upgrade(out->db, &from, &to);
}

void cli_store_close(struct cli_store *store)
{
    db_close(store->db);
    db_target_clear(&store->target);
    private_server_stop(store->server);
    zone_keys_clear(&store->keys);
    *store = (struct cli_store){0};
}

static void print_json(const char *const *columns, size_t column_count, const char *const *cells, size_t row_count)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < row_count; i++) {
        json_t *object = json_object();
        for (size_t j = 0; j < column_count; j++) {
            const char *cell = cells[i * column_count + j];
            (void)json_object_set_new(object, columns[j], cell ? json_string(cell) : json_null());
        }
        (void)json_array_append_new(list, object);
    }
    char *text = json_dumps(list, JSON_INDENT(2));
    (void)puts(text ? text : "[]");
    free(text);
}

/* Columns on the terminal: bytes that start a character count one place. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0U) != 0x80;
    return width;
}

static void print_row(const char *const *cells, size_t count, const size_t *widths)
{
    for (size_t j = 0; j < count; j++) {
        const char *cell = cells[j] ? cells[j] : "-";
        const size_t pad = j + 1 < count ? widths[j] - width_of(cell) + 2 : 0;
        (void)printf("%s%*s", cell, (int)pad, "");
    }
    (void)putchar('\n');
}

void cli_print_table(const struct cli *cli, const char *const *columns, size_t column_count, const char *const *cells,
                     size_t row_count)
{
    size_t widths[16] = {0};
    if (cli->json) {
        print_json(columns, column_count, cells, row_count);
        return;
    }
    for (size_t j = 0; j < column_count && j < ARRAY_LEN(widths); j++) {
        widths[j] = width_of(columns[j]);
        for (size_t i = 0; i < row_count; i++) {
            const char *cell = cells[i * column_count + j] ? cells[i * column_count + j] : "-";
            widths[j] = width_of(cell) > widths[j] ? width_of(cell) : widths[j];
        }
    }
    print_row(columns, column_count, widths);
    for (size_t i = 0; i < row_count; i++)
        print_row(cells + i * column_count, column_count, widths);
}
