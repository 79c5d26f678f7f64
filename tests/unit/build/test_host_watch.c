/* What a look at a host writes, on libvirt's test driver inside this process: its row, its provider, that it is down; power states.
 */
#include <time.h>

#include <jansson.h>

#include "compute/build/host_watch.h"
#include "gateway/base/log.h"
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
    host_watch_stop(NULL);
    store_close(&watched->store);
    free(watched);
    return 0;
}

static struct watched *fresh(void **state)
{
    struct watched *watched = *state;
    if (!watched->store.db)
        skip();
    run_sql(&watched->store, "DELETE FROM hosts; DELETE FROM servers; DELETE FROM inventories; DELETE FROM resource_providers");
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
    watched->watch = NULL;
}

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_look_fills_row_and_provider),
        cmocka_unit_test(an_unreachable_host_is_down_and_keeps_its_inventory),
        cmocka_unit_test(the_thread_reports_and_writes_power_states),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
