/* The registry of child zones from the command line; see cli.h. It works on the database; a running zone sees changes at its next
 * poll. What asks the running zone is in zone_tree.c, zone_find.c, zone_doctor.c, zone_join.c and zone_state.c. */
#include <stdio.h>
#include <string.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/zone_ask.h"
#include "gateway/cli/zone_nova.h"
#include "gateway/cli/zone_url.h"
#include "zones/registry.h"

/* The registry over the store, without a poller. */
struct registry {
    struct cli_store store;
    struct zones_options options;
    struct zones *zones;
    char url[512];
};

static void registry_close(struct registry *registry)
{
    zones_close(registry->zones);
    cli_store_close(&registry->store);
}

static enum err registry_open(struct cli *cli, struct registry *out)
{
    TRY(cli_store_open(&cli->config, &out->store));
    zone_url(&cli->config, out->url, sizeof(out->url));
    out->options = (struct zones_options){.name = cli->config.zone.name,
                                          .url = out->url,
                                          .keys = &out->store.keys,
                                          .database = &out->store.target,
                                          .poll_interval_ms = cli->config.zones.poll_interval_ms,
                                          .child_timeout_ms = cli->config.zones.child_timeout_ms,
                                          .insecure = cli->config.zones.insecure,
                                          .expose_names = cli->config.zone.expose_names,
                                          .incarnation = 1};
    return zones_open(&out->options, &out->zones);
}

static enum err find_child(struct cli *cli, struct registry *registry, const struct zone **out)
{
    const struct zone *zone = view_child_by_name(zones_view(registry->zones, &cli->arena), cli->words[0]);
    if (!zone)
        return fail(E_NOT_FOUND, "There is no child zone '%s'.", cli->words[0]);
    *out = zone;
    return OK;
}

static void print_zones(struct cli *cli, const struct zone *const *zones, size_t count)
{
    static const char *const columns[] = {"id", "name", "api_url", "uuid", "joined", "state", "last_seen", "last_error"};
    const char **cells = arena_alloc(&cli->arena, (count + 1) * ARRAY_LEN(columns) * sizeof(*cells));
    for (size_t i = 0; i < count; i++) {
        const struct zone_row *row = &zones[i]->row;
        const char *const cell[] = {arena_printf(&cli->arena, "%lld", (long long)row->id),
                                    row->name,
                                    row->api_url,
                                    row->joined ? arena_strdup(&cli->arena, uuid_to_text(&row->uuid).text) : NULL,
                                    row->joined ? "yes" : "no",
                                    zone_admin_state_name(row->state),
                                    row->last_seen_us ? arena_strdup(&cli->arena, time_iso_z(row->last_seen_us).text) : NULL,
                                    row->last_error};
        memcpy(&cells[i * ARRAY_LEN(columns)], cell, sizeof(cell));
    }
    cli_print_table(cli, columns, ARRAY_LEN(columns), cells, count);
}

enum err cmd_zone_list(struct cli *cli)
{
    CLEANUP(registry_close) struct registry registry = {0};
    TRY(registry_open(cli, &registry));
    CLEANUP(arena_clear) struct arena arena = {0}; /* the view must be gone before the registry */
    const struct zones_view *view = zones_view(registry.zones, &arena);
    const size_t count = view->child_count + view->rehomed_count;
    const struct zone **list = arena_alloc(&arena, (count + 1) * sizeof(const struct zone *));
    for (size_t i = 0; i < count; i++)
        list[i] = &view->children[i];
    print_zones(cli, list, count);
    return OK;
}

/* Numbers and texts of options as the registry's object. */
static enum err spec_from_options(struct cli *cli, json_t *spec)
{
    static const char *const numbers[][2] = {{"weight-offset", "weight_offset"}, {"weight-scale", "weight_scale"}};
    static const char *const texts[][2] = {{"state", "state"}, {"url", "api_url"}, {"username", "username"}};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const char *text = cli_option(cli, numbers[i][0]);
        char *end = NULL;
        const double number = text ? strtod(text, &end) : 0;
        if (text && (end == text || *end))
            return fail(E_INVALID, "--%s takes a number, not '%s'.", numbers[i][0], text);
        if (text)
            (void)json_object_set_new(spec, numbers[i][1], json_real(number));
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (cli_option(cli, texts[i][0]))
            (void)json_object_set_new(spec, texts[i][1], json_string(cli_option(cli, texts[i][0])));
    }
    if (cli_option(cli, "insecure"))
        (void)json_object_set_new(spec, "insecure", json_true());
    TRY(zone_nova_options(cli, spec));
    return zone_add_tls(cli, spec);
}

enum err cmd_zone_add(struct cli *cli)
{
    CLEANUP(registry_close) struct registry registry = {0};
    json_auto_t *spec = json_pack("{s:s}", "name", cli->words[0]);
    const char *password = NULL;
    int64_t id = 0;
    if (cli->word_count > 1)
        (void)json_object_set_new(spec, "api_url", json_string(cli->words[1]));
    TRY(spec_from_options(cli, spec));
    TRY(cli_option_secret(cli, "password-file", &password));
    (void)json_object_set_new(spec, "password", json_string(password));
    TRY(registry_open(cli, &registry));
    TRY(zone_nova_default_project(cli, registry.store.db, spec));
    TRY(zones_child_add(registry.zones, registry.store.db, &cli->arena, spec, &id));
    (void)printf("Zone %s is registered; the running zone joins it at its next poll.\n", cli->words[0]);
    return OK;
}

/* A new password or join token: the child is joined again with it. */
static enum err add_secrets(struct cli *cli, json_t *spec)
{
    static const char *const secrets[][2] = {{"password-file", "password"}, {"token-file", "token"}};
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        const char *text = NULL;
        if (!cli_option(cli, secrets[i][0]))
            continue;
        TRY(cli_option_secret(cli, secrets[i][0], &text));
        (void)json_object_set_new(spec, secrets[i][1], json_string(text));
    }
    return OK;
}

enum err cmd_zone_set(struct cli *cli)
{
    CLEANUP(registry_close) struct registry registry = {0};
    json_auto_t *spec = json_object();
    const struct zone *zone = NULL;
    TRY(spec_from_options(cli, spec));
    TRY(add_secrets(cli, spec));
    TRY(registry_open(cli, &registry));
    enum err result = find_child(cli, &registry, &zone);
    if (result == OK)
        result = zones_child_update(registry.zones, registry.store.db, &cli->arena, zone->row.id, spec);
    arena_clear(&cli->arena);
    return result;
}

enum err cmd_zone_show(struct cli *cli)
{
    CLEANUP(registry_close) struct registry registry = {0};
    const struct zone *zone = NULL;
    TRY(registry_open(cli, &registry));
    const enum err result = find_child(cli, &registry, &zone);
    if (result == OK)
        print_zones(cli, &zone, 1);
    arena_clear(&cli->arena);
    return result;
}

enum err cmd_zone_delete(struct cli *cli)
{
    CLEANUP(registry_close) struct registry registry = {0};
    const struct zone *zone = NULL;
    TRY(registry_open(cli, &registry));
    enum err result = find_child(cli, &registry, &zone);
    if (result == OK)
        result = zones_child_delete(registry.zones, registry.store.db, zone->row.id);
    arena_clear(&cli->arena);
    if (result == OK)
        (void)printf("Zone %s is forgotten; its servers stay where they are.\n", cli->words[0]);
    return result;
}
