/* Extra specs as Nova 2.86 knows them: one row per kind of rule, good and bad. */
#include <stdlib.h>

#include "gateway/api/extra_spec_rules.h"
#include "tests/unit/base/check.h"

static const struct {
    const char *name;
    const char *value;
    const char *message; /* part of it; NULL: good */
} rows[] = {
    {"anything", "at all", NULL},
    {"my:own", "x", NULL},
    {"hw", "no namespace", NULL},
    {"hw:nothing", "x", "extra spec 'hw:nothing' does not appear to be a valid extra spec."},
    {"hw:", "x", "does not appear"},
    {"hw:cpu_policy", "dedicated", NULL},
    {"hw:cpu_policy", "dedicated shared", "'dedicated shared' is not one of: dedicated, shared, mixed."},
    {"hw:cpu_policy", "", "is not one of"},
    {"hw:cpu_policy", "Dedicated", "is not one of"},
    {"hw:numa_nodes", "2", NULL},
    {"hw:numa_nodes", "0", "should be at least 1"},
    {"hw:numa_nodes", "many", "Could not parse 'many' as int"},
    {"hw:numa_cpus.0", "0-3,^2", NULL},
    {"hw:numa_cpus.x", "0", "does not appear"},
    {"hw:numa_cpus.0", "a", "does not match"},
    {"hw:numa_mem.1", "512", NULL},
    {"hw:cpu_realtime_mask", "^0-1", NULL},
    {"hw:mem_page_size", "large", NULL},
    {"hw:mem_page_size", "2MB", NULL},
    {"hw:mem_page_size", "huge", "does not match"},
    {"hw:mem_encryption", "Yes", NULL},
    {"hw:mem_encryption", "maybe", "Could not parse 'maybe' as bool"},
    {"hw_rng:allowed", "True", NULL},
    {"hw_rng:rate_bytes", "-1", "should be at least 0"},
    {"hw_video:ram_max_mb", "16", NULL},
    {"hw_video:colour", "red", "does not appear"},
    {"hide_hypervisor_id", "no", NULL},
    {"hide_hypervisor_id", "x", "as bool"},
    {"os:secure_boot", "required", NULL},
    {"os:secure_boot", "maybe", "is not one of"},
    {"pci_passthrough:alias", "gpu:2", NULL},
    {"pci_passthrough:alias", "gpu", "does not match"},
    {"quota:cpu_shares", "1024", NULL},
    {"quota:cpu_quota", "-1", NULL},
    {"quota:vif_inbound_average", "1", NULL},
    {"quota:disk_read_bytes_sec", "1048576", NULL},
    {"quota:nothing", "1", "does not appear"},
    {"quota:memory_shares_level", "high", NULL},
    {"resources:VGPU", "1", NULL},
    {"resources1:CUSTOM_THING", "0", NULL},
    {"resources_numa-1:VCPU", "2", NULL},
    {"resources:UNKNOWN", "1", "does not appear"},
    {"resources:VGPU", "-1", "should be at least 0"},
    {"resources:VGP", "1", "does not appear"},
    {"trait:COMPUTE_NODE", "required", NULL},
    {"trait:COMPUTE_NODE", "yes", "is not one of"},
    {"trait2:CUSTOM_FAST", "forbidden", NULL},
    {"trait:UNHEARD_OF", "required", "does not appear"},
    {"trait:compute_node", "required", "does not appear"},
    {"capabilities:vcpus", ">= 2", NULL},
    {"capabilities:stats:io", "x", NULL},
    {"capabilities:nothing", "x", "does not appear"},
    {"aggregate_instance_extra_specs:ssd", "true", NULL},
    {"accel:device_profile", "fpga", NULL},
    {"vmware:hw_version", "vmx-14", NULL},
    {"group_policy", "isolate", NULL},
    {"group_policy", "split", "is not one of"},
};

static void each_has_its_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *specs = json_pack("{s:s, s:s}", "plain", "x", rows[i].name, rows[i].value);
        const enum err result = extra_specs_check(specs);
        if ((result == OK) != (rows[i].message == NULL))
            print_error("%s=%s: %s\n", rows[i].name, rows[i].value, err_name(result));
        assert_int_equal(result, rows[i].message ? E_INVALID : OK);
        if (rows[i].message && !strstr(err_message(), rows[i].message))
            print_error("%s=%s: %s\n", rows[i].name, rows[i].value, err_message());
        assert_true(!rows[i].message || strstr(err_message(), rows[i].message));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_has_its_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
