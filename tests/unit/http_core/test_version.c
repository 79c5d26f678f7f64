/* Microversion negotiation: every combination of the two headers' forms against two services, and what the replies say. */
#include "tests/unit/http_core/fixture.h"

static enum err empty(struct request *request, struct response *response)
{
    (void)request;
    (void)response;
    return OK;
}

static const struct route routes[] = {{.method = "GET", .path = "/x", .handler = empty}, {.method = NULL}};

static void write_placement_error(const struct request *request, int status, const char *message, struct response *response)
{
    text_add_format(&response->body, "{\"errors\":[{\"status\":%d,\"detail\":\"%s\",\"max_version\":\"%d.%d\"}]}", status, message,
                    request->service->version_major, request->service->version_max);
}

static const struct service compute = {
    .name = "compute",
    .mounts = (const char *const[]){"/compute", NULL},
    .version_service = "compute",
    .legacy_header = "X-OpenStack-Nova-API-Version",
    .version_min = 1,
    .version_max = 93,
    .version_major = 2,
    .tables = (const struct route *const[]){routes, NULL},
    .request_id_header = "x-compute-request-id",
};

static const struct service placement = {
    .name = "placement",
    .mounts = (const char *const[]){"/placement", NULL},
    .version_service = "placement",
    .version_min = 0,
    .version_max = 39,
    .version_major = 1,
    .tables = (const struct route *const[]){routes, NULL},
    .write_error = write_placement_error,
};

static const struct service plain = {
    .name = "plain", .mounts = (const char *const[]){"/plain", NULL}, .tables = (const struct route *const[]){routes, NULL}};

static const struct service *const services[] = {&compute, &placement, &plain, NULL};

static const struct version_case {
    const char *standard;
    const char *legacy;
    int status;
    int version; /* of 200 */
    const char *said;
    bool given;
} compute_cases[] = {
    {NULL, NULL, 200, 1, "2.1", false},
    {"compute 2.1", NULL, 200, 1, "2.1", true},
    {"compute 2.27", NULL, 200, 27, "2.27", true},
    {"compute 2.93", NULL, 200, 93, "2.93", true},
    {"compute latest", NULL, 200, 93, "2.93", true},
    {"Compute LATEST", NULL, 200, 93, "2.93", true},
    {"  compute   2.5  ", NULL, 200, 5, "2.5", true},
    {"compute\t2.5", NULL, 200, 5, "2.5", true},
    {"placement 1.4, compute 2.27", NULL, 200, 27, "2.27", true},
    {"compute 2.27,placement 1.99", NULL, 200, 27, "2.27", true},
    {"compute 2.3, compute 2.4", NULL, 200, 4, "2.4", true},
    {"compute, compute 2.4", NULL, 200, 4, "2.4", true},
    {"placement 1.4", NULL, 200, 1, "2.1", false},
    {"computer 2.4", NULL, 200, 1, "2.1", false},
    {"", NULL, 200, 1, "2.1", false},
    {"2.27", NULL, 200, 1, "2.1", false},
    {NULL, "2.60", 200, 60, "2.60", true},
    {NULL, " latest ", 200, 93, "2.93", true},
    {NULL, "2.10, 2.11", 200, 11, "2.11", true},
    {"compute 2.27", "2.60", 200, 27, "2.27", true},
    {"placement 1.4", "2.60", 200, 60, "2.60", true},
    {"compute 2.27", "nonsense", 200, 27, "2.27", true},
    {"compute 2.0", NULL, 406, 0, "2.0", true},
    {"compute 2.94", NULL, 406, 0, "2.94", true},
    {"compute 2.999", "2.1", 406, 0, "2.999", true},
    {"compute 3.0", NULL, 406, 0, "3.0", true},
    {"compute 1.5", NULL, 406, 0, "1.5", true},
    {NULL, "2.94", 406, 0, "2.94", true},
    {"compute 2", NULL, 400, 0, "2.1", true},
    {"compute 2.", NULL, 400, 0, "2.1", true},
    {"compute .1", NULL, 400, 0, "2.1", true},
    {"compute 2.01", NULL, 400, 0, "2.1", true},
    {"compute 0.1", NULL, 400, 0, "2.1", true},
    {"compute 2.1.1", NULL, 400, 0, "2.1", true},
    {"compute 2.1 x", NULL, 400, 0, "2.1", true},
    {"compute -2.1", NULL, 400, 0, "2.1", true},
    {"compute 2.99999999999999999999", NULL, 400, 0, "2.1", true},
    {"compute abc", NULL, 400, 0, "2.1", true},
    {"compute 2.latest", NULL, 400, 0, "2.1", true},
    {NULL, "", 400, 0, "2.1", true},
    {NULL, "abc", 400, 0, "2.1", true},
};

static struct http_core setup_core(void)
{
    struct http_core core = {.services = services, .budget_ms = 1000};
    assert_int_equal(core_setup(&core), OK);
    return core;
}

static void check_compute(const struct http_core *core, const struct version_case *expected)
{
    struct conversation talk;
    print_message("\"%s\" \"%s\"\n", expected->standard ? expected->standard : "-", expected->legacy ? expected->legacy : "-");
    conversation_init(&talk, "GET", "/compute/x");
    if (expected->standard)
        conversation_header(&talk, "openstack-api-version", expected->standard);
    if (expected->legacy)
        conversation_header(&talk, "x-openstack-nova-api-version", expected->legacy);
    conversation_run(core, &talk);
    assert_int_equal(talk.response.status, expected->status);
    if (expected->status == 200)
        assert_int_equal(talk.request.version, expected->version);
    assert_int_equal(talk.request.version_given, expected->given);
    const char *standard = conversation_reply_header(&talk, "OpenStack-API-Version");
    assert_non_null(standard);
    assert_memory_equal(standard, "compute ", 8);
    assert_string_equal(standard + 8, expected->said);
    assert_string_equal(conversation_reply_header(&talk, "X-OpenStack-Nova-API-Version"), expected->said);
    assert_string_equal(conversation_reply_header(&talk, "Vary"), "OpenStack-API-Version, X-OpenStack-Nova-API-Version");
    assert_string_equal(conversation_reply_header(&talk, "x-compute-request-id"), talk.request.request_id);
    assert_string_equal(conversation_reply_header(&talk, "x-openstack-request-id"), talk.request.request_id);
    conversation_clear(&talk);
}

static void test_compute(void **state)
{
    (void)state;
    struct http_core core = setup_core();
    for (size_t i = 0; i < ARRAY_LEN(compute_cases); i++)
        check_compute(&core, &compute_cases[i]);
    core_clear(&core);
}

static void test_repeated_header(void **state)
{
    (void)state;
    struct http_core core = setup_core();
    struct conversation talk;
    conversation_init(&talk, "GET", "/compute/x");
    conversation_header(&talk, "OpenStack-API-Version", "compute 2.7");
    conversation_header(&talk, "OpenStack-API-Version", "placement 1.7");
    conversation_run(&core, &talk);
    assert_int_equal(talk.request.version, 7);
    conversation_clear(&talk);
    core_clear(&core);
}

static void test_406_words(void **state)
{
    (void)state;
    struct http_core core = setup_core();
    struct conversation talk;
    conversation_init(&talk, "GET", "/compute/x");
    conversation_header(&talk, "OpenStack-API-Version", "compute 2.999");
    conversation_run(&core, &talk);
    assert_string_equal(text_str(&talk.response.body),
                        "{\"computeFault\":{\"code\":406,\"message\":\"Version 2.999 is not supported by the API. "
                        "Minimum is 2.1 and maximum is 2.93.\"}}");
    conversation_clear(&talk);
    core_clear(&core);
}

/* Errors that come before the version is known carry the version headers too. */
static void test_headers_on_bad_path(void **state)
{
    (void)state;
    struct http_core core = setup_core();
    struct conversation talk;
    conversation_init(&talk, "GET", "/compute/x%2fy");
    conversation_header(&talk, "OpenStack-API-Version", "compute 2.30");
    conversation_run(&core, &talk);
    assert_int_equal(talk.response.status, 400);
    assert_non_null(strstr(text_str(&talk.response.body), "{\"badRequest\":{\"code\":400,\"message\":\"Malformed request url"));
    assert_string_equal(conversation_reply_header(&talk, "OpenStack-API-Version"), "compute 2.30");
    conversation_clear(&talk);
    core_clear(&core);
}

static void test_placement(void **state)
{
    (void)state;
    static const struct version_case cases[] = {
        {NULL, NULL, 200, 0, "placement 1.0", false},
        {"placement 1.39", NULL, 200, 39, "placement 1.39", true},
        {"placement latest", NULL, 200, 39, "placement 1.39", true},
        {NULL, "2.60", 200, 0, "placement 1.0", false},
        {"placement 1.99", NULL, 406, 0, "placement 1.99", true},
        {"placement abc", NULL, 400, 0, "placement 1.0", true},
    };
    struct http_core core = setup_core();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conversation talk;
        conversation_init(&talk, "GET", "/placement/x");
        if (cases[i].standard)
            conversation_header(&talk, "OpenStack-API-Version", cases[i].standard);
        if (cases[i].legacy)
            conversation_header(&talk, "X-OpenStack-Nova-API-Version", cases[i].legacy);
        conversation_run(&core, &talk);
        assert_int_equal(talk.response.status, cases[i].status);
        if (cases[i].status == 200)
            assert_int_equal(talk.request.version, cases[i].version);
        else
            assert_non_null(strstr(text_str(&talk.response.body), "\"max_version\":\"1.39\""));
        assert_string_equal(conversation_reply_header(&talk, "OpenStack-API-Version"), cases[i].said);
        assert_string_equal(conversation_reply_header(&talk, "Vary"), "openstack-api-version");
        assert_null(conversation_reply_header(&talk, "X-OpenStack-Nova-API-Version"));
        assert_null(conversation_reply_header(&talk, "x-compute-request-id"));
        conversation_clear(&talk);
    }
    core_clear(&core);
}

static void test_without_versions(void **state)
{
    (void)state;
    struct http_core core = setup_core();
    struct conversation talk;
    conversation_init(&talk, "GET", "/plain/x");
    conversation_header(&talk, "OpenStack-API-Version", "compute 9.9, plain 9.9");
    conversation_run(&core, &talk);
    assert_int_equal(talk.response.status, 200);
    assert_null(conversation_reply_header(&talk, "OpenStack-API-Version"));
    assert_null(conversation_reply_header(&talk, "Vary"));
    conversation_clear(&talk);
    core_clear(&core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compute),   cmocka_unit_test(test_repeated_header),  cmocka_unit_test(test_406_words),
        cmocka_unit_test(test_placement), cmocka_unit_test(test_without_versions), cmocka_unit_test(test_headers_on_bad_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
