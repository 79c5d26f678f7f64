/* Plain Novas, the pure parts: bytes made ours say what jansson says of them, rows are found, keys sort as the rows do, and the
 * table of what may be done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef fail

#include <jansson.h>

#include "gateway/base/clock.h"
#include "gateway/base/id.h"
#include "zones/json_scan.h"
#include "zones/nova_caps.h"
#include "zones/nova_json.h"
#include "zones/nova_rows.h"
#include "zones/nova_token.h"
#include "zones/row_key.h"

#define THERE "4ddd07d741ff49099ab07871fa72e5b9"

static const struct nova_rewrite rules = {.self_base = "http://root:8774/compute/v2.1/P",
                                          .bookmark_base = "http://root:8774/compute",
                                          .project_there = THERE,
                                          .project_here = "here"};

static void test_links(void **state)
{
    static const struct {
        const char *there;
        const char *here;
    } rows[] = {
        {"http://n:8774/v2.1/servers/1", "http://root:8774/compute/v2.1/P/servers/1"},
        {"http://n:8774/v2.1/" THERE "/servers/1", "http://root:8774/compute/v2.1/P/servers/1"},
        {"https://n/compute/v2.1/servers/1/metadata", "http://root:8774/compute/v2.1/P/servers/1/metadata"},
        {"http://n:8774/servers/1", "http://root:8774/compute/servers/1"},
        {"http://n/compute/flavors/42", "http://root:8774/compute/flavors/42"},
        {"http://n/images/7", "http://root:8774/compute/images/7"},
        {"http://servers/v2.1/servers?marker=1", "http://root:8774/compute/v2.1/P/servers?marker=1"},
        {"http://n/elsewhere", "http://n/elsewhere"},
        {"no url", "no url"},
        {"", ""},
    };
    CLEANUP(arena_clear) struct arena arena = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(nova_link(&arena, &rules, rows[i].there, strlen(rows[i].there)), rows[i].here);
}

static void check_rewrite(const struct nova_rewrite *how, const char *there, const char *here)
{
    CLEANUP(text_clear) struct text out = {0};
    assert_true(json_scan_object(there, strlen(there)));
    nova_rewrite(how, there, strlen(there), &out);
    assert_string_equal(text_str(&out), here);
}

static void test_an_object_is_made_ours(void **state)
{
    (void)state;
    check_rewrite(&rules, "{ }", "{}");
    check_rewrite(&rules, "{\"a\" : [ 1 , \"x y\", null ]}", "{\"a\":[1,\"x y\",null]}");
    check_rewrite(&rules, "{\"tenant_id\": \"" THERE "\", \"user_id\": \"" THERE "\"}",
                  "{\"tenant_id\":\"here\",\"user_id\":\"" THERE "\"}");
    check_rewrite(&rules, "{\"tenant_id\": \"another\"}", "{\"tenant_id\":\"another\"}");
    check_rewrite(&rules, "{\"links\": [{\"rel\": \"self\", \"href\": \"http://n/v2.1/servers/1\"}]}",
                  "{\"links\":[{\"rel\":\"self\",\"href\":\"http://root:8774/compute/v2.1/P/servers/1\"}]}");
    check_rewrite(&rules, "{\"name\": \"http://n/v2.1/servers/1 \\\" {\"}", "{\"name\":\"http://n/v2.1/servers/1 \\\" {\"}");
}

static void test_a_brief_row_has_three_members(void **state)
{
    struct nova_rewrite brief = rules;
    (void)state;
    brief.brief = true;
    check_rewrite(&brief, "{\"a\": {\"id\": 1}, \"id\": \"x\", \"b\": [\"id\"], \"name\": \"n\", \"links\": [], \"c\": null}",
                  "{\"id\":\"x\",\"name\":\"n\",\"links\":[]}");
    check_rewrite(&brief, "{\"a\": 1, \"b\": \"}\", \"c\": false}", "{}");
    check_rewrite(&brief, "{\"id\": \"x\", \"z\": {\"name\": 1}}", "{\"id\":\"x\"}");
}

/* A random value of at most `depth` levels. */
static json_t *random_value(int depth)
{
    static const char *const texts[] = {"", "id", "a\"b", "\\", "{", "]", "\u00e9\n", "tenant"};
    const uint32_t kind = random_below(depth > 0 ? 7 : 5);
    json_t *value = NULL;
    switch (kind) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(random_below(2));
    case 2:
        return json_integer((json_int_t)random_below(100000) - 50000);
    case 3:
        return json_real(random_below(1000) / 8.0);
    case 4:
        return json_string(texts[random_below(ARRAY_LEN(texts))]);
    case 5:
        value = json_array();
        for (uint32_t i = random_below(4); i > 0; i--)
            (void)json_array_append_new(value, random_value(depth - 1));
        return value;
    default:
        value = json_object();
        for (uint32_t i = random_below(4); i > 0; i--)
            (void)json_object_set_new(value, texts[random_below(ARRAY_LEN(texts))], random_value(depth - 1));
        return value;
    }
}

static void test_random_objects_stay_what_they_are(void **state)
{
    static const size_t flags[] = {JSON_COMPACT, 0, JSON_INDENT(3), JSON_ENSURE_ASCII};
    (void)state;
    for (int i = 0; i < 5000; i++) {
        CLEANUP(arena_clear) struct arena arena = {0};
        CLEANUP(text_clear) struct text out = {0};
        json_auto_t *object = json_object();
        for (uint32_t n = random_below(5); n > 0; n--)
            (void)json_object_set_new(object, arena_printf(&arena, "k%u", n), random_value(4));
        char *bytes = json_dumps(object, flags[random_below(ARRAY_LEN(flags))]);
        assert_true(json_scan_object(bytes, strlen(bytes)));
        nova_rewrite(&rules, bytes, strlen(bytes), &out);
        json_auto_t *again = json_loads(text_str(&out), 0, NULL);
        assert_true(json_equal(object, again));
        assert_true(json_scan_object(text_str(&out), out.length));
        free(bytes);
    }
}

static void test_rows_are_found(void **state)
{
    static const struct {
        const char *text;
        bool good;
        size_t count;
    } rows[] = {
        {"{\"servers\": []}", true, 0},
        {"{\"servers\":[{},{\"a\":[{}]}]}", true, 2},
        {"{\"x\": {\"servers\": [1]}, \"servers\" : [ { } , {\"]\":\"}\"} , {} ] , \"servers_links\": []}", true, 3},
        {"{\"servers\": {}}", false, 0},
        {"{\"servers\": [1]}", false, 0},
        {"{\"servers\": [{}, \"x\"]}", false, 0},
        {"{}", false, 0},
        {"{\"server\": [{}]}", false, 0},
    };
    CLEANUP(arena_clear) struct arena arena = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct nova_piece *pieces = NULL;
        size_t count = 0;
        assert_true(json_scan_object(rows[i].text, strlen(rows[i].text)));
        assert_int_equal(nova_split(&arena, rows[i].text, strlen(rows[i].text), "servers", &pieces, &count), rows[i].good);
        assert_int_equal(count, rows[i].count);
        for (size_t at = 0; at < count; at++)
            assert_true(json_scan_object(pieces[at].bytes, pieces[at].length));
    }
}

static void test_what_a_list_asks(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct nova_list list;
    (void)state;
    assert_int_equal(
        nova_list_read(&arena, "/compute/v2.1/servers?limit=7&name=a%20b&marker=x&all_tenants=1&zone.after=AAEC", &list), OK);
    assert_true(list.brief && list.all_tenants && !list.project);
    assert_int_equal(list.limit, 7);
    assert_int_equal(list.after_length, 3);
    assert_memory_equal(list.after, "\0\1\2", 3);
    assert_string_equal(
        nova_list_target(&arena, &list, 8, "id"),
        "/servers/detail?name=a%20b&sort_key=created_at&sort_dir=desc&sort_key=uuid&sort_dir=asc&limit=8&marker=id");
    assert_int_equal(nova_list_read(&arena, "/compute/v2.1/servers/detail?tenant_id=p&status=ACTIVE", &list), OK);
    assert_true(!list.brief && !list.all_tenants);
    assert_string_equal(list.project, "p");
    assert_string_equal(list.filters, "status=ACTIVE&");
    assert_int_equal(nova_list_read(&arena, "/compute/v2.1/servers?limit=x", &list), E_INVALID);
    assert_int_equal(nova_list_read(&arena, "/compute/v2.1/servers?zone.after=***", &list), E_INVALID);
    assert_int_equal(nova_list_read(&arena, "/compute/v2.1/flavors", &list), E_INVALID);
}

/* Sign of the order of two rows by their keys. */
static int order_of(const char *query, const char *a, const char *b)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    CLEANUP(text_clear) struct text left = {0};
    CLEANUP(text_clear) struct text right = {0};
    struct nova_list list;
    struct uuid uuid;
    assert_int_equal(nova_list_read(&arena, arena_printf(&arena, "/compute/v2.1/servers/detail?%s", query), &list), OK);
    assert_int_equal(nova_row_key(&list, a, strlen(a), "p", &left, &uuid), OK);
    assert_int_equal(nova_row_key(&list, b, strlen(b), "p", &right, &uuid), OK);
    const int order = row_key_compare(left.bytes, left.length, right.bytes, right.length);
    return order < 0 ? -1 : order > 0 ? 1 : 0;
}

#define ID(n)              "25131222-5d30-47ea-9e3b-6a01653765f" n
#define ROW(n, time, more) "{\"id\": \"" ID(n) "\", \"created\": \"" time "\"" more "}"
#define EARLY              "2026-11-22T21:44:27Z"
#define LATE               "2026-11-22T21:44:28Z"

static void test_keys_sort_as_rows_do(void **state)
{
    static const struct {
        const char *query;
        const char *first;
        const char *second;
    } rows[] = {
        {"", ROW("1", LATE, ""), ROW("0", EARLY, "")},
        {"", ROW("0", LATE, ""), ROW("1", LATE, "")},
        {"sort_dir=asc", ROW("1", EARLY, ""), ROW("0", LATE, "")},
        {"sort_key=display_name&sort_dir=asc", ROW("1", EARLY, ",\"name\":\"a\""), ROW("0", LATE, ",\"name\":\"b\"")},
        {"sort_key=display_name", ROW("1", EARLY, ",\"name\":\"b\""), ROW("0", LATE, ",\"name\":\"a\"")},
        {"sort_key=display_name&sort_dir=asc", ROW("1", EARLY, ",\"name\":\"\\u0061\""), ROW("0", LATE, ",\"name\":\"b\"")},
        {"sort_key=progress&sort_key=uuid&sort_dir=asc", ROW("1", EARLY, ",\"progress\":9"), ROW("0", LATE, ",\"progress\":10")},
        {"sort_key=task_state&sort_dir=asc", ROW("1", EARLY, ",\"OS-EXT-STS:task_state\":null"),
         ROW("0", LATE, ",\"OS-EXT-STS:task_state\":\"x\"")},
        {"sort_key=vcpus&sort_key=uuid&sort_dir=asc", ROW("0", EARLY, ""), ROW("1", LATE, "")},
        {"sort_key=uuid&sort_dir=desc", ROW("1", EARLY, ""), ROW("0", LATE, "")},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(order_of(rows[i].query, rows[i].first, rows[i].second), -1);
        assert_int_equal(order_of(rows[i].query, rows[i].second, rows[i].first), 1);
        assert_int_equal(order_of(rows[i].query, rows[i].first, rows[i].first), 0);
    }
}

static void test_a_row_without_id_or_time_is_none(void **state)
{
    static const char *const rows[] = {"{}", "{\"id\":\"x\",\"created\":\"" EARLY "\"}", "{\"id\":\"" ID("0") "\"}",
                                       "{\"id\":5,\"created\":\"" EARLY "\"}", "{\"id\":\"" ID("0") "\",\"created\":\"soon\"}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(text_clear) struct text key = {0};
        const struct nova_list list = {.limit = 1};
        struct uuid uuid;
        assert_int_equal(nova_row_key(&list, rows[i], strlen(rows[i]), "p", &key, &uuid), E_INVALID);
    }
}

static void test_what_may_be_done(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        const char *body;
        enum nova_use use;
        bool writes;
    } rows[] = {
        {"GET", "/compute/v2.1/servers", NULL, NOVA_USE_LIST, false},
        {"GET", "/compute/v2.1/servers/detail?limit=1", NULL, NOVA_USE_LIST, false},
        {"POST", "/compute/v2.1/servers", "{}", NOVA_USE_NOTHING, false},
        {"GET", "/compute/v2.1/servers/ID", NULL, NOVA_USE_SERVER, false},
        {"PUT", "/compute/v2.1/servers/ID", "{}", NOVA_USE_SERVER, true},
        {"DELETE", "/compute/v2.1/servers/ID?x=y", NULL, NOVA_USE_SERVER, true},
        {"POST", "/compute/v2.1/servers/ID/action", "{\"os-stop\": null}", NOVA_USE_SERVER, true},
        {"POST", "/compute/v2.1/servers/ID/action", " { \"os-getConsoleOutput\": {}}", NOVA_USE_SERVER, false},
        {"POST", "/compute/v2.1/servers/ID/action", "{\"x\":\"os-getConsoleOutput\"}", NOVA_USE_SERVER, true},
        {"POST", "/compute/v2.1/servers/ID/action", NULL, NOVA_USE_SERVER, true},
        {"GET", "/compute/v2.1/servers/ID/metadata/k", NULL, NOVA_USE_SERVER, false},
        {"DELETE", "/compute/v2.1/servers/ID/metadata/k", NULL, NOVA_USE_SERVER, true},
        {"PUT", "/compute/v2.1/servers/ID/tags/t", NULL, NOVA_USE_SERVER, true},
        {"GET", "/compute/v2.1/servers/ID/os-instance-actions", NULL, NOVA_USE_SERVER, false},
        {"POST", "/compute/v2.1/servers/ID/remote-consoles", "{}", NOVA_USE_SERVER, true},
        {"GET", "/compute/v2.1/serversX", NULL, NOVA_USE_NOTHING, false},
        {"GET", "/compute/v2.1/os-hypervisors", NULL, NOVA_USE_NOTHING, false},
        {"POST", "/compute/v2.1/os-zones/select", "{}", NOVA_USE_NOTHING, false},
        {"POST", "/compute/v2.1/os-zones/servers", "{}", NOVA_USE_NOTHING, false},
        {"GET", "/compute/v2.1/os-zones/probe", NULL, NOVA_USE_PROBE, false},
        {"GET", "/compute/v2.1/os-zones/tree?depth=9", NULL, NOVA_USE_TREE, false},
        {"POST", "/compute/v2.1/os-zones/revocations", "{}", NOVA_USE_ACCEPTS, false},
        {"GET", "/identity/v3/users", NULL, NOVA_USE_NOTHING, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *body = rows[i].body;
        const struct nova_operation *found = nova_operation_find(rows[i].method, rows[i].target, body, body ? strlen(body) : 0);
        assert_int_equal(found->use, rows[i].use);
        assert_int_equal(found->writes, rows[i].writes);
    }
}

static void test_the_server_of_a_path(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    (void)state;
    assert_string_equal(nova_server_id(&arena, "/compute/v2.1/servers/ID/action"), "ID");
    assert_string_equal(nova_server_id(&arena, "/compute/v2.1/servers/ID?a=b"), "ID");
    assert_null(nova_server_id(&arena, "/compute/v2.1/servers/detail"));
    assert_null(nova_server_id(&arena, "/compute/v2.1/servers/"));
    assert_null(nova_server_id(&arena, "/compute/v2.1/servers"));
    assert_null(nova_server_id(&arena, "/compute/v2.1/flavors/ID"));
}

static void test_tokens(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct nova_tokens *tokens = nova_tokens_open();
    const struct nova_token_key key = {7, 1, "p"};
    const struct nova_token_key newer = {7, 2, "p"};
    const struct nova_token_key other = {7, 1, "q"};
    struct nova_login login = {"t1", "there", "http://n/v2.1", "member", clock_wall_us() + 60000000};
    enum zone_kind_of_answer kind = ZONE_ANSWERED;
    const char *why = NULL;
    (void)state;
    assert_false(nova_tokens_get(tokens, &key, &arena, &login));
    nova_tokens_fail(tokens, &key, ZONE_AUTH, "no");
    assert_true(nova_tokens_failed(tokens, &key, &arena, &kind, &why));
    assert_int_equal(kind, ZONE_AUTH);
    assert_string_equal(why, "no");
    nova_tokens_put(tokens, &key, &login);
    assert_false(nova_tokens_failed(tokens, &key, &arena, &kind, &why));
    assert_true(nova_tokens_get(tokens, &key, &arena, &login));
    assert_string_equal(login.token, "t1");
    assert_false(nova_tokens_get(tokens, &newer, &arena, &login));
    assert_false(nova_tokens_get(tokens, &other, &arena, &login));
    nova_tokens_drop(tokens, &key, "older");
    assert_true(nova_tokens_get(tokens, &key, &arena, &login));
    nova_tokens_drop(tokens, &key, "t1");
    assert_false(nova_tokens_get(tokens, &key, &arena, &login));
    login.token = "t2";
    login.renew_us = clock_wall_us() - 1;
    nova_tokens_put(tokens, &key, &login);
    assert_false(nova_tokens_get(tokens, &key, &arena, &login));
    nova_tokens_close(tokens);
    nova_tokens_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_an_object_is_made_ours),
        cmocka_unit_test(test_a_brief_row_has_three_members),
        cmocka_unit_test(test_random_objects_stay_what_they_are),
        cmocka_unit_test(test_rows_are_found),
        cmocka_unit_test(test_what_a_list_asks),
        cmocka_unit_test(test_keys_sort_as_rows_do),
        cmocka_unit_test(test_a_row_without_id_or_time_is_none),
        cmocka_unit_test(test_what_may_be_done),
        cmocka_unit_test(test_the_server_of_a_path),
        cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
