/*
 * Links from the command line: `zone token` in the child, `zone join` in the parent, `zone rekey`, `zone links`, `zone policy`. A
 * join token is read from standard input or a file, so that it stands on no command line (`zone join TOKEN` is for those who type
 * it).
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/cli/zone_ask.h"

#define TOKEN_MOST    8192
#define JOIN_MS       15000
#define JOIN_PAUSE_MS 200

enum err cmd_zone_token(struct cli *cli)
{
    json_auto_t *body = NULL;
    TRY(zone_ask(cli, "POST", "/os-zones/token", NULL, &body));
    json_t *token = json_object_get(body, "token");
    const char *command = arena_printf(&cli->arena, "echo %s | zonegate zone join -", zone_text(token, "token"));
    (void)json_object_set_new(token, "command", json_string(command));
    if (zone_print_json(cli, token))
        return OK;
    (void)fprintf(stderr, "Good once, for 15 minutes. On the machine of the parent zone, with its configuration:\n");
    (void)puts(command);
    return OK;
}

static enum err read_token(struct cli *cli, const char **out)
{
    const char *word = cli->word_count ? cli->words[0] : "-";
    const char *path = cli_option(cli, "token-file");
    char *line = arena_alloc(&cli->arena, TOKEN_MOST);
    if (!path && strcmp(word, "-") != 0) {
        *out = word;
        return OK;
    }
    FILE *file = path ? fopen(path, "re") : stdin;
    if (!file)
        return fail(E_INVALID, "%s cannot be read.", path);
    const bool got = fgets(line, TOKEN_MOST, file) != NULL;
    if (path)
        (void)fclose(file);
    line[got ? strcspn(line, " \r\n") : 0] = '\0';
    if (!*line)
        return fail(E_INVALID, "There is no join token: make one with `zonegate zone token` in the child zone.");
    *out = line;
    return OK;
}

static bool is_decided(const json_t *zone)
{
    return json_is_string(json_object_get(zone, "uuid")) || *zone_text(zone, "last_error");
}

/* A child that is slow is waited for, so that the command can say what became of it. */
static enum err wait_joined(struct cli *cli, json_t **zone)
{
    struct budget budget = budget_from_ms(JOIN_MS);
    const struct timespec pause = {.tv_nsec = JOIN_PAUSE_MS * 1000000L};
    const char *target = arena_printf(&cli->arena, "/os-zones/%lld", (long long)json_integer_value(json_object_get(*zone, "id")));
    while (!is_decided(*zone) && budget_left_ms(&budget) > 0) {
        json_auto_t *body = NULL;
        (void)nanosleep(&pause, NULL);
        TRY(zone_ask(cli, "GET", target, NULL, &body));
        json_decref(*zone);
        *zone = json_incref(json_object_get(body, "zone"));
    }
    return OK;
}

static enum err spec_of_join(struct cli *cli, json_t *spec)
{
    static const char *const numbers[][2] = {{"weight-offset", "weight_offset"}, {"weight-scale", "weight_scale"}};
    static const char *const texts[][2] = {{"name", "name"}, {"url", "api_url"}};
    const char *token = NULL;
    TRY(read_token(cli, &token));
    (void)json_object_set_new(spec, "token", json_string(token));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (cli_option(cli, texts[i][0]))
            (void)json_object_set_new(spec, texts[i][1], json_string(cli_option(cli, texts[i][0])));
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) { /* the zone reads numbers in texts too, and says what is none */
        if (cli_option(cli, numbers[i][0]))
            (void)json_object_set_new(spec, numbers[i][1], json_string(cli_option(cli, numbers[i][0])));
    }
    if (cli_option(cli, "insecure"))
        (void)json_object_set_new(spec, "insecure", json_true());
    return zone_add_tls(cli, spec);
}

enum err cmd_zone_join(struct cli *cli)
{
    json_auto_t *spec = json_object();
    json_auto_t *body = NULL;
    TRY(spec_of_join(cli, spec));
    json_auto_t *question = json_pack("{s:O}", "zone", spec);
    TRY(zone_ask(cli, "POST", "/os-zones", question, &body));
    json_auto_t *zone = json_incref(json_object_get(body, "zone"));
    TRY(wait_joined(cli, &zone));
    const char *error = zone_text(zone, "last_error");
    if (!json_is_string(json_object_get(zone, "uuid")))
        return fail(E_UNAVAILABLE, "Zone %s is registered but not joined yet: %s", zone_text(zone, "name"),
                    *error ? error : "it has not answered; the zone goes on trying");
    if (!zone_print_json(cli, zone))
        (void)printf("Zone %s is joined, tag %s.\n", zone_text(zone, "name"), zone_text(zone, "tag"));
    return OK;
}

enum err cmd_zone_rekey(struct cli *cli)
{
    json_auto_t *body = NULL;
    TRY(zone_ask(cli, "POST", arena_printf(&cli->arena, "/os-zones/%s/rekey", zone_encode(cli, cli->words[0])), NULL, &body));
    const json_t *link = json_object_get(body, "link");
    if (!zone_print_json(cli, link))
        (void)printf("The link to %s has new keys, %s; the former ones stay good until the next time.\n", zone_text(link, "name"),
                     json_string_value(json_array_get(json_object_get(link, "keys"), 0)));
    return OK;
}

static const char *compact(struct cli *cli, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *copy = arena_strdup(&cli->arena, text ? text : "");
    free(text);
    return copy;
}

static const json_t *parent_of(const json_t *links, const char *name)
{
    for (size_t i = 0; i < json_array_size(links); i++) {
        const json_t *link = json_array_get(links, i);
        if (strcmp(zone_text(link, "side"), "parent") == 0 && strcmp(zone_text(link, "name"), name) == 0)
            return link;
    }
    return NULL;
}

enum err cmd_zone_leave(struct cli *cli)
{
    json_auto_t *body = NULL;
    json_auto_t *unused = NULL;
    TRY(zone_ask(cli, "GET", "/os-zones/links", NULL, &body));
    const json_t *link = parent_of(json_object_get(body, "links"), cli->words[0]);
    if (!link)
        return fail(E_NOT_FOUND, "Zone %.64s is no parent of this zone.", cli->words[0]);
    const json_int_t id = json_integer_value(json_object_get(link, "id"));
    TRY(zone_ask(cli, "DELETE", arena_printf(&cli->arena, "/os-zones/links/%lld", (long long)id), NULL, &unused));
    if (!zone_print_json(cli, link))
        (void)printf("Zone %s is no parent of this zone any more. Its servers stay here; there, `zone delete` removes the row.\n",
                     cli->words[0]);
    return OK;
}

enum err cmd_zone_links(struct cli *cli)
{
    static const char *const columns[] = {"side", "name", "state", "keys_from", "certificate_days", "policy", "api_url"};
    json_auto_t *body = NULL;
    size_t i;
    const json_t *link;
    TRY(zone_ask(cli, "GET", "/os-zones/links", NULL, &body));
    const json_t *links = json_object_get(body, "links");
    if (zone_print_json(cli, links))
        return OK;
    const char **cells = arena_alloc(&cli->arena, (json_array_size(links) + 1) * ARRAY_LEN(columns) * sizeof(*cells));
    json_array_foreach(links, i, link)
    {
        const json_t *days = json_object_get(link, "certificate_days_left");
        const char *const row[] = {zone_text(link, "side"),
                                   zone_text(link, "name"),
                                   zone_text(link, "state"),
                                   arena_strndup(&cli->arena, zone_text(link, "keys_from"), 10),
                                   json_is_integer(days) ? compact(cli, days) : NULL,
                                   compact(cli, json_object_get(link, "policy")),
                                   zone_text(link, "api_url")};
        memcpy(&cells[i * ARRAY_LEN(columns)], row, sizeof(row));
    }
    cli_print_table(cli, columns, ARRAY_LEN(columns), cells, json_array_size(links));
    return OK;
}

/* "a,b" as a list; "*" takes the restriction away. */
static json_t *list_of(struct cli *cli, const char *text)
{
    if (strcmp(text, "*") == 0)
        return json_null();
    json_t *list = json_array();
    while (*text) {
        const size_t length = strcspn(text, ",");
        if (length)
            (void)json_array_append_new(list, json_string(arena_strndup(&cli->arena, text, length)));
        text += length + (text[length] ? 1 : 0);
    }
    return list;
}

static enum err policy_of_options(struct cli *cli, json_t *policy)
{
    static const char *const lists[][2] = {{"roles", "roles"}, {"projects", "projects"}};
    static const char *const flags[][2] = {
        {"read-only", "read_only"}, {"reads-up", "resolve"}, {"catalog", "catalog"}, {"acts-up", "act"}};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (cli_option(cli, lists[i][0]))
            (void)json_object_set_new(policy, lists[i][1], list_of(cli, cli_option(cli, lists[i][0])));
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        const char *text = cli_option(cli, flags[i][0]);
        if (text && strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
            return fail(E_INVALID, "--%s takes yes or no, not '%s'.", flags[i][0], text);
        if (text)
            (void)json_object_set_new(policy, flags[i][1], json_boolean(strcmp(text, "yes") == 0));
    }
    return OK;
}

enum err cmd_zone_policy(struct cli *cli)
{
    json_auto_t *policy = json_object();
    json_auto_t *body = NULL;
    const char *target = arena_printf(&cli->arena, "/os-zones/links/%s", zone_encode(cli, cli->words[0]));
    TRY(policy_of_options(cli, policy));
    if (json_object_size(policy)) {
        json_auto_t *question = json_pack("{s:{s:O}}", "link", "policy", policy);
        TRY(zone_ask(cli, "PUT", target, question, &body));
    } else {
        TRY(zone_ask(cli, "GET", target, NULL, &body));
    }
    const json_t *link = json_object_get(body, "link");
    if (!zone_print_json(cli, json_object_get(link, "policy")))
        (void)printf("%s %s: %s\n", zone_text(link, "side"), zone_text(link, "name"),
                     compact(cli, json_object_get(link, "policy")));
    return OK;
}
