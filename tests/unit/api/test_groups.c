/* Server groups, aggregates, availability zones, services and hypervisors of one zone, as clients see them by version. */
#include "tests/unit/api/conversation.h"

#define GROUP_21 "{\"id\":\"*\",\"name\":\"g\",\"policies\":[\"affinity\"],\"metadata\":{},\"members\":[]}"
#define GROUP_13                                                                                                                   \
    "{\"id\":\"*\",\"name\":\"g\",\"policies\":[\"affinity\"],\"metadata\":{},\"members\":[],\"project_id\":\"" PROJECT            \
    "\",\"user_id\":\"member\"}"
#define GROUP_64(policy, rules)                                                                                                    \
    "{\"id\":\"*\",\"name\":\"g\",\"policy\":\"" policy "\",\"rules\":" rules ",\"members\":[],\"project_id\":\"" PROJECT          \
    "\",\"user_id\":\"member\"}"
#define NEW_GROUP(more) "{\"server_group\":{\"name\":\"g\"," more "}}"
#define NOBODY          "00000000-0000-4000-8000-000000000000"

static const struct step groups[] = {
    {"member", 1, "GET", "/os-server-groups", NULL, 200, "{\"server_groups\":[]}", NULL},
    {"reader", 1, "POST", "/os-server-groups", NEW_GROUP("\"policies\":[\"affinity\"]"), 403, "*", NULL},
    {"member", 1, "POST", "/os-server-groups", NEW_GROUP("\"policies\":[\"soft-affinity\"]"), 400, "*", NULL},
    {"member", 1, "POST", "/os-server-groups", NEW_GROUP("\"policies\":[]"), 400, "*", NULL},
    {"member", 1, "POST", "/os-server-groups", NEW_GROUP("\"policies\":[\"affinity\",\"anti-affinity\"]"), 400, "*", NULL},
    {"member", 1, "POST", "/os-server-groups", NEW_GROUP("\"policy\":\"affinity\""), 400, "*", NULL},
    {"member", 1, "POST", "/os-server-groups", NEW_GROUP("\"policies\":[\"affinity\"]"), 200, "{\"server_group\":" GROUP_21 "}",
     "server_group.id"},
    {"member", 1, "GET", "/os-server-groups/@", NULL, 200, "{\"server_group\":" GROUP_21 "}", NULL},
    {"reader", 12, "GET", "/os-server-groups/@", NULL, 200, "{\"server_group\":" GROUP_21 "}", NULL},
    {"reader", 13, "GET", "/os-server-groups/@", NULL, 200, "{\"server_group\":" GROUP_13 "}", NULL},
    {"reader", 63, "GET", "/os-server-groups/@", NULL, 200, "{\"server_group\":" GROUP_13 "}", NULL},
    {"reader", 64, "GET", "/os-server-groups/@", NULL, 200, "{\"server_group\":" GROUP_64("affinity", "{}") "}", NULL},
    {"admin", 64, "GET", "/os-server-groups/@", NULL, 200, "{\"server_group\":" GROUP_64("affinity", "{}") "}", NULL},
    {"other", 1, "GET", "/os-server-groups/@", NULL, 404, "*", NULL},
    {"other", 1, "DELETE", "/os-server-groups/@", NULL, 404, "*", NULL},
    {"other", 1, "GET", "/os-server-groups", NULL, 200, "{\"server_groups\":[]}", NULL},
    {"other", 1, "GET", "/os-server-groups?all_projects=True", NULL, 200, "{\"server_groups\":[]}", NULL},
    {"admin", 1, "GET", "/os-server-groups?all_projects", NULL, 200, "{\"server_groups\":[" GROUP_21 "]}", NULL},
    {"reader", 1, "DELETE", "/os-server-groups/@", NULL, 403, "*", NULL},
    {"member", 1, "DELETE", "/os-server-groups/@", NULL, 204, NULL, NULL},
    {"member", 1, "DELETE", "/os-server-groups/@", NULL, 404, MISSING("Instance group @ could not be found."), NULL},
    {"member", 1, "GET", "/os-server-groups/g", NULL, 404, MISSING("Instance group g could not be found."), NULL},
    {"member", 1, "GET", "/os-server-groups/" NOBODY, NULL, 404, MISSING("Instance group " NOBODY " could not be found."), NULL},
    {"member", 15, "POST", "/os-server-groups", NEW_GROUP("\"policies\":[\"soft-affinity\"]"), 200, "*", "server_group.id"},
    {"member", 15, "DELETE", "/os-server-groups/@", NULL, 204, NULL, NULL},
    {"member", 63, "POST", "/os-server-groups", NEW_GROUP("\"policy\":\"affinity\""), 400, "*", NULL},
    {"member", 64, "POST", "/os-server-groups", NEW_GROUP("\"policies\":[\"affinity\"]"), 400, "*", NULL},
    {"member", 64, "POST", "/os-server-groups", NEW_GROUP("\"policy\":\"affinity\",\"rules\":{\"max_server_per_host\":2}"), 400,
     BAD("Only anti-affinity policy supports rules."), NULL},
    {"member", 64, "POST", "/os-server-groups", NEW_GROUP("\"policy\":\"anti-affinity\",\"rules\":{\"max_server_per_host\":0}"),
     400, "*", NULL},
    {"member", 64, "POST", "/os-server-groups", NEW_GROUP("\"policy\":\"anti-affinity\",\"rules\":{\"max_server_per_host\":\"3\"}"),
     200, "{\"server_group\":" GROUP_64("anti-affinity", "{\"max_server_per_host\":3}") "}", "server_group.id"},
    {"member", 93, "POST", "/os-server-groups", NEW_GROUP("\"policy\":\"soft-anti-affinity\""), 200,
     "{\"server_group\":" GROUP_64("soft-anti-affinity", "{}") "}", NULL},
    {"member", 64, "GET", "/os-server-groups?limit=1", NULL, 200,
     "{\"server_groups\":[" GROUP_64("anti-affinity", "{\"max_server_per_host\":3}") "]}", NULL},
    {"member", 64, "GET", "/os-server-groups?offset=1", NULL, 200, "{\"server_groups\":[" GROUP_64("soft-anti-affinity", "{}") "]}",
     NULL},
    {"member", 64, "GET", "/os-server-groups?offset=9", NULL, 200, "{\"server_groups\":[]}", NULL},
    {"member", 64, "GET", "/os-server-groups?limit=-1", NULL, 400, "*", NULL},
    {"member", 64, "GET", "/os-server-groups?offset=x", NULL, 400, "*", NULL},
    {"member", 74, "GET", "/os-server-groups?color=red", NULL, 200, "*", NULL},
    {"member", 75, "GET", "/os-server-groups?color=red", NULL, 400,
     BAD("Additional properties are not allowed ('color' was unexpected)"), NULL},
};

/* Two groups are there. */
static const struct step group_quotas[] = {
    {"admin", 57, "PUT", "/os-quota-sets/" PROJECT, "{\"quota_set\":{\"server_groups\":2}}", 200, "*", NULL},
    {"member", 1, "POST", "/os-server-groups", NEW_GROUP("\"policies\":[\"affinity\"]"), 403,
     FORBIDDEN("Quota exceeded, too many server groups."), NULL},
    {"other", 1, "POST", "/os-server-groups", NEW_GROUP("\"policies\":[\"affinity\"]"), 200, "*", NULL},
    {"admin", 57, "PUT", "/os-quota-sets/" PROJECT "?user_id=member", "{\"quota_set\":{\"server_groups\":2}}", 200, "*", NULL},
    {"admin", 57, "PUT", "/os-quota-sets/" PROJECT, "{\"quota_set\":{\"server_groups\":-1}}", 200, "*", NULL},
    {"member", 1, "POST", "/os-server-groups", NEW_GROUP("\"policies\":[\"affinity\"]"), 403, "*", NULL},
    {"admin", 1, "POST", "/os-server-groups", NEW_GROUP("\"policies\":[\"affinity\"]"), 200, "*", NULL},
};

#define AGGREGATE(name, zone, more)                                                                                                \
    "{\"id\":\"*\",\"name\":\"" name "\",\"availability_zone\":" zone                                                              \
    ",\"created_at\":\"*\",\"updated_at\":\"*\",\"deleted_at\":null,\"deleted\":false" more "}"
#define REFUSED(action, reason) BAD("Cannot " action " @. Reason: " reason ".")
#define SERVICES                "/os-services?binary=nova-compute"

static const struct step aggregates[] = {
    {"member", 1, "GET", "/os-aggregates", NULL, 403, "*", NULL},
    {"admin", 1, "GET", "/os-aggregates", NULL, 200, "{\"aggregates\":[]}", NULL},
    {"admin", 1, "POST", "/os-aggregates", "{\"aggregate\":{\"name\":\"\"}}", 400, "*", NULL},
    {"admin", 1, "POST", "/os-aggregates", "{\"aggregate\":{\"name\":\"a\",\"availability_zone\":\"x:y\"}}", 400, "*", NULL},
    {"admin", 1, "POST", "/os-aggregates", "{\"aggregate\":{\"name\":\"a\"}}", 200,
     "{\"aggregate\":" AGGREGATE("a", "null", "") "}", "aggregate.id"},
    {"admin", 1, "POST", "/os-aggregates", "{\"aggregate\":{\"name\":\"a\"}}", 409, CONFLICT("Aggregate a already exists."), NULL},
    {"admin", 40, "GET", "/os-aggregates/@", NULL, 200,
     "{\"aggregate\":" AGGREGATE("a", "null", ",\"hosts\":[],\"metadata\":{}") "}", NULL},
    {"admin", 41, "GET", "/os-aggregates/@", NULL, 200,
     "{\"aggregate\":" AGGREGATE("a", "null", ",\"hosts\":[],\"metadata\":{},\"uuid\":\"*\"") "}", NULL},
    {"admin", 1, "GET", "/os-aggregates/a", NULL, 400, "*", NULL},
    {"admin", 1, "GET", "/os-aggregates/1", NULL, 404, MISSING("Aggregate 1 could not be found."), NULL},
    {"admin", 1, "PUT", "/os-aggregates/@", "{\"aggregate\":{}}", 400, "*", NULL},
    {"admin", 1, "PUT", "/os-aggregates/@", "{\"aggregate\":{\"availability_zone\":null}}", 400,
     REFUSED("update aggregate", "Aggregate a does not support empty named availability zone"), NULL},
    {"admin", 1, "PUT", "/os-aggregates/@", "{\"aggregate\":{\"name\":\"b\",\"availability_zone\":\"az1\"}}", 200,
     "{\"aggregate\":" AGGREGATE("b", "\"az1\"", ",\"hosts\":[],\"metadata\":{\"availability_zone\":\"az1\"}") "}", NULL},
    {"admin", 1, "PUT", "/os-aggregates/1", "{\"aggregate\":{\"name\":\"b\"}}", 404, MISSING("Aggregate 1 could not be found."),
     NULL},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"add_host\":{\"host\":\"nowhere\"}}", 404,
     MISSING("Compute host nowhere could not be found."), NULL},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"add_host\":{\"host\":\"h1\"}}", 200,
     "{\"aggregate\":" AGGREGATE("b", "\"az1\"", ",\"hosts\":[\"h1\"],\"metadata\":{\"availability_zone\":\"az1\"}") "}", NULL},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"add_host\":{\"host\":\"h1\"}}", 409,
     CONFLICT("Aggregate @ already has host h1."), NULL},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"add_host\":{\"host\":\"h1\"},\"set_metadata\":{}}", 400,
     BAD("Malformed request body"), NULL},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"paint\":{}}", 400, BAD("There is no such action: paint"), NULL},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"set_metadata\":{\"metadata\":{\"ssd\":\"true\",\"x\":\"1\"}}}", 200, "*",
     NULL},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"set_metadata\":{\"metadata\":{\"x\":null,\"gone\":null}}}", 200,
     "{\"aggregate\":" AGGREGATE("b", "\"az1\"",
                                 ",\"hosts\":[\"h1\"],\"metadata\":{\"availability_zone\":\"az1\",\"ssd\":\"true\"}") "}",
     NULL},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"set_metadata\":{\"metadata\":{\"availability_zone\":null}}}", 400,
     REFUSED("update metadata of aggregate", "Aggregate b does not support empty named availability zone"), NULL},
    /* h1 has a server */
    {"admin", 1, "PUT", "/os-aggregates/@", "{\"aggregate\":{\"availability_zone\":\"az2\"}}", 400,
     REFUSED("update aggregate", "One or more hosts contain instances in this zone"), NULL},
    {"admin", 1, "PUT", "/os-aggregates/@", "{\"aggregate\":{\"availability_zone\":\"az1\"}}", 200, "*", NULL},
    {"admin", 1, "DELETE", "/os-aggregates/@", NULL, 400,
     BAD("Cannot remove host from aggregate @. Reason: Host aggregate is not empty."), NULL},
    {"admin", 80, "POST", "/os-aggregates/@/images", "{\"cache\":[{\"id\":\"" NOBODY "\"}]}", 404, "*", NULL},
    {"admin", 81, "POST", "/os-aggregates/@/images", "{\"cache\":[{\"id\":\"" NOBODY "\"},{\"id\":\"" NOBODY "\"}]}", 400,
     BAD("Duplicate images in request"), NULL},
    {"admin", 81, "POST", "/os-aggregates/@/images", "{\"cache\":[{\"id\":\"" NOBODY "\"}]}", 400, "*", NULL},
    {"member", 1, "GET", "/os-availability-zone", NULL, 200,
     "{\"availabilityZoneInfo\":[{\"zoneName\":\"az1\",\"zoneState\":{\"available\":true},\"hosts\":null},"
     "{\"zoneName\":\"here\",\"zoneState\":{\"available\":true},\"hosts\":null}]}",
     NULL},
    {"admin", 1, "GET", "/os-aggregates", NULL, 200,
     "{\"aggregates\":[" AGGREGATE("b", "\"az1\"",
                                   ",\"hosts\":[\"h1\"],\"metadata\":{\"availability_zone\":\"az1\",\"ssd\":\"true\"}") "]}",
     NULL},
    {"admin", 41, "POST", "/os-aggregates", "{\"aggregate\":{\"name\":\"c\",\"availability_zone\":\"az2\"}}", 200,
     "{\"aggregate\":" AGGREGATE("c", "\"az2\"", ",\"uuid\":\"*\"") "}", "aggregate.id"},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"add_host\":{\"host\":\"h1\"}}", 409,
     CONFLICT("Cannot add host to aggregate @. Reason: One or more hosts already in availability zone(s) ['az1']."), NULL},
    {"admin", 1, "PUT", "/os-aggregates/@", "{\"aggregate\":{\"name\":\"b\"}}", 409, CONFLICT("Aggregate b already exists."), NULL},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"remove_host\":{\"host\":\"h1\"}}", 404,
     MISSING("Cannot remove host h1 in aggregate @"), NULL},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"add_host\":{\"host\":\"h2\"}}", 200, "*", NULL},
    {"admin", 1, "GET", SERVICES, NULL, 200, "*", NULL},
    {"admin", 1, "POST", "/os-aggregates/@/action", "{\"remove_host\":{\"host\":\"h2\"}}", 200, "*", NULL},
    {"admin", 1, "DELETE", "/os-aggregates/@", NULL, 200, NULL, NULL},
    {"admin", 1, "DELETE", "/os-aggregates/@", NULL, 404, MISSING("Aggregate @ could not be found."), NULL},
};

#define CONTROL(binary, more)                                                                                                      \
    "{\"binary\":\"" binary "\",\"host\":\"here\",\"id\":\"*\",\"zone\":\"internal\",\"status\":\"enabled\",\"state\":\"up\","     \
    "\"updated_at\":\"*\",\"disabled_reason\":null" more "}"
#define COMPUTE(host, zone, status, state, reason, more)                                                                           \
    "{\"binary\":\"nova-compute\",\"host\":\"" host "\",\"id\":\"*\",\"zone\":\"" zone "\",\"status\":\"" status                   \
    "\",\"state\":\"" state "\",\"updated_at\":\"*\",\"disabled_reason\":" reason more "}"
#define UP_FALSE      ",\"forced_down\":false"
#define ONLY_COMPUTES BAD("Updating a nova-scheduler service is not supported. Only nova-compute services can be updated.")
#define BODY(more)    "{\"host\":\"h2\",\"binary\":\"nova-compute\"" more "}"
#define H2_UUID       "00000000-0000-4000-8000-0000000000b2"

static const struct step services[] = {
    {"member", 1, "GET", "/os-services", NULL, 403, "*", NULL},
    {"admin", 10, "GET", "/os-services", NULL, 200,
     "{\"services\":[" CONTROL("nova-conductor", "") "," CONTROL("nova-scheduler", "") "," COMPUTE(
         "h1", "here", "enabled", "up", "null", "") "," COMPUTE("h2", "here", "enabled", "up", "null", "") "]}",
     NULL},
    {"admin", 11, "GET", "/os-services?binary=nova-compute&host=h2", NULL, 200,
     "{\"services\":[" COMPUTE("h2", "here", "enabled", "up", "null", UP_FALSE) "]}", NULL},
    {"admin", 69, "GET", "/os-services?binary=None&host=h9", NULL, 200, "{\"services\":[]}", NULL},
    {"admin", 75, "GET", "/os-services?color=red", NULL, 400, "*", NULL},
    {"admin", 1, "PUT", "/os-services/paint", BODY(""), 404, MISSING("Unknown action"), NULL},
    {"admin", 1, "PUT", "/os-services/disable", "{\"host\":\"h2\",\"binary\":\"nova-scheduler\"}", 400, ONLY_COMPUTES, NULL},
    {"admin", 1, "PUT", "/os-services/disable", "{\"host\":\"h9\",\"binary\":\"nova-compute\"}", 404,
     MISSING("Could not find binary nova-compute on host h9."), NULL},
    {"admin", 1, "PUT", "/os-services/disable", BODY(""), 200,
     "{\"service\":{\"host\":\"h2\",\"binary\":\"nova-compute\",\"status\":\"disabled\"}}", NULL},
    {"admin", 1, "PUT", "/os-services/disable-log-reason", BODY(""), 400, BAD("Missing disabled reason field"), NULL},
    {"admin", 1, "PUT", "/os-services/disable-log-reason", BODY(",\"disabled_reason\":\"why\""), 200,
     "{\"service\":{\"host\":\"h2\",\"binary\":\"nova-compute\",\"status\":\"disabled\",\"disabled_reason\":\"why\"}}", NULL},
    {"admin", 10, "PUT", "/os-services/force-down", BODY(""), 404, MISSING("Unknown action"), NULL},
    {"admin", 11, "PUT", "/os-services/force-down", BODY(""), 400, BAD("Missing forced_down field"), NULL},
    {"admin", 11, "PUT", "/os-services/force-down", BODY(",\"forced_down\":\"yes\""), 200,
     "{\"service\":{\"host\":\"h2\",\"binary\":\"nova-compute\",\"forced_down\":true}}", NULL},
    {"admin", 11, "GET", SERVICES "&host=h2", NULL, 200,
     "{\"services\":[" COMPUTE("h2", "here", "disabled", "down", "\"why\"", ",\"forced_down\":true") "]}", NULL},
    {"admin", 1, "GET", "/os-availability-zone/detail", NULL, 200,
     "{\"availabilityZoneInfo\":[{\"zoneName\":\"internal\",\"zoneState\":{\"available\":true},\"hosts\":{\"here\":\"*\"}},"
     "{\"zoneName\":\"here\",\"zoneState\":{\"available\":true},\"hosts\":{\"h1\":{\"nova-compute\":{\"available\":true,"
     "\"active\":true,\"updated_at\":\"*\"}}}}]}",
     NULL},
    {"admin", 1, "PUT", "/os-services/enable", BODY(""), 200,
     "{\"service\":{\"host\":\"h2\",\"binary\":\"nova-compute\",\"status\":\"enabled\"}}", NULL},
    {"admin", 53, "PUT", "/os-services/enable", "{}", 400, BAD("Invalid uuid enable"), NULL},
    {"admin", 53, "PUT", "/os-services/" NOBODY, "{\"status\":\"enabled\"}", 404, MISSING("Service " NOBODY " could not be found."),
     NULL},
    {"admin", 53, "PUT", "/os-services/" H2_UUID, "{}", 400,
     BAD("No updates were requested. Fields 'status' or 'forced_down' should be specified."), NULL},
    {"admin", 53, "PUT", "/os-services/" H2_UUID, "{\"disabled_reason\":\"x\"}", 400, "*", NULL},
    {"admin", 53, "PUT", "/os-services/" H2_UUID, "{\"status\":\"enabled\",\"disabled_reason\":\"x\"}", 400,
     BAD("Specifying 'disabled_reason' with status 'enabled' is invalid."), NULL},
    {"admin", 53, "PUT", "/os-services/" H2_UUID, "{\"status\":\"disabled\",\"disabled_reason\":\"x\",\"forced_down\":false}", 200,
     "{\"service\":" COMPUTE("h2", "here", "disabled", "up", "\"x\"", UP_FALSE) "}", NULL},
    {"admin", 93, "PUT", "/os-services/" H2_UUID, "{\"status\":\"enabled\"}", 200,
     "{\"service\":" COMPUTE("h2", "here", "enabled", "up", "null", UP_FALSE) "}", NULL},
    {"admin", 1, "DELETE", "/os-services/x", NULL, 400, "*", NULL},
    {"admin", 53, "DELETE", "/os-services/1", NULL, 400, BAD("Invalid uuid 1"), NULL},
    {"admin", 53, "DELETE", "/os-services/00000000-0000-4000-8000-0000000000b1", NULL, 409,
     CONFLICT("Unable to delete compute service that is hosting instances. Migrate or delete the instances first."), NULL},
};

#define BRIEF(id, name, more) "{\"id\":" id ",\"hypervisor_hostname\":\"" name "\",\"state\":\"up\",\"status\":\"enabled\"" more "}"
#define H1                    "\"00000000-0000-4000-8000-0000000000a1\""
#define H2                    "\"00000000-0000-4000-8000-0000000000a2\""
#define SERVERS                                                                                                                    \
    ",\"servers\":[{\"name\":\"instance-11111111-2222-4333-8444-555555555501\",\"uuid\":\"11111111-2222-4333-8444-555555555501\"}" \
    "]"
#define DETAIL                                                                                                                     \
    ",\"hypervisor_type\":\"Test\",\"hypervisor_version\":2,\"host_ip\":\"127.0.0.1\",\"service\":{\"id\":\"*\",\"host\":\"h1\","  \
    "\"disabled_reason\":null}"
#define NUMBERS                                                                                                                    \
    ",\"vcpus\":8,\"memory_mb\":4096,\"local_gb\":100,\"vcpus_used\":0,\"memory_mb_used\":0,\"local_gb_used\":0,"                  \
    "\"free_ram_mb\":4096,\"free_disk_gb\":100,\"current_workload\":0,\"running_vms\":1,\"disk_available_least\":90"
#define CPU_INFO ",\"cpu_info\":\"*\""

static const struct step hypervisors[] = {
    {"member", 1, "GET", "/os-hypervisors", NULL, 403, "*", NULL},
    {"admin", 1, "GET", "/os-hypervisors", NULL, 200,
     "{\"hypervisors\":[" BRIEF("\"*\"", "h1", "") "," BRIEF("\"*\"", "h2", "") "]}", NULL},
    {"admin", 53, "GET", "/os-hypervisors", NULL, 200, "{\"hypervisors\":[" BRIEF(H1, "h1", "") "," BRIEF(H2, "h2", "") "]}", NULL},
    {"admin", 1, "GET", "/os-hypervisors/h/search", NULL, 200,
     "{\"hypervisors\":[" BRIEF("\"*\"", "h1", "") "," BRIEF("\"*\"", "h2", "") "]}", NULL},
    {"admin", 1, "GET", "/os-hypervisors/2/search", NULL, 200, "{\"hypervisors\":[" BRIEF("\"*\"", "h2", "") "]}", NULL},
    {"admin", 1, "GET", "/os-hypervisors/x/search", NULL, 404, MISSING("No hypervisor matching 'x' could be found."), NULL},
    {"admin", 53, "GET", "/os-hypervisors/h/search", NULL, 404, "*", NULL},
    {"admin", 52, "GET", "/os-hypervisors/h/servers", NULL, 200,
     "{\"hypervisors\":[" BRIEF("\"*\"", "h1", SERVERS) "," BRIEF("\"*\"", "h2", "") "]}", NULL},
    {"admin", 53, "GET", "/os-hypervisors?hypervisor_hostname_pattern=1", NULL, 200, "{\"hypervisors\":[" BRIEF(H1, "h1", "") "]}",
     NULL},
    {"admin", 53, "GET", "/os-hypervisors?hypervisor_hostname_pattern=x", NULL, 404, "*", NULL},
    {"admin", 53, "GET", "/os-hypervisors?hypervisor_hostname_pattern=h&limit=1", NULL, 400, "*", NULL},
    {"admin", 53, "GET", "/os-hypervisors?with_servers=maybe", NULL, 400, "*", NULL},
    {"admin", 53, "GET", "/os-hypervisors?color=red", NULL, 400, "*", NULL},
    {"admin", 52, "GET", "/os-hypervisors?color=red&with_servers=maybe", NULL, 200, "*", NULL},
    {"admin", 74, "GET", "/os-hypervisors?with_servers=True", NULL, 200,
     "{\"hypervisors\":[" BRIEF(H1, "h1", SERVERS) "," BRIEF(H2, "h2", "") "]}", NULL},
    {"admin", 75, "GET", "/os-hypervisors?with_servers=1", NULL, 200,
     "{\"hypervisors\":[" BRIEF(H1, "h1", SERVERS) "," BRIEF(H2, "h2", ",\"servers\":[]") "]}", NULL},
    {"admin", 53, "GET", "/os-hypervisors?limit=1", NULL, 200,
     "{\"hypervisors\":[" BRIEF(H1, "h1", "") "],\"hypervisors_links\":\"*\"}", NULL},
    {"admin", 53, "GET", "/os-hypervisors?limit=1&marker=00000000-0000-4000-8000-0000000000a1", NULL, 200,
     "{\"hypervisors\":[" BRIEF(H2, "h2", "") "],\"hypervisors_links\":\"*\"}", NULL},
    {"admin", 53, "GET", "/os-hypervisors?marker=00000000-0000-4000-8000-0000000000a2", NULL, 200, "{\"hypervisors\":[]}", NULL},
    {"admin", 53, "GET", "/os-hypervisors?marker=" NOBODY, NULL, 400, BAD("marker [" NOBODY "] not found"), NULL},
    {"admin", 32, "GET", "/os-hypervisors?limit=1", NULL, 200,
     "{\"hypervisors\":[" BRIEF("\"*\"", "h1", "") "," BRIEF("\"*\"", "h2", "") "]}", NULL},
    {"admin", 33, "GET", "/os-hypervisors?limit=1", NULL, 200, "*", NULL},
    {"admin", 53, "GET", "/os-hypervisors/00000000-0000-4000-8000-0000000000a1", NULL, 200,
     "{\"hypervisor\":" BRIEF(H1, "h1", DETAIL NUMBERS CPU_INFO) "}", NULL},
    {"admin", 87, "GET", "/os-hypervisors/00000000-0000-4000-8000-0000000000a1?with_servers=true", NULL, 200,
     "{\"hypervisor\":" BRIEF(H1, "h1", DETAIL NUMBERS CPU_INFO SERVERS) "}", NULL},
    {"admin", 88, "GET", "/os-hypervisors/00000000-0000-4000-8000-0000000000a1", NULL, 200,
     "{\"hypervisor\":" BRIEF(H1, "h1", DETAIL ",\"uptime\":null") "}", NULL},
    {"admin", 52, "GET", "/os-hypervisors/h1", NULL, 404, MISSING("Hypervisor with ID 'h1' could not be found."), NULL},
    {"admin", 53, "GET", "/os-hypervisors/h1", NULL, 400, BAD("Invalid uuid h1"), NULL},
    {"admin", 53, "GET", "/os-hypervisors/" NOBODY, NULL, 404, MISSING("Hypervisor with ID '" NOBODY "' could not be found."),
     NULL},
    {"admin", 87, "GET", "/os-hypervisors/00000000-0000-4000-8000-0000000000a1/uptime", NULL, 501, "*", NULL},
    {"admin", 88, "GET", "/os-hypervisors/00000000-0000-4000-8000-0000000000a1/uptime", NULL, 404, "*", NULL},
    {"admin", 1, "GET", "/os-hypervisors/statistics", NULL, 200,
     "{\"hypervisor_statistics\":{\"count\":2,\"vcpus\":8,\"memory_mb\":4096,\"local_gb\":100,\"vcpus_used\":0,"
     "\"memory_mb_used\":0,\"local_gb_used\":0,\"free_ram_mb\":4096,\"free_disk_gb\":100,\"current_workload\":0,"
     "\"running_vms\":1,\"disk_available_least\":90}}",
     NULL},
    {"admin", 88, "GET", "/os-hypervisors/statistics", NULL, 404, MISSING("The resource could not be found."), NULL},
};

static const char *const mounts[] = {"/compute/v2.1", NULL};
static const struct route *const tables[] = {
    server_group_routes, aggregate_routes, availability_zone_routes, service_routes, hypervisor_routes, quota_routes, NULL};
static const struct service service = {
    .name = "compute",
    .mounts = mounts,
    .version_service = "compute",
    .legacy_header = "X-OpenStack-Nova-API-Version",
    .version_min = 1,
    .version_max = 93,
    .version_major = 2,
    .tables = tables,
    .write_error = fault_write_compute,
};

/* Two hosts that are up; h1 has a server. */
static int setup(void **state)
{
    static const char rows[] =
        "INSERT INTO hosts (uuid, service_uuid, name, uri, up, last_seen, inventory, created_at, updated_at) VALUES"
        " (UNHEX('000000000000400080000000000000a1'), UNHEX('000000000000400080000000000000b1'), 'h1', 'test:///default', 1,"
        " UTC_TIMESTAMP(6), '{\"driver\":\"Test\",\"version\":2,\"vcpus\":8,\"ram_mib\":4096,\"disk_gib\":100,"
        "\"disk_free_gib\":90}', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)),"
        " (UNHEX('000000000000400080000000000000a2'), UNHEX('000000000000400080000000000000b2'), 'h2', 'test:///default', 1,"
        " UTC_TIMESTAMP(6), NULL, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6));"
        "INSERT INTO servers (uuid, project_id, user_id, display_name, hostname, host, availability_zone, vm_state, reservation_id,"
        " flavor_id, flavor, vcpus, ram_mib, disk_gib, metadata, tags, request_spec, created_at) VALUES"
        " (UNHEX('11111111222243338444555555555501'), 'p', 'u', 's', 's', 'h1', 'here', 'active', 'r-1', '1', '{}', 1, 64, 1, '{}',"
        " '[]', '{}', UTC_TIMESTAMP())";
    const int result = talk_setup(state, &service, "zonegate_test_groups");
    struct talk *talk = *state;
    if (talk->db)
        talk_sql(talk, rows);
    return result;
}

static void hypervisors_have_the_shape_of_their_version(void **state)
{
    take_steps(state, hypervisors, ARRAY_LEN(hypervisors));
}

static void services_are_switched_off_and_on(void **state)
{
    take_steps(state, services, ARRAY_LEN(services));
}

static void server_groups_are_made_shown_and_removed(void **state)
{
    take_steps(state, groups, ARRAY_LEN(groups));
    take_steps(state, group_quotas, ARRAY_LEN(group_quotas));
}

static const char *server_zone(struct talk *talk)
{
    struct rows rows;
    static const char sql[] = "SELECT availability_zone FROM servers";
    CLEANUP(arena_clear) struct arena arena = {0};
    must(db_query_one(talk->db, &arena, sql, NULL, 0, "no server", &rows));
    return str_equal(rows_text(&rows, 0, 0), "az1") ? "az1" : str_equal(rows_text(&rows, 0, 0), "here") ? "here" : "other";
}

static void aggregates_give_hosts_their_zone(void **state)
{
    struct talk *talk = *state;
    take_steps(state, aggregates, ARRAY_LEN(aggregates));
    assert_string_equal(server_zone(talk), "az1");
    talk_sql(talk, "DELETE FROM aggregate_metadata WHERE name = 'availability_zone'");
    const struct step step = {
        "admin",
        1,
        "GET",
        "/os-availability-zone",
        NULL,
        200,
        "{\"availabilityZoneInfo\":[{\"zoneName\":\"here\",\"zoneState\":{\"available\":true},\"hosts\":null}]}",
        NULL};
    take_step(talk, &step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hypervisors_have_the_shape_of_their_version),
        cmocka_unit_test(services_are_switched_off_and_on),
        cmocka_unit_test(server_groups_are_made_shown_and_removed),
        cmocka_unit_test(aggregates_give_hosts_their_zone),
    };
    return cmocka_run_group_tests(tests, setup, talk_teardown);
}
