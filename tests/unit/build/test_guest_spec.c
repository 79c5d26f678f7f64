/*
 * From a server's row to the guest and its config drive: pure, so compared with golden files (golden/NAME.txt). A test that is run
 * with ZONEGATE_TEST_GOLDEN=write makes them anew.
 */
#include "compute/build/build.h"
#include "compute/build/guest_spec.h"
#include "gateway/base/text.h"
#include "tests/unit/schema/store.h"

#define PLAIN_IMAGE "{\"disk_format\":\"qcow2\",\"virtual_size\":41126400,\"properties\":{}}"
#define FLAVOR(disk, ephemeral, swap)                                                                                              \
    "{\"vcpus\":1,\"ram\":64,\"disk\":" disk ",\"ephemeral\":" ephemeral ",\"swap\":" swap                                         \
    ",\"original_name\":\"tiny\",\"extra_specs\":{\"hw:x\":\"1\"}}"

static const char *or_null(const char *text)
{
    return text ? text : "NULL";
}

static void write_disks(struct text *out, const struct guest *guest)
{
    for (size_t i = 0; i < guest->disk_count; i++)
        text_add_format(out, "disk %s = %s %s%s%s%s%s%s%s\n", guest->disks[i].target, guest->disks[i].volume,
                        guest->disks[i].format, guest->disks[i].cdrom ? " cdrom" : "", guest->disks[i].read_only ? " ro" : "",
                        guest->disks[i].bus ? " on " : "", guest->disks[i].bus ? guest->disks[i].bus : "",
                        guest->disks[i].serial ? " serial " : "", guest->disks[i].serial ? guest->disks[i].serial : "");
}

static void write_plan(struct text *out, const struct guest_plan *plan)
{
    const struct guest *guest = &plan->guest;
    for (size_t i = 0; i < plan->image_count; i++)
        text_add_format(out, "image %s %s as %s, %lld bytes\n", plan->images[i].id, or_null(plan->images[i].disk_format),
                        plan->images[i].format, (long long)plan->images[i].virtual_bytes);
    text_add_format(out, "root %s over %s (%s), %llu bytes\n", plan->root_volume, plan->root_backing, plan->root_backing_format,
                    (unsigned long long)plan->root_bytes);
    text_add_format(out, "config %s\n", or_null(plan->config_volume));
    for (size_t i = 0; i < plan->blank_count; i++)
        text_add_format(out, "blank %s, %llu bytes\n", plan->blanks[i].volume, (unsigned long long)plan->blanks[i].bytes);
    text_add_format(out, "guest %s %s fence %lld, %lld vcpus, %lld MiB\ntitle %s\n", uuid_to_text(&guest->id).text, guest->name,
                    (long long)guest->fence, (long long)guest->vcpus, (long long)guest->ram_mib, guest->title);
    text_add_format(out, "kernel %s\nramdisk %s\ncommand line %s\n", or_null(guest->kernel_volume), or_null(guest->ramdisk_volume),
                    or_null(guest->command_line));
    write_disks(out, guest);
    text_add_format(out, "record %s\n", guest->metadata);
}

static void write_files(struct text *out, const struct config_drive_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        text_add_format(out, "file %s (%zu bytes) ", files[i].path, files[i].length);
        text_add_json_n(out, files[i].bytes, files[i].length);
        text_add_char(out, '\n');
    }
}

static void assert_golden(const char *name, const struct text *actual)
{
    char path[512];
    static char expected[65536];
    const char *mode = getenv("ZONEGATE_TEST_GOLDEN");
    const bool writes = mode && strcmp(mode, "write") == 0;
    (void)snprintf(path, sizeof(path), "%s/golden/%s.txt", TEST_SOURCE_DIR, name);
    FILE *file = fopen(path, writes ? "we" : "re");
    assert_non_null(file);
    if (writes) {
        assert_int_equal(fwrite(actual->bytes, 1, actual->length, file), actual->length);
        assert_int_equal(fclose(file), 0);
        return;
    }
    const size_t length = fread(expected, 1, sizeof(expected) - 1, file);
    expected[length] = '\0';
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text_str(actual), expected);
}

static struct server base_server(void)
{
    const struct uuid uuid = uuid_of(1);
    struct server server = server_sample(&uuid);
    server.flavor = FLAVOR("1", "0", "0");
    server.image_ref = "i1";
    server.image = PLAIN_IMAGE;
    return server;
}

static struct server full_server(void)
{
    struct server server = base_server();
    server.name = "größe \"1\" & <2>";
    server.hostname = "gre-1-2";
    server.description = "d";
    server.flavor = FLAVOR("5", "2", "512");
    server.image =
        "{\"disk_format\":\"ami\",\"virtual_size\":41126400,\"properties\":{\"os_command_line\":\"quiet root=/dev/vda1\"}}";
    server.kernel_id = "k1";
    server.ramdisk_id = "r1";
    server.config_drive = true;
    server.availability_zone = "az";
    server.key_name = "my \"key\"";
    server.key_data = "ssh-ed25519 AAAA me";
    server.metadata = "{\"role\":\"db\",\"ü\":\"\"}";
    server.user_data = "IyEvYmluL3NoCgBlY2hv";
    server.launch_index = 2;
    server.vcpus = 4;
    server.ram_mib = 2048;
    return server;
}

static struct server kernel_server(void)
{
    struct server server = base_server();
    server.kernel_id = "k1";
    server.ramdisk_id = "";
    return server;
}

static struct server large_image_server(void)
{
    struct server server = base_server();
    server.flavor = FLAVOR("0", "0", "0");
    server.image = "{\"disk_format\":\"iso\",\"virtual_size\":5368709121}";
    return server;
}

/* Disks of the request instead of the flavor's, files to inject, a password. */
static struct server requested_server(void)
{
    struct server server = base_server();
    server.flavor = FLAVOR("1", "9", "0");
    server.config_drive = true;
    server.block_devices = "[{\"role\":\"root\",\"bytes\":0,\"tag\":\"system\"},{\"role\":\"ephemeral\",\"bytes\":1073741824},"
                           "{\"role\":\"ephemeral1\",\"bytes\":2147483648,\"bus\":\"scsi\",\"tag\":\"data\"}]";
    server.first_boot = "{\"admin_pass\":\"s3cret\",\"files\":[{\"path\":\"/etc/motd\",\"contents\":\"aGVsbG8=\"},"
                        "{\"path\":\"/etc/empty\",\"contents\":\"\"}]}";
    return server;
}

static const struct {
    const char *golden;
    struct server (*make)(void);
} cases[] = {{"requested", requested_server},
             {"plain", base_server},
             {"everything", full_server},
             {"kernel", kernel_server},
             {"large-image", large_image_server}};

static void rows_become_guests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        CLEANUP(text_clear) struct text text = {0};
        const struct server server = cases[i].make();
        struct guest_plan plan;
        const struct config_drive_file *files = NULL;
        size_t count = 0;
        must(guest_plan_make(&arena, &server, "north", 7, &plan));
        must(guest_config_files(&arena, &server, &files, &count));
        write_plan(&text, &plan);
        write_files(&text, files, count);
        assert_golden(cases[i].golden, &text);
    }
}

static void secrets_stay_out_of_the_record(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct server server = full_server();
    struct guest_plan plan;
    (void)state;
    server.user_data = "U0VDUkVU";
    server.first_boot = "{\"admin_pass\":\"SECRET\"}";
    must(guest_plan_make(&arena, &server, "north", 7, &plan));
    assert_null(strstr(plan.guest.metadata, "U0VDUkVU"));
    assert_null(strstr(plan.guest.metadata, "SECRET"));
}

static void damaged_rows_are_refused(void **state)
{
    static const char *const damaged[] = {NULL, "", "{", "[]", "null", "\"text\""};
    CLEANUP(arena_clear) struct arena arena = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        struct server server = base_server();
        struct guest_plan plan = {.image_count = 77};
        server.image = damaged[i];
        must_fail(guest_plan_make(&arena, &server, "north", 7, &plan), E_INVALID, "The server's image is damaged.");
        server = base_server();
        server.flavor = damaged[i];
        must_fail(guest_plan_make(&arena, &server, "north", 7, &plan), E_INVALID, "The server's flavor is damaged.");
        assert_int_equal(plan.image_count, 77);
    }
}

static void damaged_disks_are_refused(void **state)
{
    static const char *const damaged[] = {
        "",      "{}",
        "[{}]",  "[{\"role\":\"tape\"}]",
        "[1,2]", "[{\"role\":\"root\"},{\"role\":\"root\"},{\"role\":\"root\"},{\"role\":\"root\"},{\"role\":\"root\"}]"};
    CLEANUP(arena_clear) struct arena arena = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        struct server server = base_server();
        struct guest_plan plan;
        server.block_devices = damaged[i];
        must_fail(guest_plan_make(&arena, &server, "north", 7, &plan), E_INVALID, "The server's block devices are damaged.");
    }
}

/* As Nova, bytes outside the alphabet are skipped; only wrong padding is an error. */
static void user_data_is_decoded(void **state)
{
    static const struct {
        const char *user_data;
        enum err result;
        const char *plain;
    } rows[] = {{"aGVsbG8=", OK, "hello"}, {"", OK, ""},        {"aGVs\nbG8=", OK, "hello"},  {"!aGVsbG8=!", OK, "hello"},
                {"aGVsbG8", E_INVALID, 0}, {"a", E_INVALID, 0}, {"aGVsbG8hIQ=", E_INVALID, 0}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        struct server server = base_server();
        const struct config_drive_file *files = NULL;
        size_t count = 0;
        server.user_data = rows[i].user_data;
        const enum err result = guest_config_files(&arena, &server, &files, &count);
        if (result != rows[i].result)
            print_error("%s: %s\n", rows[i].user_data, err_name(result));
        assert_int_equal(result, rows[i].result);
        if (result != OK)
            continue;
        assert_int_equal(count, 8);
        assert_string_equal(files[3].path, "openstack/latest/user_data");
        assert_int_equal(files[3].length, strlen(rows[i].plain));
        assert_memory_equal(files[3].bytes, rows[i].plain, files[3].length);
    }
}

static void volumes_have_names(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct uuid uuid = uuid_of(1);
    (void)state;
    assert_string_equal(build_image_volume(&arena, "i"), "image-i");
    assert_string_equal(build_server_volume(&arena, &uuid, "root"), "11111111-2222-4333-8444-555555555501.root");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_guests),       cmocka_unit_test(secrets_stay_out_of_the_record),
        cmocka_unit_test(damaged_rows_are_refused), cmocka_unit_test(user_data_is_decoded),
        cmocka_unit_test(volumes_have_names),       cmocka_unit_test(damaged_disks_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
