/* The byte scan and strict parsing: every kind of document that must be refused, and depth on the small stack of a worker. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "schema/json/json.h"

#define give_up(...)                                                                                                               \
    do {                                                                                                                           \
        print_error(__VA_ARGS__);                                                                                                  \
        print_error("\n");                                                                                                         \
        assert_true(false);                                                                                                        \
    } while (0)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_SIZE ((size_t)1024 * 1024) /* sanitizers make frames several times larger */
#else
#define STACK_SIZE ((size_t)256 * 1024)
#endif

struct parse_case {
    const char *text;
    size_t length; /* 0: strlen */
    bool valid;
};

static const struct parse_case cases[] = {
    {"{}", 0, true},
    {" {\"a\": [1, 2.5, \"x\", true, false, null]} \n", 0, true},
    {"[]", 0, true},
    {"null", 0, true},
    {"7", 0, true},
    {"\"text\"", 0, true},
    {"{\"a\": \"\\u00e9\\ud83d\\ude00\"}", 0, true},
    {"\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", 0, true},
    {"\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", 0, true},
    {"9223372036854775807", 0, true},
    {"", 0, false},
    {"   ", 0, false},
    {"{", 0, false},
    {"}", 0, false},
    {"{\"a\": 1,}", 0, false},
    {"{a: 1}", 0, false},
    {"{'a': 1}", 0, false},
    {"{\"a\": 1} x", 0, false},
    {"{}{}", 0, false},
    {"{\"a\": 1, \"a\": 2}", 0, false},
    {"{\"a\": {\"b\": 1, \"b\": 1}}", 0, false},
    {"\"\xff\"", 0, false},
    {"\"\xc0\x80\"", 0, false},
    {"\"\xed\xa0\x80\"", 0, false},
    {"\"\\ud83d\"", 0, false},
    {"\"\\u0000\"", 0, false},
    {"\"a\0b\"", 5, false},
    {"9223372036854775808", 0, false},
    {"1e999", 0, false},
    {"NaN", 0, false},
    {"Infinity", 0, false},
    {"01", 0, false},
    {"\"open", 0, false},
    {"\"open\\", 0, false},
    {"[1, 2", 0, false},
};

static void documents_are_parsed_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *document = NULL;
        const size_t length = cases[i].length ? cases[i].length : strlen(cases[i].text);
        const enum err kind = json_parse_foreign(cases[i].text, length, &document);
        if ((kind == OK) != cases[i].valid)
            give_up("%s: %s", cases[i].text, err_name(kind));
        if (kind != OK) {
            assert_int_equal(kind, E_INVALID);
            assert_string_equal(err_message(), "Malformed request body");
            assert_null(document);
        }
        json_decref(document);
    }
}

static void the_length_counts_not_the_nul(void **state)
{
    (void)state;
    json_t *document = NULL;
    assert_int_equal(json_parse_foreign("[1]garbage", 3, &document), OK);
    assert_int_equal(json_array_size(document), 1);
    json_decref(document);
}

/* `depth` opened, and closed when `closed`; objects and arrays take turns when `mixed`. */
static char *nested(size_t depth, bool closed, bool mixed, size_t *out_length)
{
    char *text = malloc(depth * 6 + 2);
    assert_non_null(text);
    size_t length = 0;
    for (size_t i = 0; i < depth; i++) {
        const bool object = mixed && i % 2;
        memcpy(text + length, object ? "{\"a\":" : "[", object ? 5 : 1);
        length += object ? 5 : 1;
    }
    if (closed) {
        text[length++] = '1';
        for (size_t i = depth; i-- > 0;)
            text[length++] = mixed && i % 2 ? '}' : ']';
    }
    *out_length = length;
    return text;
}

static void *parse_depths(void *result)
{
    static const struct {
        size_t depth;
        bool valid;
    } depths[] = {{1, true}, {31, true}, {32, true}, {33, false}, {1000, false}, {100000, false}, {3000000, false}};
    bool *good = result;
    *good = true;
    for (size_t i = 0; i < ARRAY_LEN(depths) * 4; i++) {
        const bool closed = i & 1;
        size_t length = 0;
        char *text = nested(depths[i / 4].depth, closed, i & 2, &length);
        json_t *document = NULL;
        const enum err kind = json_parse_foreign(text, length, &document);
        const bool named = depths[i / 4].depth <= JSON_MAX_DEPTH || strstr(err_message(), "nested deeper than 32");
        *good = *good && (kind == OK) == (depths[i / 4].valid && closed) && named;
        json_decref(document);
        free(text);
    }
    return NULL;
}

static void depth_is_an_error_on_a_small_stack(void **state)
{
    (void)state;
    pthread_attr_t attributes;
    pthread_t thread;
    bool good = false;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, STACK_SIZE), 0);
    assert_int_equal(pthread_create(&thread, &attributes, parse_depths, &good), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    assert_true(good);
}

static void base64_is_lenient_like_nova(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *bytes; /* NULL: refused */
    } rows[] = {
        {"", ""},          {"aGVsbG8=", "hello"}, {"aGVs\nbG8=\n", "hello"}, {"!!", ""},       {"aGVsbG8=trailing", "hello"},
        {"aGVsbG8", NULL}, {"a", NULL},           {"aGVsbA==", "hell"},      {"aGVsbA", NULL}, {"aGVsbA=", NULL},
        {"====", ""},      {"aGVs", "hel"},       {"aG=Vs", "hel"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char bytes[64] = {0};
        size_t length = 99;
        const enum err kind = json_base64_decode(rows[i].text, strlen(rows[i].text), bytes, &length);
        if ((kind == OK) != (rows[i].bytes != NULL))
            give_up("%s: %s", rows[i].text, err_name(kind));
        if (kind == OK) {
            assert_int_equal(length, strlen(rows[i].bytes));
            assert_memory_equal(bytes, rows[i].bytes, length);
        }
    }
}

static void an_explanation_names_place_and_key(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } told[] = {
        {"{\"a\": 1, \"a\": 2}", "duplicate object key \"a\" (line 1, column 12)"},
        {"{\"a\\\"b\": 1,\n\"a\\\"b\": 2}", "duplicate object key \"a\\\"b\" (line 2, column 6)"},
        {"{\"\": 1, \"\": 2}", "duplicate object key \"\" (line 1, column 10)"},
        {"[1,]", "unexpected token near ']' (line 1, column 4)"},
        {"[\"\xff\"]", "unable to decode byte 0xff near '\"' (line 1, column 2)"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        json_t *document = NULL;
        assert_int_equal(json_parse_explained(told[i].text, strlen(told[i].text), &document), E_INVALID);
        assert_string_equal(err_message(), told[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_parsed_or_refused),    cmocka_unit_test(the_length_counts_not_the_nul),
        cmocka_unit_test(depth_is_an_error_on_a_small_stack), cmocka_unit_test(an_explanation_names_place_and_key),
        cmocka_unit_test(base64_is_lenient_like_nova),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
