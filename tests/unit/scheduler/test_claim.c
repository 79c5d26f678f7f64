/* Claims by sizing and the late check of groups, on a real database: what two creates that know nothing of each other may do. */
#include "compute/placement/placement.h"
#include "compute/placement/resource_class.h"
#include "compute/scheduler/claim.h"
#include "compute/scheduler/gather.h"
#include "schema/hold.h"
#include "schema/host.h"
#include "schema/server.h"
#include "schema/server_group.h"
#include "tests/unit/schema/store.h"

#define HOST_A 200
#define HOST_B 201
#define GROUP  150

static void add_host(struct store *store, uint8_t number, const char *name)
{
    const struct host host = {.uuid = uuid_of(number), .service = uuid_of(number), .name = name, .uri = "test:///"};
    const struct resource_inventory room[] = {
        {"VCPU", 4, 0, 1}, {"MEMORY_MB", 1024, 0, 1}, {"DISK_GB", 100, 0, 1}, {"VGPU", 3, 0, 1}};
    must(host_add(store->db, &host));
    must(host_seen(store->db, &host.uuid, true, NULL, NULL));
    must(placement_report(store->db, &host.uuid, name, room, ARRAY_LEN(room)));
}

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    run_sql(store, "DELETE FROM servers; DELETE FROM holds; DELETE FROM server_group_members; DELETE FROM server_groups;"
                   "DELETE FROM allocations; DELETE FROM consumers; DELETE FROM hosts; DELETE FROM inventories;"
                   "DELETE FROM resource_provider_traits; DELETE FROM resource_providers");
    must(placement_sync(store->db));
    add_host(store, HOST_A, "a");
    add_host(store, HOST_B, "b");
    return store;
}

static struct sizing sizing_of(const struct sizing_group *group)
{
    return (struct sizing){.vcpus = 1, .ram_mib = 64, .disk_gib = 1, .group = group};
}

static struct sizing_group group_of(const char *policy, int64_t rule)
{
    return (struct sizing_group){.uuid = uuid_of(GROUP), .policy = policy, .max_server_per_host = rule};
}

/* A server that was placed with this sizing; `name` NULL: the place is only held. */
static void put_server(struct store *store, uint8_t number, const struct sizing *sizing, uint8_t host, const char *name)
{
    const struct uuid uuid = uuid_of(number);
    const char *text = sizing_write(&store->arena, sizing);
    struct server server = server_sample(&uuid);
    json_auto_t *spec = json_pack("{s:s}", "sizing", text);
    const struct hold hold = {uuid, uuid_of(host), "p", text, INT64_C(4000000000000000)};
    char *written = json_dumps(spec, JSON_COMPACT);
    server.host = name;
    server.request_spec = written;
    if (name)
        must(server_insert(store->db, &server));
    else
        must(hold_insert(store->db, &hold));
    free(written);
}

static enum err check(struct store *store, const struct sizing *sizing, uint8_t number, uint8_t host)
{
    const struct uuid server = uuid_of(number);
    const struct uuid provider = uuid_of(host);
    const struct claim_order order = {&provider, NULL, &server, "p", "u"};
    return scheduler_late_check(store->db, sizing, &order);
}

static void those_who_came_meanwhile_count(void **state)
{
    static const struct {
        const char *policy;
        int64_t rule;
        const char *there; /* of the first server: its host's name; NULL: held on "a" */
        enum err on_a;
        enum err on_b;
    } rows[] = {
        {"anti-affinity", 0, "a", E_CONFLICT, OK}, {"anti-affinity", 0, NULL, E_CONFLICT, OK},
        {"anti-affinity", 2, "a", OK, OK},         {"affinity", 0, "a", OK, E_CONFLICT},
        {"affinity", 0, NULL, OK, E_CONFLICT},     {"soft-anti-affinity", 0, "a", OK, OK},
        {"soft-affinity", 0, "a", OK, OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store *store = fresh(state);
        const struct sizing_group group = group_of(rows[i].policy, rows[i].rule);
        struct sizing sizing = sizing_of(&group);
        put_server(store, 1, &sizing, HOST_A, rows[i].there);
        assert_int_equal(check(store, &sizing, 2, HOST_A), rows[i].on_a);
        assert_int_equal(check(store, &sizing, 2, HOST_B), rows[i].on_b);
        assert_int_equal(check(store, &sizing, 1, HOST_A), OK); /* itself does not count */
        sizing.host = "b";
        assert_int_equal(check(store, &sizing, 2, HOST_B), OK); /* forced */
        sizing = sizing_of(NULL);
        assert_int_equal(check(store, &sizing, 2, HOST_A), OK);
    }
}

static void a_wide_claim_takes_what_was_asked_for(void **state)
{
    static const char sql[] = "SELECT COALESCE(GROUP_CONCAT(used ORDER BY resource_class_id), '') FROM allocations";
    struct store *store = fresh(state);
    json_auto_t *specs = json_pack("{s:s, s:s}", "resources:VGPU", "2", "resources:DISK_GB", "0");
    struct sizing sizing = sizing_of(NULL);
    const struct uuid provider = uuid_of(HOST_A);
    const struct uuid first = uuid_of(1);
    const struct uuid second = uuid_of(2);
    struct claim_order order = {&provider, "a", &first, "p", "u"};
    sizing.extra_specs = specs;
    must(scheduler_claim(store->db, &sizing, &order));
    assert_string_equal(ask_text(store, sql), "1,64,2");
    order.server = &second;
    assert_int_equal(scheduler_claim(store->db, &sizing, &order), E_CONFLICT);
    assert_string_equal(ask_text(store, sql), "1,64,2");
    sizing.extra_specs = NULL;
    must(scheduler_claim(store->db, &sizing, &order));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations"), 6);
}

static void the_group_of_this_zone_gets_its_member(void **state)
{
    struct store *store = fresh(state);
    const struct server_group row = {.uuid = uuid_of(GROUP), .project_id = "p", .user_id = "u", .name = "g", .policy = "affinity"};
    const struct server_group_limits limits = {-1, -1};
    const struct sizing_group group = group_of("affinity", 0);
    const struct sizing sizing = sizing_of(&group);
    const struct uuid server = uuid_of(1);
    must(scheduler_join(store->db, &sizing, &server, "u")); /* another zone's: no row here */
    must(server_group_add(store->db, &row, &limits));
    must(scheduler_join(store->db, &sizing, &server, "u"));
    must(scheduler_join(store->db, &sizing, &server, "u"));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM server_group_members"), 1);
}

/* Members that the group's zone names, and those that were created here since, each once. */
static void members_are_found_where_they_are(void **state)
{
    struct store *store = fresh(state);
    struct scheduler_settings settings = {0};
    const struct uuid members[] = {uuid_of(1), uuid_of(9)};
    struct sizing_group group = group_of("affinity", 0);
    const struct sizing sizing = sizing_of(&group);
    const struct gather_order order = {
        .sizing = &sizing, .project_id = "p", .settings = &settings, .default_zone = "z", .candidates_most = 10};
    struct gathered gathered;
    put_server(store, 1, &sizing, HOST_A, "a");
    put_server(store, 2, &sizing, HOST_A, "a");
    put_server(store, 3, &sizing, HOST_B, NULL);
    group.members = members;
    group.member_count = 1;
    must(scheduler_gather(store->db, &store->arena, &order, &gathered));
    assert_int_equal(gathered.hosts.count, 2);
    assert_int_equal(gathered.hosts.items[0].group_servers, 2);
    assert_int_equal(gathered.hosts.items[1].group_servers, 1);
    assert_false(gathered.spec.group_elsewhere);
    assert_true(gathered.hosts.items[0].free.vcpus == 4 && gathered.hosts.items[0].total.ram_mib == 1024);
    group.member_count = 2; /* one of them is not here */
    must(scheduler_gather(store->db, &store->arena, &order, &gathered));
    assert_true(gathered.spec.group_elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_who_came_meanwhile_count),
        cmocka_unit_test(a_wide_claim_takes_what_was_asked_for),
        cmocka_unit_test(the_group_of_this_zone_gets_its_member),
        cmocka_unit_test(members_are_found_where_they_are),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
