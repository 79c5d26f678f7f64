/* The inspector on headers made here: one row per image, good and bad; no read leaves the source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "compute/image/inspect.h"

#define FILE_SIZE (512U << 10)

struct bytes {
    uint8_t *data;
    uint64_t size;
};

static enum err read_bytes(void *context, uint64_t offset, void *out, size_t length)
{
    const struct bytes *bytes = context;
    assert_true(offset <= bytes->size && length <= bytes->size - offset);
    memcpy(out, bytes->data + offset, length);
    return OK;
}

static void put_big(uint8_t *at, uint64_t value, unsigned length)
{
    while (length--) {
        at[length] = (uint8_t)value;
        value >>= 8;
    }
}

static void put_little(uint8_t *at, uint64_t value, unsigned length)
{
    for (unsigned i = 0; i < length; i++, value >>= 8)
        at[i] = (uint8_t)value;
}

static void put_text(uint8_t *at, const char *text)
{
    memcpy(at, text, strlen(text)); /* NOLINT(bugprone-not-null-terminated-result) */
}

static void make_raw(uint8_t *file)
{
    memset(file, 0x5a, FILE_SIZE);
}

static void make_mbr(uint8_t *file)
{
    put_big(file + 510, 0x55aa, 2);
    put_text(file + 512, "EFI PART");
}

static void make_qcow2_v2(uint8_t *file)
{
    put_text(file, "QFI\xfb");
    put_big(file + 4, 2, 4);
    put_big(file + 20, 16, 4);
    put_big(file + 24, 1U << 30, 8);
    put_big(file + 36, 2, 4);
    put_big(file + 40, 0x30000, 8);
    put_big(file + 48, 0x10000, 8);
}

static void make_qcow2(uint8_t *file)
{
    make_qcow2_v2(file);
    put_big(file + 4, 3, 4);
    put_big(file + 72, 0x18, 8); /* zstd, subclusters */
    put_big(file + 100, 112, 4);
    put_big(file + 112, 0x6803f857, 4); /* feature names */
    put_big(file + 116, 48, 4);
}

static void make_qcow2_backing(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 8, 512, 8);
    put_big(file + 16, 11, 4);
    put_text(file + 512, "/etc/passwd");
}

static void make_qcow2_backing_v2(uint8_t *file)
{
    make_qcow2_v2(file);
    put_big(file + 8, 512, 8);
}

static void make_qcow2_data_file(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 72, 4, 8);
}

static void make_qcow2_data_file_name(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 168, 0x44415441, 4);
    put_big(file + 172, 8, 4);
}

static void make_qcow2_backing_format(uint8_t *file)
{
    make_qcow2_v2(file);
    put_big(file + 72, 0xe2792aca, 4);
    put_big(file + 76, 5, 4);
}

static void make_qcow2_dirty(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 72, 1, 8);
}

static void make_qcow2_corrupt(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 72, 2, 8);
}

static void make_qcow2_future(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 72, UINT64_C(1) << 40, 8);
}

static void make_qcow2_encrypted(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 32, 2, 4);
}

static void make_qcow2_version_4(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 4, 4, 4);
}

static void make_qcow2_clusters(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 20, 60, 4);
}

static void make_qcow2_short(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 36, 0xffffffff, 4);
}

static void make_qcow2_extensions_leave(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 116, 0xfffffff8, 4);
}

static void make_qcow(uint8_t *file)
{
    make_qcow2(file);
    put_big(file + 4, 1, 4);
}

static void make_qed(uint8_t *file)
{
    put_text(file, "QED");
}

static void make_luks(uint8_t *file)
{
    put_text(file, "LUKS\xba\xbe");
}

static void make_iso(uint8_t *file)
{
    put_text(file + 32769, "CD001");
}

static void make_ploop(uint8_t *file)
{
    put_text(file, "WithouFreSpacExt");
    put_little(file + 36, 2048, 8);
}

static const char descriptor[] =
    "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"streamOptimized\"\n"
    "\n# Extent description\nRW 2048 SPARSE \"disk.vmdk\"\n\nddb.adapterType = \"ide\"\n";

static void make_vmdk_of(uint8_t *file, const char *text)
{
    put_text(file, "KDMV");
    put_little(file + 4, 3, 4);
    put_little(file + 12, 2048, 8);
    put_little(file + 28, 1, 8);
    put_little(file + 36, 20, 8);
    put_little(file + 56, 30, 8);
    put_text(file + 512, text);
}

static void make_vmdk(uint8_t *file)
{
    make_vmdk_of(file, descriptor);
}

static void make_vmdk_footer(uint8_t *file)
{
    make_vmdk(file);
    memcpy(file + FILE_SIZE - 1024, file, 512);
    put_little(file + 56, UINT64_MAX, 8);
}

static void make_vmdk_footer_empty(uint8_t *file)
{
    make_vmdk_footer(file);
    put_little(file + FILE_SIZE - 1024 + 12, 0, 8);
}

static void make_vmdk_no_capacity(uint8_t *file)
{
    make_vmdk(file);
    put_little(file + 12, 0, 8);
}

static void make_vmdk_no_descriptor(uint8_t *file)
{
    make_vmdk(file);
    put_little(file + 28, 0, 8);
}

static void make_vmdk_flat(uint8_t *file)
{
    make_vmdk_of(file, "# Disk DescriptorFile\ncreateType=\"monolithicFlat\"\nRW 2048 FLAT \"/etc/passwd\" 0\n");
}

static void make_vmdk_extent(uint8_t *file)
{
    make_vmdk_of(file, "# Disk DescriptorFile\ncreateType=\"monolithicSparse\"\nRW 2048 SPARSE \"../other.vmdk\"\n");
}

static void make_vmdk_two_extents(uint8_t *file)
{
    make_vmdk_of(file, "createType=\"monolithicSparse\"\nRW 2048 SPARSE \"a.vmdk\"\nRW 2048 SPARSE \"b.vmdk\"\n");
}

static void make_vmdk_parent(uint8_t *file)
{
    make_vmdk_of(file, "createType=\"monolithicSparse\"\nparentCID=12345678\nRW 2048 SPARSE \"a.vmdk\"\n");
}

static void make_vmdk_parent_name(uint8_t *file)
{
    make_vmdk_of(file, "createType=\"monolithicSparse\"\n# parentFileNameHint=\"/etc/passwd\"\nRW 2048 SPARSE \"a.vmdk\"\n");
}

static void make_vmdk_text(uint8_t *file)
{
    put_text(file, descriptor);
}

static void make_vmdk_text_bare(uint8_t *file)
{
    put_text(file, "# x\n  \nversion=1\nRW 2048 FLAT \"/etc/passwd\" 0\n");
}

static void make_footer(uint8_t *footer, unsigned kind)
{
    put_text(footer, "conectix");
    put_big(footer + 48, 1U << 20, 8);
    put_big(footer + 60, kind, 4);
}

static void make_vhd_fixed(uint8_t *file)
{
    make_footer(file + FILE_SIZE - 512, 2);
}

static void make_vhd_dynamic(uint8_t *file)
{
    make_footer(file, 3);
    make_footer(file + FILE_SIZE - 512, 3);
}

static void make_vhd_child(uint8_t *file)
{
    make_footer(file, 4);
}

static void make_vhd_hidden_child(uint8_t *file)
{
    make_footer(file, 3);
    make_footer(file + FILE_SIZE - 512, 4);
}

static void make_vdi(uint8_t *file)
{
    put_text(file, "<<< QEMU VM Virtual Disk Image >>>\n");
    put_little(file + 0x40, 0xbeda107f, 4);
    put_little(file + 0x44, 0x00010001, 4);
    put_little(file + 0x4c, 1, 4);
    put_little(file + 0x170, 1U << 20, 8);
}

static void make_vdi_child(uint8_t *file)
{
    make_vdi(file);
    put_little(file + 0x4c, 4, 4);
}

static void make_vdi_parent(uint8_t *file)
{
    make_vdi(file);
    file[0x1b8] = 1;
}

static void put_guid(uint8_t *at, uint32_t a, uint16_t b, uint16_t c, uint64_t rest)
{
    put_little(at, a, 4);
    put_little(at + 4, b, 2);
    put_little(at + 6, c, 2);
    put_big(at + 8, rest, 8);
}

static void make_vhdx(uint8_t *file)
{
    uint8_t *table = file + (192U << 10);
    uint8_t *metadata = file + (256U << 10);
    put_text(file, "vhdxfile");
    put_text(table, "regi");
    put_little(table + 8, 1, 4);
    put_guid(table + 16, 0x8b7ca206, 0x4790, 0x4b9a, 0xb8fe575f050f886e);
    put_little(table + 32, 256U << 10, 8);
    put_text(metadata, "metadata");
    put_little(metadata + 10, 2, 2);
    put_guid(metadata + 32, 0xcaa16737, 0xfa36, 0x4d43, 0xb3b633f0aa44e76b);
    put_little(metadata + 48, 4096, 4);
    put_guid(metadata + 64, 0x2fa54224, 0xcd1b, 0x4876, 0xb2115dbed83bf4b8);
    put_little(metadata + 80, 4104, 4);
    put_little(metadata + 4104, 1U << 30, 8);
}

static void make_vhdx_child(uint8_t *file)
{
    make_vhdx(file);
    put_little(file + (256U << 10) + 4100, 2, 4);
}

static void make_vhdx_locator(uint8_t *file)
{
    make_vhdx(file);
    put_little(file + (256U << 10) + 10, 3, 2);
    put_guid(file + (256U << 10) + 96, 0xa8d35f2d, 0xb30b, 0x454d, 0xabf7d3d84834ab0c);
}

static void make_vhdx_empty(uint8_t *file)
{
    put_text(file, "vhdxfile");
}

/* `refused` NULL: it is good, with that size. */
static const struct {
    void (*make)(uint8_t *file);
    const char *declared;
    const char *refused; /* part of the message */
    uint64_t virtual_bytes;
} cases[] = {
    {make_raw, "raw", NULL, FILE_SIZE},
    {make_raw, "aki", NULL, FILE_SIZE},
    {make_raw, "ari", NULL, FILE_SIZE},
    {make_raw, "ami", NULL, FILE_SIZE},
    {make_raw, "qcow2", "the data is raw", 0},
    {make_raw, "iso", "the data is raw", 0},
    {make_raw, "nonsense", "the data is raw", 0},
    {make_mbr, "raw", NULL, FILE_SIZE},
    {make_qcow2_v2, "qcow2", NULL, 1U << 30},
    {make_qcow2, "qcow2", NULL, 1U << 30},
    {make_qcow2, "raw", "the data is qcow2", 0},
    {make_qcow2, "aki", "the data is qcow2", 0},
    {make_qcow2_backing, "qcow2", "has a backing file", 0},
    {make_qcow2_backing, "raw", "the data is qcow2", 0},
    {make_qcow2_backing_v2, "qcow2", "has a backing file", 0},
    {make_qcow2_backing_format, "qcow2", "backing file format", 0},
    {make_qcow2_data_file, "qcow2", "external data file", 0},
    {make_qcow2_data_file_name, "qcow2", "external data file", 0},
    {make_qcow2_dirty, "qcow2", "dirty", 0},
    {make_qcow2_corrupt, "qcow2", "corrupt", 0},
    {make_qcow2_future, "qcow2", "unknown incompatible features", 0},
    {make_qcow2_encrypted, "qcow2", "encrypted", 0},
    {make_qcow2_version_4, "qcow2", "version 4", 0},
    {make_qcow2_clusters, "qcow2", "cluster size", 0},
    {make_qcow2_short, "qcow2", "truncated", 0},
    {make_qcow2_extensions_leave, "qcow2", "leave the first cluster", 0},
    {make_qcow, "qcow2", "the data is qcow", 0},
    {make_qcow, "qcow", "not accepted", 0},
    {make_qed, "raw", "the data is qed", 0},
    {make_qed, "qed", "not accepted", 0},
    {make_luks, "raw", "the data is luks", 0},
    {make_iso, "iso", NULL, FILE_SIZE},
    {make_iso, "raw", "the data is iso", 0},
    {make_ploop, "ploop", NULL, 1U << 20},
    {make_vmdk, "vmdk", NULL, 1U << 20},
    {make_vmdk, "raw", "the data is vmdk", 0},
    {make_vmdk_footer, "vmdk", NULL, 1U << 20},
    {make_vmdk_footer_empty, "vmdk", "capacity", 0},
    {make_vmdk_no_capacity, "vmdk", "capacity", 0},
    {make_vmdk_no_descriptor, "vmdk", "no descriptor", 0},
    {make_vmdk_flat, "vmdk", "needs other files", 0},
    {make_vmdk_extent, "vmdk", "extent in another file", 0},
    {make_vmdk_two_extents, "vmdk", "exactly one extent", 0},
    {make_vmdk_parent, "vmdk", "has a parent", 0},
    {make_vmdk_parent_name, "vmdk", "names a parent file", 0},
    {make_vmdk_text, "vmdk", "in other files", 0},
    {make_vmdk_text, "raw", "the data is vmdk", 0},
    {make_vmdk_text_bare, "raw", "the data is vmdk", 0},
    {make_vhd_fixed, "vhd", NULL, 1U << 20},
    {make_vhd_fixed, "raw", "the data is vhd", 0},
    {make_vhd_dynamic, "vhd", NULL, 1U << 20},
    {make_vhd_child, "vhd", "depends on another", 0},
    {make_vhd_hidden_child, "vhd", "depends on another", 0},
    {make_vdi, "vdi", NULL, 1U << 20},
    {make_vdi_child, "vdi", "depends on another", 0},
    {make_vdi_parent, "vdi", "names a parent", 0},
    {make_vhdx, "vhdx", NULL, 1U << 30},
    {make_vhdx_child, "vhdx", "has a parent", 0},
    {make_vhdx_locator, "vhdx", "has a parent", 0},
    {make_vhdx_empty, "vhdx", "damaged", 0},
};

static void check_case(size_t i, struct bytes *bytes)
{
    struct image_facts facts = {0};
    const struct image_source source = {read_bytes, bytes, bytes->size};
    const enum err result = image_check(&source, cases[i].declared, &facts);
    if (cases[i].refused) {
        if (result != E_INVALID || !strstr(err_message(), cases[i].refused))
            print_error("case %zu: %s %s\n", i, err_name(result), result == OK ? facts.format : err_message());
        assert_int_equal(result, E_INVALID);
        assert_non_null(strstr(err_message(), cases[i].refused));
        return;
    }
    if (result != OK)
        print_error("case %zu: %s\n", i, err_message());
    assert_int_equal(result, OK);
    assert_int_equal(facts.virtual_bytes, cases[i].virtual_bytes);
}

static void test_table(void **state)
{
    struct bytes bytes = {malloc(FILE_SIZE), FILE_SIZE};
    (void)state;
    assert_non_null(bytes.data);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memset(bytes.data, 0, FILE_SIZE);
        cases[i].make(bytes.data);
        check_case(i, &bytes);
    }
    free(bytes.data);
}

/* Whatever its length, a file is judged without reading outside it (read_bytes asserts), and a refusal says why. */
static void test_every_length(void **state)
{
    struct bytes bytes = {malloc(FILE_SIZE), 0};
    (void)state;
    assert_non_null(bytes.data);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memset(bytes.data, 0, FILE_SIZE);
        cases[i].make(bytes.data);
        for (bytes.size = 0; bytes.size <= FILE_SIZE; bytes.size += bytes.size < 2048 ? 1 : 4093) {
            const struct image_source source = {read_bytes, &bytes, bytes.size};
            struct image_facts facts = {0};
            if (image_inspect(&source, &facts) != OK)
                assert_true(*err_message() != '\0');
            else
                assert_non_null(facts.format);
        }
    }
    free(bytes.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
