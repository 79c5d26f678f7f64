/* The structural scanner says of random JSON, and of damaged JSON, what jansson says; by each instruction set, at each place of a
 * block, what a scanner of single bytes says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef fail

#include <jansson.h>

#include "gateway/base/id.h"
#include "schema/json/json.h"
#include "tests/unit/zones/scan_reference.h"
#include "zones/json_masks.h"
#include "zones/json_scan.h"

enum verdict { VERDICT_BAD, VERDICT_GOOD, VERDICT_RANGE };

/* Keys that come twice and numbers out of range are no business of the scanner: jansson is not asked for the first, and stops at
 * the second. */
static enum verdict jansson_says(const char *bytes, size_t length)
{
    json_error_t error;
    json_auto_t *value = json_loadb(bytes, length, 0, &error);
    if (!value && json_error_code(&error) == json_error_numeric_overflow)
        return VERDICT_RANGE;
    return json_is_object(value) && bytes[0] == '{' && bytes[length - 1] == '}' ? VERDICT_GOOD : VERDICT_BAD;
}

static void known_texts(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"{}", true},
        {"{\"a\":1}", true},
        {"{ \"a\" : [ 1 , { } , [ ] ] , \"b\" : null }", true},
        {"{\"a\":-0.5e+10,\"b\":[true,false,null]}", true},
        {"{\"\\u00e9\\ud83d\\ude00\\n\\/\":\"\"}", true},
        {"", false},
        {"{", false},
        {"}", false},
        {"[]", false},
        {" {}", false},
        {"{}\n", false},
        {"{}{}", false},
        {"{\"a\"}", false},
        {"{\"a\":}", false},
        {"{\"a\":1,}", false},
        {"{,\"a\":1}", false},
        {"{\"a\":1 \"b\":2}", false},
        {"{\"a\":[1,]}", false},
        {"{\"a\":[,1]}", false},
        {"{\"a\":[1}", false},
        {"{\"a\":[1]]", false},
        {"{\"a\":01}", false},
        {"{\"a\":1.}", false},
        {"{\"a\":.5}", false},
        {"{\"a\":+1}", false},
        {"{\"a\":1e}", false},
        {"{\"a\":-}", false},
        {"{\"a\":nul}", false},
        {"{\"a\":nulll}", false},
        {"{\"a\":'b'}", false},
        {"{\"a\":\"\\x\"}", false},
        {"{\"a\":\"\\u12g4\"}", false},
        {"{\"a\":\"\\u0000\"}", false},
        {"{\"a\":\"\\ud800\"}", false},
        {"{\"a\":\"\\udc00\"}", false},
        {"{\"a\":\"\\ud800\\u0041\"}", false},
        {"{\"a\":\"\t\"}", false},
        {"{\"a\":\"\xc0\x80\"}", false},
        {"{\"a\":\"\xed\xa0\x80\"}", false},
        {"{1:2}", false},
        {"{\"a\":\"", false},
        {"{\"a\":\"\\", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (json_scan_object(rows[i].text, strlen(rows[i].text)) != rows[i].good)
            print_error("%s\n", rows[i].text);
        assert_int_equal(json_scan_object(rows[i].text, strlen(rows[i].text)), rows[i].good);
    }
}

static void depth_is_bounded(void **state)
{
    char text[256];
    (void)state;
    for (size_t depth = 1; depth < 60; depth++) {
        size_t at = 0;
        at += (size_t)snprintf(text, sizeof(text), "{\"a\":");
        memset(text + at, '[', depth - 1);
        memset(text + at + depth - 1, ']', depth - 1);
        at += 2 * (depth - 1);
        if (depth == 1)
            text[at++] = '1';
        text[at++] = '}';
        assert_int_equal(json_scan_object(text, at), depth <= JSON_MAX_DEPTH);
    }
}

static json_t *random_value(int depth)
{
    static const char *const strings[] = {"", "a", "\"\\/\b\f\n\r\t", "\xc3\xa9", "\xf0\x9f\x98\x80", "\x7f", "{}[],:"};
    const uint32_t kind = random_below(depth > 4 ? 5 : 8);
    json_t *value = NULL;
    char name[16];
    switch (kind) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(random_below(2));
    case 2:
        return json_integer((json_int_t)random_below(1000000) - 500000);
    case 3:
        return json_real(((double)random_below(1000000) - 500000) / 1024);
    case 4:
        return json_string(strings[random_below(ARRAY_LEN(strings))]);
    case 5:
        value = json_array();
        for (uint32_t i = random_below(5); i > 0; i--)
            (void)json_array_append_new(value, random_value(depth + 1));
        return value;
    default:
        value = json_object();
        for (uint32_t i = random_below(5); i > 0; i--) {
            (void)snprintf(name, sizeof(name), "k%u", i);
            (void)json_object_set_new(value, name, random_value(depth + 1));
        }
        return value;
    }
}

/* Exactly `length` bytes on the heap, so that a read behind them is seen. */
static bool scan_copy(const char *text, size_t length)
{
    char *copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    const bool good = json_scan_object(copy, length);
    free(copy);
    return good;
}

/* What each reader of blocks says, of bytes that end where the heap block ends, is what the reference says. */
static bool all_agree(const char *text, size_t length)
{
    size_t count = 0;
    const struct json_masker *maskers = json_maskers(&count);
    char *copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    const bool wanted = reference_scan(copy, length);
    bool same = json_scan_object(copy, length) == wanted;
    for (size_t i = 0; i < count; i++) {
        if (!maskers[i].can_run() || json_scan_object_by(&maskers[i], copy, length) == wanted)
            continue;
        print_error("%s: not %d: %.*s\n", maskers[i].name, wanted, (int)length, text);
        same = false;
    }
    free(copy);
    return same;
}

static void random_json_and_its_damages(void **state)
{
    static const char bytes[] = "{}[]\",:\\u0e-+.1tn \x01\x80\xff";
    (void)state;
    for (int round = 0; round < 3000; round++) {
        json_t *value = json_object();
        (void)json_object_set_new(value, "a", random_value(0));
        (void)json_object_set_new(value, "b", random_value(0));
        static const size_t flags[] = {JSON_COMPACT, 0, JSON_INDENT(2), JSON_ENSURE_ASCII, JSON_ESCAPE_SLASH};
        char *text = json_dumps(value, flags[random_below(ARRAY_LEN(flags))]);
        const size_t length = strlen(text);
        assert_true(scan_copy(text, length));
        for (int damage = 0; damage < 20; damage++) {
            char *broken = strdup(text);
            broken[random_below((uint32_t)length)] = bytes[random_below(sizeof(bytes) - 1)];
            const enum verdict wanted = jansson_says(broken, length);
            if (wanted != VERDICT_RANGE && scan_copy(broken, length) != (wanted == VERDICT_GOOD))
                print_error("%s\n", broken);
            if (wanted != VERDICT_RANGE)
                assert_int_equal(scan_copy(broken, length), wanted == VERDICT_GOOD);
            assert_false(scan_copy(text, random_below((uint32_t)length))); /* cut */
            assert_true(all_agree(broken, length));
            free(broken);
        }
        for (size_t cut = 0; round % 16 == 0 && cut <= length; cut++)
            assert_true(all_agree(text, cut));
        free(text);
        json_decref(value);
    }
}

static void members_are_found(void **state)
{
    static const char text[] = "{\"x\":{\"id\":\"wrong\"},\"idx\":\"no\", \"i\":\"no\",\"id\" : "
                               "\"right\",\"n\":5,\"e\":\"a\\nb\",\"l\":[1,{\"id\":\"wrong\"}],\"z\":\"\"}";
    const char *found = NULL;
    size_t length = 0;
    (void)state;
    assert_true(json_scan_object(text, strlen(text)));
    assert_true(json_scan_string(text, strlen(text), "id", &found, &length));
    assert_int_equal(length, 5);
    assert_memory_equal(found, "right", 5);
    assert_true(json_scan_string(text, strlen(text), "z", &found, &length));
    assert_int_equal(length, 0);
    assert_false(json_scan_string(text, strlen(text), "n", &found, &length));
    assert_false(json_scan_string(text, strlen(text), "e", &found, &length));
    assert_false(json_scan_string(text, strlen(text), "nothing", &found, &length));
    assert_false(json_scan_string("{}", 2, "id", &found, &length));
}

/* What is hard stands at every place of a block, and across its end. */
static void every_place_of_a_block(void **state)
{
    static const char *const values[] = {"\"\\\\\"",
                                         "\"\\\"}],\"",
                                         "\"\\ud83d\\ude00\"",
                                         "\"\\ud83d\"",
                                         "\"\\ude00\"",
                                         "-1.5e+10",
                                         "-1.5e+",
                                         "true",
                                         "truefalse",
                                         "1 2",
                                         "nul",
                                         "[{}]",
                                         "[{]}",
                                         "\"\x01\"",
                                         "\"\xc3\xa9\"",
                                         "\"\xc3\"",
                                         "1\f",
                                         "\x1a",
                                         "\\\"\"",
                                         "\"\\\\\\\\\\\\\\\\\\\"\"",
                                         "\"\\u12\"",
                                         "\"\\u000\\\"\"",
                                         "\"a\"\"b\"",
                                         "1\"b\"",
                                         "true\"\"",
                                         "\x80",
                                         "[1,]",
                                         "{\"a\":{\"b\":[]},\"c\":0}"};
    char text[512];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        for (int pad = 0; pad < 3 * JSON_BLOCK; pad++) {
            const int length = snprintf(text, sizeof(text), "{\"%.*s\":%s%*s}", pad % JSON_BLOCK,
                                        "----------------------------------------------------------------", values[i], pad, "");
            assert_true(length > 0 && (size_t)length < sizeof(text));
            for (int cut = 0; cut <= length; cut++)
                assert_true(all_agree(text, (size_t)cut));
        }
    }
}

/* Bytes that mean something, at random: most are no JSON, and all say so. */
static void random_marks(void **state)
{
    static const char bytes[] = "{{}}[]\"\"\"::,,\\\\u0e-1 \n\x01\x0c\x1a\x80";
    char text[200];
    (void)state;
    for (int round = 0; round < 20000; round++) {
        const size_t length = 6 + random_below(sizeof(text) - 7);
        for (size_t i = 0; i < length; i++)
            text[i] = bytes[random_below(sizeof(bytes) - 1)];
        memcpy(text, "{\"a\":", 5 + (size_t)random_below(2));
        text[length - 1] = '}';
        assert_true(all_agree(text, length));
    }
}

/* Of every byte at every place all readers say the same. */
static void masks_are_the_same(void **state)
{
    size_t count = 0;
    const struct json_masker *maskers = json_maskers(&count);
    unsigned char block[JSON_BLOCK];
    (void)state;
    for (unsigned round = 0; round < 4096; round++) {
        for (unsigned i = 0; i < JSON_BLOCK; i++)
            block[i] = (unsigned char)(round < 256 ? round + i : random_below(256));
        struct json_masks wanted;
        maskers[count - 1].read(block, &wanted);
        for (size_t i = 0; i + 1 < count; i++) {
            struct json_masks masks;
            if (!maskers[i].can_run())
                continue;
            maskers[i].read(block, &masks);
            masks.marks &= ~masks.controls;
            assert_memory_equal(&masks, &wanted, sizeof(masks));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts),        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(members_are_found),  cmocka_unit_test(random_json_and_its_damages),
        cmocka_unit_test(masks_are_the_same), cmocka_unit_test(every_place_of_a_block),
        cmocka_unit_test(random_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
