/*
 * GET /limits: the quotas of a project and what it uses of them (nova-api.md section 14). Which keys there are depends on the
 * version. The usage is that of the zone and all below it.
 */
#include <inttypes.h>

#include "gateway/api/api.h"
#include "gateway/api/page.h"
#include "gateway/conductor/quota.h"

/* A key, the last version that has it (0: all), and the quota whose limit, or whose use, it shows. */
static const struct {
    const char *key;
    int last;
    enum quota quota;
    bool is_usage;
} rows[] = {
    {"maxTotalInstances", 0, Q_INSTANCES, false},
    {"maxTotalCores", 0, Q_CORES, false},
    {"maxTotalRAMSize", 0, Q_RAM, false},
    {"maxTotalKeypairs", 0, Q_KEY_PAIRS, false},
    {"maxServerMeta", 0, Q_METADATA_ITEMS, false},
    {"maxServerGroups", 0, Q_SERVER_GROUPS, false},
    {"maxServerGroupMembers", 0, Q_SERVER_GROUP_MEMBERS, false},
    {"maxImageMeta", 38, Q_METADATA_ITEMS, false},
    {"maxPersonality", 56, Q_INJECTED_FILES, false},
    {"maxPersonalitySize", 56, Q_INJECTED_FILE_CONTENT_BYTES, false},
    {"maxTotalFloatingIps", 35, Q_FLOATING_IPS, false},
    {"maxSecurityGroups", 35, Q_SECURITY_GROUPS, false},
    {"maxSecurityGroupRules", 35, Q_SECURITY_GROUP_RULES, false},
    {"totalInstancesUsed", 0, Q_INSTANCES, true},
    {"totalCoresUsed", 0, Q_CORES, true},
    {"totalRAMUsed", 0, Q_RAM, true},
    {"totalServerGroupsUsed", 0, Q_SERVER_GROUPS, true},
    {"totalFloatingIpsUsed", 35, Q_FLOATING_IPS, true},
    {"totalSecurityGroupsUsed", 35, Q_SECURITY_GROUPS, true},
};

/* The caller's project; an admin may name another one. */
static enum err project_of(const struct request *request, const char **out)
{
    const char *tenant = request_query(request, "tenant_id");
    if (tenant && !request->caller.is_admin)
        return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:limits:other_project to be performed.");
    *out = tenant ? tenant : request->caller.project_id;
    return OK;
}

static enum err limits_show(struct request *request, struct response *response)
{
    static const char *const parameters[] = {"tenant_id"};
    const char *project = NULL;
    struct quota_limits limits;
    struct quota_limits used;
    TRY(query_check_names(request, parameters, ARRAY_LEN(parameters)));
    TRY(project_of(request, &project));
    TRY(quota_limits_get(request, project, NULL, &limits));
    TRY(quota_used(request, response, project, NULL, &used));
    struct text *out = &response->body;
    text_add_str(out, "{\"limits\":{\"rate\":[],\"absolute\":{");
    bool first = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].last && request->version > rows[i].last)
            continue;
        text_add_format(out, "%s\"%s\":%" PRId64, first ? "" : ",", rows[i].key,
                        rows[i].is_usage ? used.of[rows[i].quota] : limits.of[rows[i].quota]);
        first = false;
    }
    text_add_str(out, "}}}");
    return OK;
}

const struct route limit_routes[] = {
    {.method = "GET", .path = "/limits", .access = ACCESS_READER, .handler = limits_show},
    {.method = NULL},
};
