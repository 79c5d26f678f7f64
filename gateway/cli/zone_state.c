/* `zonegate zone drain|disable|enable|health NAME`: a child's state, changed and shown by the running zone. */
#include <stdio.h>
#include <string.h>

#include "gateway/cli/zone_ask.h"

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

static void print_member(struct cli *cli, const char *key, const json_t *value)
{
    char *text = json_is_string(value) || json_is_null(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *word = json_is_string(value) ? json_string_value(value) : "-";
    (void)printf("%-22s  %s\n", key, text ? text : zone_paint(cli, word));
    free(text);
}

enum err cmd_zone_health(struct cli *cli)
{
    json_auto_t *body = NULL;
    const char *key;
    json_t *value;
    TRY(zone_ask(cli, "GET", target_of(cli, "/health"), NULL, &body));
    json_t *health = json_object_get(body, "health");
    if (zone_print_json(cli, health))
        return OK;
    json_object_foreach(health, key, value)
    {
        print_member(cli, key, value);
    }
    return OK;
}
