/* Growing text, JSON pieces, UTF-8 (all code points against an encoder of the test's own), numbers. */
#include "gateway/base/text.h"
#include "tests/unit/base/check.h"

static void text_grows_and_is_reset(void **state)
{
    CLEANUP(text_clear) struct text text = {0};
    (void)state;
    assert_string_equal(text_str(&text), "");
    text_reset(&text);
    for (int i = 0; i < 10000; i++)
        text_add_char(&text, (char)('a' + i % 26));
    assert_int_equal(text.length, 10000);
    assert_int_equal(text.bytes[9999], 'a' + 9999 % 26);
    text_reset(&text);
    assert_string_equal(text_str(&text), "");
    text_add_format(&text, "%d|%s|%s", 5, "x", "");
    text_add(&text, "\0y", 2);
    text_add_str(&text, "z");
    text_add(&text, NULL, 0);
    assert_int_equal(text.length, 7);
    assert_memory_equal(text.bytes, "5|x|\0yz", 7);
}

static const struct {
    const char *bytes;
    size_t length;
    const char *json;
} escapes[] = {
    {"", 0, "\"\""},
    {"plain", 5, "\"plain\""},
    {"\"\\/", 3, "\"\\\"\\\\/\""},
    {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
    {"a\0b", 3, "\"a\\u0000b\""},
    {"\x01\x1f\x7f", 3, "\"\\u0001\\u001f\x7f\""},
    {"\"", 1, "\"\\\"\""},
    {"größe €𝄞", 15, "\"größe €𝄞\""},
    {"\n\n", 2, "\"\\n\\n\""},
    {"x\n", 2, "\"x\\n\""},
};

static void json_strings_are_escaped(void **state)
{
    CLEANUP(text_clear) struct text text = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
        text_reset(&text);
        text_add_json_n(&text, escapes[i].bytes, escapes[i].length);
        assert_string_equal(text_str(&text), escapes[i].json);
        if (strlen(escapes[i].bytes) != escapes[i].length)
            continue;
        text_reset(&text);
        text_add_json(&text, escapes[i].bytes);
        assert_string_equal(text_str(&text), escapes[i].json);
    }
    text_reset(&text);
    text_add_json(&text, NULL);
    text_add_int(&text, INT64_MIN);
    text_add_int(&text, 0);
    text_add_int(&text, INT64_MAX);
    assert_string_equal(text_str(&text), "null-922337203685477580809223372036854775807");
}

static size_t encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    const size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(leads[length] | code);
    return length;
}

static void every_code_point_but_surrogates_is_utf8(void **state)
{
    char bytes[4];
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        const size_t length = encode(code, bytes);
        const bool surrogate = code >= 0xd800 && code <= 0xdfff;
        if (str_is_utf8(bytes, length) == surrogate || (length > 1 && str_is_utf8(bytes, length - 1)))
            print_error("U+%04X\n", code);
        assert_int_equal(str_is_utf8(bytes, length), !surrogate);
        assert_true(length == 1 || !str_is_utf8(bytes, length - 1));
    }
}

static void broken_utf8_is_seen(void **state)
{
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x80\x80",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x80\x80\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xfe",
                                      "a\xc3(",
                                      "\xe2\x28\xa1",
                                      "\xe2\x82(",
                                      "ok\xc3"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(str_is_utf8(bad[i], strlen(bad[i])));
    assert_true(str_is_utf8("", 0));
    assert_true(str_is_utf8("\0\xc3\xa9", 3));
}

/* What is broken, and what is not, stands at each place among ASCII, which is read eight bytes at a time. */
static void utf8_is_seen_at_each_place(void **state)
{
    static const struct {
        const char *bytes;
        bool good;
    } pieces[] = {{"\xc3\xa9", true}, {"\xf0\x9f\x98\x80", true}, {"\xc3", false},
                  {"\xa9", false},    {"\xe2\x82", false},        {"\xff", false}};
    char text[40];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        const size_t length = strlen(pieces[i].bytes);
        for (size_t at = 0; at + length <= sizeof(text); at++) {
            memset(text, 'a', sizeof(text));
            memcpy(text + at, pieces[i].bytes, length);
            assert_int_equal(str_is_utf8(text, sizeof(text)), pieces[i].good);
            assert_int_equal(str_is_utf8(text, at + length), pieces[i].good);
            assert_true(str_is_utf8(text, at));
        }
    }
}

static void numbers_are_whole_or_refused(void **state)
{
    static const struct {
        const char *text;
        int64_t number;
    } good[] = {{"0", 0},
                {"7", 7},
                {"-7", -7},
                {"007", 7},
                {"-0", 0},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    static const char *const bad[] = {
        "", "-", "+5", " 5", "5 ", "5x", "0x10", "1e3", "--5", "9223372036854775808", "-9223372036854775809", "1.0", "\xd9\xa3"};
    int64_t number = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(str_to_int(good[i].text, &number));
        assert_int_equal(number, good[i].number);
    }
    number = 42;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(str_to_int(bad[i], &number));
        assert_int_equal(number, 42);
    }
}

static void strings_are_compared(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool equal;
        bool nocase;
    } pairs[] = {{NULL, NULL, true, true}, {NULL, "", false, false}, {"", NULL, false, false},
                 {"a", "a", true, true},   {"a", "A", false, true},  {"a", "ab", false, false}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        assert_int_equal(str_equal(pairs[i].a, pairs[i].b), pairs[i].equal);
        assert_int_equal(str_equal_nocase(pairs[i].a, pairs[i].b), pairs[i].nocase);
    }
    assert_true(str_starts("abc", "ab") && str_starts("abc", "") && !str_starts("a", "ab"));
    assert_true(str_ends("abc", "bc") && str_ends("abc", "") && !str_ends("c", "bc") && !str_ends("abc", "ab"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_is_reset),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(every_code_point_but_surrogates_is_utf8),
        cmocka_unit_test(broken_utf8_is_seen),
        cmocka_unit_test(utf8_is_seen_at_each_place),
        cmocka_unit_test(numbers_are_whole_or_refused),
        cmocka_unit_test(strings_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
