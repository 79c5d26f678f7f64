/* Traits of hosts: each row of the tables against a report that says it, and that all of them are standard ones. */
#include <string.h>

#include "compute/build/host_traits.h"
#include "tests/unit/base/check.h"

static bool has(struct host_traits traits, const char *name)
{
    size_t found = 0;
    for (size_t i = 0; i < traits.count; i++)
        found += strcmp(traits.items[i], name) == 0;
    assert_true(found < 2);
    return found == 1;
}

struct row {
    const char *inventory;
    bool disabled;
    const char *has;
    const char *lacks;
};

static void a_report_gives_its_traits(void **state)
{
    static const struct row rows[] = {
        {"{}", false, "COMPUTE_NODE", "COMPUTE_STATUS_DISABLED"},
        {"{}", true, "COMPUTE_STATUS_DISABLED", "COMPUTE_FIRMWARE_BIOS"},
        {"{}", false, "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_VMDK"},
        {"{\"arch\":\"x86_64\"}", false, "COMPUTE_ARCH_X86_64", "COMPUTE_ARCH_AARCH64"},
        {"{\"arch\":\"x86_64\"}", false, "COMPUTE_FIRMWARE_BIOS", "HW_CPU_X86_SSE2"},
        {"{\"arch\":\"aarch64\"}", false, "COMPUTE_ARCH_AARCH64", "COMPUTE_FIRMWARE_BIOS"},
        {"{\"threads\":2}", false, "HW_CPU_HYPERTHREADING", "HW_CPU_X86_AVX"},
        {"{\"threads\":1}", false, "COMPUTE_NODE", "HW_CPU_HYPERTHREADING"},
        {"{\"kvm\":true,\"cpu_features\":[\"avx\",\"pni\"]}", false, "HW_CPU_X86_AVX", "HW_CPU_X86_AVX2"},
        {"{\"kvm\":true,\"cpu_features\":[\"avx\",\"pni\"]}", false, "HW_CPU_X86_SSE3", "HW_CPU_X86_SSE"},
        {"{\"kvm\":true,\"cpu_features\":[\"vmx\",\"none-such\",7]}", false, "HW_CPU_X86_VMX", "HW_CPU_X86_SVM"},
        {"{\"kvm\":true,\"cpu_features\":[\"svm\",\"svm\"]}", false, "HW_CPU_X86_AMD_SVM", "HW_CPU_X86_VMX"},
        /* a guest without KVM does not see the host's CPU */
        {"{\"kvm\":false,\"driver\":\"QEMU\",\"arch\":\"x86_64\",\"cpu_features\":[\"avx\"]}", false, "HW_CPU_X86_SSE2",
         "HW_CPU_X86_AVX"},
        {"{\"kvm\":false,\"driver\":\"QEMU\",\"arch\":\"aarch64\"}", false, "COMPUTE_ARCH_AARCH64", "HW_CPU_X86_SSE2"},
        {"{\"kvm\":false,\"driver\":\"Test\",\"arch\":\"i686\"}", false, "COMPUTE_FIRMWARE_BIOS", "HW_CPU_X86_SSE2"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        json_auto_t *inventory = json_loads(rows[i].inventory, 0, NULL);
        assert_non_null(inventory);
        const struct host_traits traits = host_traits_of(&arena, inventory, rows[i].disabled);
        assert_true(has(traits, rows[i].has));
        assert_false(has(traits, rows[i].lacks));
    }
}

static void without_a_report_it_is_a_host_all_the_same(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    (void)state;
    assert_true(has(host_traits_of(&arena, NULL, true), "COMPUTE_STATUS_DISABLED"));
    assert_true(has(host_traits_of(&arena, NULL, false), "COMPUTE_NODE"));
}

/* What is reported is owned, else it would never go away again. */
static void all_that_is_reported_is_owned(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    (void)state;
    const struct host_traits owned = host_traits_owned(&arena);
    json_auto_t *inventory =
        json_loads("{\"kvm\":true,\"arch\":\"x86_64\",\"threads\":2,\"cpu_features\":[\"avx\",\"svm\"]}", 0, NULL);
    const struct host_traits traits = host_traits_of(&arena, inventory, true);
    for (size_t i = 0; i < traits.count; i++)
        assert_true(has(owned, traits.items[i]));
    assert_false(has(owned, "CUSTOM_GOLD"));
    assert_false(has(owned, "MISC_SHARES_VIA_AGGREGATE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_gives_its_traits),
        cmocka_unit_test(without_a_report_it_is_a_host_all_the_same),
        cmocka_unit_test(all_that_is_reported_is_owned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
