/* The JsonFilter's language: every operator, facts of hosts, and what is no query. */
#include "compute/scheduler/json_query.h"
#include "tests/unit/base/check.h"

static bool matches(const char *text)
{
    json_auto_t *query = json_loads(text, 0, NULL);
    json_auto_t *capabilities = json_pack("{s:s, s:{s:i}}", "arch", "x86_64", "cpu", "cores", 8);
    const struct host_state host = {.name = "h",
                                    .availability_zone = "z",
                                    .ip = "127.0.0.1",
                                    .total = {16, 4096, 100},
                                    .free = {12, 1024, 10},
                                    .servers = 4,
                                    .io_ops = 1,
                                    .capabilities = capabilities};
    assert_non_null(query);
    assert_int_equal(json_query_check(query), OK);
    return json_query_matches(query, &host);
}

static void queries_hold_or_do_not(void **state)
{
    static const struct {
        const char *query;
        bool holds;
    } rows[] = {
        {"[]", true},
        {"[\"=\", 1, 1]", true},
        {"[\"=\", 1, 2]", false},
        {"[\"=\", \"a\", \"a\", \"a\"]", true},
        {"[\"=\", \"a\", \"a\", \"b\"]", false},
        {"[\"=\", 1]", false},
        {"[\"=\", 1, \"1\"]", false},
        {"[\"=\", true, true]", true},
        {"[\"<\", 1, 2, 3]", true},
        {"[\"<\", 1, 2, 1]", false},
        {"[\"<\", \"a\", 1]", false},
        {"[\">\", 2, 1]", true},
        {"[\">\", 1, 1]", false},
        {"[\"<=\", 1, 1]", true},
        {"[\"<=\", 2, 1]", false},
        {"[\">=\", 1.5, 1]", true},
        {"[\">=\", 0.5, 1]", false},
        {"[\"in\", \"a\", \"b\", \"a\"]", true},
        {"[\"in\", \"c\", \"b\", \"a\"]", false},
        {"[\"not\", [\"=\", 1, 1]]", false},
        {"[\"not\", [\"=\", 1, 2]]", true},
        {"[\"and\", [\"=\", 1, 1], [\"not\", [\"=\", 1, 1]]]", false},
        {"[\"and\", [\"=\", 1, 1], [\"=\", 2, 2]]", true},
        {"[\"or\", [\"=\", 1, 2], [\"=\", 2, 2]]", true},
        {"[\"or\", [\"=\", 1, 2], [\"=\", 2, 3]]", false},
        {"[\">=\", \"$free_ram_mb\", 1024]", true},
        {"[\">\", \"$free_ram_mb\", 1024]", false},
        {"[\"=\", \"$free_disk_mb\", 10240]", true},
        {"[\"=\", \"$total_usable_ram_mb\", 4096]", true},
        {"[\"=\", \"$vcpus_used\", 4]", true},
        {"[\"=\", \"$vcpus_total\", 16]", true},
        {"[\"=\", \"$num_io_ops\", 1]", true},
        {"[\"=\", \"$num_instances\", 4]", true},
        {"[\"=\", \"$hypervisor_hostname\", \"h\"]", true},
        {"[\"=\", \"$availability_zone\", \"z\"]", true},
        {"[\"=\", \"$host_ip\", \"127.0.0.1\"]", true},
        {"[\"=\", \"$capabilities.arch\", \"x86_64\"]", true},
        {"[\">=\", \"$capabilities.cpu.cores\", 8]", true},
        {"[\"=\", \"$capabilities.cpu.none\", 8]", false}, /* one operand is left: nothing to compare */
        {"[\"=\", \"$nothing\", \"$nothing\"]", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (matches(rows[i].query) != rows[i].holds)
            print_error("%s", rows[i].query);
        assert_false(matches(rows[i].query) != rows[i].holds);
    }
}

static void what_is_no_query_is_refused(void **state)
{
    static const char *const rows[] = {
        "{}", "[1]", "[\"near\", 1, 2]", "[\"and\", [\"near\", 1]]", "[\"=\", {}, 1]", "[[\"=\", 1, 1]]"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *query = json_loads(rows[i], 0, NULL);
        assert_int_equal(json_query_check(query), E_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(queries_hold_or_do_not), cmocka_unit_test(what_is_no_query_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
