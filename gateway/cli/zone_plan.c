/* `zonegate zone plan`: where a server would go and who refused it; `zone capacity`: how many more fit at most. Both ask the
 * running zone. */
#include <stdio.h>
#include <string.h>

#include "gateway/cli/zone_ask.h"

static void print_claim(const json_t *claim)
{
    const char *key;
    json_t *value;
    (void)printf("  claims");
    json_object_foreach((json_t *)claim, key, value)
    {
        (void)printf(" %s=%lld", key, (long long)json_integer_value(value));
    }
}

static void print_host(const json_t *host, int depth)
{
    size_t i;
    const json_t *part;
    (void)printf("%*s%-20s", depth, "", zone_text(host, "host"));
    if (*zone_text(host, "filter")) {
        (void)printf("  refused by %s: %s\n", zone_text(host, "filter"), zone_text(host, "reason"));
        return;
    }
    (void)printf("  weight %.3f ", json_number_value(json_object_get(host, "weight")));
    json_array_foreach(json_object_get(host, "weights"), i, part)
    {
        (void)printf(" %s %.2f*%g", zone_text(part, "weigher"), json_number_value(json_object_get(part, "normalised")),
                     json_number_value(json_object_get(part, "multiplier")));
    }
    (void)putchar('\n');
}

static void print_plan(const json_t *plan, int depth) // NOLINT(misc-no-recursion): as deep as the parser allowed
{
    size_t i;
    const json_t *item;
    (void)printf("%*s%s", depth, "", zone_text(plan, "zone"));
    if (json_object_get(plan, "claim"))
        print_claim(json_object_get(plan, "claim"));
    if (*zone_text(plan, "skipped"))
        (void)printf("  not asked: %s", zone_text(plan, "skipped"));
    if (*zone_text(plan, "missing"))
        (void)printf("  missing: %s", zone_text(plan, "missing"));
    (void)putchar('\n');
    json_array_foreach(json_object_get(plan, "hosts"), i, item)
    {
        print_host(item, depth + 2);
    }
    json_array_foreach(json_object_get(plan, "zones"), i, item)
    {
        print_plan(item, depth + 2);
    }
}

static enum err read_body(const struct cli *cli, json_t **out)
{
    const char *path = cli_option(cli, "file");
    json_error_t error;
    if (!path)
        return fail(E_INVALID, "--file FILE is missing: a body of POST /servers, \"-\" for standard input.");
    *out = strcmp(path, "-") == 0 ? json_loadf(stdin, 0, &error) : json_load_file(path, 0, &error);
    return json_is_object(*out) ? OK : fail(E_INVALID, "%s, line %d: %s", path, error.line, *out ? "not an object" : error.text);
}

enum err cmd_zone_plan(struct cli *cli)
{
    json_auto_t *question = NULL;
    json_auto_t *body = NULL;
    TRY(read_body(cli, &question));
    TRY(zone_ask(cli, "POST", "/os-zones/plan", question, &body));
    const json_t *plan = json_object_get(body, "plan");
    if (!zone_print_json(cli, plan))
        print_plan(plan, 0);
    return OK;
}

static void print_capacity(const json_t *row)
{
    const char *name;
    json_t *zone;
    const json_t *fits = json_object_get(row, "fits_at_most");
    (void)printf("%-20s", zone_text(row, "zone"));
    if (json_is_integer(fits))
        (void)printf("  %lld more", (long long)json_integer_value(fits));
    if (!json_is_object(json_object_get(row, "availability_zones")))
        (void)printf("  not known");
    json_object_foreach(json_object_get(row, "availability_zones"), name, zone)
    {
        (void)printf("  %s: %lld hosts, free %lld vcpus %lld MiB %lld GiB", name,
                     (long long)json_integer_value(json_object_get(zone, "hosts")),
                     (long long)json_integer_value(json_object_get(zone, "vcpus")),
                     (long long)json_integer_value(json_object_get(zone, "ram_mib")),
                     (long long)json_integer_value(json_object_get(zone, "disk_gib")));
    }
    (void)putchar('\n');
}

enum err cmd_zone_capacity(struct cli *cli)
{
    json_auto_t *body = NULL;
    size_t i;
    const json_t *row;
    const char *flavor = cli_option(cli, "flavor");
    const char *query = flavor ? arena_printf(&cli->arena, "?flavor=%s", zone_encode(cli, flavor)) : "";
    TRY(zone_ask(cli, "GET", arena_printf(&cli->arena, "/os-zones/capacity%s", query), NULL, &body));
    const json_t *list = json_object_get(body, "capacity");
    if (zone_print_json(cli, list))
        return OK;
    json_array_foreach(list, i, row)
    {
        print_capacity(row);
    }
    return OK;
}
