/* See zones_nova.h. Logins of the doctor are its own: they neither use nor change the tokens that requests use. */
#include "gateway/api/zones_nova.h"

#include <string.h>

#include "gateway/base/text.h"
#include "gateway/gateway.h"
#include "zones/nova.h"
#include "zones/nova_caps.h"

#define CHECK_MS 3000

/* From the range that the version document gave last: has it 2.N? */
static bool has_version(const struct zone *zone, int minor)
{
    json_auto_t *info = zone->row.info ? json_loads(zone->row.info, 0, NULL) : NULL;
    const char *newest = json_string_value(json_array_get(json_object_get(info, "microversion"), 1));
    int64_t number = 0;
    return newest && str_starts(newest, "2.") && str_to_int(newest + 2, &number) && number >= minor;
}

static const char *may(const struct zone *zone, const struct nova_operation *operation)
{
    if (!zone->row.joined)
        return "no: no login has succeeded yet";
    if (zone->row.state == ZONE_ADMIN_DISABLED)
        return "no: it is disabled";
    if (!has_version(zone, operation->microversion))
        return "no: it is too old, or its versions are not known yet";
    if (operation->writes && zone->nova->row.read_only)
        return "no: it is registered read-only";
    return "yes";
}

json_t *zones_nova_may(const struct zone *zone)
{
    json_t *list = json_object();
    for (size_t i = 0; nova_operation_at(i); i++)
        (void)json_object_set_new(list, nova_operation_at(i)->name, json_string(may(zone, nova_operation_at(i))));
    (void)json_object_set_new(list, "create", json_string("no: new servers are not built there"));
    return list;
}

void zones_nova_show(json_t *object, const struct zone *zone)
{
    const struct zone_nova_row *row = &zone->nova->row;
    json_t *projects = json_object();
    for (size_t i = 0; i < row->project_count; i++)
        (void)json_object_set_new(projects, row->projects[i].local, json_string(row->projects[i].remote));
    (void)json_object_set_new(object, "nova",
                              json_pack("{s:s, s:s, s:s, s:s, s:s?, s:b, s:o, s:o}", "identity_url", row->identity_url, "username",
                                        row->username, "user_domain", row->user_domain, "project_domain", row->project_domain,
                                        "region", row->region, "read_only", row->read_only, "projects", projects, "may",
                                        zones_nova_may(zone)));
}

void zones_nova_defaults(const struct request *request, json_t *spec)
{
    const bool named = json_object_get(spec, "project") && !json_object_get(spec, "local_project");
    if (str_equal(json_string_value(json_object_get(spec, "kind")), NOVA_KIND) && named && request->caller.project_id)
        (void)json_object_set_new(spec, "local_project", json_string(request->caller.project_id));
}

struct examination {
    struct request *request;
    const struct zone *zone;
    zones_nova_found_f *found;
    void *context;
};

/* How far a connection came; the doctor's names. */
static const char *finding_of(const struct http_answer *answer)
{
    static const char *const steps[][2] = {{"dns", "dns"}, {"tcp", "unreachable"}, {"tls", "tls"}, {"http", "silent"}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (str_equal(answer->step, steps[i][0]))
            return steps[i][1];
    }
    return "unreachable";
}

static void say_login(const struct examination *at, const struct zone_nova_project *project, const struct http_answer *answer,
                      enum err result)
{
    const char *name = "nova-login";
    if (answer->kind != ZONE_ANSWERED)
        name = finding_of(answer);
    else if (result == E_NOT_FOUND)
        name = "nova-endpoint";
    at->found(at->context, name, arena_printf(at->request->arena, "project %s: %s", project->remote, err_message()));
}

/* False: there is no use in looking further. */
static bool try_login(const struct examination *at, const struct zone_nova_project *project)
{
    struct request *request = at->request;
    struct zone_call call = {0};
    struct nova_login login;
    char *secret = NULL;
    if (nova_login_call(request->gateway->zones, at->zone, project, request->arena, &call, &secret) != OK) {
        at->found(at->context, "nova-login", arena_strdup(request->arena, err_message()));
        return false;
    }
    call.timeout_ms = CHECK_MS;
    fanout_run(request->fanout, request->arena, &call, 1, request->budget);
    link_wipe(secret, strlen(secret));
    const enum err result = nova_login_read(at->zone, &call.answer, request->arena, &login);
    if (result != OK)
        say_login(at, project, &call.answer, result);
    return result == OK;
}

static void look_at_versions(const struct examination *at)
{
    struct request *request = at->request;
    struct http_answer answer;
    const char *min = NULL;
    const char *max = NULL;
    const char *own = arena_printf(request->arena, "2.%d", request->service->version_max);
    int64_t number = 0;
    if (nova_read_versions(request->fanout, at->zone, request->arena, budget_from_ms(CHECK_MS), &answer, &min, &max) != OK) {
        at->found(at->context, answer.kind == ZONE_ANSWERED ? "nova-version" : finding_of(&answer),
                  arena_strdup(request->arena, err_message()));
        return;
    }
    if (!str_starts(max, "2.") || !str_to_int(max + 2, &number) || number < request->service->version_max)
        at->found(at->context, "version", arena_printf(request->arena, "compute %s to %s there; up to %s here", min, max, own));
}

void zones_nova_examine(struct request *request, const struct zone *zone, zones_nova_found_f *found, void *context)
{
    const struct examination at = {request, zone, found, context};
    const struct zone_nova_row *row = &zone->nova->row;
    bool in = false;
    for (size_t i = 0; i < row->project_count; i++)
        in = try_login(&at, &row->projects[i]) || in;
    if (in && zone->row.joined)
        look_at_versions(&at);
    if (row->read_only)
        found(context, "nova-read-only", "");
}
