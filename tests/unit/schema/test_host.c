/* Hosts against a real database: rows, what a look at them writes, who copies an image, forgetting. */
#include "schema/host.h"
#include "schema/placement_provider.h"
#include "tests/unit/schema/store.h"

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    run_sql(store, "DELETE FROM hosts; DELETE FROM host_images; DELETE FROM servers; DELETE FROM tasks;"
                   "DELETE FROM inventories; DELETE FROM resource_providers");
    return store;
}

static struct host sample(uint8_t number, const char *name)
{
    return (struct host){
        .uuid = uuid_of(number), .service = uuid_of((uint8_t)(number + 100)), .name = name, .uri = "test:///default"};
}

static void a_host_comes_back(void **state)
{
    struct store *store = fresh(state);
    struct host host = sample(1, "größe");
    struct host found;
    host.availability_zone = "az";
    host.vcpus = 4;
    host.ram_mib = 2048;
    host.disk_gib = 7;
    must(host_add(store->db, &host));
    must(host_get(store->db, &store->arena, "größe", &found));
    assert_true(uuid_equal(&found.uuid, &host.uuid) && uuid_equal(&found.service, &host.service));
    assert_string_equal(found.uri, "test:///default");
    assert_string_equal(found.availability_zone, "az");
    assert_true(found.vcpus == 4 && found.ram_mib == 2048 && found.disk_gib == 7);
    assert_true(!found.disabled && !found.up && found.last_seen_us == 0 && found.created_us > 0 && found.updated_us > 0);
    assert_null(found.disabled_reason);
    assert_null(found.last_error);
    assert_null(found.inventory);
    must(host_get_by_uuid(store->db, &store->arena, &host.uuid, &found));
    assert_string_equal(found.name, "größe");
    const struct host least = sample(2, "a");
    must(host_add(store->db, &least));
    must(host_get(store->db, &store->arena, "a", &found));
    assert_null(found.availability_zone);
    assert_true(found.vcpus == 0 && found.ram_mib == 0 && found.disk_gib == 0);
    struct hosts hosts;
    must(host_list(store->db, &store->arena, &hosts));
    assert_int_equal(hosts.count, 2);
    assert_string_equal(hosts.items[0].name, "a");
    assert_string_equal(hosts.items[1].name, "größe");
}

static void names_are_taken_once(void **state)
{
    struct store *store = fresh(state);
    struct host host = sample(1, "h");
    struct host found;
    const struct uuid nine = uuid_of(9);
    must(host_add(store->db, &host));
    host.uuid = uuid_of(2);
    must_fail(host_add(store->db, &host), E_CONFLICT, "Host 'h' exists already.");
    must_fail(host_get(store->db, &store->arena, "H", &found), E_NOT_FOUND, "Compute host H could not be found.");
    must_fail(host_get_by_uuid(store->db, &store->arena, &nine, &found), E_NOT_FOUND,
              "Compute host 11111111-2222-4333-8444-555555555509 could not be found.");
}

static void looks_are_written_down(void **state)
{
    struct store *store = fresh(state);
    const struct host host = sample(1, "h");
    struct host found;
    must(host_add(store->db, &host));
    must(host_seen(store->db, &host.uuid, false, NULL, "no route"));
    must(host_get(store->db, &store->arena, "h", &found));
    assert_true(!found.up && found.last_seen_us == 0);
    assert_string_equal(found.last_error, "no route");
    must(host_seen(store->db, &host.uuid, true, "{\"vcpus\":1}", NULL));
    must(host_get(store->db, &store->arena, "h", &found));
    const int64_t seen_us = found.last_seen_us;
    assert_true(found.up && seen_us > 0);
    assert_null(found.last_error);
    assert_string_equal(found.inventory, "{\"vcpus\":1}");
    must(host_seen(store->db, &host.uuid, false, NULL, "gone")); /* keeps inventory and when it was last seen */
    must(host_get(store->db, &store->arena, "h", &found));
    assert_true(!found.up && found.last_seen_us == seen_us);
    assert_string_equal(found.inventory, "{\"vcpus\":1}");
    must(host_set_disabled(store->db, &host.uuid, true, "repair"));
    must(host_get(store->db, &store->arena, "h", &found));
    assert_true(found.disabled);
    assert_string_equal(found.disabled_reason, "repair");
    must(host_set_disabled(store->db, &host.uuid, false, NULL));
    must(host_get(store->db, &store->arena, "h", &found));
    assert_false(found.disabled);
    assert_null(found.disabled_reason);
}

static void a_long_error_fits(void **state)
{
    struct store *store = fresh(state);
    const struct host host = sample(1, "h");
    char error[1024]; /* as long as an error's message can be */
    struct host found;
    memset(error, 'e', sizeof(error) - 1);
    error[sizeof(error) - 1] = '\0';
    must(host_add(store->db, &host));
    must(host_seen(store->db, &host.uuid, false, NULL, error));
    must(host_get(store->db, &store->arena, "h", &found));
    assert_string_equal(found.last_error, error);
}

static void hosts_with_servers_stay(void **state)
{
    struct store *store = fresh(state);
    const struct host host = sample(1, "h");
    const struct uuid uuid = uuid_of(7);
    const struct server server = server_sample(&uuid);
    struct host found;
    int64_t provider = 0;
    int64_t count = 9;
    must_fail(host_forget(store->db, "h"), E_NOT_FOUND, "Compute host h could not be found.");
    must(host_add(store->db, &host));
    must(provider_insert(store->db, &host.uuid, "h", 0, 0, &provider));
    must(host_count_servers(store->db, "h", &count));
    assert_int_equal(count, 0);
    must(server_insert(store->db, &server));
    must(host_count_servers(store->db, "h", &count));
    assert_int_equal(count, 1);
    must_fail(host_forget(store->db, "h"), E_CONFLICT, "Host h has 1 servers.");
    must(host_get(store->db, &store->arena, "h", &found));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM resource_providers"), 1);
    must(server_set_deleted(store->db, &uuid));
    run_sql(store, "INSERT INTO host_images (host, image, holder) VALUES ('h', 'i', 'x'), ('g', 'i', 'x')");
    must(host_forget(store->db, "h"));
    assert_int_equal(host_get(store->db, &store->arena, "h", &found), E_NOT_FOUND);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM resource_providers"), 0);
    assert_string_equal(ask_text(store, "SELECT GROUP_CONCAT(host) FROM host_images"), "g");
}

static void a_host_goes_with_all_below_it_unless_it_is_allocated(void **state)
{
    struct store *store = fresh(state);
    const struct host host = sample(1, "h");
    const struct uuid child = uuid_of(2);
    int64_t root = 0;
    int64_t id = 0;
    must(host_add(store->db, &host));
    must(provider_insert(store->db, &host.uuid, "h", 0, 0, &root));
    must(provider_insert(store->db, &child, "numa", root, root, &id));
    run_sql(store, "INSERT INTO allocations SELECT 1, id, 1, 1, UTC_TIMESTAMP(6) FROM resource_providers WHERE name = 'numa'");
    must_fail(host_forget(store->db, "h"), E_CONFLICT,
              "Host h has no servers, but its resource provider numa has allocations: `zonegate placement audit` shows them.");
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM resource_providers"), 2);
    run_sql(store, "DELETE FROM allocations");
    must(host_forget(store->db, "h"));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM resource_providers"), 0);
}

static void add_task(struct store *store, const struct uuid *id)
{
    static const char sql[] =
        "INSERT INTO tasks (id, kind, subject, request_id, state, not_before, data, created_at, updated_at) VALUES"
        " (?, 'build', ?, 'r', 'ready', UTC_TIMESTAMP(6), '{}', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))";
    const struct sql_value values[] = {sql_uuid(id), sql_uuid(id)};
    must(db_exec(store->db, sql, values, ARRAY_LEN(values)));
}

static enum host_image_state take(struct store *store, const char *host, const struct uuid *task)
{
    enum host_image_state state = HOST_IMAGE_BUSY;
    must(host_image_take(store->db, host, "image", task, &state));
    return state;
}

static void one_task_copies_an_image(void **state)
{
    struct store *store = fresh(state);
    const struct uuid one = uuid_of(1);
    const struct uuid two = uuid_of(2);
    add_task(store, &one);
    add_task(store, &two);
    assert_int_equal(take(store, "h", &one), HOST_IMAGE_MINE);
    assert_int_equal(take(store, "h", &one), HOST_IMAGE_MINE);
    assert_int_equal(take(store, "h", &two), HOST_IMAGE_BUSY);
    assert_int_equal(take(store, "g", &two), HOST_IMAGE_MINE);
    must_fail(host_image_ready(store->db, "h", "image", &two), E_LOST, "The copy of image image to host h was taken over.");
    run_sql(store, "DELETE FROM tasks WHERE id = UNHEX('11111111222243338444555555555501')"); /* its holder has died */
    assert_int_equal(take(store, "h", &two), HOST_IMAGE_MINE);
    assert_int_equal(host_image_ready(store->db, "h", "image", &one), E_LOST);
    must(host_image_ready(store->db, "h", "image", &two));
    assert_int_equal(take(store, "h", &one), HOST_IMAGE_READY);
    run_sql(store, "DELETE FROM tasks");
    assert_int_equal(take(store, "h", &one), HOST_IMAGE_READY); /* what is complete needs no holder */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_comes_back),        cmocka_unit_test(names_are_taken_once),
        cmocka_unit_test(looks_are_written_down),   cmocka_unit_test(a_long_error_fits),
        cmocka_unit_test(hosts_with_servers_stay),  cmocka_unit_test(a_host_goes_with_all_below_it_unless_it_is_allocated),
        cmocka_unit_test(one_task_copies_an_image),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
