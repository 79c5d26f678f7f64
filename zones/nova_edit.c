/*
 * Registering a plain Nova, and changing how it is used: the members of `zone` that only this kind has (nova.h). Read-only unless
 * an admin says otherwise; the password is sealed and never given back.
 */
#include <string.h>

#include "gateway/base/text.h"
#include "zones/nova.h"

#define WORD_MOST     255
#define PASSWORD_MOST 1024
#define PROJECTS_MOST 256
#define LOCAL_MOST    64

const char *const nova_spec_keys[] = {"identity_url", "project",  "local_project", "user_domain", "project_domain",
                                      "region",       "projects", "read_only",     NULL};

/* Leaves the former value when the member is absent. */
static enum err take_text(const json_t *spec, const char *key, size_t most, struct arena *arena, const char **place)
{
    const json_t *value = json_object_get(spec, key);
    if (!value)
        return OK;
    if (!json_is_string(value) || json_string_length(value) == 0 || json_string_length(value) > most)
        return fail(E_INVALID, "'%s' is a text of 1 to %zu bytes.", key, most);
    *place = arena_strdup(arena, json_string_value(value));
    return OK;
}

static enum err take_url(const struct zones *zones, struct arena *arena, const json_t *spec, struct zone_nova_row *row)
{
    const char *text = NULL;
    TRY(take_text(spec, "api_url", WORD_MOST * 4, arena, &text));
    TRY(take_text(spec, "identity_url", WORD_MOST * 4, arena, &text));
    if (!text)
        return row->identity_url ? OK : fail(E_INVALID, "A plain Nova is found through its Keystone: 'identity_url' is required.");
    char *url = arena_strdup(arena, text);
    while (str_ends(url, "/"))
        url[strlen(url) - 1] = '\0';
    if (str_ends(url, "/v3"))
        url[strlen(url) - 3] = '\0';
    const char *root = NULL;
    TRY(url_root(arena, url, &root)); /* checks the form; the path is Keystone's own and stays */
    const bool insecure = json_is_true(json_object_get(spec, "insecure")) || zones->options.insecure;
    TRY(url_check_trust(url, insecure));
    row->identity_url = url;
    return OK;
}

static enum err take_password(const struct zones *zones, struct arena *arena, const json_t *spec, const char *former_user,
                              struct zone_nova_row *row)
{
    const char *password = NULL;
    struct zone_row sealed = {0};
    TRY(take_text(spec, "password", PASSWORD_MOST, arena, &password));
    if (!password && row->password && str_equal(former_user, row->username))
        return OK;
    if (!password || !row->username)
        return fail(E_INVALID, "A plain Nova is used by a user of its own: username and password belong together.");
    credential_seal(zones, arena, password, &sealed);
    row->password = sealed.credential;
    row->password_length = sealed.credential_length;
    return OK;
}

static void set_project(struct zone_nova_row *row, struct zone_nova_project *projects, const char *local, const char *remote)
{
    size_t at = 0;
    while (at < row->project_count && !str_equal(projects[at].local, local))
        at++;
    if (remote) {
        projects[at] = (struct zone_nova_project){local, remote};
        row->project_count += at == row->project_count ? 1 : 0;
    } else if (at < row->project_count) {
        projects[at] = projects[--row->project_count];
    }
}

/* {"LOCAL": "REMOTE", …}: added to what is there; null takes one out. */
static enum err take_map(struct arena *arena, const json_t *map, struct zone_nova_row *row, struct zone_nova_project *projects)
{
    const char *local;
    json_t *remote;
    if (map && !json_is_object(map))
        return fail(E_INVALID, "'projects' is an object: this tree's project ids, and the projects there.");
    json_object_foreach((json_t *)map, local, remote)
    {
        const bool known = json_is_null(remote) || (json_string_length(remote) > 0 && json_string_length(remote) <= WORD_MOST);
        if (!*local || strlen(local) > LOCAL_MOST || !known)
            return fail(E_INVALID, "'projects' maps an id of up to %d bytes to a name or an id.", LOCAL_MOST);
        set_project(row, projects, arena_strdup(arena, local), arena_strdup(arena, json_string_value(remote)));
    }
    return OK;
}

static enum err take_projects(struct arena *arena, const json_t *spec, struct zone_nova_row *row)
{
    const json_t *map = json_object_get(spec, "projects");
    const size_t most = row->project_count + json_object_size(map) + 1;
    struct zone_nova_project *projects = arena_alloc(arena, (most + 1) * sizeof(*projects));
    const char *local = NULL;
    const char *remote = NULL;
    if (row->project_count)
        memcpy(projects, row->projects, row->project_count * sizeof(*projects));
    row->projects = projects;
    TRY(take_text(spec, "local_project", LOCAL_MOST, arena, &local));
    TRY(take_text(spec, "project", WORD_MOST, arena, &remote));
    if (!local != !remote)
        return fail(E_INVALID, "'project' (there) and 'local_project' (an id here) belong together.");
    if (local)
        set_project(row, projects, local, remote);
    TRY(take_map(arena, map, row, projects));
    if (row->project_count > PROJECTS_MOST)
        return fail(E_INVALID, "At most %d projects have a counterpart.", PROJECTS_MOST);
    return row->project_count ? OK : fail(E_INVALID, "A plain Nova needs a project there that stands for one here: 'project'.");
}

enum err nova_apply_spec(const struct zones *zones, struct arena *arena, const json_t *spec, const struct nova_child *old,
                         struct zone_nova_row *out)
{
    static const struct zone_nova_row usual = {.user_domain = "Default", .project_domain = "Default", .read_only = true};
    struct zone_nova_row row = old ? old->row : usual;
    const char *former_user = row.username;
    const json_t *read_only = json_object_get(spec, "read_only");
    if (json_object_get(spec, "token"))
        return fail(E_INVALID, "A plain Nova has no join tokens: username and password.");
    if (read_only && !json_is_boolean(read_only))
        return fail(E_INVALID, "'read_only' is true or false.");
    if (read_only)
        row.read_only = json_is_true(read_only);
    TRY(take_url(zones, arena, spec, &row));
    TRY(take_text(spec, "username", WORD_MOST, arena, &row.username));
    TRY(take_text(spec, "user_domain", WORD_MOST, arena, &row.user_domain));
    TRY(take_text(spec, "project_domain", WORD_MOST, arena, &row.project_domain));
    TRY(take_text(spec, "region", WORD_MOST, arena, &row.region));
    TRY(take_password(zones, arena, spec, former_user, &row));
    TRY(take_projects(arena, spec, &row));
    *out = row;
    return OK;
}
