/* Query strings of Placement: what is read, and the words for what is refused (spec placement.md 6.1); Accept; error bodies. */
#include "gateway/api/placement/groups.h"
#include "gateway/api/placement/inside.h"
#include "gateway/api/placement/parameters.h"
#include "gateway/api/placement/service.h"
#include "tests/unit/base/check.h"

#define A "83a3d69d-8920-48e2-8914-cadfd8fa2f91"
#define B "99652f11-9f77-46b9-80b7-4b1989be9f8c"

struct asking {
    struct gateway gateway;
    struct arena arena;
    struct request request;
};

/* "name=value&name=value", not encoded. */
static void ask(struct asking *asking, int version, const char *query)
{
    config_init(&asking->gateway.config);
    asking->request = (struct request){.gateway = &asking->gateway, .arena = &asking->arena, .version = version};
    char *rest = arena_strdup(&asking->arena, query);
    for (char *pair = strsep(&rest, "&"); pair; pair = strsep(&rest, "&")) {
        char *value = strchr(pair, '=');
        assert_non_null(value);
        *value = '\0';
        pairs_add(&asking->arena, &asking->request.query, pair, value + 1);
    }
}

static void end(struct asking *asking)
{
    config_clear(&asking->gateway.config);
    arena_clear(&asking->arena);
}

static const struct {
    int version;
    const char *query;
    const char *words; /* NULL: it is read */
    const char *code;
} queries[] = {
    {10, "resources=VCPU:1", NULL, NULL},
    {10, "resources=VCPU:1,MEMORY_MB:2", NULL, NULL},
    {10, "resources=", "Badly formed resources parameter.", NULL},
    {10, "resources=VCPU", "Got: VCPU.", NULL},
    {10, "resources=VCPU:1:2", "Got: VCPU:1:2.", NULL},
    {10, "resources=VCPU:x", "Requested resource VCPU expected positive integer amount. Got: x.", NULL},
    {10, "resources=VCPU:0", "Requested resource VCPU requires amount >= 1. Got: 0.", NULL},
    {10, "resources=VCPU:-5", "Requested resource VCPU requires amount >= 1. Got: -5.", NULL},
    {10, "resources=VCPU:99999999999999999999", "expected positive integer amount", NULL},
    {17, "resources=VCPU:1&required=,", "Got an empty trait in: ,", NULL},
    {21, "resources=VCPU:1&required=!A", "HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: !A", NULL},
    {22, "resources=VCPU:1&required=!A", NULL, NULL},
    {22, "resources=VCPU:1&required=!", "HW_CPU_X86_VMX,!CUSTOM_MAGIC. Got an empty trait in: !", NULL},
    {22, "resources=VCPU:1&required=A,!A", "following traits keys: required: (A)", NULL},
    {38, "resources=VCPU:1&required=in:A,B", "only supported since microversion 1.39", NULL},
    {39, "resources=VCPU:1&required=in:A,B", NULL, NULL},
    {39, "resources=VCPU:1&required=in:A,!B", "does not support forbidden traits", NULL},
    {39, "resources=VCPU:1&required=in:A,B&required=!A", NULL, NULL},
    {39, "resources=VCPU:1&required=in:A,B&required=!A,!B", "required: (A, B)", NULL},
    {21, "resources=VCPU:1&member_of=x", "contain valid UUID(s). Got: x", NULL},
    {21, "resources=VCPU:1&member_of=" A "," B, "Multiple values for 'member_of' must be prefixed", NULL},
    {21, "resources=VCPU:1&member_of=" A "&member_of=" B, "Multiple member_of parameters are not supported", NULL},
    {24, "resources=VCPU:1&member_of=" A "&member_of=" B, NULL, NULL},
    {31, "resources=VCPU:1&member_of=!" A, "Forbidden member_of parameters are not supported", NULL},
    {32, "resources=VCPU:1&member_of=!in:" A "," B, NULL, NULL},
    {32, "resources=VCPU:1&member_of=in:", "contain valid UUID(s). Got: ", NULL},
    {31, "resources=VCPU:1&in_tree=life", "Expected 'in_tree' parameter to be a format of uuid. Got: life", NULL},
    {25, "resources1=VCPU:1&resources2=VCPU:1", "\"group_policy\" parameter is required", NULL},
    {25, "resources1=VCPU:1&resources2=VCPU:1&group_policy=none", NULL, NULL},
    {25, "resources=VCPU:1&resources2=VCPU:1", NULL, NULL},
    {25, "required=A&required1=B", "orphaned traits keys: required, required1", NULL},
    {25, "member_of=" A "&member_of3=" B, "orphaned member_of keys: member_of, member_of3", NULL},
    {31, "in_tree=" A, "All request groups must specify resources.", NULL},
    {25, "group_policy=none", "At least one request group (`resources` or `resources{$S}`) is required.", NULL},
    {36, "group_policy=none", "There must be at least one resources", "placement.query.missing_value"},
    {36, "resources=VCPU:1&required_A=B", "bad group(s) - ['_A']", "placement.query.bad_value"},
    {36, "resources_B=VCPU:1&required_A=B&same_subtree=_A,_B&group_policy=none", NULL, NULL},
    {36, "resources_B=VCPU:1&same_subtree=_A,_B", "_A is not the suffix of a group", "placement.query.bad_value"},
    {36, "resources_B=VCPU:1&same_subtree=,_B", "Empty string (unsuffixed group)", "placement.query.bad_value"},
    {35, "resources=VCPU:1&root_required=A&root_required=B", "may be specified only once", "placement.query.duplicate_key"},
    {35, "resources=VCPU:1&root_required=A,!A", "traits found in root_required: A", "placement.query.bad_value"},
    {35, "resources=VCPU:1&root_required=in:A", "not supported in 'root_required'", NULL},
    {16, "resources=VCPU:1&limit=99999999999999999999", NULL, NULL},
};

static void test_candidate_queries(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        struct asking asking = {0};
        struct candidates_request wanted;
        ask(&asking, queries[i].version, queries[i].query);
        const enum err result = groups_read(&asking.request, &wanted);
        print_message("1.%d %s\n", queries[i].version, queries[i].query);
        assert_int_equal(result, queries[i].words ? E_INVALID : OK);
        if (result != OK) {
            print_message("    %s\n", err_message());
            assert_non_null(strstr(err_message(), queries[i].words));
            if (queries[i].code)
                assert_string_equal(asking.request.error_code, queries[i].code);
            else
                assert_null(asking.request.error_code);
        }
        end(&asking);
    }
}

static void test_groups_of_a_query(void **state)
{
    (void)state;
    struct asking asking = {0};
    struct candidates_request wanted;
    ask(&asking, 39,
        "resources=VCPU:2,MEMORY_MB:512,VCPU:3&required=T1,!T2&required=in:T3,T4&resources_N=SRIOV_NET_VF:1&in_tree_N=" A
        "&member_of_N=in:" A "," B "&member_of_N=!" B "&resources_M=VGPU:1&group_policy=isolate&limit=7&same_subtree=_N,_M");
    assert_int_equal(groups_read(&asking.request, &wanted), OK);
    assert_int_equal(wanted.group_count, 3);
    assert_int_equal(wanted.limit, 7);
    assert_int_equal(wanted.group_policy, GROUP_POLICY_ISOLATE);
    assert_true(wanted.nested_aware && wanted.all_classes && wanted.want_traits);
    const struct placement_query *plain = &wanted.groups[0].query;
    assert_string_equal(wanted.groups[0].suffix, "");
    assert_int_equal(plain->resources.count, 2);
    assert_string_equal(plain->resources.items[0].resource_class, "VCPU");
    assert_int_equal(plain->resources.items[0].amount, 3); /* the last one counts */
    assert_int_equal(plain->traits.required_count, 2);
    assert_string_equal(plain->traits.required[0].items[0], "T1");
    assert_int_equal(plain->traits.required[1].count, 2);
    assert_int_equal(plain->traits.forbidden.count, 1);
    const struct placement_query *network = &wanted.groups[1].query;
    assert_string_equal(wanted.groups[1].suffix, "_N");
    assert_non_null(network->in_tree);
    assert_int_equal(network->aggregates.required_count, 1);
    assert_int_equal(network->aggregates.required[0].count, 2);
    assert_int_equal(network->aggregates.forbidden.count, 1);
    assert_int_equal(wanted.same_subtree_count, 1);
    assert_string_equal(wanted.same_subtrees[0].suffixes[1], "_M");
    end(&asking);
}

/* Below 1.39 the last of repeated `required` counts. */
static void test_last_required_counts(void **state)
{
    (void)state;
    struct asking asking = {0};
    struct candidates_request wanted;
    ask(&asking, 38, "resources=VCPU:1&required=T1&required=T2");
    assert_int_equal(groups_read(&asking.request, &wanted), OK);
    assert_int_equal(wanted.groups[0].query.traits.required_count, 1);
    assert_string_equal(wanted.groups[0].query.traits.required[0].items[0], "T2");
    end(&asking);
}

static void test_too_many_groups(void **state)
{
    (void)state;
    struct asking asking = {0};
    struct candidates_request wanted;
    ask(&asking, 39, "resources=VCPU:1");
    for (int i = 0; i < 1000; i++)
        pairs_add(&asking.arena, &asking.request.query, arena_printf(&asking.arena, "resources%d", i), "VCPU:1");
    assert_int_equal(groups_read(&asking.request, &wanted), E_INVALID);
    assert_non_null(strstr(err_message(), "more than 256 request groups"));
    end(&asking);
}

static void test_long_lists(void **state)
{
    (void)state;
    struct asking asking = {0};
    struct candidates_request wanted;
    CLEANUP(text_clear) struct text traits = {0};
    for (int i = 0; i < 20000; i++)
        text_add_format(&traits, "%s%sCUSTOM_%d", i ? "," : "", i % 2 ? "!" : "", i);
    ask(&asking, 39, "resources=VCPU:1");
    pairs_add(&asking.arena, &asking.request.query, "required", text_str(&traits));
    assert_int_equal(groups_read(&asking.request, &wanted), OK);
    assert_int_equal(wanted.groups[0].query.traits.required_count, 10000);
    assert_int_equal(wanted.groups[0].query.traits.forbidden.count, 10000);
    pairs_add(&asking.arena, &asking.request.query, "required", "ONE_MORE");
    must_fail(groups_read(&asking.request, &wanted), E_INVALID,
              "Invalid query string parameters: a list has more than 20000 entries.");
    end(&asking);
}

static void test_accept(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool json;
        const char *error_type;
    } cases[] = {
        {NULL, true, "application/json"},
        {"", true, "application/json"},
        {"*/*", true, "application/json"},
        {"application/json", true, "application/json"},
        {"application/*", true, "application/json"},
        {"APPLICATION/JSON; q=0.5", true, "application/json"},
        {"text/html", false, "text/html"},
        {"text/*", false, "text/html"},
        {"text/plain", false, "text/plain"},
        {"application/json;q=0", false, "text/plain"},
        {"application/json;level=1", false, "text/plain"},
        {"text/html,application/json;q=0.9", true, "text/html"},
        {"text/html;q=0.5,*/*", true, "application/json"},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true, "text/html"},
        {"text/html,application/xhtml+xml,application/xml;q=0.9", false, "text/html"},
        {",,;;,/", false, "text/plain"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(placement_accepts_json(cases[i].accept), cases[i].json);
        assert_string_equal(placement_error_type(cases[i].accept), cases[i].error_type);
    }
}

static void test_error_bodies(void **state)
{
    (void)state;
    struct asking asking = {0};
    struct response response;
    response_init(&response);
    ask(&asking, 22, "a=b");
    asking.request.service = &placement_root_service;
    asking.request.request_id = "req-1";
    placement_write_error(&asking.request, 404, "No <b>provider</b>\n\"x\"", &response);
    assert_string_equal(text_str(&response.body),
                        "{\"errors\": [{\"status\": 404, \"title\": \"Not Found\", \"detail\": \"The resource could not be "
                        "found.\\n\\n No provider \\\"x\\\"\", \"request_id\": \"req-1\"}]}");
    asking.request.version = 23;
    asking.request.error_code = CODE_CONCURRENT;
    placement_write_error(&asking.request, 409, "x", &response);
    assert_non_null(strstr(text_str(&response.body), "\"code\": \"placement.concurrent_update\""));
    asking.request.version_refused = true;
    placement_write_error(&asking.request, 406, "x", &response);
    assert_null(strstr(text_str(&response.body), "\"code\""));
    assert_non_null(strstr(text_str(&response.body), "\"max_version\": \"1.39\", \"min_version\": \"1.0\""));
    pairs_add(&asking.arena, &asking.request.headers, "accept", "text/html");
    placement_write_error(&asking.request, 406, "<x>", &response);
    assert_string_equal(response.content_type, "text/html; charset=UTF-8");
    assert_non_null(strstr(text_str(&response.body), "&lt;x&gt;"));
    response_clear(&response);
    end(&asking);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidate_queries),    cmocka_unit_test(test_groups_of_a_query),
        cmocka_unit_test(test_last_required_counts), cmocka_unit_test(test_too_many_groups),
        cmocka_unit_test(test_long_lists),           cmocka_unit_test(test_accept),
        cmocka_unit_test(test_error_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
