/* Quotas: the judgement as a table of its own, then limits, quota sets and classes as clients see them by version. */
#include "gateway/conductor/quota.h"
#include "tests/unit/api/conversation.h"

/* --- the judgement */

struct judgement {
    int64_t project[3]; /* limits: instances, cores, ram */
    int64_t user[3];    /* all 0: no limit was set for the user */
    int64_t used[3];
    int64_t user_used[3];
    struct quota_order order;
    int64_t fits; /* 0: refused */
    const char *message;
};

#define NO_USER                                                                                                                    \
    {                                                                                                                              \
        0, 0, 0                                                                                                                    \
    }
#define NOTHING                                                                                                                    \
    {                                                                                                                              \
        0, 0, 0                                                                                                                    \
    }

static const struct judgement judgements[] = {
    {{10, 20, 51200}, NO_USER, NOTHING, NOTHING, {1, 512, 1, 1}, 1, NULL},
    {{10, 20, 51200}, NO_USER, {9, 19, 50688}, NOTHING, {1, 512, 1, 1}, 1, NULL},
    {{-1, -1, -1}, NO_USER, {1000, 1000, 1000000}, NOTHING, {64, 65536, 100, 100}, 100, NULL},
    {{10, 20, 51200},
     NO_USER,
     {10, 10, 5120},
     NOTHING,
     {1, 512, 1, 1},
     0,
     "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"},
    {{10, 20, 51200},
     NO_USER,
     {10, 20, 51200},
     NOTHING,
     {1, 512, 1, 1},
     0,
     "Quota exceeded for cores, instances, ram: Requested 1, 1, 512, but already used 20, 10, 51200 of 20, 10, 51200"
     " cores, instances, ram"},
    {{10, 20, 51200},
     NO_USER,
     {0, 18, 0},
     NOTHING,
     {4, 512, 1, 1},
     0,
     "Quota exceeded for cores: Requested 4, but already used 18 of 20 cores"},
    {{10, 20, 51200}, NO_USER, {8, 0, 0}, NOTHING, {1, 512, 1, 5}, 2, NULL},
    {{10, 20, 51200}, NO_USER, {0, 16, 0}, NOTHING, {2, 512, 1, 5}, 2, NULL},
    {{10, 20, 51200}, NO_USER, {8, 19, 0}, NOTHING, {1, 512, 1, 5}, 1, NULL},
    {{-1, 20, 51200}, NO_USER, {8, 15, 0}, NOTHING, {1, 512, 1, 9}, 5, NULL},
    {{10, 20, 51200}, NO_USER, {8, 0, 0}, NOTHING, {0, 0, 1, 5}, 2, NULL},
    {{10, 20, 51200},
     NO_USER,
     {8, 0, 0},
     NOTHING,
     {1, 512, 3, 5},
     0,
     "Quota exceeded for instances: Requested 3-5, but already used 8 of 10 instances"},
    {{0, 20, 51200},
     NO_USER,
     NOTHING,
     NOTHING,
     {1, 512, 1, 1},
     0,
     "Quota exceeded for instances: Requested 1, but already used 0 of 0 instances"},
    /* over already: nothing fits, nothing is negative */
    {{2, 20, 51200},
     NO_USER,
     {5, 0, 0},
     NOTHING,
     {1, 512, 1, 3},
     0,
     "Quota exceeded for instances: Requested 1-3, but already used 5 of 2 instances"},
    {{10, 20, 51200},
     {2, 20, 51200},
     {5, 5, 5},
     {2, 2, 2},
     {1, 1, 1, 1},
     0,
     "Quota exceeded for instances: Requested 1, but already used 2 of 2 instances"},
    {{10, 20, 51200}, {4, 20, 51200}, {5, 5, 5}, {2, 2, 2}, {1, 1, 1, 9}, 2, NULL},
    {{6, 20, 51200}, {4, 20, 51200}, {5, 5, 5}, {2, 2, 2}, {1, 1, 1, 9}, 1, NULL},
};

static struct quota_scope scope_of(const struct judgement *row)
{
    struct quota_scope scope = {.user_counts = row->user[0] || row->user[1] || row->user[2]};
    for (size_t i = 0; i < QUOTA_COUNT; i++)
        scope.project.of[i] = scope.user.of[i] = -1;
    for (size_t i = 0; i <= Q_RAM; i++) {
        scope.project.of[i] = row->project[i];
        scope.user.of[i] = row->user[i];
        scope.used.project[i] = row->used[i];
        scope.used.user[i] = row->user_used[i];
    }
    return scope;
}

static void an_order_is_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(judgements); i++) {
        const struct quota_scope scope = scope_of(&judgements[i]);
        int64_t fits = 0;
        const enum err result = quota_judge(&scope, &judgements[i].order, &fits);
        assert_int_equal(result, judgements[i].fits ? OK : E_FORBIDDEN);
        assert_int_equal(fits, judgements[i].fits);
        if (result != OK)
            assert_string_equal(err_message(), judgements[i].message);
    }
}

/* After the creation what is used may reach the limit, and not more. */
static void the_second_judgement_counts_what_is_there(void **state)
{
    const struct quota_order order = {1, 512, 2, 2};
    struct judgement row = {{10, 20, 51200}, NO_USER, {10, 20, 51200}, NOTHING, order, 0, NULL};
    struct quota_scope scope = scope_of(&row);
    (void)state;
    must(quota_rejudge(&scope, &order));
    scope.used.project[Q_INSTANCES] = 11;
    assert_int_equal(quota_rejudge(&scope, &order), E_FORBIDDEN);
    assert_string_equal(err_message(), "Quota exceeded for instances: Requested 2, but already used 11 of 10 instances");
    scope.project.of[Q_INSTANCES] = -1;
    must(quota_rejudge(&scope, &order));
}

/* --- quota sets */

#define SET(values)  "{\"quota_set\":{" values "}}"
#define ID           "\"id\":\"" PROJECT "\","
#define COUNTS       "\"instances\":10,\"cores\":20,\"ram\":51200,"
#define REST         "\"metadata_items\":128,\"key_pairs\":100,\"server_groups\":10,\"server_group_members\":10"
#define FILES        ",\"injected_files\":5,\"injected_file_content_bytes\":10240,\"injected_file_path_bytes\":255"
#define NETWORK      ",\"fixed_ips\":-1,\"floating_ips\":-1,\"security_groups\":-1,\"security_group_rules\":-1"
#define PATH         "/os-quota-sets/" PROJECT
#define OF(used, at) "{\"limit\":" at ",\"in_use\":" used ",\"reserved\":0}"
#define DETAIL                                                                                                                     \
    ID "\"instances\":" OF("2", "10") ",\"cores\":" OF("6", "20") ",\"ram\":" OF("3072", "51200") ",\"metadata_items\":" OF(       \
        "0", "128") ",\"key_pairs\":" OF("0", "100") ",\"server_groups\":" OF("0", "10") ",\"server_group_members\":" OF("0",      \
                                                                                                                         "10")

/* The project has two servers of three cores and 1536 MiB, one of them the member's. */
static const struct step sets[] = {
    {"reader", 1, "GET", PATH, NULL, 200, SET(ID COUNTS REST FILES NETWORK), NULL},
    {"reader", 35, "GET", PATH, NULL, 200, SET(ID COUNTS REST FILES NETWORK), NULL},
    {"reader", 36, "GET", PATH, NULL, 200, SET(ID COUNTS REST FILES), NULL},
    {"reader", 56, "GET", PATH "?usage=False", NULL, 200, SET(ID COUNTS REST FILES), NULL},
    {"reader", 57, "GET", PATH, NULL, 200, SET(ID COUNTS REST), NULL},
    {"reader", 93, "GET", PATH "/defaults", NULL, 200, SET(ID COUNTS REST), NULL},
    {"reader", 57, "GET", PATH "/detail", NULL, 200, SET(DETAIL), NULL},
    {"reader", 75, "GET", PATH "?usage=False", NULL, 400, "*", NULL},
    {"other", 57, "GET", PATH, NULL, 403, FORBIDDEN("Policy doesn't allow os_compute_api:os-quota-sets:show to be performed."),
     NULL},
    {"other", 57, "GET", PATH "/detail", NULL, 403, "*", NULL},
    {"other", 57, "GET", PATH "/defaults", NULL, 200, "*", NULL},
    {"member", 57, "PUT", PATH, SET("\"cores\":1"), 403, "*", NULL},
    {"admin", 57, "PUT", PATH, SET("\"cores\":-2"), 400, "*", NULL},
    {"admin", 57, "PUT", PATH, SET("\"cores\":2147483648"), 400, "*", NULL},
    {"admin", 57, "PUT", PATH, SET("\"apples\":1"), 400, "*", NULL},
    {"admin", 57, "PUT", PATH, SET("\"injected_files\":1"), 400, "*", NULL},
    {"admin", 36, "PUT", PATH, SET("\"floating_ips\":1"), 400, "*", NULL},
    {"admin", 35, "PUT", PATH, SET("\"networks\":1"), 400, BAD("The networks quota has been removed"), NULL},
    {"admin", 57, "PUT", PATH, SET("\"ram\":60000,\"cores\":5"), 400,
     BAD("Quota limit 5 for cores must be greater than or equal to already used and reserved 6."), NULL},
    {"admin", 57, "GET", PATH, NULL, 200, SET(ID COUNTS REST), NULL}, /* nothing of it was stored */
    {"admin", 57, "PUT", PATH, SET("\"cores\":\"5\",\"force\":\"yes\""), 200,
     SET("\"instances\":10,\"cores\":5,\"ram\":51200," REST), NULL},
    {"admin", 57, "PUT", PATH, SET("\"cores\":-1,\"instances\":\"50\""), 200,
     SET("\"instances\":50,\"cores\":-1,\"ram\":51200," REST), NULL},
    {"reader", 57, "GET", PATH "?user_id=member", NULL, 200, SET(ID "\"instances\":50,\"cores\":-1,\"ram\":51200," REST), NULL},
    {"admin", 57, "PUT", PATH "?user_id=member", SET("\"instances\":51"), 400,
     BAD("Quota limit 51 for instances must be less than or equal to 50."), NULL},
    {"admin", 57, "PUT", PATH "?user_id=member", SET("\"instances\":-1"), 400, "*", NULL},
    {"admin", 57, "PUT", PATH "?user_id=member", SET("\"instances\":0"), 400, "*", NULL},
    {"admin", 57, "PUT", PATH "?user_id=member", SET("\"instances\":40"), 200, "*", NULL},
    {"admin", 57, "PUT", PATH "?user_id=reader", SET("\"instances\":11"), 400,
     BAD("Quota limit 11 for instances must be less than or equal to 10."), NULL},
    {"admin", 57, "PUT", PATH, SET("\"instances\":39"), 400,
     BAD("Quota limit 39 for instances must be greater than or equal to already used and reserved 40."), NULL},
    {"reader", 57, "GET", PATH "?user_id=member", NULL, 200, SET(ID "\"instances\":40,\"cores\":-1,\"ram\":51200," REST), NULL},
    {"reader", 57, "GET", PATH, NULL, 200, SET(ID "\"instances\":50,\"cores\":-1,\"ram\":51200," REST), NULL},
    {"admin", 57, "DELETE", PATH "?user_id=member", NULL, 202, NULL, NULL},
    {"reader", 57, "GET", PATH "?user_id=member", NULL, 200, SET(ID "\"instances\":50,\"cores\":-1,\"ram\":51200," REST), NULL},
    {"admin", 57, "DELETE", PATH, NULL, 202, NULL, NULL},
    {"reader", 57, "GET", PATH, NULL, 200, SET(ID COUNTS REST), NULL},
};

#define CLASS(values) "{\"quota_class_set\":{" values "}}"
#define DEFAULT       "/os-quota-class-sets/default"
#define OLD           "\"metadata_items\":128,\"key_pairs\":100"
#define NEW           "\"server_groups\":10,\"server_group_members\":10"

static const struct step classes[] = {
    {"member", 1, "GET", DEFAULT, NULL, 403, "*", NULL},
    {"admin", 1, "GET", DEFAULT, NULL, 200, CLASS("\"id\":\"default\"," COUNTS OLD FILES NETWORK), NULL},
    {"admin", 49, "GET", DEFAULT, NULL, 200, CLASS("\"id\":\"default\"," COUNTS OLD FILES NETWORK), NULL},
    {"admin", 50, "GET", DEFAULT, NULL, 200, CLASS("\"id\":\"default\"," COUNTS REST FILES), NULL},
    {"admin", 57, "GET", "/os-quota-class-sets/gold", NULL, 200, CLASS("\"id\":\"gold\"," COUNTS REST), NULL},
    {"admin", 57, "PUT", "/os-quota-class-sets/gold", CLASS("\"cores\":7"), 200,
     CLASS("\"instances\":10,\"cores\":7,\"ram\":51200," REST), NULL},
    {"admin", 57, "PUT", DEFAULT, CLASS("\"cores\":40,\"server_groups\":3"), 200, "*", NULL},
    {"admin", 50, "PUT", DEFAULT, CLASS("\"floating_ips\":3"), 400, "*", NULL},
    {"reader", 57, "GET", PATH "/defaults", NULL, 200,
     SET(ID "\"instances\":10,\"cores\":40,\"ram\":51200,\"metadata_items\":128,\"key_pairs\":100,\"server_groups\":3,"
            "\"server_group_members\":10"),
     NULL},
    {"admin", 57, "PUT", DEFAULT, CLASS("\"key_pairs\":0"), 200, "*", NULL},
    {"member", 1, "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"k\"}}", 403, FORBIDDEN("Quota exceeded, too many key pairs."),
     NULL},
    {"admin", 57, "PUT", PATH, SET("\"key_pairs\":1"), 200, "*", NULL},
    {"member", 1, "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"k\"}}", 200, "*", NULL},
    {"member", 1, "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"l\"}}", 403, "*", NULL},
    {"admin", 57, "PUT", PATH, SET("\"key_pairs\":-1"), 200, "*", NULL},
    {"member", 1, "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"l\"}}", 200, "*", NULL},
    {"reader", 57, "GET", "/limits", NULL, 200,
     "{\"limits\":{\"rate\":[],\"absolute\":{\"maxTotalInstances\":10,\"maxTotalCores\":40,\"maxTotalRAMSize\":51200,"
     "\"maxTotalKeypairs\":-1,\"maxServerMeta\":128,\"maxServerGroups\":3,\"maxServerGroupMembers\":10,\"totalInstancesUsed\":2,"
     "\"totalCoresUsed\":6,\"totalRAMUsed\":3072,\"totalServerGroupsUsed\":0}}}",
     NULL},
};

#define USAGE "/os-simple-tenant-usage"
#define SERVER(number, ended, state, hours)                                                                                        \
    "{\"hours\":" hours ",\"flavor\":\"m1\",\"instance_id\":\"11111111-2222-4333-8444-55555555550" number                          \
    "\",\"name\":\"s\",\"tenant_id\":\"" PROJECT "\",\"memory_mb\":1536,\"local_gb\":12,\"vcpus\":3,"                              \
    "\"started_at\":\"2026-01-01T00:00:00.000000\",\"ended_at\":" ended ",\"state\":\"" state "\",\"uptime\":\"*\"}"
#define ENDED "\"2026-01-01T06:00:00.000000\""
#define DAY   "start=2026-01-01T00:00:00&end=2026-01-02T00:00:00.000000"
#define SUM(hours, cores, ram, disk, more)                                                                                         \
    "{\"tenant_id\":\"" PROJECT "\",\"start\":\"2026-01-01T00:00:00.000000\",\"stop\":\"2026-01-02T00:00:00.000000\","             \
    "\"total_hours\":" hours ",\"total_vcpus_usage\":" cores ",\"total_memory_mb_usage\":" ram                                     \
    ",\"total_local_gb_usage\":" disk more "}"
#define BOTH SERVER("1", "null", "active", "24.0") "," SERVER("3", ENDED, "terminated", "6.0")

/* Two servers of the project ran on the first of January: one for all of it, one for six hours; another was never launched. */
static const struct step usages[] = {
    {"reader", 1, "GET", USAGE, NULL, 403, "*", NULL},
    {"reader", 1, "GET", USAGE "/" OTHER "?" DAY, NULL, 403, "*", NULL},
    {"other", 1, "GET", USAGE "/" OTHER "?" DAY, NULL, 200, "{\"tenant_usage\":{}}", NULL},
    {"reader", 1, "GET", USAGE "/" PROJECT "?" DAY, NULL, 200,
     "{\"tenant_usage\":" SUM("30.0", "90.0", "46080.0", "360.0", ",\"server_usages\":[" BOTH "]") "}", NULL},
    {"admin", 1, "GET", USAGE "?" DAY, NULL, 200, "{\"tenant_usages\":[" SUM("30.0", "90.0", "46080.0", "360.0", "") "]}", NULL},
    {"admin", 1, "GET", USAGE "?detailed=1&" DAY, NULL, 200,
     "{\"tenant_usages\":[" SUM("30.0", "90.0", "46080.0", "360.0", ",\"server_usages\":[" BOTH "]") "]}", NULL},
    {"reader", 1, "GET", USAGE "?zone.tenant=" PROJECT "&" DAY, NULL, 200, "*", NULL},
    {"admin", 40, "GET", USAGE "?limit=1&" DAY, NULL, 200,
     "{\"tenant_usages\":[" SUM("24.0", "72.0", "36864.0", "288.0",
                                "") "],\"tenant_usages_links\":[{\"rel\":\"next\",\"href\":\"*\"}]}",
     NULL},
    {"admin", 40, "GET", USAGE "?limit=1&marker=11111111-2222-4333-8444-555555555501&" DAY, NULL, 200, "*", NULL},
    {"admin", 40, "GET", USAGE "?marker=11111111-2222-4333-8444-555555555503&" DAY, NULL, 200, "{\"tenant_usages\":[]}", NULL},
    {"admin", 40, "GET", USAGE "?marker=x&" DAY, NULL, 400, BAD("marker [x] not found"), NULL},
    {"admin", 1, "GET", USAGE "?start=2026-01-02T00:00:00&end=2026-01-01T00:00:00", NULL, 400,
     BAD("Invalid start time. The start time cannot occur after the end time."), NULL},
    {"admin", 1, "GET", USAGE "?start=2026-01-02T00:00:00Z", NULL, 400, "*", NULL},
    {"admin", 1, "GET", USAGE "?start=yesterday", NULL, 400, "*", NULL},
    {"admin", 1, "GET", USAGE "?start=2026-01-01%2000:00:00.5&end=2026-01-02T00:00:00", NULL, 200, "*", NULL},
    {"admin", 74, "GET", USAGE "?color=red&" DAY, NULL, 200, "*", NULL},
    {"admin", 75, "GET", USAGE "?color=red&" DAY, NULL, 400, "*", NULL},
};

static const char *const mounts[] = {"/compute/v2.1", NULL};
static const struct route *const tables[] = {quota_routes, limit_routes, keypair_routes, usage_routes, NULL};
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

#define ROW(number, user, state, launched, terminated, deleted)                                                                    \
    "(UNHEX('1111111122224333844455555555550" number "'), '" PROJECT "', '" user "', 's', 's', '" state                            \
    "', 'r-1', '1', '{\"original_name\":\"m1\",\"disk\":10,\"ephemeral\":2}', 3, 1536, 13, '{}', '[]', '{}', "                     \
    "UTC_TIMESTAMP(), " launched ", " terminated ", " deleted ")"

static int setup(void **state)
{
    static const char rows[] =
        "INSERT INTO servers (uuid, project_id, user_id, display_name, hostname, vm_state, reservation_id, flavor_id, flavor, "
        "vcpus,"
        " ram_mib, disk_gib, metadata, tags, request_spec, created_at, launched_at, terminated_at, deleted) VALUES" ROW(
            "1", "member", "active", "'2026-01-01'", "NULL",
            "FALSE") "," ROW("2", "reader", "error", "NULL", "NULL", "FALSE") "," ROW("3", "reader", "deleted", "'2026-01-01'",
                                                                                      "'2026-01-01 06:00:00'", "TRUE");
    const int result = talk_setup(state, &service, "zonegate_test_quota");
    struct talk *talk = *state;
    if (talk->db)
        talk_sql(talk, rows);
    return result;
}

static void quota_sets_are_shown_and_changed(void **state)
{
    take_steps(state, sets, ARRAY_LEN(sets));
}

static void quota_classes_are_the_defaults(void **state)
{
    take_steps(state, classes, ARRAY_LEN(classes));
}

static void usage_is_added_up(void **state)
{
    take_steps(state, usages, ARRAY_LEN(usages));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_judged),
        cmocka_unit_test(the_second_judgement_counts_what_is_there),
        cmocka_unit_test(quota_sets_are_shown_and_changed),
        cmocka_unit_test(quota_classes_are_the_defaults),
        cmocka_unit_test(usage_is_added_up),
    };
    return cmocka_run_group_tests(tests, setup, talk_teardown);
}
