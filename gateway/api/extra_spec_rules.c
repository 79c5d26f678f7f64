/* One table of names; see extra_spec_rules.h. Names and values of the kind PATTERN are POSIX extended expressions for the whole. */
#include "gateway/api/extra_spec_rules.h"

#include <regex.h>
#include <string.h>

#include "gateway/base/text.h"
#include "schema/embedded.h"

#define CPUS "[0-9]+(-[0-9]+)?(,\\^?[0-9]+(-[0-9]+)?)*"

enum kind {
    TEXT,     /* anything */
    INTEGER,  /* at least `least` */
    BOOLEAN,  /* Nova's strict words */
    ENUM,     /* one of `values`, divided by blanks */
    PATTERN,  /* `values` is the expression */
    STANDARD, /* as ENUM or INTEGER; the last part of the name stands in the file `values` of standard names, or is CUSTOM_… */
};

static const struct rule {
    const char *name; /* as it is, or "^…$" */
    enum kind kind;
    const char *values;
    int64_t least;
} rules[] = {
    {"accel:device_profile", TEXT, NULL, 0},
    {"^aggregate_instance_extra_specs:.+$", TEXT, NULL, 0},
    {"^capabilities:(id|uuid|service_id|host|vcpus|memory_mb|local_gb|vcpus_used|memory_mb_used|local_gb_used|hypervisor_type|"
     "hypervisor_version|hypervisor_hostname|free_ram_mb|free_disk_gb|current_workload|running_vms|disk_available_least|host_ip|"
     "mapped|cpu_allocation_ratio|ram_allocation_ratio|disk_allocation_ratio)$",
     TEXT, NULL, 0},
    {"^capabilities:(cpu_info|metrics|stats|numa_topology|supported_hv_specs|pci_device_pools)(:[A-Za-z0-9_]+)+$", TEXT, NULL, 0},
    {"group_policy", ENUM, "none isolate", 0},
    {"hide_hypervisor_id", BOOLEAN, NULL, 0},
    {"hw:hide_hypervisor_id", BOOLEAN, NULL, 0},
    {"hw:boot_menu", BOOLEAN, NULL, 0},
    {"hw:cpu_realtime", BOOLEAN, NULL, 0},
    {"hw:cpu_realtime_mask", PATTERN, "^\\^?" CPUS "$", 0},
    {"hw:cpu_dedicated_mask", PATTERN, "^\\^?" CPUS "$", 0},
    {"hw:cpu_policy", ENUM, "dedicated shared mixed", 0},
    {"hw:cpu_thread_policy", ENUM, "prefer isolate require", 0},
    {"hw:cpu_sockets", INTEGER, NULL, 1},
    {"hw:cpu_cores", INTEGER, NULL, 1},
    {"hw:cpu_threads", INTEGER, NULL, 1},
    {"hw:cpu_max_sockets", INTEGER, NULL, 1},
    {"hw:cpu_max_cores", INTEGER, NULL, 1},
    {"hw:cpu_max_threads", INTEGER, NULL, 1},
    {"hw:emulator_threads_policy", ENUM, "isolate share", 0},
    {"hw:locked_memory", BOOLEAN, NULL, 0},
    {"hw:mem_encryption", BOOLEAN, NULL, 0},
    {"hw:mem_page_size", PATTERN, "^(large|small|any|[0-9]+([kKMGT]i?)?(b|bit|B)?)$", 0},
    {"hw:numa_nodes", INTEGER, NULL, 1},
    {"^hw:numa_cpus\\.[0-9]+$", PATTERN, "^" CPUS "$", 0},
    {"^hw:numa_mem\\.[0-9]+$", INTEGER, NULL, 1},
    {"hw:pci_numa_affinity_policy", ENUM, "required preferred legacy socket", 0},
    {"hw:pmem", TEXT, NULL, 0},
    {"hw:pmu", BOOLEAN, NULL, 0},
    {"hw:serial_port_count", INTEGER, NULL, 0},
    {"hw:tpm_model", ENUM, "tpm-tis tpm-crb", 0},
    {"hw:tpm_version", ENUM, "1.2 2.0", 0},
    {"hw:vif_multiqueue_enabled", BOOLEAN, NULL, 0},
    {"hw:viommu_model", ENUM, "intel smmuv3 virtio auto", 0},
    {"hw:watchdog_action", ENUM, "none pause poweroff reset disabled", 0},
    {"hw_rng:allowed", BOOLEAN, NULL, 0},
    {"hw_rng:rate_bytes", INTEGER, NULL, 0},
    {"hw_rng:rate_period", INTEGER, NULL, 0},
    {"hw_video:ram_max_mb", INTEGER, NULL, 0},
    {"os:secure_boot", ENUM, "required disabled optional", 0},
    {"pci_passthrough:alias", PATTERN, "^[^:]+:[0-9]+(,[^:]+:[0-9]+)*$", 0},
    {"^quota:(cpu|memory|disk_io|vif)_shares_level$", ENUM, "custom high normal low", 0},
    {"^quota:(cpu|memory|disk_io|vif)_(limit|reservation|shares_share)$", INTEGER, NULL, 0},
    {"^quota:cpu_(shares|period)$", INTEGER, NULL, 0},
    {"quota:cpu_quota", INTEGER, NULL, INT64_MIN},
    {"^quota:disk_(read|write|total)_(bytes|iops)_sec(_max(_length)?)?$", INTEGER, NULL, 0},
    {"^quota:vif_(inbound|outbound)_(average|peak|burst)$", INTEGER, NULL, 0},
    {"^resources[A-Za-z0-9_-]{0,64}:[A-Z0-9_]+$", STANDARD, "resource_classes.txt", 0},
    {"^trait[A-Za-z0-9_-]{0,64}:[A-Z0-9_]+$", STANDARD, "traits.txt", 0},
    {"vmware:hw_version", PATTERN, "^vmx-[0-9]{2}$", 0},
    {"vmware:storage_policy", TEXT, NULL, 0},
};

/* What stands in front of the first ':' where names are Nova's. */
static const char namespaces[] = "^(accel|aggregate_instance_extra_specs|capabilities|hw|hw_rng|hw_video|os|pci_passthrough|quota|"
                                 "resources[A-Za-z0-9_-]{0,64}|trait[A-Za-z0-9_-]{0,64}|vmware):";

static bool matches(const char *expression, const char *text)
{
    regex_t regex;
    if (regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    const bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static bool is_word_of(const char *words, const char *text)
{
    const size_t length = strlen(text);
    for (const char *at = words; length && *at; at += strspn(at, " ")) {
        const size_t word = strcspn(at, " ");
        if (word == length && memcmp(at, text, length) == 0)
            return true;
        at += word;
    }
    return false;
}

static bool is_boolean(const char *text)
{
    static const char *const words[] = {"1", "t", "true", "on", "y", "yes", "0", "f", "false", "off", "n", "no"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_equal_nocase(words[i], text))
            return true;
    }
    return false;
}

static bool is_standard(const char *file_name, const char *name)
{
    const size_t length = strlen(name);
    if (str_starts(name, "CUSTOM_"))
        return true;
    for (const struct embedded_file *file = standard_names; file->name; file++) {
        if (strcmp(file->name, file_name) != 0)
            continue;
        for (const char *at = (const char *)file->bytes; *at; at += strspn(at, "\n")) {
            const size_t line = strcspn(at, "\n");
            if (line == length && memcmp(at, name, length) == 0)
                return true;
            at += line;
        }
    }
    return false;
}

static enum err check_enum(const char *words, const char *value)
{
    char listed[512];
    size_t length = 0;
    if (is_word_of(words, value))
        return OK;
    for (const char *at = words; *at && length + 2 < sizeof(listed); at++) {
        if (*at == ' ')
            listed[length++] = ',';
        listed[length++] = *at;
    }
    listed[length] = '\0';
    return fail(E_INVALID, "Validation failed; '%.255s' is not one of: %s.", value, listed);
}

static enum err check_integer(int64_t least, const char *value)
{
    int64_t number = 0;
    if (!str_to_int(value, &number))
        return fail(E_INVALID, "Validation failed; Could not parse '%.255s' as int", value);
    if (number < least)
        return fail(E_INVALID, "Validation failed; '%.255s' should be at least %lld", value, (long long)least);
    return OK;
}

static enum err fail_unknown(const char *name)
{
    return fail(E_INVALID, "Validation failed; extra spec '%.255s' does not appear to be a valid extra spec.", name);
}

static enum err check_standard(const struct rule *rule, const char *name, const char *value)
{
    const bool trait = strcmp(rule->values, "traits.txt") == 0;
    if (!is_standard(rule->values, strchr(name, ':') + 1))
        return fail_unknown(name);
    return trait ? check_enum("required forbidden", value) : check_integer(0, value);
}

static enum err check_value(const struct rule *rule, const char *name, const char *value)
{
    switch (rule->kind) {
    case TEXT:
        return OK;
    case INTEGER:
        return check_integer(rule->least, value);
    case BOOLEAN:
        return is_boolean(value) ? OK : fail(E_INVALID, "Validation failed; Could not parse '%.255s' as bool", value);
    case ENUM:
        return check_enum(rule->values, value);
    case PATTERN:
        return matches(rule->values, value)
                   ? OK
                   : fail(E_INVALID, "Validation failed; '%.255s' does not match the pattern %s", value, rule->values);
    case STANDARD:
        break;
    }
    return check_standard(rule, name, value);
}

static enum err check_one(const char *name, const char *value)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct rule *rule = &rules[i];
        if (rule->name[0] == '^' ? matches(rule->name, name) : strcmp(rule->name, name) == 0)
            return check_value(rule, name, value);
    }
    return matches(namespaces, name) ? fail_unknown(name) : OK;
}

enum err extra_specs_check(const json_t *specs)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)specs, name, value)
    {
        TRY(check_one(name, json_string_value(value)));
    }
    return OK;
}
