/* Flavor extra specs as amounts and groups of Placement. */
#include "compute/placement/candidates.h"
#include "compute/scheduler/resources.h"
#include "tests/unit/base/check.h"

static struct sizing sizing_of(json_t *specs)
{
    return (struct sizing){.vcpus = 2, .ram_mib = 512, .disk_gib = 10, .extra_specs = specs};
}

static const char *amounts_text(struct arena *arena, const char *specs)
{
    json_auto_t *object = json_loads(specs, 0, NULL);
    const struct sizing sizing = sizing_of(object);
    struct resource_amounts amounts;
    const char *text = "";
    if (spec_amounts(arena, &sizing, &amounts) != OK)
        return "invalid";
    for (size_t i = 0; i < amounts.count; i++)
        text = arena_printf(arena, "%s%s%s=%lld", text, i ? " " : "", amounts.items[i].resource_class,
                            (long long)amounts.items[i].amount);
    return text;
}

static void claims_follow_extra_specs(void **state)
{
    static const struct {
        const char *specs;
        const char *amounts;
    } rows[] = {
        {"{}", "VCPU=2 MEMORY_MB=512 DISK_GB=10"},
        {"{\"hw:cpu_policy\":\"dedicated\",\"foo\":\"1\"}", "VCPU=2 MEMORY_MB=512 DISK_GB=10"},
        {"{\"resources:VCPU\":\"0\"}", "MEMORY_MB=512 DISK_GB=10"},
        {"{\"resources:DISK_GB\":\"3\",\"resources:CUSTOM_X\":\"1\"}", "VCPU=2 MEMORY_MB=512 DISK_GB=3 CUSTOM_X=1"},
        {"{\"resources1:VGPU\":\"1\",\"resources2:VGPU\":\"2\",\"group_policy\":\"none\"}",
         "VCPU=2 MEMORY_MB=512 DISK_GB=10 VGPU=3"},
        {"{\"resources_NET:SRIOV_NET_VF\":\"1\"}", "VCPU=2 MEMORY_MB=512 DISK_GB=10 SRIOV_NET_VF=1"},
        {"{\"resources:VCPU\":\"many\"}", "invalid"},
        {"{\"resources:VCPU\":\"-1\"}", "invalid"},
        {"{\"resources:\":\"1\"}", "invalid"},
        {"{\"resources:vcpu\":\"1\"}", "invalid"},
        {"{\"trait:CUSTOM_A\":\"maybe\"}", "invalid"},
    };
    CLEANUP(arena_clear) struct arena arena = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(amounts_text(&arena, rows[i].specs), rows[i].amounts);
}

static void groups_have_traits_and_a_policy(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    json_auto_t *specs = json_pack("{s:s, s:s, s:s, s:s, s:s}", "resources1:VGPU", "1", "trait1:CUSTOM_A", "required",
                                   "trait:CUSTOM_B", "forbidden", "resources2:VGPU", "1", "group_policy", "isolate");
    json_auto_t *image = json_pack("{s:s, s:s}", "trait:CUSTOM_C", "required", "hw_architecture", "x86_64");
    struct sizing sizing = sizing_of(specs);
    struct candidates_request request;
    (void)state;
    sizing.image = image;
    must(spec_request(&arena, &sizing, &request));
    assert_true(spec_is_wide(&sizing));
    assert_int_equal(request.group_count, 3);
    assert_int_equal(request.group_policy, GROUP_POLICY_ISOLATE);
    const struct placement_query *first = &request.groups[0].query;
    assert_int_equal(first->resources.count, 3);
    assert_string_equal(first->traits.forbidden.items[0], "CUSTOM_B");
    assert_string_equal(first->traits.required[0].items[0], "CUSTOM_C");
    assert_string_equal(request.groups[1].suffix, "1");
    assert_string_equal(request.groups[1].query.traits.required[0].items[0], "CUSTOM_A");
    assert_int_equal(json_object_del(specs, "group_policy"), 0);
    assert_int_equal(spec_request(&arena, &sizing, &request), E_INVALID);
    json_object_set_new(specs, "group_policy", json_string("perhaps"));
    assert_int_equal(spec_request(&arena, &sizing, &request), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(claims_follow_extra_specs),
                                       cmocka_unit_test(groups_have_traits_and_a_policy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
