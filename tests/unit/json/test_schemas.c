/* The request bodies of the compute API: body, schema, message (NULL: valid). Each row is a rule of spec section 8, 12, 13 or 14.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "schema/json/json.h"

#define give_up(...)                                                                                                               \
    do {                                                                                                                           \
        print_error(__VA_ARGS__);                                                                                                  \
        print_error("\n");                                                                                                         \
        assert_true(false);                                                                                                        \
    } while (0)

#define AT    "Invalid input for field/attribute "
#define UUID  "d4d60f38-88ee-40a0-91c7-2eef3d9cc00d"
#define NAMES "An invalid 'name' value was provided. The name must be: "
#define ANY   "" /* refused, whatever the words */

#define SERVER(members) "{\"server\": {\"name\": \"vm\", \"flavorRef\": \"1\"" members "}}"
#define NETS(nets)      SERVER(", \"networks\": " nets)

static const char character[3] = {'\xe6', '\x97', '\xa5'}; /* 日 */

static const struct {
    const char *schema;
    const char *body;
    const char *message;
} rows[] = {
    {"server_create_2_1", SERVER(""), NULL},
    {"server_create_2_1", "{}", "'server' is a required property"},
    {"server_create_2_1", "null", "None is not of type 'object'"},
    {"server_create_2_1", "{\"server\": {\"flavorRef\": \"1\"}}", ANY},
    {"server_create_2_1", "{\"server\": {\"name\": \"\", \"flavorRef\": \"1\"}}", AT "name. Value: . '' is too short"},
    {"server_create_2_1", "{\"server\": {\"name\": \" vm\", \"flavorRef\": 1}}",
     NAMES "printable characters. Can not start or end with whitespace."},
    {"server_create_2_1", "{\"server\": {\"name\": \"vm\", \"flavorRef\": 1}}", NULL},
    {"server_create_2_1", "{\"server\": {\"name\": \"vm\", \"flavorRef\": 1}, \"x\": 1}",
     "Additional properties are not allowed ('x' was unexpected)"},
    {"server_create_2_1", "{\"server\": {\"name\": \"vm\", \"flavorRef\": 1}, \"os:scheduler_hints\": {\"group\": \"" UUID "\"}}",
     NULL},
    {"server_create_2_1", "{\"server\": {\"name\": \"vm\", \"flavorRef\": 1}, \"os:scheduler_hints\": {\"group\": \"g\"}}",
     AT "group. Value: g. 'g' is not a 'uuid'"},
    {"server_create_2_1", "{\"server\": {\"name\": \"vm\", \"flavorRef\": 1}, \"OS-SCH-HNT:scheduler_hints\": {\"own\": [1]}}",
     NULL},
    {"server_create_2_1", SERVER(", \"imageRef\": \"\""), NULL},
    {"server_create_2_1", SERVER(", \"imageRef\": \"" UUID "\""), NULL},
    {"server_create_2_1", SERVER(", \"imageRef\": \"cirros\""),
     AT "imageRef. Value: cirros. 'cirros' is not valid under any of the given schemas"},
    {"server_create_2_1", SERVER(", \"metadata\": {\"a b:c.d_e-f\": \"v\"}"), NULL},
    {"server_create_2_1", SERVER(", \"metadata\": {\"a/b\": \"v\"}"), ANY},
    {"server_create_2_1", SERVER(", \"metadata\": {\"a\": 1}"), AT "a. Value: 1. 1 is not of type 'string'"},
    {"server_create_2_1", SERVER(", \"min_count\": 1, \"max_count\": \"3\""), NULL},
    {"server_create_2_1", SERVER(", \"min_count\": 0"), AT "min_count. Value: 0. 0 is less than the minimum of 1"},
    {"server_create_2_1", SERVER(", \"min_count\": \"0\""), AT "min_count. Value: 0. 0 is less than the minimum of 1"},
    {"server_create_2_1", SERVER(", \"max_count\": \"many\""), ANY},
    {"server_create_2_1", SERVER(", \"config_drive\": \"on\""), NULL},
    {"server_create_2_1", SERVER(", \"config_drive\": \"maybe\""), ANY},
    {"server_create_2_1", SERVER(", \"accessIPv4\": \"10.0.0.1\""), NULL},
    {"server_create_2_1", SERVER(", \"accessIPv4\": \"\""), AT "accessIPv4. Value: . '' is not a 'ipv4'"},
    {"server_create_2_1", SERVER(", \"OS-DCF:diskConfig\": \"AUTO\""), NULL},
    {"server_create_2_1", SERVER(", \"OS-DCF:diskConfig\": \"auto\""),
     AT "OS-DCF:diskConfig. Value: auto. 'auto' is not one of ['AUTO', 'MANUAL']"},
    {"server_create_2_1", SERVER(", \"user_data\": \"!!\""), NULL},
    {"server_create_2_1", SERVER(", \"user_data\": \"abc\""), AT "user_data. Value: ***. *** is not a 'base64'"},
    {"server_create_2_1", SERVER(", \"security_groups\": [{\"name\": \"default\"}]"), NULL},
    {"server_create_2_1", SERVER(", \"security_groups\": [{\"id\": \"x\"}]"),
     AT "0. Value: {'id': 'x'}. Additional properties are not allowed ('id' was unexpected)"},
    {"server_create_2_1",
     SERVER(", \"block_device_mapping_v2\": [{\"boot_index\": \"0\", \"uuid\": \"" UUID
            "\", \"source_type\": \"image\", \"destination_type\": \"local\", \"volume_size\": \"1\"}]"),
     NULL},
    {"server_create_2_1", SERVER(", \"block_device_mapping_v2\": [{\"source_type\": \"disk\"}]"), ANY},
    {"server_create_2_1", SERVER(", \"block_device_mapping_v2\": [{\"volume_size\": 0}]"), ANY},
    {"server_create_2_1", SERVER(", \"block_device_mapping_v2\": [{\"device_name\": \"a b\"}]"), ANY},
    {"server_create_2_1", SERVER(", \"personality\": [{\"path\": \"/etc/x\", \"contents\": \"aGVsbG8=\"}]"), NULL},
    {"server_create_2_52", SERVER(", \"networks\": \"none\", \"personality\": []"), NULL},
    {"server_create_2_57", SERVER(", \"networks\": \"none\", \"personality\": []"), ANY},
    {"server_create_2_1", SERVER(", \"description\": \"d\""), ANY},
    {"server_create_2_19", SERVER(", \"description\": \"d\""), NULL},
    {"server_create_2_19", SERVER(", \"description\": null"), NULL},
    {"server_create_2_19", SERVER(", \"description\": \"a\\nb\""),
     AT "description. Value: a\nb. 'a\\nb' is not a 'printable text'"},
    {"server_create_2_1", NETS("[]"), NULL},
    {"server_create_2_1", NETS("[{\"uuid\": \"any\"}]"), NULL},
    {"server_create_2_1", NETS("\"none\""), ANY},
    {"server_create_2_19", NETS("[{\"tag\": \"t\"}]"), ANY},
    {"server_create_2_32", NETS("[{\"tag\": \"t\"}]"), NULL},
    {"server_create_2_32", SERVER(", \"block_device_mapping_v2\": [{\"tag\": \"t\"}]"), NULL},
    {"server_create_2_33", SERVER(", \"block_device_mapping_v2\": [{\"tag\": \"t\"}]"), ANY},
    {"server_create_2_33", NETS("[{\"tag\": \"t\"}]"), NULL},
    {"server_create_2_33", SERVER(""), NULL},
    {"server_create_2_37", SERVER(""), AT "server. Value: {'name': 'vm', 'flavorRef': '1'}. 'networks' is a required property"},
    {"server_create_2_37", NETS("\"none\""), NULL},
    {"server_create_2_37", NETS("\"auto\""), NULL},
    {"server_create_2_37", NETS("\"some\""), AT "networks. Value: some. 'some' is not valid under any of the given schemas"},
    {"server_create_2_37", NETS("[{\"uuid\": \"" UUID "\"}]"), NULL},
    {"server_create_2_37", NETS("[{\"uuid\": \"any\"}]"), ANY},
    {"server_create_2_37", NETS("[{\"uuid\": \"" UUID "\", \"tag\": \"t\"}]"), ANY},
    {"server_create_2_42", NETS("[{\"uuid\": \"" UUID "\", \"tag\": \"t\"}]"), NULL},
    {"server_create_2_42", NETS("[{\"port\": null}]"), NULL},
    {"server_create_2_42", NETS("\"none\", \"tags\": [\"a\"]"), ANY},
    {"server_create_2_52", NETS("\"none\", \"tags\": [\"a\"]"), NULL},
    {"server_create_2_52", NETS("\"none\", \"tags\": [\"a,b\"]"), AT "0. Value: a,b. 'a,b' does not match '^[^,/]*$'"},
    {"server_create_2_52", NETS("\"none\", \"tags\": [\"\"]"), AT "0. Value: . '' is too short"},
    {"server_create_2_57", NETS("\"none\", \"trusted_image_certificates\": null"), ANY},
    {"server_create_2_63", NETS("\"none\", \"trusted_image_certificates\": null"), NULL},
    {"server_create_2_63", NETS("\"none\", \"trusted_image_certificates\": [\"a\", \"a\"]"), ANY},
    {"server_create_2_63", NETS("\"none\", \"block_device_mapping_v2\": [{\"volume_type\": \"lvm\"}]"), ANY},
    {"server_create_2_67", NETS("\"none\", \"block_device_mapping_v2\": [{\"volume_type\": \"lvm\"}]"), NULL},
    {"server_create_2_67", NETS("\"none\", \"host\": \"h\""), ANY},
    {"server_create_2_74", NETS("\"none\", \"host\": \"h\", \"hypervisor_hostname\": \"h.x\""), NULL},
    {"server_create_2_74", NETS("\"none\", \"hostname\": \"h1\""), ANY},
    {"server_create_2_90", NETS("\"none\", \"hostname\": \"h1\""), NULL},
    {"server_create_2_90", NETS("\"none\", \"hostname\": \"h1-\""), ANY},
    {"server_update_2_1", "{\"server\": {\"name\": \"new\"}}", NULL},
    {"server_update_2_1", "{\"server\": {\"description\": \"d\"}}", ANY},
    {"server_update_2_19", "{\"server\": {\"description\": null}}", NULL},
    {"rebuild_2_1", "{\"rebuild\": {\"imageRef\": \"" UUID "\"}}", NULL},
    {"rebuild_2_1", "{\"rebuild\": {}}", AT "rebuild. Value: {}. 'imageRef' is a required property"},
    {"rebuild_2_19", "{\"rebuild\": {\"imageRef\": \"" UUID "\", \"key_name\": null}}", ANY},
    {"rebuild_2_54", "{\"rebuild\": {\"imageRef\": \"" UUID "\", \"key_name\": null}}", NULL},
    {"rebuild_2_57", "{\"rebuild\": {\"imageRef\": \"" UUID "\", \"user_data\": null}}", NULL},
    {"rebuild_2_57", "{\"rebuild\": {\"imageRef\": \"" UUID "\", \"personality\": []}}", ANY},
    {"reboot", "{\"reboot\": {\"type\": \"Soft\"}}", NULL},
    {"reboot", "{\"reboot\": {\"type\": \"sOFT\"}}", ANY},
    {"reboot", "{\"reboot\": null}", AT "reboot. Value: None. None is not of type 'object'"},
    {"resize", "{\"resize\": {\"flavorRef\": 2}}", NULL},
    {"resize", "{\"resize\": {\"flavorRef\": \"\"}}", AT "flavorRef. Value: . '' is too short"},
    {"create_image", "{\"createImage\": {\"name\": \"snap\", \"metadata\": {\"a\": \"b\"}}}", NULL},
    {"create_image", "{\"createImage\": {}}", ANY},
    {"create_backup", "{\"createBackup\": {\"name\": \"b\", \"backup_type\": \"daily\", \"rotation\": \"1\"}}", NULL},
    {"create_backup", "{\"createBackup\": {\"name\": \"b\", \"backup_type\": \"daily\", \"rotation\": -1}}", ANY},
    {"change_password", "{\"changePassword\": {\"adminPass\": \"\"}}", NULL},
    {"os_get_console_output", "{\"os-getConsoleOutput\": {}}", NULL},
    {"os_get_console_output", "{\"os-getConsoleOutput\": {\"length\": -1}}", NULL},
    {"os_get_console_output", "{\"os-getConsoleOutput\": {\"length\": null}}", NULL},
    {"os_get_console_output", "{\"os-getConsoleOutput\": {\"length\": -2}}", ANY},
    {"os_get_vnc_console", "{\"os-getVNCConsole\": {\"type\": \"novnc\"}}", NULL},
    {"remote_console_2_6", "{\"remote_console\": {\"protocol\": \"mks\", \"type\": \"webmks\"}}", ANY},
    {"remote_console_2_8", "{\"remote_console\": {\"protocol\": \"mks\", \"type\": \"webmks\"}}", NULL},
    {"evacuate_2_1", "{\"evacuate\": {}}", ANY},
    {"evacuate_2_14", "{\"evacuate\": {}}", NULL},
    {"evacuate_2_29", "{\"evacuate\": {\"force\": true}}", NULL},
    {"evacuate_2_68", "{\"evacuate\": {\"force\": true}}", ANY},
    {"migrate_2_56", "{\"migrate\": null}", NULL},
    {"migrate_2_56", "{\"migrate\": {\"host\": null}}", NULL},
    {"migrate_2_56", "{\"migrate\": {\"host\": \"a/b\"}}", ANY},
    {"os_migrate_live_2_1", "{\"os-migrateLive\": {\"host\": null, \"block_migration\": false, \"disk_over_commit\": false}}",
     NULL},
    {"os_migrate_live_2_25", "{\"os-migrateLive\": {\"host\": null, \"block_migration\": \"auto\"}}", NULL},
    {"os_migrate_live_2_1", "{\"os-migrateLive\": {\"host\": null, \"block_migration\": \"auto\"}}", ANY},
    {"lock_2_73", "{\"lock\": null}", NULL},
    {"lock_2_73", "{\"lock\": {\"locked_reason\": \"\"}}", ANY},
    {"rescue", "{\"rescue\": null}", NULL},
    {"os_reset_state", "{\"os-resetState\": {\"state\": \"active\"}}", NULL},
    {"unshelve_2_77", "{\"unshelve\": null}", NULL},
    {"unshelve_2_77", "{\"unshelve\": {}}", ANY},
    {"unshelve_2_91", "{\"unshelve\": {\"availability_zone\": null}}", NULL},
    {"trigger_crash_dump", "{\"trigger_crash_dump\": null}", NULL},
    {"metadata", "{\"metadata\": {}}", NULL},
    {"meta", "{\"meta\": {\"a\": \"b\"}}", NULL},
    {"meta", "{\"meta\": {}}", AT "meta. Value: {}. {} does not have enough properties"},
    {"meta", "{\"meta\": {\"a\": \"b\", \"c\": \"d\"}}", ANY},
    {"server_tags", "{\"tags\": []}", NULL},
    {"interface_attach_2_1", "{\"interfaceAttachment\": {}}", NULL},
    {"interface_attach_2_1", "{\"interfaceAttachment\": {\"tag\": \"t\"}}", ANY},
    {"interface_attach_2_49", "{\"interfaceAttachment\": {\"tag\": \"t\"}}", NULL},
    {"volume_attach_2_1", "{\"volumeAttachment\": {\"volumeId\": \"" UUID "\", \"device\": \"/dev/vdb\"}}", NULL},
    {"volume_attach_2_1", "{\"volumeAttachment\": {\"volumeId\": \"" UUID "\", \"device\": \"vdb\"}}", ANY},
    {"volume_attach_2_79", "{\"volumeAttachment\": {\"volumeId\": \"" UUID "\", \"delete_on_termination\": true}}", NULL},
    {"flavor_create_2_1", "{\"flavor\": {\"name\": \"m1\", \"ram\": 512, \"vcpus\": \"1\", \"disk\": 0}}", NULL},
    {"flavor_create_2_1", "{\"flavor\": {\"name\": \"m1\", \"ram\": 0, \"vcpus\": 1, \"disk\": 0}}",
     AT "ram. Value: 0. 0 is less than the minimum of 1"},
    {"flavor_create_2_1", "{\"flavor\": {\"name\": \"m1\", \"ram\": 1, \"vcpus\": 1, \"disk\": 2147483648}}", ANY},
    {"flavor_create_2_1", "{\"flavor\": {\"name\": \"m1\", \"ram\": 1, \"vcpus\": 1, \"disk\": 1, \"id\": \"a b\"}}", NULL},
    {"flavor_create_2_1", "{\"flavor\": {\"name\": \"m1\", \"ram\": 1, \"vcpus\": 1, \"disk\": 1, \"id\": \"b \"}}", ANY},
    {"flavor_create_2_1", "{\"flavor\": {\"name\": \"m1\", \"ram\": 1, \"vcpus\": 1, \"disk\": 1, \"id\": null}}", NULL},
    {"flavor_create_2_1", "{\"flavor\": {\"name\": \"m1\", \"ram\": 1, \"vcpus\": 1, \"disk\": 1, \"rxtx_factor\": 0}}", ANY},
    {"flavor_create_2_1", "{\"flavor\": {\"name\": \"m1\", \"ram\": 1, \"vcpus\": 1, \"disk\": 1, \"description\": \"d\"}}", ANY},
    {"flavor_create_2_55", "{\"flavor\": {\"name\": \"m1\", \"ram\": 1, \"vcpus\": 1, \"disk\": 1, \"description\": \"d\"}}", NULL},
    {"flavor_update_2_55", "{\"flavor\": {}}", ANY},
    {"extra_specs_create", "{\"extra_specs\": {\"hw:cpu_policy\": \"shared\", \"n\": 1.5}}", NULL},
    {"extra_specs_create", "{\"extra_specs\": {\"k\": null}}", ANY},
    {"extra_spec_update", "{\"k\": \"v\"}", NULL},
    {"extra_spec_update", "{}", "{} does not have enough properties"},
    {"flavor_add_tenant_access", "{\"addTenantAccess\": {\"tenant\": \"t\"}}", NULL},
    {"keypair_create_2_1", "{\"keypair\": {\"name\": \"my key\"}}", NULL},
    {"keypair_create_2_1", "{\"keypair\": {\"name\": \"a.b\"}}", ANY},
    {"keypair_create_2_1", "{\"keypair\": {\"name\": \"k\", \"type\": \"ssh\"}}", ANY},
    {"keypair_create_2_2", "{\"keypair\": {\"name\": \"k\", \"type\": \"x509\"}}", NULL},
    {"keypair_create_2_2", "{\"keypair\": {\"name\": \"k\", \"user_id\": \"u\"}}", ANY},
    {"keypair_create_2_10", "{\"keypair\": {\"name\": \"k\", \"user_id\": \"u\"}}", NULL},
    {"keypair_create_2_92", "{\"keypair\": {\"name\": \"a@b.c\"}}", ANY},
    {"keypair_create_2_92", "{\"keypair\": {\"name\": \"a@b.c\", \"public_key\": \"ssh-rsa x\"}}", NULL},
    {"aggregate_create", "{\"aggregate\": {\"name\": \"a\", \"availability_zone\": null}}", NULL},
    {"aggregate_create", "{\"aggregate\": {\"name\": \"a\", \"availability_zone\": \"a:b\"}}", ANY},
    {"aggregate_update", "{\"aggregate\": {}}", ANY},
    {"aggregate_set_metadata", "{\"set_metadata\": {\"metadata\": {\"k\": null}}}", NULL},
    {"service_update_2_1", "{\"host\": \"h\", \"binary\": \"nova-compute\"}", NULL},
    {"service_update_2_1", "{\"host\": \"h\", \"binary\": \"nova-compute\", \"forced_down\": true}", ANY},
    {"service_update_2_11", "{\"host\": \"h\", \"binary\": \"nova-compute\", \"forced_down\": true}", NULL},
    {"service_update_2_53", "{\"status\": \"disabled\"}", NULL},
    {"server_group_create_2_1", "{\"server_group\": {\"name\": \"g\", \"policies\": [\"affinity\"]}}", NULL},
    {"server_group_create_2_1", "{\"server_group\": {\"name\": \"g\", \"policies\": [\"soft-affinity\"]}}", ANY},
    {"server_group_create_2_15", "{\"server_group\": {\"name\": \"g\", \"policies\": [\"soft-affinity\"]}}", NULL},
    {"server_group_create_2_64",
     "{\"server_group\": {\"name\": \"g\", \"policy\": \"anti-affinity\", \"rules\": {\"max_server_per_host\": 2}}}", NULL},
    {"server_group_create_2_64", "{\"server_group\": {\"name\": \"g\", \"policies\": [\"affinity\"]}}", ANY},
    {"quota_set_update_2_1", "{\"quota_set\": {\"instances\": -1, \"fixed_ips\": \"5\", \"force\": true}}", NULL},
    {"quota_set_update_2_36", "{\"quota_set\": {\"fixed_ips\": 5}}", ANY},
    {"quota_set_update_2_36", "{\"quota_set\": {\"injected_files\": 5}}", NULL},
    {"quota_set_update_2_57", "{\"quota_set\": {\"injected_files\": 5}}", ANY},
    {"quota_set_update_2_57", "{\"quota_set\": {\"cores\": -2}}", ANY},
    {"quota_class_set_update_2_57", "{\"quota_class_set\": {\"cores\": 7}}", NULL},
    {"server_external_events_2_1", "{\"events\": []}", ANY},
    {"server_external_events_2_51", "{\"events\": [{\"name\": \"volume-extended\", \"server_uuid\": \"" UUID "\"}]}", NULL},
    {"server_external_events_2_1", "{\"events\": [{\"name\": \"volume-extended\", \"server_uuid\": \"" UUID "\"}]}", ANY},
};

static void check_row(size_t i)
{
    json_t *body = NULL;
    if (json_parse_foreign(rows[i].body, strlen(rows[i].body), &body) != OK)
        give_up("the test's body is broken: %s", rows[i].body);
    const enum err kind = json_validate(json_schema_named(rows[i].schema), body);
    json_decref(body);
    if ((kind == OK) != (rows[i].message == NULL))
        give_up("%s %s: %s %s", rows[i].schema, rows[i].body, err_name(kind), kind == OK ? "" : err_message());
    if (rows[i].message && rows[i].message[0])
        assert_string_equal(err_message(), rows[i].message);
}

static void bodies_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_row(i);
}

/* Lengths at their limits; in characters. */
static void names_end_at_255(void **state)
{
    (void)state;
    for (size_t length = 254; length <= 256; length++) {
        char name[3 * 256 + 1] = {0};
        for (size_t i = 0; i < length; i++)
            memcpy(name + 3 * i, character, sizeof(character));
        json_auto_t *body = json_pack("{s:{s:s, s:s}}", "server", "name", name, "flavorRef", "1");
        assert_non_null(body);
        assert_int_equal(json_validate(json_schema_named("server_create_2_1"), body), length <= 255 ? OK : E_INVALID);
        char key[257] = {0};
        memset(key, 'k', length);
        json_auto_t *metadata = json_pack("{s:{s:s}}", "metadata", key, "v");
        assert_int_equal(json_validate(json_schema_named("metadata"), metadata), length <= 255 ? OK : E_INVALID);
    }
}

static void lists_end_at_50(void **state)
{
    (void)state;
    for (size_t count = 49; count <= 51; count++) {
        json_auto_t *tags = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(tags, json_sprintf("t%zu", i));
        json_auto_t *body = json_pack("{s:O}", "tags", tags);
        assert_int_equal(json_validate(json_schema_named("server_tags"), body), count <= 50 ? OK : E_INVALID);
    }
}

/* Workers validate at the same time, on small stacks, against the same schemas. */
static void *validate_many(void *result)
{
    bool *good = result;
    *good = true;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            json_t *body = NULL;
            const bool parsed = json_parse_foreign(rows[i].body, strlen(rows[i].body), &body) == OK;
            const bool valid = parsed && json_validate(json_schema_named(rows[i].schema), body) == OK;
            *good = *good && valid == (rows[i].message == NULL);
            json_decref(body);
        }
    }
    return NULL;
}

static void threads_share_the_schemas(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    const size_t stack = (size_t)1024 * 1024;
#else
    const size_t stack = (size_t)256 * 1024;
#endif
    pthread_attr_t attributes;
    pthread_t threads[4];
    bool good[ARRAY_LEN(threads)] = {false};
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, stack), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], &attributes, validate_many, &good[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_attr_destroy(&attributes);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_true(good[i]);
}

static int open_schemas(void **state)
{
    (void)state;
    if (json_schemas_open() == OK)
        return 0;
    print_error("%s\n", err_message());
    return 1;
}

static int close_schemas(void **state)
{
    (void)state;
    json_schemas_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_judged),
        cmocka_unit_test(names_end_at_255),
        cmocka_unit_test(lists_end_at_50),
        cmocka_unit_test(threads_share_the_schemas),
    };
    return cmocka_run_group_tests(tests, open_schemas, close_schemas);
}
