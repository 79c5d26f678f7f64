/* What happens around a handler: access, project, bodies, errors, ids, links, streams, metrics. */
#include <stdio.h>

#include "gateway/base/metrics.h"
#include "schema/json/json.h"
#include "tests/unit/http_core/fixture.h"

#define OTHER_PROJECT "ffffffffffffffffffffffffffffffff"

/* What the fake `authenticate` and `locate` hooks do is said by two request headers. */
static const struct persona {
    const char *name;
    const char *project;
    bool member;
    bool admin;
    bool link;
} personas[] = {
    {"reader", PROJECT, false, false, false}, {"member", PROJECT, true, false, false},       {"admin", PROJECT, true, true, false},
    {"unscoped", NULL, false, false, false},  {"unscoped-member", NULL, true, false, false}, {"link", NULL, false, false, true},
};

static int fake_link;

static enum err authenticate(struct request *request)
{
    const char *who = request_header(request, "X-Auth-Token");
    for (size_t i = 0; who && i < ARRAY_LEN(personas); i++) {
        if (strcmp(personas[i].name, who) != 0)
            continue;
        request->caller.project_id = personas[i].project;
        request->caller.is_member = personas[i].member;
        request->caller.is_admin = personas[i].admin;
        request->link = personas[i].link ? (struct link_caller *)&fake_link : NULL;
        return OK;
    }
    return fail(E_UNAUTHORIZED, "The request you have made requires authentication.");
}

static enum err locate(struct request *request, struct response *response, bool *answered)
{
    if (strcmp(request_param(request, "server_id"), "silent") == 0)
        return fail(E_UNAVAILABLE, "Zone east is silent.");
    static bool left; /* "leaving" is here at the first look only */
    if (strcmp(request_param(request, "server_id"), "leaving") == 0 && !left) {
        request->server = (const struct server *)&fake_link;
        left = true;
        return OK;
    }
    *answered = strcmp(request_param(request, "server_id"), "there") == 0 || left;
    left = false;
    if (*answered) {
        response_header(request, response, "OpenStack-API-Version", "compute 2.77");
        text_add(&response->body, request->body, request->body_length);
        response->status = 207;
    }
    return OK;
}

static enum err echo(struct request *request, struct response *response)
{
    if (request->json)
        response->json = json_incref(request->json);
    else
        text_add(&response->body, request->body, request->body_length);
    return OK;
}

static enum err echo_of_server(struct request *request, struct response *response)
{
    return request->server ? fail(E_NOT_FOUND, "It was here a moment ago.") : echo(request, response);
}

static enum err breaks(struct request *request, struct response *response)
{
    response->status = 202;
    response->json = json_pack("{s:s}", "half", "done");
    response_header(request, response, "Retry-After", "7");
    const char *kind = request_query(request, "kind");
    const char *message = request_query(request, "message");
    for (int i = 1; i < ERR_COUNT; i++)
        if (strcmp(err_name((enum err)i), kind) == 0)
            return fail((enum err)i, "%s", message ? message : "the cause");
    return OK;
}

static enum err link_handler(struct request *request, struct response *response)
{
    text_add_format(&response->body, "%s %s", request_link(request, "/servers/%d", 7), request_bookmark(request, "/servers/%d", 7));
    return OK;
}

static const struct body_schema by_version[] = {{1, "add_fixed_ip"}, {10, "add_floating_ip"}, {0, NULL}};

static const struct route routes[] = {
    {.method = "GET", .path = "/public", .access = ACCESS_PUBLIC, .handler = echo},
    {.method = "GET", .path = "/any", .access = ACCESS_ANY, .handler = echo},
    {.method = "GET", .path = "/reader", .access = ACCESS_READER, .handler = echo},
    {.method = "GET", .path = "/member", .access = ACCESS_MEMBER, .handler = echo},
    {.method = "GET", .path = "/admin", .access = ACCESS_ADMIN, .handler = echo},
    {.method = "GET", .path = "/link", .access = ACCESS_LINK, .handler = echo},
    {.method = "GET", .path = "/loose-reader", .access = ACCESS_READER, .handler = echo, .unscoped_ok = 1},
    {.method = "GET", .path = "/loose-member", .access = ACCESS_MEMBER, .handler = echo, .unscoped_ok = 1},
    {.method = "POST", .path = "/none", .handler = echo},
    {.method = "POST", .path = "/json", .handler = echo, .body = BODY_JSON},
    {.method = "POST", .path = "/schema", .handler = echo, .body = BODY_JSON, .schema = "add_fixed_ip"},
    {.method = "POST", .path = "/schemas", .handler = echo, .body = BODY_JSON, .schemas = by_version},
    {.method = "POST", .path = "/opaque", .handler = echo, .body = BODY_OPAQUE},
    {.method = "GET", .path = "/break", .handler = breaks},
    {.method = "GET", .path = "/links", .handler = link_handler},
    {.method = "POST",
     .path = "/servers/{server_id}",
     .handler = echo_of_server,
     .body = BODY_JSON,
     .access = ACCESS_READER,
     .scope = SCOPE_SERVER},
    {.method = NULL},
};

static const struct service compute = {
    .name = "core-test",
    .mounts = (const char *const[]){"/compute/v2.1", NULL},
    .project_in_path = true,
    .version_service = "compute",
    .version_min = 1,
    .version_max = 93,
    .version_major = 2,
    .tables = (const struct route *const[]){routes, NULL},
};

static const struct service typed = {
    .name = "typed",
    .mounts = (const char *const[]){"/typed", NULL},
    .tables = (const struct route *const[]){routes, NULL},
    .content_type_required = true,
};

/* Of a repeated query parameter one counts: which one the service says. */
static void repeated_parameters(void **state)
{
    const struct service last = {.last_parameter_counts = true};
    struct http_pair pairs[] = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
    struct request request = {.service = &compute, .query = {pairs, ARRAY_LEN(pairs), ARRAY_LEN(pairs)}};
    (void)state;
    assert_string_equal(request_query(&request, "a"), "1");
    assert_string_equal(request_query(&request, "b"), "2");
    request.service = &last;
    assert_string_equal(request_query(&request, "a"), "3");
    assert_string_equal(request_query(&request, "b"), "2");
    assert_null(request_query(&request, "c"));
}

static const struct service *const services[] = {&compute, &typed, NULL};

static int setup(void **state)
{
    static struct http_core core;
    assert_int_equal(json_schemas_open(), OK);
    core = (struct http_core){.services = services, .hooks = {authenticate, locate}, .budget_ms = 1000};
    assert_int_equal(core_setup(&core), OK);
    *state = &core;
    return 0;
}

static int teardown(void **state)
{
    core_clear(*state);
    json_schemas_close();
    return 0;
}

static int status_of(const struct http_core *core, const char *target, const char *who)
{
    struct conversation talk;
    conversation_init(&talk, "GET", target);
    if (who)
        conversation_header(&talk, "x-auth-token", who);
    conversation_run(core, &talk);
    const int status = talk.response.status;
    if (status == 401)
        assert_string_equal(conversation_reply_header(&talk, "WWW-Authenticate"), "Keystone uri=\"http://zone:8774\"");
    conversation_clear(&talk);
    return status;
}

/* Every access against every persona. */
static void test_access(void **state)
{
    static const char *const who[] = {NULL, "nobody", "reader", "member", "admin", "unscoped", "unscoped-member", "link"};
    static const struct {
        const char *route;
        int status[ARRAY_LEN(who)];
    } rows[] = {
        {"public", {200, 200, 200, 200, 200, 200, 200, 200}},       {"any", {401, 401, 200, 200, 200, 200, 200, 200}},
        {"reader", {401, 401, 200, 200, 200, 403, 403, 403}},       {"member", {401, 401, 403, 200, 200, 403, 403, 403}},
        {"admin", {401, 401, 403, 403, 200, 403, 403, 403}},        {"link", {401, 401, 403, 403, 200, 403, 403, 200}},
        {"loose-reader", {401, 401, 200, 200, 200, 200, 200, 200}}, {"loose-member", {401, 401, 403, 200, 200, 403, 200, 403}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t j = 0; j < ARRAY_LEN(who); j++) {
            char target[64];
            (void)snprintf(target, sizeof(target), "/compute/v2.1/%s", rows[i].route);
            print_message("%s as %s\n", target, who[j] ? who[j] : "-");
            assert_int_equal(status_of(*state, target, who[j]), rows[i].status[j]);
        }
    }
}

static void test_policy_words(void **state)
{
    struct conversation talk;
    conversation_init(&talk, "GET", "/compute/v2.1/admin");
    conversation_header(&talk, "X-Auth-Token", "member");
    conversation_run(*state, &talk);
    assert_string_equal(text_str(&talk.response.body),
                        "{\"forbidden\":{\"code\":403,\"message\":\"Policy doesn't allow GET /admin to be performed.\"}}");
    conversation_clear(&talk);
}

static void test_project_in_path(void **state)
{
    assert_int_equal(status_of(*state, "/compute/v2.1/" PROJECT "/reader", "reader"), 200);
    assert_int_equal(status_of(*state, "/compute/v2.1/01234567-89AB-CDEF-0123-456789ABCDEF/reader", "reader"), 200);
    assert_int_equal(status_of(*state, "/compute/v2.1/" OTHER_PROJECT "/reader", "reader"), 400);
    assert_int_equal(status_of(*state, "/compute/v2.1/" OTHER_PROJECT "/reader", "admin"), 400);
    assert_int_equal(status_of(*state, "/compute/v2.1/" OTHER_PROJECT "/any", "unscoped"), 400);
    assert_int_equal(status_of(*state, "/compute/v2.1/" OTHER_PROJECT "/reader", NULL), 401);
    assert_int_equal(status_of(*state, "/compute/v2.1/" OTHER_PROJECT "/public", NULL), 200);
}

static const struct body_case {
    const char *target;
    const char *type;
    const char *body;
    int status;
    const char *answer; /* a part of it */
} body_cases[] = {
    {"/compute/v2.1/none", "text/plain", "ignored", 200, "ignored"},
    {"/compute/v2.1/json", "application/json", "{\"a\": 1}", 200, "{\"a\":1}"},
    {"/compute/v2.1/json", "Application/JSON; charset=utf-8", "{\"a\":1}", 200, "{\"a\":1}"},
    {"/compute/v2.1/json", "application/json;charset=utf-8", "{}", 200, "{}"},
    {"/compute/v2.1/json", NULL, "{\"a\":1}", 200, "{\"a\":1}"},
    {"/compute/v2.1/json", "application/json", "", 400, "Malformed request body"},
    {"/compute/v2.1/json", NULL, "", 400, "Malformed request body"},
    {"/compute/v2.1/json", "application/json", "[1]", 400, "Malformed request body"},
    {"/compute/v2.1/json", "application/json", "{", 400, "Malformed request body"},
    {"/compute/v2.1/json", "application/json", "{\"a\":1}{}", 400, "Malformed request body"},
    {"/compute/v2.1/json", "application/xml", "{}", 415, "badMediaType"},
    {"/compute/v2.1/json", "application/jsonp", "{}", 415, "badMediaType"},
    {"/compute/v2.1/json", "", "{}", 415, "badMediaType"},
    {"/compute/v2.1/schema", "application/json", "{\"addFixedIp\":{\"networkId\":1}}", 200, "networkId"},
    {"/compute/v2.1/schema", "application/json", "{}", 400, "'addFixedIp' is a required property"},
    {"/compute/v2.1/schema", "application/json", "[]", 400, "[] is not of type 'object'"},
    {"/compute/v2.1/schemas", NULL, "{\"addFixedIp\":{\"networkId\":1}}", 200, "networkId"},
    {"/compute/v2.1/opaque", "application/octet-stream", "{\"a\":", 200, "{\"a\":"},
    {"/compute/v2.1/opaque", NULL, "{\"a\" : 1}", 200, "{\"a\" : 1}"},
    {"/compute/v2.1/opaque", "application/openstack-images-v2.1-json-patch", "[ 1 ]", 200, "[1]"},
    {"/compute/v2.1/opaque", "application/json", "[ 1", 400, "Malformed request body"},
    {"/compute/v2.1/opaque", "application/json", "", 200, ""},
    {"/typed/json", "application/json", "{}", 200, "{}"},
    {"/typed/json", NULL, "{}", 400, "content-type header required"},
    {"/typed/json", "text/html", "{}", 415, "text/html is not supported"},
};

static void test_bodies(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(body_cases); i++) {
        struct conversation talk;
        print_message("%s %s %s\n", body_cases[i].target, body_cases[i].type ? body_cases[i].type : "-", body_cases[i].body);
        conversation_init(&talk, "POST", body_cases[i].target);
        if (body_cases[i].type)
            conversation_header(&talk, "content-type", body_cases[i].type);
        conversation_body(&talk, body_cases[i].body);
        conversation_run(*state, &talk);
        assert_int_equal(talk.response.status, body_cases[i].status);
        assert_non_null(strstr(text_str(&talk.response.body), body_cases[i].answer));
        conversation_clear(&talk);
    }
}

static int status_by_version(const struct http_core *core, const char *version, const char *body)
{
    struct conversation talk;
    conversation_init(&talk, "POST", "/compute/v2.1/schemas");
    conversation_header(&talk, "OpenStack-API-Version", version);
    conversation_body(&talk, body);
    conversation_run(core, &talk);
    const int status = talk.response.status;
    conversation_clear(&talk);
    return status;
}

static void test_schema_by_version(void **state)
{
    static const char fixed[] = "{\"addFixedIp\":{\"networkId\":1}}";
    static const char floating[] = "{\"addFloatingIp\":{\"address\":\"192.0.2.1\"}}";
    assert_int_equal(status_by_version(*state, "compute 2.9", fixed), 200);
    assert_int_equal(status_by_version(*state, "compute 2.9", floating), 400);
    assert_int_equal(status_by_version(*state, "compute 2.10", fixed), 400);
    assert_int_equal(status_by_version(*state, "compute 2.10", floating), 200);
    assert_int_equal(status_by_version(*state, "compute latest", floating), 200);
}

/* Every kind: its status and fault name; what the client is told of internal errors is not the cause. */
static void test_errors(void **state)
{
    for (int i = 1; i < ERR_COUNT; i++) {
        const enum err kind = (enum err)i;
        struct conversation talk;
        char target[128];
        (void)snprintf(target, sizeof(target), "/compute/v2.1/break?kind=%s", err_name(kind));
        conversation_init(&talk, "GET", target);
        conversation_run(*state, &talk);
        assert_int_equal(talk.response.status, err_status(kind));
        json_t *body = json_loadb(talk.response.body.bytes, talk.response.body.length, 0, NULL);
        json_t *fault = json_object_get(body, err_fault(err_from_status(err_status(kind))));
        print_message("%s\n", text_str(&talk.response.body));
        assert_int_equal(json_object_size(body), 1);
        assert_int_equal(json_integer_value(json_object_get(fault, "code")), err_status(kind));
        const char *message = json_string_value(json_object_get(fault, "message"));
        if (err_status(kind) == 500)
            assert_non_null(strstr(message, talk.request.request_id));
        assert_int_equal(strcmp(message, "the cause") == 0, err_status(kind) != 500 && kind != E_RETRY);
        assert_string_equal(conversation_reply_header(&talk, "Retry-After"), "7");
        const bool over_limit = err_status(kind) == 413 || err_status(kind) == 429;
        assert_int_equal(json_object_get(fault, "retryAfter") != NULL, over_limit);
        json_decref(body);
        conversation_clear(&talk);
    }
}

static void test_message_is_utf8(void **state)
{
    struct conversation talk;
    struct text target = {0};
    text_add_str(&target, "/compute/v2.1/break?kind=E_INVALID&message=x");
    for (int i = 0; i < 600; i++) /* 1 + 2 × 600 bytes: cut at 1023 within a character */
        text_add_str(&target, "%C3%A4");
    conversation_init(&talk, "GET", text_str(&target));
    conversation_run(*state, &talk);
    assert_int_equal(talk.response.status, 400);
    assert_true(str_is_utf8(talk.response.body.bytes, talk.response.body.length));
    assert_true(talk.response.body.length > 1000);
    core_error(&talk.request, E_INVALID, "bad \xff byte", &talk.response);
    assert_non_null(strstr(text_str(&talk.response.body), "bad ? byte"));
    text_clear(&target);
    conversation_clear(&talk);
}

static void test_locate(void **state)
{
    static const struct {
        const char *id;
        const char *body;
        int status;
        const char *version;
    } rows[] = {
        {"here", "{}", 200, "compute 2.1"},
        {"here", "{", 400, "compute 2.1"},
        {"there", "{ not for us to judge", 207, "compute 2.77"},
        {"silent", "{}", 503, "compute 2.1"},
        {"leaving", "{}", 207, "compute 2.77"}, /* it went to another zone between the look and the deed */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conversation talk;
        char target[64];
        (void)snprintf(target, sizeof(target), "/compute/v2.1/servers/%s", rows[i].id);
        conversation_init(&talk, "POST", target);
        conversation_header(&talk, "X-Auth-Token", "reader");
        conversation_body(&talk, rows[i].body);
        conversation_run(*state, &talk);
        assert_int_equal(talk.response.status, rows[i].status);
        assert_string_equal(conversation_reply_header(&talk, "OpenStack-API-Version"), rows[i].version);
        conversation_clear(&talk);
    }
}

static void test_request_ids(void **state)
{
    static const char given[] = "req-01234567-89ab-cdef-0123-456789abcdef";
    struct conversation talk;
    conversation_init(&talk, "GET", "/compute/v2.1/public");
    conversation_header(&talk, "X-OpenStack-Request-ID", given);
    conversation_run(*state, &talk);
    assert_string_equal(talk.request.global_request_id, given);
    assert_string_not_equal(talk.request.request_id, given);
    assert_true(request_id_is_valid(talk.request.request_id));
    assert_string_equal(conversation_reply_header(&talk, "x-openstack-request-id"), talk.request.request_id);
    conversation_clear(&talk);
    conversation_init(&talk, "GET", "/compute/v2.1/public");
    conversation_header(&talk, "X-OpenStack-Request-ID", "req-nonsense");
    conversation_run(*state, &talk);
    assert_null(talk.request.global_request_id);
    conversation_clear(&talk);
}

static void test_links(void **state)
{
    static const struct {
        const char *target;
        const char *links;
    } rows[] = {
        {"/compute/v2.1/links", "http://zone:8774/compute/v2.1/servers/7 http://zone:8774/compute/servers/7"},
        {"/compute/v2.1/" PROJECT "/links",
         "http://zone:8774/compute/v2.1/" PROJECT "/servers/7 http://zone:8774/compute/" PROJECT "/servers/7"},
        {"/typed/links", "http://zone:8774/typed/servers/7 http://zone:8774/typed/servers/7"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conversation talk;
        conversation_init(&talk, "GET", rows[i].target);
        conversation_run(*state, &talk);
        assert_string_equal(text_str(&talk.response.body), rows[i].links);
        conversation_clear(&talk);
    }
}

static void test_header_values_end_no_line(void **state)
{
    (void)state;
    struct conversation talk;
    conversation_init(&talk, "GET", "/");
    response_header(&talk.request, &talk.response, "X", "a\r\nSet-Cookie: b\x7f");
    assert_string_equal(conversation_reply_header(&talk, "x"), "a  Set-Cookie: b ");
    conversation_clear(&talk);
}

static void test_accounting(void **state)
{
    struct conversation talk;
    struct metric *ok = metric_get(METRIC_COUNTER, "zonegate_http_requests_total", "service=\"core-test\",status=\"200\"", "");
    struct metric *nowhere = metric_get(METRIC_COUNTER, "zonegate_http_requests_total", "service=\"none\",status=\"404\"", "");
    const int64_t before = metric_value(ok);
    conversation_init(&talk, "GET", "/compute/v2.1/public");
    conversation_run(*state, &talk);
    core_account(&talk.request, talk.response.status);
    assert_int_equal(metric_value(ok), before + 1);
    conversation_clear(&talk);
    conversation_init(&talk, "GET", "/nowhere%2f");
    conversation_run(*state, &talk);
    core_account(&talk.request, 404);
    assert_int_equal(metric_value(nowhere), 1);
    conversation_clear(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeated_parameters), cmocka_unit_test(test_access),
        cmocka_unit_test(test_policy_words),   cmocka_unit_test(test_project_in_path),
        cmocka_unit_test(test_bodies),         cmocka_unit_test(test_schema_by_version),
        cmocka_unit_test(test_errors),         cmocka_unit_test(test_message_is_utf8),
        cmocka_unit_test(test_locate),         cmocka_unit_test(test_request_ids),
        cmocka_unit_test(test_links),          cmocka_unit_test(test_header_values_end_no_line),
        cmocka_unit_test(test_accounting),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
