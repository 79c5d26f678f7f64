/* See zone_nova.h. */
#include "gateway/cli/zone_nova.h"

#include "gateway/base/text.h"
#include "schema/identity.h"

#define DOMAIN_ID       "default"
#define DEFAULT_PROJECT "admin"

enum err zone_nova_options(struct cli *cli, json_t *spec)
{
    static const char *const texts[][2] = {
        {"kind", "kind"},
        {"identity-url", "identity_url"},
        {"project", "project"},
        {"local-project", "local_project"},
        {"user", "username"},
        {"user-domain", "user_domain"},
        {"project-domain", "project_domain"},
        {"region", "region"},
    };
    const char *read_only = cli_option(cli, "read-only");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (cli_option(cli, texts[i][0]))
            (void)json_object_set_new(spec, texts[i][1], json_string(cli_option(cli, texts[i][0])));
    }
    if (read_only && !str_equal(read_only, "yes") && !str_equal(read_only, "no"))
        return fail(E_INVALID, "--read-only takes yes or no, not '%s'.", read_only);
    if (read_only)
        (void)json_object_set_new(spec, "read_only", json_boolean(str_equal(read_only, "yes")));
    return OK;
}

enum err zone_nova_default_project(struct cli *cli, struct db *db, json_t *spec)
{
    struct identity_project project;
    if (!json_object_get(spec, "project") || json_object_get(spec, "local_project"))
        return OK;
    if (identity_project_get_by_name(db, &cli->arena, DOMAIN_ID, DEFAULT_PROJECT, &project) != OK)
        return fail(E_INVALID,
                    "Whose servers are they here? This zone keeps no project '" DEFAULT_PROJECT "': say --local-project ID.");
    (void)json_object_set_new(spec, "local_project", json_string(project.id));
    return OK;
}
