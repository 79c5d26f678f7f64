/* Each filter with what it accepts and refuses; ranking, multipliers, aggregates' own numbers, presets; sizings as text. */
#include "compute/scheduler/scheduler.h"
#include "tests/unit/base/check.h"

static const struct aggregate_item gold_items[] = {{"filter_tenant_id", "p1, p2"},
                                                   {"max_instances_per_host", "3"},
                                                   {"max_io_ops_per_host", "1"},
                                                   {"ram_weight_multiplier", "-2"},
                                                   {"ssd", "true,nvme"}};
static const struct aggregate gold = {.name = "gold", .metadata = gold_items, .metadata_count = ARRAY_LEN(gold_items)};
static const struct aggregate *const in_gold[] = {&gold};
static const struct uuid server_a = {{1}};
static const struct uuid server_b = {{2}};
#define TEXT_A "01000000-0000-0000-0000-000000000000"

static struct host_state sample(void)
{
    return (struct host_state){.uuid = {{9}},
                               .name = "h",
                               .availability_zone = "east",
                               .up = true,
                               .total = {16, 4096, 100},
                               .free = {8, 2048, 50},
                               .ip = "10.1.2.3"};
}

/* One filter on one host: what is told apart is in the row. */
struct trial {
    const char *filter;
    const char *specs;  /* JSON; NULL */
    const char *image;  /* JSON; NULL */
    const char *hints;  /* JSON; NULL */
    const char *policy; /* NULL: no group */
    int64_t rule;
    const char *zone;
    const char *project;
    bool down;
    bool disabled;
    bool in_gold;
    bool has_a;
    int64_t members_here;
    int64_t group_hosts;
    bool elsewhere;
    int64_t servers;
    int64_t io_ops;
    bool passes;
};

#define CAPABILITIES "{\"arch\":\"x86_64\",\"driver\":\"QEMU\",\"kvm\":true,\"version\":8002003,\"vcpus\":4,\"cpu\":{\"cores\":2}}"

static const struct trial trials[] = {
    {.filter = "AllHostsFilter", .down = true, .passes = true},
    {.filter = "ComputeFilter", .passes = true},
    {.filter = "ComputeFilter", .down = true},
    {.filter = "ComputeFilter", .disabled = true},
    {.filter = "AvailabilityZoneFilter", .passes = true},
    {.filter = "AvailabilityZoneFilter", .zone = "east", .passes = true},
    {.filter = "AvailabilityZoneFilter", .zone = "west"},
    {.filter = "ComputeCapabilitiesFilter", .passes = true},
    {.filter = "ComputeCapabilitiesFilter", .specs = "{\"capabilities:arch\":\"x86_64\",\"vcpus\":\">= 4\"}", .passes = true},
    {.filter = "ComputeCapabilitiesFilter", .specs = "{\"capabilities:cpu:cores\":\"2\"}", .passes = true},
    {.filter = "ComputeCapabilitiesFilter", .specs = "{\"hw:cpu_policy\":\"x\",\"group_policy\":\"none\"}", .passes = true},
    {.filter = "ComputeCapabilitiesFilter", .specs = "{\"vcpus\":\">= 5\"}"},
    {.filter = "ComputeCapabilitiesFilter", .specs = "{\"capabilities:none\":\"1\"}"},
    {.filter = "ImagePropertiesFilter", .passes = true},
    {.filter = "ImagePropertiesFilter", .image = "{\"hw_architecture\":\"amd64\",\"hw_vm_mode\":\"hvm\"}", .passes = true},
    {.filter = "ImagePropertiesFilter", .image = "{\"architecture\":\"aarch64\"}"},
    {.filter = "ImagePropertiesFilter", .image = "{\"img_hv_type\":\"qemu\"}", .passes = true},
    {.filter = "ImagePropertiesFilter", .image = "{\"img_hv_type\":\"kvm\"}", .passes = true},
    {.filter = "ImagePropertiesFilter", .image = "{\"img_hv_type\":\"xen\"}"},
    {.filter = "ImagePropertiesFilter", .image = "{\"vm_mode\":\"xen\"}"},
    {.filter = "ImagePropertiesFilter", .image = "{\"img_hv_requested_version\":\">=8.0,<9\"}", .passes = true},
    {.filter = "ImagePropertiesFilter", .image = "{\"img_hv_requested_version\":\">=8.3\"}"},
    {.filter = "ImagePropertiesFilter", .image = "{\"img_hv_requested_version\":\"8.2.3\"}", .passes = true},
    {.filter = "ServerGroupAntiAffinityFilter", .members_here = 1, .passes = true},
    {.filter = "ServerGroupAntiAffinityFilter", .policy = "anti-affinity", .passes = true},
    {.filter = "ServerGroupAntiAffinityFilter", .policy = "anti-affinity", .members_here = 1},
    {.filter = "ServerGroupAntiAffinityFilter", .policy = "anti-affinity", .rule = 2, .members_here = 1, .passes = true},
    {.filter = "ServerGroupAntiAffinityFilter", .policy = "anti-affinity", .rule = 2, .members_here = 2},
    {.filter = "ServerGroupAntiAffinityFilter", .policy = "soft-anti-affinity", .members_here = 2, .passes = true},
    {.filter = "ServerGroupAffinityFilter", .policy = "affinity", .passes = true},
    {.filter = "ServerGroupAffinityFilter", .policy = "affinity", .members_here = 1, .group_hosts = 1, .passes = true},
    {.filter = "ServerGroupAffinityFilter", .policy = "affinity", .group_hosts = 1},
    {.filter = "ServerGroupAffinityFilter", .policy = "affinity", .elsewhere = true},
    {.filter = "ServerGroupAffinityFilter", .policy = "soft-affinity", .group_hosts = 1, .passes = true},
    {.filter = "SameHostFilter", .passes = true},
    {.filter = "SameHostFilter", .hints = "{\"same_host\":[\"" TEXT_A "\"]}", .has_a = true, .passes = true},
    {.filter = "SameHostFilter", .hints = "{\"same_host\":\"" TEXT_A "\"}"},
    {.filter = "DifferentHostFilter", .has_a = true, .passes = true},
    {.filter = "DifferentHostFilter", .hints = "{\"different_host\":\"" TEXT_A "\"}", .passes = true},
    {.filter = "DifferentHostFilter", .hints = "{\"different_host\":[\"" TEXT_A "\"]}", .has_a = true},
    {.filter = "JsonFilter", .passes = true},
    {.filter = "JsonFilter", .hints = "{\"query\":\"[\\\">=\\\", \\\"$free_ram_mb\\\", 2048]\"}", .passes = true},
    {.filter = "JsonFilter", .hints = "{\"query\":\"[\\\">\\\", \\\"$free_ram_mb\\\", 2048]\"}"},
    {.filter = "SimpleCIDRAffinityFilter", .passes = true},
    {.filter = "SimpleCIDRAffinityFilter", .hints = "{\"build_near_host_ip\":\"10.1.2.200\"}", .passes = true},
    {.filter = "SimpleCIDRAffinityFilter", .hints = "{\"build_near_host_ip\":\"10.1.3.200\"}"},
    {.filter = "SimpleCIDRAffinityFilter", .hints = "{\"build_near_host_ip\":\"10.1.3.200\",\"cidr\":\"/23\"}", .passes = true},
    {.filter = "SimpleCIDRAffinityFilter", .hints = "{\"build_near_host_ip\":\"10.1.2.3\",\"cidr\":\"/32\"}", .passes = true},
    {.filter = "SimpleCIDRAffinityFilter", .hints = "{\"build_near_host_ip\":\"10.1.2.2\",\"cidr\":\"/32\"}"},
    {.filter = "SimpleCIDRAffinityFilter", .hints = "{\"build_near_host_ip\":\"1.2.3.4\",\"cidr\":\"/0\"}", .passes = true},
    {.filter = "SimpleCIDRAffinityFilter", .hints = "{\"build_near_host_ip\":\"fd00::1\"}"},
    {.filter = "AggregateInstanceExtraSpecsFilter", .passes = true},
    {.filter = "AggregateInstanceExtraSpecsFilter", .specs = "{\"ssd\":\"nvme\"}", .in_gold = true, .passes = true},
    {.filter = "AggregateInstanceExtraSpecsFilter", .specs = "{\"ssd\":\"nvme\"}"},
    {.filter = "AggregateInstanceExtraSpecsFilter",
     .specs = "{\"aggregate_instance_extra_specs:ssd\":\"<or> fast <or> true\"}",
     .in_gold = true,
     .passes = true},
    {.filter = "AggregateInstanceExtraSpecsFilter", .specs = "{\"aggregate_instance_extra_specs:ssd\":\"no\"}", .in_gold = true},
    {.filter = "AggregateMultiTenancyIsolation", .project = "p3", .passes = true},
    {.filter = "AggregateMultiTenancyIsolation", .project = "p2", .in_gold = true, .passes = true},
    {.filter = "AggregateMultiTenancyIsolation", .project = "p3", .in_gold = true},
    {.filter = "NumInstancesFilter", .servers = 49, .passes = true},
    {.filter = "NumInstancesFilter", .servers = 50},
    {.filter = "NumInstancesFilter", .servers = 2, .in_gold = true, .passes = true},
    {.filter = "NumInstancesFilter", .servers = 3, .in_gold = true},
    {.filter = "IoOpsFilter", .io_ops = 7, .passes = true},
    {.filter = "IoOpsFilter", .io_ops = 8},
    {.filter = "IoOpsFilter", .io_ops = 1, .in_gold = true},
};

static struct scheduler_settings settings_of(struct arena *arena, const char *preset, const char *filters, const char *weighers)
{
    const struct scheduler_words words = {.preset = preset,
                                          .filters = filters,
                                          .weighers = weighers,
                                          .multipliers = {1, 1, 1, -1, 1000000, 1, 1},
                                          .max_servers_per_host = 50,
                                          .max_io_ops_per_host = 8,
                                          .subset = 4};
    struct scheduler_settings settings;
    must(scheduler_settings_read(arena, &words, &settings));
    return settings;
}

static void run_trial(const struct trial *trial)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    json_auto_t *specs = trial->specs ? json_loads(trial->specs, 0, NULL) : NULL;
    json_auto_t *image = trial->image ? json_loads(trial->image, 0, NULL) : NULL;
    json_auto_t *hints = trial->hints ? json_loads(trial->hints, 0, NULL) : NULL;
    json_auto_t *capabilities = json_loads(CAPABILITIES, 0, NULL);
    const struct sizing_group group = {.policy = trial->policy, .max_server_per_host = trial->rule};
    const struct sizing sizing = {.vcpus = 1,
                                  .availability_zone = trial->zone,
                                  .extra_specs = specs,
                                  .image = image,
                                  .hints = hints,
                                  .group = trial->policy ? &group : NULL};
    const char *text = sizing_hint(&sizing, "query");
    json_auto_t *query = text ? json_loads(text, 0, NULL) : NULL;
    const struct scheduler_settings settings = settings_of(&arena, "default", trial->filter, "RAMWeigher");
    const struct schedule_spec spec = {&sizing, trial->project, query, trial->group_hosts, trial->elsewhere};
    const struct schedule schedule = {&arena, &settings, &spec};
    struct host_state host = sample();
    struct verdicts verdicts;
    host.up = !trial->down;
    host.disabled = trial->disabled;
    host.aggregates = in_gold;
    host.aggregate_count = trial->in_gold;
    host.placed = trial->has_a ? &server_a : &server_b;
    host.placed_count = 1;
    host.group_servers = trial->members_here;
    host.servers = trial->servers;
    host.io_ops = trial->io_ops;
    host.capabilities = capabilities;
    const struct host_states states = {&host, 1};
    scheduler_judge(&schedule, &states, &verdicts);
    if ((verdicts.passed == 1) != trial->passes)
        print_error("row %zu: %s\n", (size_t)(trial - trials), trial->filter);
    assert_int_equal(verdicts.passed, trial->passes);
    if (!trial->passes) {
        assert_string_equal(verdicts.items[0].filter, trial->filter);
        assert_true(verdicts.items[0].reason && *verdicts.items[0].reason);
    }
}

static void filters_accept_and_refuse(void **state)
{
    size_t accepted[FILTERS_MOST] = {0};
    size_t refused[FILTERS_MOST] = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(trials); i++) {
        run_trial(&trials[i]);
        for (size_t j = 0; filters_known[j].name; j++) {
            if (strcmp(filters_known[j].name, trials[i].filter) == 0)
                (trials[i].passes ? accepted : refused)[j]++;
        }
    }
    for (size_t j = 0; filters_known[j].name; j++) /* no filter is left out */
        assert_true(accepted[j] && (refused[j] || j == 0));
}

/* --- ranking */

#define THREE 3

static void judge_three(struct arena *arena, const struct scheduler_settings *settings, const struct sizing *sizing,
                        struct host_state *hosts, struct verdicts *out)
{
    static const char *const names[] = {"a", "b", "c"};
    struct schedule_spec *spec = arena_alloc(arena, sizeof(*spec));
    *spec = (struct schedule_spec){.sizing = sizing};
    const struct schedule schedule = {arena, settings, spec};
    const struct host_states states = {hosts, THREE};
    for (size_t i = 0; i < THREE; i++) {
        hosts[i].name = names[i];
        hosts[i].uuid = (struct uuid){{(uint8_t)i}};
    }
    scheduler_judge(&schedule, &states, out);
}

/* Each weigher on three hosts that differ in nothing but its number, 1, 3 and 2: the order of names, best first. */
static void weighers_rank(void **state)
{
    static const struct {
        const char *weigher;
        size_t offset;
        const char *policy;
        const char *order;
        double multiplier;
    } rows[] = {
        {"RAMWeigher", offsetof(struct host_state, free.ram_mib), NULL, "bca", 1},
        {"RAMWeigher", offsetof(struct host_state, free.ram_mib), NULL, "acb", -1},
        {"CPUWeigher", offsetof(struct host_state, free.vcpus), NULL, "bca", 1},
        {"DiskWeigher", offsetof(struct host_state, free.disk_gib), NULL, "bca", 1},
        {"IoOpsWeigher", offsetof(struct host_state, io_ops), NULL, "acb", -1},
        {"BuildFailureWeigher", offsetof(struct host_state, failed_builds), NULL, "acb", 1000000},
        {"ServerGroupSoftAffinityWeigher", offsetof(struct host_state, group_servers), "soft-affinity", "bca", 1},
        {"ServerGroupSoftAntiAffinityWeigher", offsetof(struct host_state, group_servers), "soft-anti-affinity", "acb", 1},
        {"ServerGroupSoftAffinityWeigher", offsetof(struct host_state, group_servers), "anti-affinity", "abc", 1},
        {"ServerGroupSoftAntiAffinityWeigher", offsetof(struct host_state, group_servers), NULL, "abc", 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        struct scheduler_settings settings = settings_of(&arena, "default", "AllHostsFilter", rows[i].weigher);
        const struct sizing_group group = {.policy = rows[i].policy};
        const struct sizing sizing = {.group = rows[i].policy ? &group : NULL};
        struct host_state hosts[THREE] = {sample(), sample(), sample()};
        struct verdicts verdicts;
        char order[THREE + 1] = "";
        settings.multipliers[0] = rows[i].multiplier;
        for (size_t j = 0; j < THREE; j++)
            *(int64_t *)(void *)((char *)&hosts[j] + rows[i].offset) = (const int64_t[]){1, 3, 2}[j];
        judge_three(&arena, &settings, &sizing, hosts, &verdicts);
        assert_int_equal(verdicts.passed, THREE);
        for (size_t j = 0; j < THREE; j++) {
            order[j] = verdicts.items[j].host->name[0];
            assert_true(verdicts.items[j].weight >= 0 && verdicts.items[j].weight <= 1);
            assert_true(j == 0 || verdicts.items[j].weight <= verdicts.items[j - 1].weight);
        }
        if (strcmp(order, rows[i].order) != 0)
            print_error("%s: %s", rows[i].weigher, order);
    }
}

static void an_aggregate_has_its_own_multiplier(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct scheduler_settings settings = settings_of(&arena, "default", "AllHostsFilter", "RAMWeigher");
    const struct sizing sizing = {0};
    struct host_state hosts[THREE] = {sample(), sample(), sample()};
    struct verdicts verdicts;
    (void)state;
    hosts[1].free.ram_mib = 4096; /* the best, but where it is servers are packed */
    hosts[1].aggregates = in_gold;
    hosts[1].aggregate_count = 1;
    judge_three(&arena, &settings, &sizing, hosts, &verdicts);
    assert_string_equal(verdicts.items[THREE - 1].host->name, "b");
    assert_true(verdicts.items[THREE - 1].score == -2 && verdicts.items[THREE - 1].multipliers[0] == -2);
}

static void what_stands_before_the_filters(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct scheduler_settings settings = settings_of(&arena, "default", "", "");
    const struct uuid tried = {{1}};
    struct sizing sizing = {.excluded = &tried, .excluded_count = 1};
    struct host_state hosts[THREE] = {sample(), sample(), sample()};
    struct verdicts verdicts;
    (void)state;
    hosts[2].no_room = "too small";
    judge_three(&arena, &settings, &sizing, hosts, &verdicts);
    assert_int_equal(verdicts.passed, 1);
    assert_string_equal(verdicts.items[0].host->name, "a");
    assert_string_equal(verdicts.items[1].filter, "Excluded");
    assert_string_equal(verdicts.items[2].filter, "Placement");
    assert_string_equal(verdicts.items[2].reason, "too small");
    sizing = (struct sizing){.host = "b"};
    hosts[1].up = false; /* forced: no filter is asked */
    judge_three(&arena, &settings, &sizing, hosts, &verdicts);
    assert_int_equal(verdicts.passed, 1);
    assert_string_equal(verdicts.items[0].host->name, "b");
    assert_string_equal(verdicts.items[1].filter, "ForcedHost");
}

static void presets_and_names(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    static const struct scheduler_words bad[] = {{.preset = "best", .filters = "", .weighers = ""},
                                                 {.preset = "default", .filters = "ComputeFilter, NoFilter", .weighers = ""},
                                                 {.preset = "default", .filters = "", .weighers = "NoWeigher"}};
    struct scheduler_settings settings = settings_of(&arena, "default", "", "");
    (void)state;
    assert_true(scheduler_uses(&settings, "ComputeFilter") && !scheduler_uses(&settings, "NumInstancesFilter"));
    assert_true(settings.weigher_count == 7 && settings.subset == 4);
    settings = settings_of(&arena, "simple", "", "");
    assert_true(settings.weigher_count == 1 && strcmp(settings.weighers[0]->name, "CPUWeigher") == 0);
    settings = settings_of(&arena, "chance", "", "");
    assert_true(settings.weigher_count == 0 && settings.subset == SIZE_MAX);
    settings = settings_of(&arena, "chance", "IoOpsFilter", "RAMWeigher,DiskWeigher");
    assert_true(settings.filter_count == 1 && settings.weigher_count == 2);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(scheduler_settings_read(&arena, &bad[i], &settings), E_INVALID);
}

static void a_whole_sizing_travels(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    json_auto_t *specs = json_pack("{s:s}", "trait:CUSTOM_A", "required");
    json_auto_t *properties = json_pack("{s:s, s:s, s:i}", "hw_architecture", "x86_64", "os_distro", "debian", "vm_mode", 1);
    json_auto_t *image = sizing_image_properties(properties);
    json_auto_t *hints = json_pack("{s:[s]}", "same_host", TEXT_A);
    const struct sizing_group group = {
        .uuid = {{5}}, .policy = "affinity", .max_server_per_host = 2, .members = &server_b, .member_count = 1};
    const struct sizing sizing = {.vcpus = 1,
                                  .ram_mib = 2,
                                  .disk_gib = 3,
                                  .excluded = &server_a,
                                  .excluded_count = 1,
                                  .extra_specs = specs,
                                  .image = image,
                                  .hints = hints,
                                  .group = &group};
    struct sizing back;
    (void)state;
    assert_int_equal(json_object_size(image), 1);
    const char *text = sizing_write(&arena, &sizing);
    must(sizing_read(&arena, text, strlen(text), &back));
    assert_string_equal(sizing_write(&arena, &back), text);
    assert_true(sizing_excludes(&back, &server_a) && !sizing_excludes(&back, &server_b));
    assert_true(json_equal(back.extra_specs, specs) && json_equal(back.image, image) && json_equal(back.hints, hints));
    assert_true(sizing_has_policy(&back, "affinity") && back.group->max_server_per_host == 2);
    assert_true(back.group->member_count == 1 && uuid_equal(&back.group->members[0], &server_b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_accept_and_refuse),
        cmocka_unit_test(weighers_rank),
        cmocka_unit_test(an_aggregate_has_its_own_multiplier),
        cmocka_unit_test(what_stands_before_the_filters),
        cmocka_unit_test(presets_and_names),
        cmocka_unit_test(a_whole_sizing_travels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
