/*
 * GET /limits: the quotas of a project and what it uses of them (nova-api.md section 14). Which keys there are depends on the
 * version. The usage is that of this zone's own servers; server groups are counted as none, as long as the zone has none.
 */
#include <inttypes.h>

#include "gateway/api/api.h"
#include "gateway/api/page.h"
#include "gateway/api/quota_defaults.h"
#include "schema/server.h"

/* What is used. */
struct usage {
    struct server_usage servers;
    int64_t server_groups;
    int64_t network; /* floating addresses and security groups of nova-network: there is no such thing */
};

enum { NO_USAGE = -1 };

/* A key, the last version that has it (0: all), and its fixed limit or the member of struct usage that it shows. */
static const struct {
    const char *key;
    int last;
    int64_t limit;
    long usage_at;
} rows[] = {
    {"maxTotalInstances", 0, QUOTA_INSTANCES, NO_USAGE},
    {"maxTotalCores", 0, QUOTA_CORES, NO_USAGE},
    {"maxTotalRAMSize", 0, QUOTA_RAM_MIB, NO_USAGE},
    {"maxTotalKeypairs", 0, QUOTA_KEY_PAIRS, NO_USAGE},
    {"maxServerMeta", 0, QUOTA_METADATA_ITEMS, NO_USAGE},
    {"maxServerGroups", 0, QUOTA_SERVER_GROUPS, NO_USAGE},
    {"maxServerGroupMembers", 0, QUOTA_SERVER_GROUP_MEMBERS, NO_USAGE},
    {"maxImageMeta", 38, QUOTA_METADATA_ITEMS, NO_USAGE},
    {"maxPersonality", 56, QUOTA_INJECTED_FILES, NO_USAGE},
    {"maxPersonalitySize", 56, QUOTA_INJECTED_FILE_CONTENT_BYTES, NO_USAGE},
    {"maxTotalFloatingIps", 35, QUOTA_NETWORK, NO_USAGE},
    {"maxSecurityGroups", 35, QUOTA_NETWORK, NO_USAGE},
    {"maxSecurityGroupRules", 35, QUOTA_NETWORK, NO_USAGE},
    {"totalInstancesUsed", 0, 0, offsetof(struct usage, servers.instances)},
    {"totalCoresUsed", 0, 0, offsetof(struct usage, servers.cores)},
    {"totalRAMUsed", 0, 0, offsetof(struct usage, servers.ram_mib)},
    {"totalServerGroupsUsed", 0, 0, offsetof(struct usage, server_groups)},
    {"totalFloatingIpsUsed", 35, 0, offsetof(struct usage, network)},
    {"totalSecurityGroupsUsed", 35, 0, offsetof(struct usage, network)},
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

static int64_t value_of(size_t row, const struct usage *usage)
{
    if (rows[row].usage_at == NO_USAGE)
        return rows[row].limit;
    return *(const int64_t *)(const void *)((const char *)usage + rows[row].usage_at);
}

static enum err limits_show(struct request *request, struct response *response)
{
    static const char *const parameters[] = {"tenant_id"};
    const char *project = NULL;
    struct usage usage = {0};
    TRY(query_check_names(request, parameters, ARRAY_LEN(parameters)));
    TRY(project_of(request, &project));
    TRY(server_usage(request->db, project, &usage.servers));
    struct text *out = &response->body;
    text_add_str(out, "{\"limits\":{\"rate\":[],\"absolute\":{");
    bool first = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].last && request->version > rows[i].last)
            continue;
        text_add_format(out, "%s\"%s\":%" PRId64, first ? "" : ",", rows[i].key, value_of(i, &usage));
        first = false;
    }
    text_add_str(out, "}}}");
    return OK;
}

const struct route limit_routes[] = {
    {.method = "GET", .path = "/limits", .access = ACCESS_READER, .handler = limits_show},
    {.method = NULL},
};
