/*
 * Spec → domain XML against golden files. `ZONEGATE_WRITE_GOLDEN=1` writes them anew: look at the difference before you keep it.
 * What libvirt thinks of them is the business of test_domains.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "compute/hypervisor/hypervisor.h"

static const struct guest_disk disks[] = {
    {.volume = "0a1b.root.qcow2", .target = "vda", .format = "qcow2"},
    {.volume = "0a1b.extra", .target = "vdb", .format = "raw", .read_only = true},
};
static const struct guest_disk disks_and_config[] = {
    {.volume = "0a1b.root.qcow2", .target = "vda", .format = "qcow2"},
    {.volume = "0a1b.config", .target = "hda", .format = "raw", .cdrom = true},
};
static const struct guest_disk tagged_disks[] = {
    {.volume = "0a1b.root", .target = "vda", .format = "qcow2", .serial = "root"},
    {.volume = "0a1b.ephemeral", .target = "sdb", .format = "qcow2", .bus = "scsi", .serial = "ephemeral"},
};
static const struct guest_disk odd_disk[] = {{.volume = "it's <odd> & \"quoted\"", .target = "vda", .format = "raw"}};
static const struct guest_nic nics[] = {{.network = "default", .mac = "52:54:00:00:00:01"},
                                        {.network = "in & out", .mac = "52:54:00:00:00:02", .filter = "zonegate-1"}};

#define SERVER                                                                                                                     \
    .id = {{0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x43, 0x33, 0x84, 0x44, 0x55, 0x55, 0x55, 0xaa, 0xbb, 0xcc}},                      \
    .name = "instance-11111111-2222-4333-8444-555555aabbcc"
#define KVM_HOST                                                                                                                   \
    {                                                                                                                              \
        .driver = "QEMU", .kvm = true, .bound_tcg = true, .arch = "x86_64", .pool = "zonegate",                                    \
        .pool_path = "/var/lib/zonegate/pool",                                                                                     \
        .console_path = "/var/lib/zonegate/pool/11111111-2222-4333-8444-555555aabbcc.console"                                      \
    }
#define TCG_HOST                                                                                                                   \
    {                                                                                                                              \
        .driver = "QEMU", .bound_tcg = true, .arch = "x86_64", .pool = "zonegate", .pool_path = "/var/lib/zonegate/pool",          \
        .console_path = "/var/lib/zonegate/pool/11111111-2222-4333-8444-555555aabbcc.console"                                      \
    }

static const struct {
    const char *golden;
    struct guest guest;
    struct guest_host host;
} rows[] = {
    {"qemu-tcg-disk.xml",
     {SERVER, .title = "web-1", .metadata = "{\"a\": 1}", .fence = 7, .vcpus = 1, .ram_mib = 128, .disks = disks, .disk_count = 2},
     TCG_HOST},
    {"qemu-tagged-disks.xml", {SERVER, .fence = 1, .vcpus = 1, .ram_mib = 96, .disks = tagged_disks, .disk_count = 2}, KVM_HOST},
    {"qemu-kvm-network.xml",
     {SERVER, .title = "web-1", .metadata = "{}", .fence = 1, .vcpus = 4, .ram_mib = 4096, .disks = disks, .disk_count = 1,
      .nics = nics, .nic_count = 2},
     KVM_HOST},
    {"qemu-tcg-kernel-config-drive.xml",
     {SERVER, .title = "web-1", .metadata = "{}", .fence = 2, .vcpus = 1, .ram_mib = 96, .kernel_volume = "k.kernel",
      .ramdisk_volume = "r.ramdisk", .command_line = "console=ttyS0 root=/dev/vda", .disks = disks_and_config, .disk_count = 2},
     TCG_HOST},
    {"qemu-old-libvirt.xml",
     {SERVER, .fence = 0, .vcpus = 1, .ram_mib = 96, .disks = disks, .disk_count = 1},
     {.driver = "QEMU", .arch = "x86_64", .pool = "default", .pool_path = "/pool"}},
    {"qemu-aarch64.xml",
     {SERVER, .fence = 0, .vcpus = 1, .ram_mib = 96, .disks = disks, .disk_count = 1},
     {.driver = "QEMU", .bound_tcg = true, .arch = "aarch64", .pool = "default", .pool_path = "/pool"}},
    {"test-driver.xml",
     {SERVER, .title = "web-1", .metadata = "{\"a\": 1}", .fence = 7, .vcpus = 1, .ram_mib = 128, .disks = disks_and_config,
      .disk_count = 2, .nics = nics, .nic_count = 1},
     {.driver = "Test", .arch = "i686", .pool = "zonegate", .pool_path = "/var/lib/zonegate/pool"}},
    {"escaping.xml",
     {SERVER, .title = "<b>&'\"\n\x01 ünïcode", .metadata = "{\"k\": \"</zg:server>]]>&<!--\"}", .fence = INT64_MAX, .vcpus = 1,
      .ram_mib = 96, .kernel_volume = "a&b", .ramdisk_volume = "c<d", .command_line = "init=\"/x\" quiet 'y' > z",
      .disks = odd_disk, .disk_count = 1},
     {.driver = "QEMU",
      .bound_tcg = true,
      .arch = "x86_64",
      .pool = "p'q",
      .pool_path = "/tmp/o'dd & <path>",
      .console_path = "/tmp/o'dd & <path>/c.console"}},
};

static char *golden_path(struct arena *arena, const char *name)
{
    return arena_printf(arena, "%s/golden/%s", TEST_SOURCE_DIR, name);
}

static const char *read_golden(struct arena *arena, const char *name)
{
    FILE *file = fopen(golden_path(arena, name), "re");
    if (!file)
        print_error("golden file %s is missing\n", name);
    assert_non_null(file);
    char *out = arena_alloc(arena, 65536);
    const size_t length = fread(out, 1, 65535, file);
    (void)fclose(file);
    assert_true(length > 0 && length < 65535);
    return out;
}

static void write_golden(struct arena *arena, const char *name, const char *xml)
{
    FILE *file = fopen(golden_path(arena, name), "we");
    assert_non_null(file);
    assert_true(fputs(xml, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void xml_is_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        const char *xml = guest_xml(&arena, &rows[i].guest, &rows[i].host);
        if (getenv("ZONEGATE_WRITE_GOLDEN"))
            write_golden(&arena, rows[i].golden, xml);
        print_message("%s\n", rows[i].golden);
        assert_string_equal(xml, read_golden(&arena, rows[i].golden));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(xml_is_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
