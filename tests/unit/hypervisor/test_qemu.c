/*
 * A real guest under QEMU, through a libvirtd of our own: the example image is built and uploaded, booted with a config drive,
 * rebooted, switched off by its power button, and removed without a trace. Skipped where that cannot be (no root, libvirtd, QEMU,
 * busybox or kernel). Takes about half a minute without KVM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "compute/hypervisor/config_drive.h"
#include "compute/hypervisor/hypervisor.h"
#include "gateway/base/text.h"
#include "tests/unit/hypervisor/private_libvirtd.h"

enum { PATIENCE_MS = 120000, DISK_BYTES = 16 << 20 };

#define META_DATA "{\"uuid\": \"%s\", \"hostname\": \"web-1.example\"}"
#define USER_DATA "#cloud-config <&>\nsecond line\n"

struct lab {
    struct private_libvirtd daemon;
    struct hypervisors *all;
    struct arena arena;
    struct guest guest;
    char pool_path[128];
};

static struct budget budget(void)
{
    return budget_from_ms(PATIENCE_MS);
}

static bool lab_possible(void)
{
    return libvirtd_possible() && access("/usr/bin/qemu-system-x86_64", X_OK) == 0 && access("/bin/busybox", X_OK) == 0;
}

static int build_image(struct lab *lab)
{
    char image[128];
    char output[128];
    (void)snprintf(image, sizeof(image), "%s/image", lab->daemon.directory);
    (void)snprintf(output, sizeof(output), "%s/build.log", lab->daemon.directory);
    const char *const arguments[] = {TEST_SOURCE_DIR "/../../../examples/image/build.sh", image, NULL};
    return run_program(arguments, output);
}

static int open_lab(void **state)
{
    if (!lab_possible())
        return 0;
    struct lab *lab = calloc(1, sizeof(*lab));
    *state = lab;
    if (libvirtd_open(&lab->daemon, "qemu", "/system") != 0 || build_image(lab) != 0)
        return -1;
    (void)snprintf(lab->pool_path, sizeof(lab->pool_path), "%s/po'ol & <1>", lab->daemon.directory);
    const struct hypervisor_options options = {.virt_type = "auto",
                                               .pool = "zonegate",
                                               .pool_path = lab->pool_path,
                                               .lane_queue = 16,
                                               .console_bytes = 65536,
                                               .sync_interval_s = 600};
    uuid_new(&lab->guest.id);
    if (hypervisors_open(&options, NULL, NULL, &lab->all) != OK)
        return -1;
    return hypervisor_add(lab->all, "h1", lab->daemon.uri) == OK ? 0 : -1;
}

static int close_lab(void **state)
{
    struct lab *lab = *state;
    if (!lab)
        return 0;
    if (lab->all && hypervisor_undefine(lab->all, "h1", &lab->guest.id, budget()) != OK)
        print_error("the guest may have been left behind: %s\n", err_message());
    hypervisors_close(lab->all);
    libvirtd_close(&lab->daemon);
    arena_clear(&lab->arena);
    free(lab);
    return 0;
}

static struct lab *lab_of(void **state)
{
    if (!*state)
        skip();
    return *state;
}

static void check(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static bool has_volume(struct lab *lab, const char *name)
{
    bool exists = false;
    check(hypervisor_volume_exists(lab->all, "h1", name, budget(), &exists));
    return exists;
}

static void upload_file(struct lab *lab, const char *file, const char *volume)
{
    const int fd = open(arena_printf(&lab->arena, "%s/image/%s", lab->daemon.directory, file), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    for (int i = 0; i < 2; i++)
        check(hypervisor_volume_upload(lab->all, "h1", volume, "raw", fd, (uint64_t)status.st_size, budget()));
    struct stat uploaded;
    assert_int_equal(stat(arena_printf(&lab->arena, "%s/%s", lab->pool_path, volume), &uploaded), 0);
    assert_int_equal(uploaded.st_size, status.st_size);
    assert_int_equal(close(fd), 0);
}

static void inventory_is_the_machines(void **state)
{
    struct lab *lab = lab_of(state);
    struct hypervisor_inventory found;
    check(hypervisor_inventory(lab->all, "h1", budget(), &lab->arena, &found));
    assert_string_equal(found.driver, "QEMU");
    assert_int_equal(found.vcpus, sysconf(_SC_NPROCESSORS_ONLN));
    assert_true(found.ram_mib > 256);
    assert_true(found.disk_gib > 0 && found.disk_free_gib <= found.disk_gib);
    assert_true(found.version > 2000000);
    assert_true(found.cpu_feature_count > 0);
    print_message("kvm=%d arch=%s model=%s features=%zu version=%lld\n", found.kvm, found.arch, found.cpu_model,
                  found.cpu_feature_count, (long long)found.version);
}

static void files_go_up_whole(void **state)
{
    struct lab *lab = lab_of(state);
    upload_file(lab, "kernel", "kernel");
    upload_file(lab, "ramdisk", "ramdisk");
    upload_file(lab, "disk.img", "image.base");
    const int fd = open(arena_printf(&lab->arena, "%s/image/ramdisk", lab->daemon.directory), O_RDONLY | O_CLOEXEC);
    assert_int_equal(hypervisor_volume_upload(lab->all, "h1", "short", "raw", fd, 1 << 30, budget()), E_INVALID);
    assert_false(has_volume(lab, "short")); /* its marker is still there */
    assert_int_equal(hypervisor_volume_upload(lab->all, "h1", "short", "raw", fd, 100, budget()), OK);
    assert_true(has_volume(lab, "short"));
    check(hypervisor_volume_delete(lab->all, "h1", "short", budget()));
    assert_int_equal(close(fd), 0);
}

static void make_config_drive(struct lab *lab, const char *volume)
{
    const char *meta_data = arena_printf(&lab->arena, META_DATA, uuid_to_text(&lab->guest.id).text);
    const struct config_drive_file files[] = {
        {"openstack/latest/meta_data.json", meta_data, strlen(meta_data)},
        {"openstack/latest/user_data", USER_DATA, strlen(USER_DATA)},
    };
    int fd = -1;
    size_t length = 0;
    check(config_drive_make("/tmp", files, ARRAY_LEN(files), &fd, &length));
    check(hypervisor_volume_upload(lab->all, "h1", volume, "raw", fd, length, budget()));
    assert_int_equal(close(fd), 0);
}

static const char *read_console(struct lab *lab)
{
    const char *text = NULL;
    size_t length = 0;
    check(hypervisor_console(lab->all, "h1", &lab->guest.id, budget(), &lab->arena, &text, &length));
    return text;
}

static int count_lines(const char *text, const char *wanted)
{
    int count = 0;
    for (const char *at = strstr(text, wanted); at; at = strstr(at + 1, wanted))
        count++;
    return count;
}

static void wait_console(struct lab *lab, const char *wanted, int times)
{
    const int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    while (count_lines(read_console(lab), wanted) < times && clock_mono_ms() < end_ms)
        look_again_soon();
    const char *console = read_console(lab);
    if (count_lines(console, wanted) < times)
        print_error("console:\n%s\n", console);
    assert_true(count_lines(console, wanted) >= times);
}

static void expect_power(struct lab *lab, int expected)
{
    int power = -1;
    check(hypervisor_power(lab->all, "h1", &lab->guest.id, budget(), &power));
    assert_int_equal(power, expected);
}

static void boots_and_reads_its_config_drive(void **state)
{
    struct lab *lab = lab_of(state);
    make_config_drive(lab, "config");
    for (int i = 0; i < 2; i++)
        check(hypervisor_volume_create(lab->all, "h1", "root", "qcow2", DISK_BYTES, "image.base", "raw", budget()));
    static const struct guest_disk disks[] = {{.volume = "root", .target = "vda", .format = "qcow2"},
                                              {.volume = "config", .target = "hda", .format = "raw", .cdrom = true}};
    lab->guest.name = arena_printf(&lab->arena, "instance-%s", uuid_to_text(&lab->guest.id).text);
    lab->guest.title = "web-1 <&> \"quoted\"\nline";
    lab->guest.metadata = "{\"name\": \"]]></zg:server>\"}";
    lab->guest.fence = 3;
    lab->guest.vcpus = 1;
    lab->guest.ram_mib = 96;
    lab->guest.kernel_volume = "kernel";
    lab->guest.ramdisk_volume = "ramdisk";
    lab->guest.command_line = "console=ttyS0 quiet";
    lab->guest.disks = disks;
    lab->guest.disk_count = ARRAY_LEN(disks);
    for (int i = 0; i < 2; i++)
        check(hypervisor_define(lab->all, "h1", &lab->guest, budget()));
    assert_string_equal(read_console(lab), "");
    for (int i = 0; i < 2; i++)
        check(hypervisor_start(lab->all, "h1", &lab->guest.id, budget()));
    const int64_t begin_ms = clock_mono_ms();
    wait_console(lab, "zonegate-guest: ready", 1);
    print_message("booted in %lld ms\n", (long long)(clock_mono_ms() - begin_ms));
    const char *identity = arena_printf(&lab->arena, "hostname=web-1.example uuid=%s", uuid_to_text(&lab->guest.id).text);
    wait_console(lab, identity, 1);
    wait_console(lab, "zonegate-guest: user-data=#cloud-config <&>", 1);
    expect_power(lab, POWER_RUNNING);
}

static void reboots_when_asked(void **state)
{
    struct lab *lab = lab_of(state);
    check(hypervisor_reboot_soft(lab->all, "h1", &lab->guest.id, budget()));
    wait_console(lab, "zonegate-guest: ready", 2);
    expect_power(lab, POWER_RUNNING);
}

static void survives_the_death_of_libvirtd(void **state)
{
    struct lab *lab = lab_of(state);
    libvirtd_end(&lab->daemon, SIGKILL);
    assert_int_equal(libvirtd_start(&lab->daemon), 0);
    expect_power(lab, POWER_RUNNING);
    assert_int_equal(count_lines(read_console(lab), "zonegate-guest: ready"), 2);
}

static void redefining_keeps_the_fence_while_it_runs(void **state)
{
    struct lab *lab = lab_of(state);
    lab->guest.fence = 2;
    assert_int_equal(hypervisor_define(lab->all, "h1", &lab->guest, budget()), E_LOST);
    lab->guest.fence = 4;
    check(hypervisor_define(lab->all, "h1", &lab->guest, budget()));
    lab->guest.fence = 3;
    assert_int_equal(hypervisor_define(lab->all, "h1", &lab->guest, budget()), E_LOST);
}

static void stops_by_its_power_button(void **state)
{
    struct lab *lab = lab_of(state);
    check(hypervisor_stop(lab->all, "h1", &lab->guest.id, 60000, budget()));
    expect_power(lab, POWER_SHUTDOWN);
    assert_int_equal(count_lines(read_console(lab), "zonegate-guest: power button"), 2); /* the reboot pressed it too */
    check(hypervisor_stop(lab->all, "h1", &lab->guest.id, 60000, budget()));
}

static void leaves_nothing_behind(void **state)
{
    struct lab *lab = lab_of(state);
    const char *console = arena_printf(&lab->arena, "%s.console", uuid_to_text(&lab->guest.id).text);
    const char *piece = arena_printf(&lab->arena, "%s/%s.0", lab->pool_path, console);
    assert_true(has_volume(lab, console));
    const int fd = open(piece, O_CREAT | O_WRONLY | O_CLOEXEC, 0600); /* as virtlogd would have left it */
    assert_true(fd >= 0 && close(fd) == 0);
    check(hypervisor_start(lab->all, "h1", &lab->guest.id, budget()));
    check(hypervisor_stop(lab->all, "h1", &lab->guest.id, 300, budget())); /* too early for its button: destroyed */
    expect_power(lab, POWER_SHUTDOWN);
    check(hypervisor_start(lab->all, "h1", &lab->guest.id, budget()));
    for (int i = 0; i < 2; i++)
        check(hypervisor_undefine(lab->all, "h1", &lab->guest.id, budget()));
    int power = -1;
    assert_int_equal(hypervisor_power(lab->all, "h1", &lab->guest.id, budget(), &power), E_NOT_FOUND);
    assert_false(has_volume(lab, console));
    assert_int_equal(access(piece, F_OK), -1);
    static const char *const volumes[] = {"root", "config", "image.base", "kernel", "ramdisk"};
    for (size_t i = 0; i < ARRAY_LEN(volumes); i++) {
        check(hypervisor_volume_delete(lab->all, "h1", volumes[i], budget()));
        assert_int_equal(access(arena_printf(&lab->arena, "%s/%s", lab->pool_path, volumes[i]), F_OK), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inventory_is_the_machines),        cmocka_unit_test(files_go_up_whole),
        cmocka_unit_test(boots_and_reads_its_config_drive), cmocka_unit_test(reboots_when_asked),
        cmocka_unit_test(survives_the_death_of_libvirtd),   cmocka_unit_test(redefining_keeps_the_fence_while_it_runs),
        cmocka_unit_test(stops_by_its_power_button),        cmocka_unit_test(leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, open_lab, close_lab);
}
