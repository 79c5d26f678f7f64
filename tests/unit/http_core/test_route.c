/* From method, path and version to a route: precedence, captures, versions, methods, mounts, projects; tables that are refused. */
#include <stdio.h>

#include "gateway/base/clock.h"
#include "tests/unit/http_core/fixture.h"

/* The handler says which row it is and what was captured. */
static enum err tell(struct request *request, struct response *response)
{
    text_add_format(&response->body, "%s %s", request->route->method, request->route->path);
    for (size_t i = 0; i < request->params.count; i++)
        text_add_format(&response->body, " %s=%s", request->params.items[i].name, request->params.items[i].value);
    return OK;
}

static enum err tell_new(struct request *request, struct response *response)
{
    text_add_str(&response->body, "new ");
    return tell(request, response);
}

static const struct route compute_routes[] = {
    {.method = "GET", .path = "/", .handler = tell},
    {.method = "GET", .path = "/servers", .handler = tell},
    {.method = "POST", .path = "/servers", .handler = tell},
    {.method = "GET", .path = "/servers/detail", .handler = tell},
    {.method = "GET", .path = "/servers/{server_id}", .handler = tell},
    {.method = "DELETE", .path = "/servers/{id}", .handler = tell},
    {.method = "POST", .path = "/servers/{server_id}/action", .handler = tell},
    {.method = "GET", .path = "/servers/{server_id}/os-interface/{port}", .handler = tell},
    {.method = "GET", .path = "/keys", .min = 2, .max = 9, .handler = tell},
    {.method = "GET", .path = "/keys", .min = 10, .handler = tell_new},
    {.method = "PUT", .path = "/keys", .min = 5, .handler = tell},
    {.method = "GET", .path = "/old", .max = 35, .handler = tell},
    {.method = "HEAD", .path = "/both", .handler = tell_new},
    {.method = "GET", .path = "/both", .handler = tell},
    {.method = "GET", .path = "/files/{rest...}", .handler = tell},
    {.method = "GET", .path = "/files/known", .handler = tell},
    {.method = NULL},
};

static const struct route strict_routes[] = {
    {.method = "GET", .path = "/things", .handler = tell},
    {.method = "PUT", .path = "/things", .min = 5, .handler = tell},
    {.method = "DELETE", .path = "/things", .min = 5, .handler = tell},
    {.method = "GET", .path = "/later", .min = 5, .handler = tell},
    {.method = NULL},
};

static const struct route root_routes[] = {
    {.method = "GET", .path = "/", .handler = tell},
    {.method = "GET", .path = "/healthcheck", .handler = tell},
    {.method = NULL},
};

static const struct service compute = {
    .name = "compute",
    .mounts = (const char *const[]){"/compute/v2.1", "/v2.1", NULL},
    .project_in_path = true,
    .version_service = "compute",
    .legacy_header = "X-OpenStack-Nova-API-Version",
    .version_min = 1,
    .version_max = 93,
    .version_major = 2,
    .tables = (const struct route *const[]){compute_routes, NULL},
};

static const struct service strict = {
    .name = "strict",
    .mounts = (const char *const[]){"/strict", NULL},
    .version_service = "strict",
    .version_min = 0,
    .version_max = 9,
    .version_major = 1,
    .tables = (const struct route *const[]){strict_routes, NULL},
    .method_not_allowed = true,
};

static const struct service root = {
    .name = "root", .mounts = (const char *const[]){"/", NULL}, .tables = (const struct route *const[]){root_routes, NULL}};

static const struct service *const services[] = {&root, &compute, &strict, NULL};

static const struct route_case {
    const char *method;
    const char *target;
    const char *version; /* NULL: none sent */
    int status;
    const char *answer; /* of 200 */
} route_cases[] = {
    {"GET", "/compute/v2.1", NULL, 200, "GET /"},
    {"GET", "/compute/v2.1/", NULL, 200, "GET /"},
    {"GET", "/v2.1", NULL, 200, "GET /"},
    {"GET", "/compute/v2.10", NULL, 404, NULL},
    {"GET", "/compute/v2.1/servers", NULL, 200, "GET /servers"},
    {"GET", "/compute/v2.1/servers/", NULL, 200, "GET /servers"},
    {"GET", "/compute/v2.1//servers", NULL, 404, NULL},
    {"GET", "/compute/v2.1/servers//", NULL, 404, NULL},
    {"GET", "/compute/v2.1/Servers", NULL, 404, NULL},
    {"POST", "/compute/v2.1/servers", NULL, 200, "POST /servers"},
    {"PUT", "/compute/v2.1/servers", NULL, 404, NULL},
    {"BREW", "/compute/v2.1/servers", NULL, 404, NULL},
    {"GET", "/compute/v2.1/servers/detail", NULL, 200, "GET /servers/detail"},
    {"GET", "/compute/v2.1/servers/x", NULL, 200, "GET /servers/{server_id} server_id=x"},
    {"GET", "/compute/v2.1/servers/a%20b", NULL, 200, "GET /servers/{server_id} server_id=a b"},
    {"DELETE", "/compute/v2.1/servers/detail", NULL, 200, "DELETE /servers/{id} id=detail"},
    {"POST", "/compute/v2.1/servers/detail/action", NULL, 200, "POST /servers/{server_id}/action server_id=detail"},
    {"POST", "/compute/v2.1/servers//action", NULL, 404, NULL},
    {"GET", "/compute/v2.1/servers/a/os-interface/b", NULL, 200, "GET /servers/{server_id}/os-interface/{port} server_id=a port=b"},
    {"GET", "/compute/v2.1/servers/a/os-interface", NULL, 404, NULL},
    {"HEAD", "/compute/v2.1/servers", NULL, 200, "GET /servers"},
    {"HEAD", "/compute/v2.1/both", NULL, 200, "new HEAD /both"},
    {"GET", "/compute/v2.1/both", NULL, 200, "GET /both"},
    {"GET", "/compute/v2.1/keys", NULL, 404, NULL},
    {"GET", "/compute/v2.1/keys", "2", 200, "GET /keys"},
    {"GET", "/compute/v2.1/keys", "9", 200, "GET /keys"},
    {"GET", "/compute/v2.1/keys", "10", 200, "new GET /keys"},
    {"GET", "/compute/v2.1/keys", "93", 200, "new GET /keys"},
    {"PUT", "/compute/v2.1/keys", "4", 404, NULL},
    {"PUT", "/compute/v2.1/keys", "5", 200, "PUT /keys"},
    {"GET", "/compute/v2.1/old", "35", 200, "GET /old"},
    {"GET", "/compute/v2.1/old", "36", 404, NULL},
    {"GET", "/compute/v2.1/files", NULL, 200, "GET /files/{rest...} rest="},
    {"GET", "/compute/v2.1/files/a", NULL, 200, "GET /files/{rest...} rest=a"},
    {"GET", "/compute/v2.1/files/a/b/", NULL, 200, "GET /files/{rest...} rest=a/b/"},
    {"GET", "/compute/v2.1/files/known", NULL, 200, "GET /files/known"},
    {"GET", "/compute/v2.1/files/known/more", NULL, 200, "GET /files/{rest...} rest=known/more"},
    {"GET", "/compute/v2.1/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5", NULL, 404, NULL},
    {"GET", "/compute/v2.1/" PROJECT "/servers", NULL, 200, "GET /servers"},
    {"GET", "/compute/v2.1/01234567-89AB-cdef-0123-456789abcdef/servers", NULL, 200, "GET /servers"},
    {"GET", "/compute/v2.1/" PROJECT, NULL, 200, "GET /"},
    {"GET", "/compute/v2.1/" PROJECT "0/servers", NULL, 404, NULL},
    {"GET", "/compute/v2.1/0123456789abcdef0123456789abcdeg/servers", NULL, 404, NULL},
    {"GET", "/strict/" PROJECT "/things", NULL, 404, NULL},
    {"GET", "/strict/things", NULL, 200, "GET /things"},
    {"PUT", "/strict/things", NULL, 405, "GET"},
    {"DELETE", "/strict/things", NULL, 405, "GET"},
    {"PATCH", "/strict/things", "latest", 405, "GET, PUT, DELETE"},
    {"GET", "/strict/later", NULL, 404, NULL},
    {"PUT", "/strict/later", NULL, 405, "GET"},
    {"PUT", "/strict/later", "latest", 405, "GET"},
    {"GET", "/", NULL, 200, "GET /"},
    {"GET", "/healthcheck", NULL, 200, "GET /healthcheck"},
    {"GET", "/nothing", NULL, 404, NULL},
};

static void check_case(const struct http_core *core, const struct route_case *expected)
{
    struct conversation talk;
    char version[64] = "";
    print_message("%s %s %s\n", expected->method, expected->target, expected->version ? expected->version : "");
    conversation_init(&talk, expected->method, expected->target);
    if (expected->version && strcmp(expected->version, "latest") == 0)
        (void)snprintf(version, sizeof(version), "compute latest, strict latest");
    else if (expected->version)
        (void)snprintf(version, sizeof(version), "compute 2.%s", expected->version);
    if (expected->version)
        conversation_header(&talk, "openstack-api-version", version);
    conversation_run(core, &talk);
    assert_int_equal(talk.response.status, expected->status);
    if (expected->status == 200)
        assert_string_equal(text_str(&talk.response.body), expected->answer);
    if (expected->status == 405)
        assert_string_equal(conversation_reply_header(&talk, "Allow"), expected->answer);
    conversation_clear(&talk);
}

static void test_routes(void **state)
{
    (void)state;
    struct http_core core = {.services = services, .budget_ms = 1000};
    assert_int_equal(core_setup(&core), OK);
    for (size_t i = 0; i < ARRAY_LEN(route_cases); i++)
        check_case(&core, &route_cases[i]);
    core_clear(&core);
}

/* Without a service at "/", a path that nobody mounts is answered in compute's form. */
static void test_no_mount(void **state)
{
    (void)state;
    const struct service *const only[] = {&compute, NULL};
    struct http_core core = {.services = only, .budget_ms = 1000};
    struct conversation talk;
    assert_int_equal(core_setup(&core), OK);
    conversation_init(&talk, "GET", "/elsewhere");
    conversation_run(&core, &talk);
    assert_int_equal(talk.opened, E_NOT_FOUND);
    assert_string_equal(text_str(&talk.response.body),
                        "{\"itemNotFound\":{\"code\":404,\"message\":\"The resource could not be found.\"}}");
    assert_string_equal(conversation_reply_header(&talk, "x-openstack-request-id"), talk.request.request_id);
    assert_null(conversation_reply_header(&talk, "OpenStack-API-Version"));
    conversation_clear(&talk);
    core_clear(&core);
}

static enum err open_nothing(struct request *request, struct body_sink **out)
{
    (void)request;
    (void)out;
    return fail(E_INTERNAL, "never called");
}

static const struct bad_table {
    const char *says;
    struct route rows[3];
} bad_tables[] = {
    {"two rows", {{.method = "GET", .path = "/a/{x}", .handler = tell}, {.method = "GET", .path = "/a/{y}/", .handler = tell}}},
    {"two rows",
     {{.method = "GET", .path = "/a", .max = 5, .handler = tell}, {.method = "GET", .path = "/a", .min = 5, .handler = tell}}},
    {"no handler", {{.method = "GET", .path = "/a"}}},
    {"not a method", {{.method = "get", .path = "/a", .handler = tell}}},
    {"begins with a slash", {{.method = "GET", .path = "a", .handler = tell}}},
    {"a stream", {{.method = "PUT", .path = "/a", .handler = tell, .body = BODY_STREAM}}},
    {"a stream",
     {{.method = "PUT", .path = "/a", .handler = tell, .body = BODY_STREAM, .open = open_nothing, .scope = SCOPE_SERVER}}},
    {"inline", {{.method = "GET", .path = "/a", .handler = tell, .access = ACCESS_ANY, .inline_ok = 1}}},
    {"ends before", {{.method = "GET", .path = "/a", .handler = tell, .min = 5, .max = 4}}},
};

static void test_bad_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_tables); i++) {
        const struct service service = {.name = "bad",
                                        .mounts = (const char *const[]){"/bad", NULL},
                                        .tables = (const struct route *const[]){bad_tables[i].rows, NULL}};
        const struct service *const only[] = {&service, NULL};
        struct http_core core = {.services = only};
        assert_int_equal(core_setup(&core), E_INTERNAL);
        print_message("%s\n", err_message());
        assert_non_null(strstr(err_message(), bad_tables[i].says));
    }
}

static void test_bad_mounts(void **state)
{
    (void)state;
    const struct service slash = {
        .name = "s", .mounts = (const char *const[]){"/s/", NULL}, .tables = (const struct route *const[]){NULL}};
    const struct service *const twice[] = {&root, &root, NULL};
    const struct service *const bad[] = {&slash, NULL};
    struct http_core core = {.services = twice};
    assert_int_equal(core_setup(&core), E_INTERNAL);
    core.services = bad;
    assert_int_equal(core_setup(&core), E_INTERNAL);
}

static struct route big_table[201];
static char big_paths[200][48];

/* 200 routes: a look-up must stay far below the 100 us that one request has at 10000 a second. */
static void test_speed(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        (void)snprintf(big_paths[i], sizeof(big_paths[i]), "/resource-%d/{id}/part-%d", i / 4, i);
        big_table[i] = (struct route){.method = "GET", .path = big_paths[i], .handler = tell};
    }
    const struct service service = {
        .name = "big", .mounts = (const char *const[]){"/big", NULL}, .tables = (const struct route *const[]){big_table, NULL}};
    const struct service *const only[] = {&service, NULL};
    struct http_core core = {.services = only, .budget_ms = 1000};
    assert_int_equal(core_setup(&core), OK);
    const int64_t before = clock_mono_us();
    for (int i = 0; i < 20000; i++) {
        struct conversation talk;
        conversation_init(&talk, "GET", "/big/resource-49/123/part-199");
        assert_int_equal(core_open(&core, &talk.request, &talk.response), OK);
        conversation_clear(&talk);
    }
    const double each = (double)(clock_mono_us() - before) / 20000;
    print_message("core_open: %.2f us\n", each);
    assert_true(each < 100);
    core_clear(&core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),     cmocka_unit_test(test_no_mount), cmocka_unit_test(test_bad_tables),
        cmocka_unit_test(test_bad_mounts), cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
