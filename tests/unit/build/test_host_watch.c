/* What a look at a host writes, on libvirt's test driver inside this process: its row, its provider, that it is down; power states.
 */
#include <time.h>

#include <jansson.h>

#include "compute/build/host_labels.h"
#include "compute/build/host_traits.h"
#include "compute/build/host_watch.h"
#include "compute/placement/provider.h"
#include "compute/placement/resource_class.h"
#include "gateway/base/log.h"
#include "schema/aggregate.h"
#include "schema/placement_inventory.h"
#include "tests/unit/schema/store.h"

#define BUDGET_MS 20000
#define HOST      200

struct watched {
    struct store store;
    struct host_watch *watch;
    struct hypervisors *hypervisors;
};

static int setup(void **state)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct watched *watched = calloc(1, sizeof(*watched));
    *state = watched;
    must(seal_setup());
    if (!url)
        return 0;
    store_open(&watched->store, url);
    const struct hypervisor_options options = {.virt_type = "auto",
                                               .pool = "zonegate",
                                               .pool_path = "/nowhere/zonegate",
                                               .lane_queue = 16,
                                               .console_bytes = 1024,
                                               .sync_interval_s = 600};
    const struct host_watch_options watch = {&watched->store.target, 50, 4.0};
    must(host_watch_start(&watch, &watched->watch));
    must(hypervisors_open(&options, host_watch_power_changed, watched->watch, &watched->hypervisors));
    return 0;
}

static int teardown(void **state)
{
    struct watched *watched = *state;
    host_watch_stop(watched->watch);
    hypervisors_close(watched->hypervisors);
    host_watch_free(watched->watch);
    host_watch_stop(NULL);
    host_watch_free(NULL);
    store_close(&watched->store);
    free(watched);
    return 0;
}

static struct watched *fresh(void **state)
{
    struct watched *watched = *state;
    if (!watched->store.db)
        skip();
    run_sql(&watched->store, "DELETE FROM hosts; DELETE FROM servers; DELETE FROM inventories; DELETE FROM resource_providers;"
                             "DELETE FROM resource_provider_traits; DELETE FROM resource_provider_aggregates;"
                             "DELETE FROM aggregates; DELETE FROM aggregate_hosts");
    must(placement_sync(watched->store.db));
    return watched;
}

static struct host add_host(struct watched *watched, const char *name, const char *uri, int64_t vcpus)
{
    struct host host = {.uuid = uuid_of(HOST), .service = uuid_of(HOST + 1), .name = name, .uri = uri, .vcpus = vcpus};
    must(host_add(watched->store.db, &host));
    must(host_get(watched->store.db, &watched->store.arena, name, &host));
    return host;
}

static void a_look_fills_row_and_provider(void **state)
{
    struct watched *watched = fresh(state);
    struct host host = add_host(watched, "h", "test:///default", 3);
    struct inventory_rows rows;
    must(host_report(watched->store.db, watched->hypervisors, &host, 4.0, BUDGET_MS));
    must(host_get(watched->store.db, &watched->store.arena, "h", &host));
    assert_true(host.up && host.last_seen_us > 0);
    assert_null(host.last_error);
    json_auto_t *inventory = json_loads(host.inventory, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(inventory, "vcpus")), 3); /* the admin's word counts */
    assert_true(json_integer_value(json_object_get(inventory, "ram_mib")) > 0);
    assert_string_equal(json_string_value(json_object_get(inventory, "driver")), "Test");
    must(inventory_rows_all(watched->store.db, &watched->store.arena, &rows));
    assert_int_equal(rows.count, 3);
    assert_string_equal(rows.items[0].resource_class, "VCPU");
    assert_true(rows.items[0].total == 3 && rows.items[0].allocation_ratio == 4.0);
    assert_int_equal(rows.items[1].total, json_integer_value(json_object_get(inventory, "ram_mib")));
    const int64_t generation = ask_int(&watched->store, "SELECT generation FROM resource_providers");
    must(host_report(watched->store.db, watched->hypervisors, &host, 4.0, BUDGET_MS));
    assert_int_equal(ask_int(&watched->store, "SELECT generation FROM resource_providers"), generation);
}

#define TRAITS "SELECT GROUP_CONCAT(t.name ORDER BY t.name) FROM resource_provider_traits m JOIN traits t ON t.id = m.trait_id"
#define IMAGES                                                                                                                     \
    "COMPUTE_IMAGE_TYPE_AKI,COMPUTE_IMAGE_TYPE_AMI,COMPUTE_IMAGE_TYPE_ARI,COMPUTE_IMAGE_TYPE_ISO,COMPUTE_IMAGE_TYPE_QCOW2,"        \
    "COMPUTE_IMAGE_TYPE_RAW,COMPUTE_NODE"
#define BUS        "COMPUTE_STORAGE_BUS_VIRTIO,HW_CPU_HYPERTHREADING" /* the test driver says two threads */
#define GENERATION "SELECT generation FROM resource_providers"

static void a_look_tells_traits_and_keeps_an_admins(void **state)
{
    static const char *const admins[] = {"COMPUTE_FIRMWARE_BIOS", "HW_CPU_X86_AVX", "HW_NIC_MULTIQUEUE"};
    struct watched *watched = fresh(state);
    struct store *store = &watched->store;
    struct host host = add_host(watched, "h", "test:///default", 3);
    struct placement_provider provider;
    const struct service_change disable = {.sets_disabled = true, .disabled = true};
    const struct service_change enable = {.sets_disabled = true};
    must(host_change_service(store->db, &host, &disable)); /* before its first report: it is disabled from the beginning */
    must(host_report(store->db, watched->hypervisors, &host, 4.0, BUDGET_MS));
    assert_string_equal(ask_text(store, TRAITS), "COMPUTE_FIRMWARE_BIOS," IMAGES ",COMPUTE_STATUS_DISABLED," BUS);
    must(host_change_service(store->db, &host, &enable));
    assert_string_equal(ask_text(store, TRAITS), "COMPUTE_FIRMWARE_BIOS," IMAGES "," BUS);
    must(placement_provider_traits_set(store->db, &store->arena, &host.uuid, NULL, admins, ARRAY_LEN(admins), &provider, NULL));
    must(host_report(store->db, watched->hypervisors, &host, 4.0, BUDGET_MS));
    assert_string_equal(ask_text(store, TRAITS), "COMPUTE_FIRMWARE_BIOS," IMAGES "," BUS ",HW_NIC_MULTIQUEUE");
    const int64_t generation = ask_int(store, GENERATION);
    must(host_report(store->db, watched->hypervisors, &host, 4.0, BUDGET_MS));
    assert_int_equal(ask_int(store, GENERATION), generation);
    must(host_change_service(store->db, &host, &disable));
    assert_string_equal(ask_text(store, TRAITS),
                        "COMPUTE_FIRMWARE_BIOS," IMAGES ",COMPUTE_STATUS_DISABLED," BUS ",HW_NIC_MULTIQUEUE");
    assert_int_equal(ask_int(store, GENERATION), generation + 1);
}

static void owned_traits_are_standard_ones(void **state)
{
    struct watched *watched = fresh(state);
    struct store *store = &watched->store;
    struct name_rows rows;
    const struct host_traits owned = host_traits_owned(&store->arena);
    must(names_find(store->db, &store->arena, NAMES_TRAIT, owned.items, owned.count, &rows));
    assert_int_equal(rows.count, owned.count);
}

#define AGGREGATES                                                                                                                 \
    "SELECT GROUP_CONCAT(HEX(a.uuid) ORDER BY a.id) FROM resource_provider_aggregates m JOIN placement_aggregates a"               \
    " ON a.id = m.aggregate_id"

static void aggregates_are_mirrored_and_an_admins_stay(void **state)
{
    struct watched *watched = fresh(state);
    struct store *store = &watched->store;
    struct host host = add_host(watched, "h", "test:///default", 3);
    const struct uuid admins = uuid_of(77);
    struct placement_provider provider;
    int64_t first = 0;
    int64_t second = 0;
    must(aggregate_add(store->db, "first", NULL, &first));
    must(aggregate_add(store->db, "second", "az", &second));
    must(host_join_aggregate(store->db, first, "h", "zone")); /* before its first report */
    must(host_report(store->db, watched->hypervisors, &host, 4.0, BUDGET_MS));
    assert_string_equal(ask_text(store, AGGREGATES), ask_text(store, "SELECT HEX(uuid) FROM aggregates WHERE name = 'first'"));
    must(placement_aggregates_set(store->db, &store->arena, &host.uuid, NULL, &admins, 1, &provider));
    must(host_report(store->db, watched->hypervisors, &host, 4.0, BUDGET_MS)); /* brings ours back, and keeps theirs */
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM resource_provider_aggregates"), 2);
    must(host_join_aggregate(store->db, second, "h", "zone"));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM resource_provider_aggregates"), 3);
    must(host_leave_aggregate(store->db, first, "h", "zone"));
    must(host_leave_aggregate(store->db, second, "h", "zone"));
    assert_string_equal(ask_text(store, AGGREGATES), "1111111122224333844455555555554D");
    must_fail(host_leave_aggregate(store->db, second, "h", "zone"), E_NOT_FOUND,
              arena_printf(&store->arena, "Cannot remove host h in aggregate %lld", (long long)second));
    must_fail(host_join_aggregate(store->db, second, "other", "zone"), E_NOT_FOUND, "Compute host other could not be found.");
}

static void an_unreachable_host_is_down_and_keeps_its_inventory(void **state)
{
    struct watched *watched = fresh(state);
    struct host host = add_host(watched, "d", "test:///nonexistent.xml", 0);
    run_sql(&watched->store, "UPDATE hosts SET up = TRUE, inventory = '{\"vcpus\":9}'");
    must(host_report(watched->store.db, watched->hypervisors, &host, 4.0, BUDGET_MS));
    must(host_get(watched->store.db, &watched->store.arena, "d", &host));
    assert_false(host.up);
    assert_non_null(host.last_error);
    assert_true(strlen(host.last_error) > 0);
    assert_string_equal(host.inventory, "{\"vcpus\":9}");
}

static void wait_for(struct store *store, const char *sql, const char *expected)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    for (int i = 0; i < 2000 && strcmp(ask_text(store, sql), expected) != 0; i++)
        (void)nanosleep(&pause, NULL);
    assert_string_equal(ask_text(store, sql), expected);
}

/* The thread's own life: it looks at hosts and writes what libvirt's events tell. The last test, for it ends with the watch. */
static void the_thread_reports_and_writes_power_states(void **state)
{
    struct watched *watched = fresh(state);
    const struct uuid one = uuid_of(1);
    const struct uuid unknown = uuid_of(9);
    const struct server server = server_sample(&one);
    (void)add_host(watched, "t", "test:///default", 0);
    must(server_insert(watched->store.db, &server));
    for (int i = 0; i < 3000; i++) /* more than fits: the oldest are dropped, the newest counts */
        host_watch_power_changed(watched->watch, i % 2 ? &unknown : &one, i % 3 ? 1 : 3);
    host_watch_power_changed(watched->watch, &one, 4);
    host_watch_use(watched->watch, watched->hypervisors);
    wait_for(&watched->store, "SELECT up FROM hosts", "1");
    wait_for(&watched->store, "SELECT vm_state FROM servers", "stopped");
    host_watch_power_changed(watched->watch, &one, 1);
    wait_for(&watched->store, "SELECT CONCAT_WS(' ', vm_state, power_state) FROM servers", "active 1");
    host_watch_stop(watched->watch);
    for (int i = 0; i < 3000; i++) /* hosts that are not closed yet may still tell */
        host_watch_power_changed(watched->watch, &one, 4);
}

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_look_fills_row_and_provider),
        cmocka_unit_test(a_look_tells_traits_and_keeps_an_admins),
        cmocka_unit_test(owned_traits_are_standard_ones),
        cmocka_unit_test(aggregates_are_mirrored_and_an_admins_stay),
        cmocka_unit_test(an_unreachable_host_is_down_and_keeps_its_inventory),
        cmocka_unit_test(the_thread_reports_and_writes_power_states),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
