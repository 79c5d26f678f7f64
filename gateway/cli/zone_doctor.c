/*
 * `zonegate zone doctor [NAME]`: findings about the links of this zone, each with what to do. Exit code: 0 nothing found, 1
 * warnings, 2 errors (a zone that does not answer is one).
 */
#include <stdio.h>
#include <string.h>

#include "gateway/cli/zone_ask.h"

#define STATUS_WARNING 1
#define STATUS_ERROR   2

static void note_severity(struct cli *cli, const char *severity)
{
    if (strcmp(severity, "note") == 0)
        return;
    const int status = strcmp(severity, "error") == 0 ? STATUS_ERROR : STATUS_WARNING;
    cli->status = status > cli->status ? status : cli->status;
}

static void print_finding(struct cli *cli, const json_t *finding)
{
    const char *seen = zone_text(finding, "seen");
    (void)printf("%s  %s  %s%s%s\n    %s\n", zone_text(finding, "zone"), zone_paint(cli, zone_text(finding, "severity")),
                 zone_text(finding, "finding"), *seen ? ": " : "", seen, zone_text(finding, "fix"));
}

/* What may be done with plain Novas. */
static void print_may(const json_t *may)
{
    const char *zone;
    const char *operation;
    json_t *operations;
    json_t *word;
    json_object_foreach((json_t *)may, zone, operations)
    {
        (void)printf("%s  may be done:\n", zone);
        json_object_foreach(operations, operation, word)
        {
            (void)printf("    %-16s %s\n", operation, json_string_value(word));
        }
    }
}

/* The zone itself is the finding. */
static enum err report_silence(struct cli *cli)
{
    json_auto_t *list =
        json_pack("[{s:s, s:s, s:s, s:s, s:s}]", "zone", cli->config.zone.name, "finding", "not-running", "severity", "error",
                  "seen", err_message(), "fix", "start it with `zonegate serve`, or look at its log");
    cli->status = STATUS_ERROR;
    if (!zone_print_json(cli, list))
        print_finding(cli, json_array_get(list, 0));
    return OK;
}

enum err cmd_zone_doctor(struct cli *cli)
{
    json_auto_t *body = NULL;
    size_t i;
    const json_t *finding;
    const char *query = cli->word_count ? arena_printf(&cli->arena, "?zone=%s", zone_encode(cli, cli->words[0])) : "";
    const enum err asked = zone_ask(cli, "GET", arena_printf(&cli->arena, "/os-zones/doctor%s", query), NULL, &body);
    if (asked == E_UNAVAILABLE)
        return report_silence(cli);
    TRY(asked);
    const json_t *list = json_object_get(body, "findings");
    json_array_foreach(list, i, finding)
    {
        note_severity(cli, zone_text(finding, "severity"));
    }
    if (zone_print_json(cli, list))
        return OK;
    json_array_foreach(list, i, finding)
    {
        print_finding(cli, finding);
    }
    print_may(json_object_get(body, "may"));
    const json_int_t links = json_integer_value(json_object_get(body, "looked_at"));
    (void)printf("%lld link%s looked at, %zu finding%s.\n", (long long)links, links == 1 ? "" : "s", json_array_size(list),
                 json_array_size(list) == 1 ? "" : "s");
    return OK;
}
