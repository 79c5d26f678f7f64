/* Small pure things: reasons and X-Zone-Missing, header filters, root URLs, the rule of plain http. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "gateway/base/text.h"
#include "zones/headers.h"
#include "zones/http_client.h"
#include "zones/link.h"
#include "zones/reason.h"

static void every_reason_has_its_word(void **state)
{
    (void)state;
    for (int kind = ZONE_ANSWERED + 1; kind < ZONE_KIND_COUNT; kind++) {
        enum zone_kind_of_answer back = ZONE_ANSWERED;
        assert_int_equal(zone_kind_from_word(zone_kind_word((enum zone_kind_of_answer)kind), &back), OK);
        assert_int_equal(back, kind);
    }
    enum zone_kind_of_answer unused;
    assert_int_equal(zone_kind_from_word("", &unused), E_INVALID);
    assert_int_equal(zone_kind_from_word("tired", &unused), E_INVALID);
}

static void missing_zones_are_sorted_and_named_once(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct zones_missing list = {0};
    assert_null(missing_format(&arena, &list));
    missing_add(&arena, &list, "west", ZONE_TIMEOUT);
    assert_int_equal(missing_add_header(&arena, &list, "east", "b;reason=busy, .;reason=store, a/c;reason=loop"), OK);
    missing_add(&arena, &list, "west", ZONE_REFUSED);
    assert_string_equal(missing_format(&arena, &list),
                        "east;reason=store, east/a/c;reason=loop, east/b;reason=busy, west;reason=refused");
    arena_clear(&arena);
}

/* A child that names thousands does not make a header that nobody takes: it is named itself. */
static void a_long_list_names_the_children(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct zones_missing list = {0};
    missing_add(&arena, &list, "west/x", ZONE_TIMEOUT);
    for (int i = 0; i < 4000; i++)
        missing_add(&arena, &list, arena_printf(&arena, "east/%d", i), i ? ZONE_BUSY : ZONE_STORE);
    assert_string_equal(missing_format(&arena, &list), "east;reason=busy, west;reason=timeout");
    for (int i = 0; i < 4000; i++)
        missing_add(&arena, &list, arena_printf(&arena, "child-%d", i), ZONE_BUSY);
    assert_in_range(strlen(missing_format(&arena, &list)), 8000, 8192);
    arena_clear(&arena);
}

static void missing_headers_that_lie_are_refused(void **state)
{
    static const char *const bad[] = {"a",
                                      "a;reason=",
                                      "a;reason=tired",
                                      ";reason=busy",
                                      "a;b;reason=busy",
                                      "a b;reason=busy",
                                      "a;reason=busy,,b;reason=busy",
                                      "\"a\";reason=busy"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena arena = {0};
        struct zones_missing list = {0};
        assert_int_equal(missing_add_header(&arena, &list, "east", bad[i]), E_INVALID);
        assert_int_equal(list.count, 0);
        arena_clear(&arena);
    }
}

static void secrets_and_hop_headers_stay_here(void **state)
{
    static const struct {
        const char *name;
        bool asks;
        bool answers;
    } rows[] = {
        {"X-Auth-Token", false, false},
        {"x-subject-token", false, false},
        {"X-Service-Token", false, false},
        {"authorization", false, false},
        {"Cookie", false, false},
        {"Set-Cookie", false, false},
        {"Connection", false, false},
        {"Keep-Alive", false, false},
        {"transfer-encoding", false, false},
        {"Upgrade", false, false},
        {"Proxy-Authorization", false, false},
        {"Host", false, false},
        {"Content-Length", false, false},
        {"Expect", false, false},
        {"X-Zone-Delegation", false, false},
        {"x-zone-path", false, false},
        {"Idempotency-Key", false, false},
        {"X-Forwarded-For", false, true},
        {"Accept-Encoding", false, true},
        {"X-Per-Hop", false, false}, /* Connection names it */
        {"Date", true, false},
        {"Server", true, false},
        {"Content-Type", true, true},
        {"OpenStack-API-Version", true, true},
        {"If-Match", true, true},
        {"traceparent", false, true}, /* every hop sends a span of its own */
        {"Location", true, true},
        {"Vary", true, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        struct link_headers in = {0};
        struct link_headers asked = {0};
        struct link_headers answered = {0};
        headers_add(&arena, &in, rows[i].name, "value");
        headers_add(&arena, &in, "Connection", "close, x-per-hop");
        link_copy_headers(&arena, &in, &asked);
        link_copy_answer_headers(&arena, &in, &answered);
        if (asked.count != rows[i].asks || answered.count != rows[i].answers)
            print_error("%s\n", rows[i].name);
        assert_int_equal(asked.count, rows[i].asks);
        assert_int_equal(answered.count, rows[i].answers);
        arena_clear(&arena);
    }
}

static void a_header_is_one_line(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct link_headers in = {0};
    struct link_headers out = {0};
    headers_add(&arena, &in, "X-A", "b\r\nX-Auth-Token: c");
    headers_add(&arena, &in, "X-A:", "b");
    headers_add(&arena, &in, "", "b");
    headers_add(&arena, &in, "X-B", "");
    link_copy_headers(&arena, &in, &out);
    assert_int_equal(out.count, 1);
    assert_string_equal(out.items[0].name, "X-B");
    arena_clear(&arena);
}

static void root_urls_lose_what_admins_copy(void **state)
{
    static const char *const rows[][2] = {
        {"http://10.0.0.1:8774", "http://10.0.0.1:8774"},
        {"http://10.0.0.1:8774/", "http://10.0.0.1:8774"},
        {"https://east.example/compute/v2.1", "https://east.example"},
        {"https://east.example/compute/v2.1/os-zones/", "https://east.example"},
        {"https://east.example:443/identity/v3", "https://east.example:443"},
        {"https://east.example/cloud/identity/v3/", "https://east.example/cloud"},
        {"http://127.0.0.1:9/v1.1", "http://127.0.0.1:9"},
        {"http://[::1]:9/v2.1/", "http://[::1]:9"},
        {"HTTP://East.example/computed", "http://East.example/computed"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        const char *root = NULL;
        assert_int_equal(url_root(&arena, rows[i][0], &root), OK);
        assert_string_equal(root, rows[i][1]);
        arena_clear(&arena);
    }
}

static void urls_that_cannot_be_meant_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "east",
                                      "/compute",
                                      "ftp://east/",
                                      "file:///etc/passwd",
                                      "http://u:p@east/",
                                      "http://east/?a=b",
                                      "http://east/#a",
                                      "http://",
                                      "http://a b/",
                                      "http://u@east"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena arena = {0};
        const char *root = NULL;
        if (url_root(&arena, bad[i], &root) != E_INVALID)
            print_error("'%s' became '%s'\n", bad[i], root);
        assert_int_equal(url_root(&arena, bad[i], &root), E_INVALID);
        assert_null(root);
        arena_clear(&arena);
    }
}

static void plain_http_stays_on_this_machine(void **state)
{
    static const struct {
        const char *url;
        bool strict;
        bool insecure;
    } rows[] = {
        {"https://east.example", true, true},
        {"http://127.0.0.1:8774", true, true},
        {"http://127.9.9.9", true, true},
        {"http://localhost:1", true, true},
        {"http://[::1]:1", true, true},
        {"http://10.0.0.1", false, true},
        {"http://127.0.0.1.evil.example", false, true},
        {"http://localhost.evil", false, true},
        {"ftp://127.0.0.1", false, false},
        {"http://127.0.0.1:65535/some/path", true, true},
        {"http://127.0.0.1:65536", false, false},
        {"https://east.example:99999", false, false},
        {"http://127.0.0.1:80@10.0.0.1", false, true},
        {"http://127.0.0.1@10.0.0.1/", false, true},
        {"https://", false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(url_check_trust(rows[i].url, false), rows[i].strict ? OK : E_INVALID);
        assert_int_equal(url_check_trust(rows[i].url, true), rows[i].insecure ? OK : E_INVALID);
    }
}

static void budgets_shrink_by_the_largest_margin(void **state)
{
    (void)state;
    assert_int_equal(link_budget(10000, 0), 9000);
    assert_int_equal(link_budget(400, 0), 350);
    assert_int_equal(link_budget(50, 0), 0);
    assert_int_equal(link_budget(10, 0), -40);
    assert_int_equal(link_budget(400, 90000), 310);
    assert_int_equal(link_budget(10000, 90000), 9000);
    assert_int_equal(link_budget(700, 690000), 350); /* one late probe does not eat every budget */
}

static void budgets_are_believed_over_links_only(void **state)
{
    (void)state;
    const struct budget client = link_budget_read("100", false, 5000);
    const struct budget link = link_budget_read("100", true, 5000);
    const struct budget greedy = link_budget_read("999999", true, 5000);
    const struct budget junk = link_budget_read("1e9", true, 5000);
    assert_in_range(budget_left_ms(&client), 4000, 5000);
    assert_in_range(budget_left_ms(&link), 1, 100);
    assert_in_range(budget_left_ms(&greedy), 4000, 5000);
    assert_in_range(budget_left_ms(&junk), 4000, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_its_word),
        cmocka_unit_test(missing_zones_are_sorted_and_named_once),
        cmocka_unit_test(missing_headers_that_lie_are_refused),
        cmocka_unit_test(a_long_list_names_the_children),
        cmocka_unit_test(secrets_and_hop_headers_stay_here),
        cmocka_unit_test(a_header_is_one_line),
        cmocka_unit_test(root_urls_lose_what_admins_copy),
        cmocka_unit_test(urls_that_cannot_be_meant_are_refused),
        cmocka_unit_test(plain_http_stays_on_this_machine),
        cmocka_unit_test(budgets_shrink_by_the_largest_margin),
        cmocka_unit_test(budgets_are_believed_over_links_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
