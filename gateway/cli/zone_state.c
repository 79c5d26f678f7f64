/* `zonegate zone drain|disable|enable NAME`, `health [NAME]`: a child's state, changed and shown by the running zone. */
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/cli/zone_ask.h"

#define HEALTH_COLUMNS 9

static const char *target_of(struct cli *cli, const char *end)
{
    return arena_printf(&cli->arena, "/os-zones/%s%s", zone_encode(cli, cli->words[0]), end);
}

static enum err print_state(struct cli *cli, const json_t *body)
{
    const json_t *zone = json_object_get(body, "zone");
    if (!zone_print_json(cli, zone))
        (void)printf("Zone %s is %s%s.\n", zone_text(zone, "name"), zone_paint(cli, zone_text(zone, "state")),
                     json_is_true(json_object_get(zone, "delete_when_empty")) ? " and is deleted when it has no servers left" : "");
    return OK;
}

static enum err set_state(struct cli *cli, const char *state)
{
    json_auto_t *body = NULL;
    json_auto_t *question = json_pack("{s:{s:s}}", "zone", "state", state);
    TRY(zone_ask(cli, "PUT", target_of(cli, ""), question, &body));
    return print_state(cli, body);
}

enum err cmd_zone_drain(struct cli *cli)
{
    json_auto_t *body = NULL;
    if (!cli_option(cli, "delete"))
        return set_state(cli, "draining");
    TRY(zone_ask(cli, "DELETE", target_of(cli, "?drain=1"), NULL, &body));
    return print_state(cli, body);
}

enum err cmd_zone_disable(struct cli *cli)
{
    return set_state(cli, "disabled");
}

enum err cmd_zone_enable(struct cli *cli)
{
    return set_state(cli, "enabled");
}

static void print_line(struct cli *cli, const char *key, const json_t *value)
{
    char *text = json_is_string(value) || json_is_null(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *word = json_is_string(value) ? json_string_value(value) : "-";
    (void)printf("%-22s  %s\n", key, text ? text : zone_paint(cli, word));
    free(text);
}

static const char *milliseconds(struct cli *cli, const json_t *breaker, const char *key)
{
    const json_t *value = json_object_get(breaker, key);
    return json_is_integer(value) ? arena_printf(&cli->arena, "%lld ms", (long long)json_integer_value(value)) : "-";
}

/* One line for every class of calls. */
static void print_breakers(struct cli *cli, json_t *breakers)
{
    const char *class;
    json_t *breaker;
    json_object_foreach(breakers, class, breaker)
    {
        const char *key = arena_printf(&cli->arena, "breaker %s", class);
        (void)printf("%-22s  %s, p50 %s, p99 %s\n", key, zone_paint(cli, zone_text(breaker, "state")),
                     milliseconds(cli, breaker, "latency_p50_ms"), milliseconds(cli, breaker, "latency_p99_ms"));
    }
}

static void print_one(struct cli *cli, json_t *health)
{
    const char *key;
    json_t *value;
    json_object_foreach(health, key, value)
    {
        if (strcmp(key, "breakers") == 0)
            print_breakers(cli, value);
        else
            print_line(cli, key, value);
    }
}

/* In the table: one cell for each column. */
static void fill_row(struct cli *cli, const json_t *health, const char **cells)
{
    const json_t *read = json_object_get(json_object_get(health, "breakers"), "read");
    const json_int_t in_flight = json_integer_value(json_object_get(health, "in_flight"));
    const char *const row[] = {zone_text(health, "name"),
                               zone_text(health, "state"),
                               json_string_value(json_object_get(health, "since")),
                               json_string_value(json_object_get(health, "reason")),
                               json_string_value(json_object_get(health, "last_seen")),
                               milliseconds(cli, read, "latency_p50_ms"),
                               milliseconds(cli, read, "latency_p99_ms"),
                               arena_printf(&cli->arena, "%lld", (long long)in_flight),
                               json_string_value(json_object_get(health, "last_error"))};
    _Static_assert(ARRAY_LEN(row) == HEALTH_COLUMNS, "one cell per column");
    memcpy(cells, row, sizeof(row));
}

static void print_all(struct cli *cli, const json_t *list)
{
    static const char *const columns[HEALTH_COLUMNS] = {"name",     "state",    "since",     "reason",    "last_seen",
                                                        "read_p50", "read_p99", "in_flight", "last_error"};
    const size_t count = json_array_size(list);
    const char **cells = arena_alloc(&cli->arena, (count + 1) * HEALTH_COLUMNS * sizeof(*cells));
    for (size_t i = 0; i < count; i++)
        fill_row(cli, json_array_get(list, i), &cells[i * HEALTH_COLUMNS]);
    cli_print_table(cli, columns, HEALTH_COLUMNS, cells, count);
}

/* Adds what is known of one child; a child that was deleted meanwhile is left out. */
static enum err add_health(struct cli *cli, const json_t *zone, json_t *list)
{
    json_auto_t *body = NULL;
    const json_int_t id = json_integer_value(json_object_get(zone, "id"));
    const enum err result = zone_ask(cli, "GET", arena_printf(&cli->arena, "/os-zones/%lld/health", (long long)id), NULL, &body);
    if (result != OK)
        return result == E_NOT_FOUND ? OK : result;
    (void)json_array_append(list, json_object_get(body, "health"));
    return OK;
}

/* In the order of the list, which comes in pages. */
static enum err gather_health(struct cli *cli, json_t *list)
{
    for (const char *page = "/os-zones"; page;) {
        json_auto_t *body = NULL;
        TRY(zone_ask(cli, "GET", page, NULL, &body));
        const json_t *zones = json_object_get(body, "zones");
        const size_t count = json_array_size(zones);
        for (size_t i = 0; i < count; i++)
            TRY(add_health(cli, json_array_get(zones, i), list));
        const json_t *last = count ? json_array_get(zones, count - 1) : NULL;
        page = last && json_object_get(body, "zones_links")
                   ? arena_printf(&cli->arena, "/os-zones?marker=%lld", (long long)json_integer_value(json_object_get(last, "id")))
                   : NULL;
    }
    return OK;
}

enum err cmd_zone_health(struct cli *cli)
{
    json_auto_t *body = NULL;
    if (cli->word_count == 0) {
        json_auto_t *list = json_array();
        TRY(gather_health(cli, list));
        if (!zone_print_json(cli, list))
            print_all(cli, list);
        return OK;
    }
    TRY(zone_ask(cli, "GET", target_of(cli, "/health"), NULL, &body));
    json_t *health = json_object_get(body, "health");
    if (!zone_print_json(cli, health))
        print_one(cli, health);
    return OK;
}
