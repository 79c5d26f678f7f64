/* One server's row against a real database: everything comes back, and every statement changes what it says and nothing else. */
#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "tests/unit/schema/store.h"

#define NEW_YEAR INT64_C(1767225600000000)
#define MISSING  "Instance 11111111-2222-4333-8444-555555555509 could not be found."

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    run_sql(store, "DELETE FROM servers");
    return store;
}

static struct server add(struct store *store, uint8_t number)
{
    const struct uuid uuid = uuid_of(number);
    const struct server server = server_sample(&uuid);
    must(server_insert(store->db, &server));
    return server;
}

static struct server reread(struct store *store, uint8_t number)
{
    const struct uuid uuid = uuid_of(number);
    struct server server;
    must(server_get_any(store->db, &store->arena, &uuid, &server));
    return server;
}

static const struct server full = {
    .uuid = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
    .project_id = "project",
    .user_id = "user",
    .name = "größe \"1\"",
    .description = "",
    .hostname = "hostname",
    .host = "host",
    .node = "node",
    .availability_zone = "az",
    .vm_state = "paused",
    .task_state = "unpausing",
    .power_state = 3,
    .progress = 40,
    .launch_index = 5,
    .reservation_id = "r-000ab12345678",
    .flavor_id = "flavor",
    .flavor = "{\"vcpus\":2}",
    .vcpus = 2,
    .ram_mib = 2147483647,
    .disk_gib = 7,
    .image_ref = "image",
    .image = "{\"id\":\"image\"}",
    .kernel_id = "kernel",
    .ramdisk_id = "ramdisk",
    .root_device_name = "/dev/vda",
    .key_name = "key",
    .key_data = "ssh-rsa AAAA",
    .user_data = "dXNlcg==",
    .config_drive = true,
    .metadata = "{\"a\":\"b\"}",
    .tags = "[\"t\"]",
    .security_groups = "[{\"name\":\"default\"}]",
    .trusted_certs = "[\"c\"]",
    .access_ip_v4 = "192.0.2.1",
    .access_ip_v6 = "2001:db8::1",
    .disk_config = "AUTO",
    .locked = true,
    .locked_by = "admin",
    .locked_reason = "because",
    .fault = "{\"code\":500}",
    .request_spec = "{\"x\":1}",
    .created_us = NEW_YEAR,
    .updated_us = NEW_YEAR + 1000000,
    .launched_us = NEW_YEAR + 2000000,
    .terminated_us = NEW_YEAR + 3000000,
    .deleted_us = NEW_YEAR + 4000000,
    .deleted = true,
};

/* Both lists name every member once, so that none is forgotten: they are the struct's 47. */
#define TEXTS(X)                                                                                                                   \
    X(project_id)                                                                                                                  \
    X(user_id)                                                                                                                     \
    X(name)                                                                                                                        \
    X(description)                                                                                                                 \
    X(hostname)                                                                                                                    \
    X(host)                                                                                                                        \
    X(node)                                                                                                                        \
    X(availability_zone)                                                                                                           \
    X(vm_state)                                                                                                                    \
    X(task_state)                                                                                                                  \
    X(reservation_id)                                                                                                              \
    X(flavor_id)                                                                                                                   \
    X(flavor)                                                                                                                      \
    X(image_ref)                                                                                                                   \
    X(image)                                                                                                                       \
    X(kernel_id)                                                                                                                   \
    X(ramdisk_id)                                                                                                                  \
    X(root_device_name)                                                                                                            \
    X(key_name)                                                                                                                    \
    X(key_data)                                                                                                                    \
    X(user_data)                                                                                                                   \
    X(metadata)                                                                                                                    \
    X(tags)                                                                                                                        \
    X(security_groups)                                                                                                             \
    X(trusted_certs)                                                                                                               \
    X(access_ip_v4)                                                                                                                \
    X(access_ip_v6)                                                                                                                \
    X(disk_config)                                                                                                                 \
    X(locked_by)                                                                                                                   \
    X(locked_reason)                                                                                                               \
    X(fault)                                                                                                                       \
    X(request_spec)
#define NUMBERS(X)                                                                                                                 \
    X(power_state)                                                                                                                 \
    X(progress)                                                                                                                    \
    X(launch_index)                                                                                                                \
    X(vcpus)                                                                                                                       \
    X(ram_mib)                                                                                                                     \
    X(disk_gib)                                                                                                                    \
    X(config_drive)                                                                                                                \
    X(locked)                                                                                                                      \
    X(created_us)                                                                                                                  \
    X(updated_us)                                                                                                                  \
    X(launched_us)                                                                                                                 \
    X(terminated_us)                                                                                                               \
    X(deleted_us)                                                                                                                  \
    X(deleted)

static void assert_same_text(const char *name, const char *a, const char *b)
{
    if (!str_equal(a, b))
        print_error("%s: %s, not %s\n", name, a ? a : "NULL", b ? b : "NULL");
    assert_true(str_equal(a, b));
}

static void assert_same_row(const struct server *a, const struct server *b)
{
    assert_true(uuid_equal(&a->uuid, &b->uuid));
#define SAME_TEXT(member)   assert_same_text(#member, a->member, b->member);
#define SAME_NUMBER(member) assert_int_equal(a->member, b->member);
    TEXTS(SAME_TEXT)
    NUMBERS(SAME_NUMBER)
}

static void a_row_comes_back_as_it_was(void **state)
{
    struct store *store = fresh(state);
    struct server found;
    must(server_insert(store->db, &full));
    must(server_get_any(store->db, &store->arena, &full.uuid, &found));
    assert_same_row(&found, &full);
    /* SHA-224 of "projecthost" */
    assert_string_equal(found.host_id, ask_text(store, "SELECT SHA2('projecthost', 224)"));
    assert_int_equal(strlen(found.host_id), 56);
    const struct server least = add(store, 1);
    found = reread(store, 1);
    assert_same_row(&found, &least);
    assert_int_equal(server_insert(store->db, &full), E_CONFLICT);
}

static void hidden_rows_are_not_found(void **state)
{
    struct store *store = fresh(state);
    const struct uuid nine = uuid_of(9);
    struct server found = full;
    bool exists = true;
    must(server_exists(store->db, &nine, &exists));
    assert_false(exists);
    must_fail(server_get_any(store->db, &store->arena, &nine, &found), E_NOT_FOUND, MISSING);
    must_fail(server_get(store->db, &store->arena, &nine, NULL, &found), E_NOT_FOUND, MISSING);
    must_fail(server_get_locked(store->db, &store->arena, &nine, &found), E_NOT_FOUND, MISSING);
    assert_same_row(&found, &full); /* untouched */
    (void)add(store, 9);
    must(server_exists(store->db, &nine, &exists));
    assert_true(exists);
    must(server_get(store->db, &store->arena, &nine, NULL, &found));
    must(server_get(store->db, &store->arena, &nine, "p", &found));
    must_fail(server_get(store->db, &store->arena, &nine, "P", &found), E_NOT_FOUND, MISSING);
    must(server_set_deleted(store->db, &nine));
    must(server_exists(store->db, &nine, &exists));
    assert_true(exists);
    must(server_get_any(store->db, &store->arena, &nine, &found));
    must_fail(server_get(store->db, &store->arena, &nine, "p", &found), E_NOT_FOUND, MISSING);
    must_fail(server_get_locked(store->db, &store->arena, &nine, &found), E_NOT_FOUND, MISSING);
}

static void states_are_set(void **state)
{
    struct store *store = fresh(state);
    struct server expected = add(store, 1);
    (void)add(store, 2);
    const struct uuid one = expected.uuid;
    must(server_set_built(store->db, &one, 1, "/dev/sda"));
    must(server_set_state(store->db, &one, "stopped", NULL, 4));
    must(server_set_metadata(store->db, &one, "{\"k\":\"v\"}"));
    must(server_set_task_state(store->db, &one, "deleting"));
    struct server found = reread(store, 1);
    assert_true(found.updated_us >= clock_wall_us() - INT64_C(60000000));
    expected.vm_state = "stopped";
    expected.power_state = 4;
    expected.root_device_name = "/dev/sda";
    expected.metadata = "{\"k\":\"v\"}";
    expected.task_state = "deleting";
    expected.updated_us = found.updated_us;
    assert_same_row(&found, &expected);
    must(server_set_built(store->db, &one, 1, "/dev/sda")); /* only the first launch counts */
    assert_string_equal(reread(store, 1).task_state, "deleting");
    assert_int_equal(reread(store, 1).launched_us, expected.launched_us);
    run_sql(store, "UPDATE servers SET launched_at = NULL");
    must(server_set_task_state(store->db, &one, "spawning"));
    must(server_set_built(store->db, &one, 1, "/dev/sda"));
    assert_null(reread(store, 1).task_state);
    struct uuid nobody;
    uuid_new(&nobody);
    assert_int_equal(server_set_built(store->db, &nobody, 1, "/dev/sda"), E_NOT_FOUND);
    assert_string_equal(reread(store, 1).vm_state, "active");
    assert_true(reread(store, 1).launched_us > NEW_YEAR);
    assert_int_equal(reread(store, 2).launched_us, 0);
    assert_string_equal(reread(store, 2).vm_state, "active");
}

static void a_fault_ends_the_work(void **state)
{
    struct store *store = fresh(state);
    struct server expected = add(store, 1);
    must(server_set_task_state(store->db, &expected.uuid, "spawning"));
    must(server_set_fault(store->db, &expected.uuid, "{\"code\":500}"));
    must(server_clear_host(store->db, &expected.uuid));
    struct server found = reread(store, 1);
    expected.vm_state = "error";
    expected.fault = "{\"code\":500}";
    expected.host = NULL;
    expected.node = NULL;
    expected.power_state = 0;
    expected.updated_us = found.updated_us;
    assert_same_row(&found, &expected);
    assert_string_equal(found.host_id, "");
    must(server_set_deleted(store->db, &expected.uuid));
    found = reread(store, 1);
    expected.vm_state = "deleted";
    expected.deleted = true;
    expected.updated_us = found.updated_us;
    expected.deleted_us = found.updated_us;
    expected.terminated_us = found.updated_us;
    assert_same_row(&found, &expected);
}

/* What the hypervisor says counts only while nobody works on the server. */
static void power_is_synchronised(void **state)
{
    static const char *const vm_states[] = {"active", "stopped", "paused", "suspended", "building", "error", "rescued", "deleted"};
    static const int powers[] = {0, 1, 3, 4, 6, 7};
    struct store *store = fresh(state);
    const struct server row = add(store, 1);
    for (size_t i = 0; i < ARRAY_LEN(vm_states) * ARRAY_LEN(powers) * 4; i++) {
        const char *vm_state = vm_states[i / 4 / ARRAY_LEN(powers)];
        const int power = powers[i / 4 % ARRAY_LEN(powers)];
        const bool busy = i & 1;
        const bool deleted = i & 2;
        must(server_set_state(store->db, &row.uuid, vm_state, busy ? "rebooting" : NULL, 99));
        run_sql(store, deleted ? "UPDATE servers SET deleted = TRUE" : "UPDATE servers SET deleted = FALSE");
        must(server_sync_power(store->db, &row.uuid, power));
        const struct server found = reread(store, 1);
        const bool moves = !busy && !deleted && i / 4 / ARRAY_LEN(powers) < 4;
        const char *expected = vm_state;
        if (moves && (power == 4 || power == 6) && strcmp(vm_state, "active") == 0)
            expected = "stopped";
        if (moves && power == 1 && strcmp(vm_state, "stopped") == 0)
            expected = "active";
        assert_int_equal(found.power_state, moves ? power : 99);
        assert_string_equal(found.vm_state, expected);
    }
}

static void an_update_changes_what_clients_may_change(void **state)
{
    struct store *store = fresh(state);
    struct server changed = add(store, 1);
    changed.name = "other";
    changed.description = "d";
    changed.access_ip_v4 = "192.0.2.9";
    changed.access_ip_v6 = "::9";
    changed.disk_config = "AUTO";
    must(server_update(store->db, &changed));
    struct server found = reread(store, 1);
    changed.updated_us = found.updated_us;
    assert_same_row(&found, &changed);
    changed.description = NULL;
    changed.access_ip_v4 = NULL;
    must(server_update(store->db, &changed));
    found = reread(store, 1);
    changed.updated_us = found.updated_us;
    assert_same_row(&found, &changed);
}

static void usage_counts_live_servers_of_the_project(void **state)
{
    struct store *store = fresh(state);
    struct server_usage usage = {9, 9, 9};
    must(server_usage(store->db, "p", &usage));
    assert_true(usage.instances == 0 && usage.cores == 0 && usage.ram_mib == 0);
    (void)add(store, 1);
    (void)add(store, 2);
    const struct server gone = add(store, 3);
    must(server_set_deleted(store->db, &gone.uuid));
    must(server_insert(store->db, &full));
    must(server_usage(store->db, "p", &usage));
    assert_true(usage.instances == 2 && usage.cores == 2 && usage.ram_mib == 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_comes_back_as_it_was),
        cmocka_unit_test(hidden_rows_are_not_found),
        cmocka_unit_test(states_are_set),
        cmocka_unit_test(a_fault_ends_the_work),
        cmocka_unit_test(power_is_synchronised),
        cmocka_unit_test(an_update_changes_what_clients_may_change),
        cmocka_unit_test(usage_counts_live_servers_of_the_project),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
