/* Decoding of targets and queries: every refusal, and what is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "gateway/http/core/inside.h"

static const struct path_case {
    const char *target;
    const char *path; /* NULL: refused */
    const char *query;
} path_cases[] = {
    {"/", "/", ""},
    {"/servers", "/servers", ""},
    {"/servers/", "/servers/", ""},
    {"/servers?limit=1", "/servers", "limit=1"},
    {"/servers?", "/servers", ""},
    {"/a//b", "/a//b", ""},
    {"/a/./b", "/a/./b", ""},
    {"/a/..b/c..", "/a/..b/c..", ""},
    {"/a%20b", "/a b", ""},
    {"/a+b", "/a+b", ""},
    {"/%C3%A4", "/\xc3\xa4", ""},
    {"/a%3Fb?c", "/a?b", "c"},
    {"/a%25", "/a%", ""},
    {"http://host:1/x?y=1", "/x", "y=1"},
    {"http://host", "/", ""},
    {"/x?u=http://y", "/x", "u=http://y"},
    {"/a#b?c", "/a", ""},
    {"", NULL, NULL},
    {"*", NULL, NULL},
    {"servers", NULL, NULL},
    {"http://host?x", NULL, NULL},
    {"/a%2fb", NULL, NULL},
    {"/a%2Fb", NULL, NULL},
    {"/..", NULL, NULL},
    {"/a/../b", NULL, NULL},
    {"/a/..", NULL, NULL},
    {"/a/%2e%2E/b", NULL, NULL},
    {"/a%00", NULL, NULL},
    {"/a%", NULL, NULL},
    {"/a%2", NULL, NULL},
    {"/a%zz", NULL, NULL},
    {"/%ff", NULL, NULL},
    {"/%C3", NULL, NULL},
    {"/%ed%a0%80", NULL, NULL},
};

static void test_targets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(path_cases); i++) {
        const struct path_case *expected = &path_cases[i];
        struct arena arena = {0};
        struct target target = {0};
        const enum err result = target_split(&arena, expected->target, &target);
        print_message("%s\n", expected->target);
        assert_int_equal(result, expected->path ? OK : E_INVALID);
        if (expected->path) {
            assert_string_equal(target.path, expected->path);
            assert_string_equal(target.query, expected->query);
        } else {
            assert_non_null(strstr(err_message(), "Malformed request url"));
        }
        arena_clear(&arena);
    }
}

static const struct query_case {
    const char *query;
    const char *printed; /* [name=value]…; NULL: refused */
} query_cases[] = {
    {"", ""},
    {"a=1", "[a=1]"},
    {"a=1&b=2&a=3", "[a=1][b=2][a=3]"},
    {"a", "[a=]"},
    {"a=", "[a=]"},
    {"=1", "[=1]"},
    {"&&a=1&", "[a=1]"},
    {"a=b=c", "[a=b=c]"},
    {"a+b=c+d", "[a b=c d]"},
    {"a%2Bb=%26%3D", "[a+b=&=]"},
    {"name=%C3%A4", "[name=\xc3\xa4]"},
    {"a=1#b=2", "[a=1]"},
    {"a=%2F..", "[a=/..]"},
    {"a=%", NULL},
    {"a=%f", NULL},
    {"a=%gg", NULL},
    {"a=%00", NULL},
    {"a=%ff", NULL},
    {"%80=1", NULL},
};

static void print_pairs(const struct http_pairs *pairs, struct text *out)
{
    for (size_t i = 0; i < pairs->count; i++)
        text_add_format(out, "[%s=%s]", pairs->items[i].name, pairs->items[i].value);
}

static void test_queries(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(query_cases); i++) {
        struct arena arena = {0};
        struct http_pairs pairs = {0};
        struct text printed = {0};
        const enum err result = query_parse(&arena, query_cases[i].query, &pairs);
        print_message("%s\n", query_cases[i].query);
        assert_int_equal(result, query_cases[i].printed ? OK : E_INVALID);
        print_pairs(&pairs, &printed);
        if (query_cases[i].printed)
            assert_string_equal(text_str(&printed), query_cases[i].printed);
        text_clear(&printed);
        arena_clear(&arena);
    }
}

static void test_many_pairs(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct http_pairs pairs = {0};
    struct text query = {0};
    for (int i = 0; i < 1000; i++)
        text_add_format(&query, "n%d=%d&", i, i);
    assert_int_equal(query_parse(&arena, text_str(&query), &pairs), OK);
    assert_int_equal(pairs.count, 1000);
    assert_string_equal(pairs_get(&pairs, "n999"), "999");
    assert_null(pairs_get(&pairs, "N999"));
    assert_string_equal(pairs_get_nocase(&pairs, "N999"), "999");
    text_clear(&query);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_many_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
