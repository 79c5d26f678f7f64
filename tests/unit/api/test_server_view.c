/*
 * A server as every microversion shows it (spec nova-api.md section 9): exact sets of keys for users and admins, in lists and
 * alone; the status map, row by row; the forms of values.
 */
#include <jansson.h>

#include "gateway/api/server_view.h"
#include "tests/unit/schema/store.h"

#define UUID "11111111-2222-4333-8444-555555555501"

/* Key, least version, who sees it, and whether lists and the short reply to PUT have it. */
#define HOSTNAME "OS-EXT-SRV-ATTR:hostname" /* the admins' alone before 2.90 */

static const struct key {
    const char *name;
    int min;
    bool admin;
    bool not_in_lists;
    bool in_update;
} keys[] = {
    {"id", 1, false, false, true},
    {"name", 1, false, false, true},
    {"status", 1, false, false, true},
    {"tenant_id", 1, false, false, true},
    {"user_id", 1, false, false, true},
    {"metadata", 1, false, false, true},
    {"hostId", 1, false, false, true},
    {"image", 1, false, false, true},
    {"flavor", 1, false, false, true},
    {"created", 1, false, false, true},
    {"updated", 1, false, false, true},
    {"addresses", 1, false, false, true},
    {"accessIPv4", 1, false, false, true},
    {"accessIPv6", 1, false, false, true},
    {"links", 1, false, false, true},
    {"OS-DCF:diskConfig", 1, false, false, true},
    {"progress", 1, false, false, true},
    {"OS-EXT-AZ:availability_zone", 1, false, false, false},
    {"config_drive", 1, false, false, false},
    {"key_name", 1, false, false, false},
    {"OS-SRV-USG:launched_at", 1, false, false, false},
    {"OS-SRV-USG:terminated_at", 1, false, false, false},
    {"security_groups", 1, false, false, false},
    {"OS-EXT-STS:task_state", 1, false, false, false},
    {"OS-EXT-STS:vm_state", 1, false, false, false},
    {"OS-EXT-STS:power_state", 1, false, false, false},
    {"os-extended-volumes:volumes_attached", 1, false, false, false},
    {"OS-EXT-SRV-ATTR:host", 1, true, false, false},
    {"OS-EXT-SRV-ATTR:instance_name", 1, true, false, false},
    {"OS-EXT-SRV-ATTR:hypervisor_hostname", 1, true, false, false},
    {"OS-EXT-SRV-ATTR:reservation_id", 3, true, false, false},
    {"OS-EXT-SRV-ATTR:launch_index", 3, true, false, false},
    {HOSTNAME, 3, true, false, false},
    {"OS-EXT-SRV-ATTR:kernel_id", 3, true, false, false},
    {"OS-EXT-SRV-ATTR:ramdisk_id", 3, true, false, false},
    {"OS-EXT-SRV-ATTR:root_device_name", 3, true, false, false},
    {"OS-EXT-SRV-ATTR:user_data", 3, true, false, false},
    {"locked", 9, false, false, true},
    {"host_status", 16, true, false, false},
    {"description", 19, false, false, true},
    {"tags", 26, false, false, true},
    {"trusted_image_certificates", 63, false, false, true},
    {"server_groups", 71, false, true, true},
    {"locked_reason", 73, false, false, true},
};

static struct server sample(void)
{
    const struct uuid uuid = uuid_of(1);
    struct server server = server_sample(&uuid);
    server.host_id = "abc";
    server.image_ref = "i\"1";
    server.security_groups = "[{\"name\":\"default\"}]";
    return server;
}

static struct server_view view_of(int version, bool is_admin, bool is_list)
{
    return (struct server_view){.version = version,
                                .is_admin = is_admin,
                                .is_list = is_list,
                                .self_base = "http://z/compute/v2.1/p",
                                .bookmark_base = "http://z/compute/p"};
}

typedef void write_f(struct text *out, const struct server *server, const struct server_view *view);

static json_t *render(write_f *write, const struct server *server, const struct server_view *view)
{
    CLEANUP(text_clear) struct text text = {0};
    json_error_t error;
    write(&text, server, view);
    json_t *json = json_loads(text_str(&text), JSON_REJECT_DUPLICATES, &error);
    if (!json)
        print_error("%s\n%s\n", error.text, text_str(&text));
    assert_non_null(json);
    return json;
}

static void assert_keys(const json_t *json, const struct server_view *view, bool is_update)
{
    size_t expected = 0;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const bool shown = view->is_admin || !keys[i].admin || (view->version >= 90 && strcmp(keys[i].name, HOSTNAME) == 0);
        const bool wanted =
            view->version >= keys[i].min && shown && !(view->is_list && keys[i].not_in_lists) && (!is_update || keys[i].in_update);
        if (wanted != (json_object_get(json, keys[i].name) != NULL))
            print_error("2.%d%s%s: %s\n", view->version, view->is_admin ? " admin" : "", view->is_list ? " list" : "",
                        keys[i].name);
        assert_int_equal(json_object_get(json, keys[i].name) != NULL, wanted);
        expected += wanted;
    }
    assert_int_equal(json_object_size(json), expected); /* and nothing else */
}

static void every_version_has_its_keys(void **state)
{
    const struct server server = sample();
    (void)state;
    for (int version = 1; version <= 93; version++) {
        for (int kind = 0; kind < 4; kind++) {
            const struct server_view view = view_of(version, kind & 1, kind & 2);
            json_auto_t *whole = render(server_view_detail, &server, &view);
            assert_keys(whole, &view, false);
            if (version < 75) { /* from there on an update answers as a GET does */
                json_auto_t *updated = render(server_view_update, &server, &view);
                const struct server_view alone = view_of(version, kind & 1, false);
                assert_keys(updated, &alone, true);
            }
            json_auto_t *brief = render(server_view_brief, &server, &view);
            assert_int_equal(json_object_size(brief), 3);
            assert_non_null(json_object_get(brief, "links"));
        }
    }
}

#define EVERY                                                                                                                      \
    "{\"id\":\"" UUID "\",\"name\":\"name\",\"status\":\"ACTIVE\",\"tenant_id\":\"p\",\"user_id\":\"u\",\"metadata\":{},"          \
    "\"hostId\":\"abc\",\"image\":{\"id\":\"i\\\"1\",\"links\":[{\"rel\":\"bookmark\",\"href\":\"http://z/compute/p/images/"       \
    "i\\\"1\"}]}"
#define LINKS                                                                                                                      \
    "\"links\":[{\"rel\":\"self\",\"href\":\"http://z/compute/v2.1/p/servers/" UUID "\"},{\"rel\":\"bookmark\",\"href\":"          \
    "\"http://z/compute/p/servers/" UUID "\"}]"
#define MIDDLE                                                                                                                     \
    "\"created\":\"2026-01-01T00:00:00Z\",\"updated\":\"2026-01-01T00:00:00Z\",\"addresses\":{},\"accessIPv4\":\"\","              \
    "\"accessIPv6\":\"\"," LINKS ",\"OS-DCF:diskConfig\":\"MANUAL\",\"progress\":0,\"OS-EXT-AZ:availability_zone\":\"\","          \
    "\"config_drive\":\"\",\"key_name\":null,\"OS-SRV-USG:launched_at\":\"2026-01-01T00:01:00.000000\","                           \
    "\"OS-SRV-USG:terminated_at\":null,\"security_groups\":[{\"name\":\"default\"}],\"OS-EXT-STS:task_state\":null,"               \
    "\"OS-EXT-STS:vm_state\":\"active\",\"OS-EXT-STS:power_state\":1,\"os-extended-volumes:volumes_attached\":[]"

static void the_bytes_are_these(void **state)
{
    CLEANUP(text_clear) struct text text = {0};
    struct server server = sample();
    struct server_view view = view_of(1, false, false);
    (void)state;
    server_view_detail(&text, &server, &view);
    assert_string_equal(text_str(&text), EVERY ",\"flavor\":{\"id\":\"f\",\"links\":[{\"rel\":\"bookmark\",\"href\":"
                                               "\"http://z/compute/p/flavors/f\"}]}," MIDDLE "}");
    text_reset(&text);
    view = view_of(79, true, true);
    server.locked = true;
    server.locked_reason = "why \"so\"";
    server.description = "d";
    server.tags = "[\"t\"]";
    server_view_detail(&text, &server, &view);
    assert_string_equal(
        text_str(&text), EVERY
        ",\"flavor\":{\"vcpus\":1,\"ram\":64,\"disk\":1,\"ephemeral\":0,\"swap\":0,\"original_name\":\"tiny\","
        "\"extra_specs\":{}}," MIDDLE ",\"OS-EXT-SRV-ATTR:host\":\"h\",\"OS-EXT-SRV-ATTR:instance_name\":\"instance-" UUID "\","
        "\"OS-EXT-SRV-ATTR:hypervisor_hostname\":\"n\",\"OS-EXT-SRV-ATTR:reservation_id\":\"r-1\","
        "\"OS-EXT-SRV-ATTR:launch_index\":0,\"OS-EXT-SRV-ATTR:hostname\":\"name\",\"OS-EXT-SRV-ATTR:kernel_id\":\"\","
        "\"OS-EXT-SRV-ATTR:ramdisk_id\":\"\",\"OS-EXT-SRV-ATTR:root_device_name\":null,\"OS-EXT-SRV-ATTR:user_data\":null,"
        "\"host_status\":\"UNKNOWN\",\"locked\":true,\"description\":\"d\",\"tags\":[\"t\"],"
        "\"trusted_image_certificates\":null,\"locked_reason\":\"why \\\"so\\\"\"}");
    text_reset(&text);
    server_view_brief(&text, &server, &view);
    assert_string_equal(text_str(&text), "{\"id\":\"" UUID "\",\"name\":\"name\"," LINKS "}");
}

/* The map as the specification has it; anything that is not here is the vm_state's own status. */
static const struct {
    const char *vm_state;
    const char *task_state;
    const char *status;
} overrides[] = {
    {"active", "rebooting", "REBOOT"},
    {"active", "reboot_pending", "REBOOT"},
    {"active", "reboot_started", "REBOOT"},
    {"active", "rebooting_hard", "HARD_REBOOT"},
    {"active", "reboot_pending_hard", "HARD_REBOOT"},
    {"active", "reboot_started_hard", "HARD_REBOOT"},
    {"active", "updating_password", "PASSWORD"},
    {"active", "rebuilding", "REBUILD"},
    {"active", "rebuild_block_device_mapping", "REBUILD"},
    {"active", "rebuild_spawning", "REBUILD"},
    {"active", "migrating", "MIGRATING"},
    {"active", "resize_prep", "RESIZE"},
    {"active", "resize_migrating", "RESIZE"},
    {"active", "resize_migrated", "RESIZE"},
    {"active", "resize_finish", "RESIZE"},
    {"stopped", "rebuilding", "REBUILD"},
    {"stopped", "rebuild_block_device_mapping", "REBUILD"},
    {"stopped", "rebuild_spawning", "REBUILD"},
    {"stopped", "resize_prep", "RESIZE"},
    {"stopped", "resize_migrating", "RESIZE"},
    {"stopped", "resize_migrated", "RESIZE"},
    {"stopped", "resize_finish", "RESIZE"},
    {"resized", "resize_reverting", "REVERT_RESIZE"},
    {"paused", "migrating", "MIGRATING"},
    {"error", "rebuilding", "REBUILD"},
    {"error", "rebuild_block_device_mapping", "REBUILD"},
    {"error", "rebuild_spawning", "REBUILD"},
};

static const struct {
    const char *vm_state;
    const char *status;
} plain[] = {
    {"active", "ACTIVE"},    {"building", "BUILD"},           {"stopped", "SHUTOFF"}, {"resized", "VERIFY_RESIZE"},
    {"paused", "PAUSED"},    {"suspended", "SUSPENDED"},      {"rescued", "RESCUE"},  {"error", "ERROR"},
    {"deleted", "DELETED"},  {"soft-delete", "SOFT_DELETED"}, {"shelved", "SHELVED"}, {"shelved_offloaded", "SHELVED_OFFLOADED"},
    {"nonsense", "UNKNOWN"},
};

static const char *const task_states[] = {NULL,
                                          "spawning",
                                          "deleting",
                                          "powering-off",
                                          "pausing",
                                          "rebooting",
                                          "reboot_pending",
                                          "reboot_started",
                                          "rebooting_hard",
                                          "reboot_pending_hard",
                                          "reboot_started_hard",
                                          "updating_password",
                                          "rebuilding",
                                          "rebuild_block_device_mapping",
                                          "rebuild_spawning",
                                          "migrating",
                                          "resize_prep",
                                          "resize_migrating",
                                          "resize_migrated",
                                          "resize_finish",
                                          "resize_reverting",
                                          "resize_confirming"};

static const char *expected_status(size_t vm, const char *task_state)
{
    for (size_t i = 0; i < ARRAY_LEN(overrides); i++) {
        if (task_state && strcmp(overrides[i].vm_state, plain[vm].vm_state) == 0 &&
            strcmp(overrides[i].task_state, task_state) == 0)
            return overrides[i].status;
    }
    return plain[vm].status;
}

static bool is_found_by(const struct server *server, const char *status)
{
    const char *pairs[2 * SERVER_STATUS_STATES];
    const size_t count = server_status_states(status, pairs);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[2 * i], server->vm_state) == 0 &&
            (strcmp(pairs[2 * i + 1], "*") == 0 || str_equal(pairs[2 * i + 1], server->task_state)))
            return true;
    }
    return false;
}

static void every_pair_of_states_has_its_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plain) * ARRAY_LEN(task_states); i++) {
        struct server server = sample();
        server.vm_state = plain[i / ARRAY_LEN(task_states)].vm_state;
        server.task_state = task_states[i % ARRAY_LEN(task_states)];
        const char *expected = expected_status(i / ARRAY_LEN(task_states), server.task_state);
        if (strcmp(server_status(&server), expected) != 0)
            print_error("%s/%s\n", server.vm_state, server.task_state ? server.task_state : "none");
        assert_string_equal(server_status(&server), expected);
        if (strcmp(expected, "UNKNOWN") != 0)
            assert_true(is_found_by(&server, expected)); /* what is shown as X is found by status=X */
    }
}

static void a_status_is_looked_up_in_any_case(void **state)
{
    const char *pairs[2 * SERVER_STATUS_STATES];
    (void)state;
    assert_int_equal(server_status_states("error", pairs), 1);
    assert_string_equal(pairs[0], "error");
    assert_string_equal(pairs[1], "*");
    assert_int_equal(server_status_states("Shutoff", pairs), 1);
    assert_int_equal(server_status_states("RESIZE", pairs), 8);
    assert_int_equal(server_status_states("rebuild", pairs), 9);
    assert_int_equal(server_status_states("UNKNOWN", pairs), 0);
    assert_int_equal(server_status_states("", pairs), 0);
    assert_int_equal(server_status_states("*", pairs), 0);
}

static void progress_and_fault_depend_on_the_status(void **state)
{
    static const char *const with[] = {"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"};
    const struct server_view view = view_of(1, false, false);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plain) * ARRAY_LEN(task_states); i++) {
        struct server server = sample();
        server.fault = "{\"code\":404,\"message\":\"m\"}";
        server.vm_state = plain[i / ARRAY_LEN(task_states)].vm_state;
        server.task_state = task_states[i % ARRAY_LEN(task_states)];
        const char *status = server_status(&server);
        bool progress = false;
        for (size_t j = 0; j < ARRAY_LEN(with); j++)
            progress = progress || strcmp(with[j], status) == 0;
        const bool fault = strcmp(status, "ERROR") == 0 || strcmp(status, "DELETED") == 0;
        json_auto_t *json = render(server_view_detail, &server, &view);
        assert_int_equal(json_object_get(json, "progress") != NULL, progress);
        assert_int_equal(json_object_get(json, "fault") != NULL, fault);
    }
}

static void details_of_a_fault_are_for_admins(void **state)
{
    static const struct {
        const char *fault;
        bool admin;
        size_t members; /* 0: no fault shown */
    } rows[] = {
        {"{\"code\":500,\"created\":\"c\",\"message\":\"m\",\"details\":\"d\"}", false, 3},
        {"{\"code\":500,\"created\":\"c\",\"message\":\"m\",\"details\":\"d\"}", true, 4},
        {"{\"code\":404,\"created\":\"c\",\"message\":\"m\",\"details\":\"d\"}", false, 4},
        {NULL, true, 0},
        {"damaged", true, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct server_view view = view_of(1, rows[i].admin, false);
        struct server server = sample();
        server.vm_state = "error";
        server.fault = rows[i].fault;
        json_auto_t *json = render(server_view_detail, &server, &view);
        assert_int_equal(json_object_size(json_object_get(json, "fault")), rows[i].members);
        assert_int_equal(json_object_get(json, "fault") != NULL, rows[i].members > 0);
    }
}

static void assert_text(const json_t *json, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(json, key));
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void values_have_novas_forms(void **state)
{
    const struct server_view view = view_of(79, true, false);
    struct server server = sample();
    (void)state;
    server.image_ref = NULL; /* from a volume: "", never null */
    server.security_groups = NULL;
    server.config_drive = true;
    server.updated_us = 0;
    server.terminated_us = INT64_C(1767225661000000);
    server.name = "a\"b\n";
    server.kernel_id = "k";
    server.host = NULL;
    server.trusted_certs = "[\"c\"]";
    json_auto_t *json = render(server_view_detail, &server, &view);
    assert_text(json, "image", "");
    assert_text(json, "config_drive", "True");
    assert_text(json, "updated", "2026-01-01T00:00:00Z");
    assert_text(json, "OS-SRV-USG:terminated_at", "2026-01-01T00:01:01.000000");
    assert_text(json, "name", "a\"b\n");
    assert_text(json, "OS-EXT-SRV-ATTR:kernel_id", "k");
    assert_text(json, "host_status", "");
    assert_null(json_object_get(json, "security_groups"));
    assert_true(json_is_null(json_object_get(json, "OS-EXT-SRV-ATTR:host")));
    assert_int_equal(json_array_size(json_object_get(json, "trusted_image_certificates")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "server_groups")), 0);
}

static void host_status_is_the_hosts(void **state)
{
    static const struct host items[] = {
        {.name = "h", .up = true}, {.name = "d"}, {.name = "m", .up = true, .disabled = true}, {.name = "dm", .disabled = true}};
    static const char *const rows[][2] = {
        {"h", "UP"}, {"d", "DOWN"}, {"m", "MAINTENANCE"}, {"dm", "MAINTENANCE"}, {"gone", "UNKNOWN"}};
    const struct hosts hosts = {items, ARRAY_LEN(items)};
    struct server_view view = view_of(16, true, true);
    (void)state;
    view.hosts = &hosts;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct server server = sample();
        server.host = rows[i][0];
        json_auto_t *json = render(server_view_detail, &server, &view);
        assert_text(json, "host_status", rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_has_its_keys),
        cmocka_unit_test(the_bytes_are_these),
        cmocka_unit_test(every_pair_of_states_has_its_status),
        cmocka_unit_test(a_status_is_looked_up_in_any_case),
        cmocka_unit_test(progress_and_fault_depend_on_the_status),
        cmocka_unit_test(details_of_a_fault_are_for_admins),
        cmocka_unit_test(values_have_novas_forms),
        cmocka_unit_test(host_status_is_the_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
