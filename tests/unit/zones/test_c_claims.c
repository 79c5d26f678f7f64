/* What a delegation says, read fast or slowly, is what jansson reads of it; what is no JSON is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#undef fail

#include "gateway/base/id.h"
#include "gateway/base/seal.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "zones/claims.h"

#define ROUNDS 20000

static void assert_same_member(const struct claims *claims, const char *name, const json_t *value)
{
    const struct claim *number = delegation_get(claims, name, CLAIM_NUMBER);
    const struct claim *list = delegation_get(claims, name, CLAIM_LIST);
    assert_int_equal(json_is_integer(value), number != NULL);
    assert_int_equal(json_is_array(value), list != NULL);
    assert_true(str_equal(delegation_text(claims, name), json_string_value(value)));
    if (number)
        assert_int_equal(number->number, json_integer_value(value));
    if (!list)
        return;
    assert_int_equal(list->count, json_array_size(value));
    for (size_t i = 0; i < list->count; i++)
        assert_true(str_equal(list->items[i], json_string_value(json_array_get(value, i))));
}

/* True: it is an object. */
static bool reads_the_same(const char *text, size_t length)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct claims claims = {0};
    json_t *document = NULL;
    const char *name;
    json_t *value;
    const enum err wanted = json_parse_foreign(text, length, &document);
    const enum err read = delegation_read(&arena, text, length, &claims);
    const bool is_object = wanted == OK && json_is_object(document);
    assert_int_equal(read, wanted != OK ? wanted : is_object ? OK : E_NOT_FOUND);
    if (is_object) {
        assert_int_equal(claims.count, json_object_size(document));
        json_object_foreach(document, name, value)
        {
            assert_same_member(&claims, name, value);
        }
        assert_null(delegation_text(&claims, "nobody says this"));
    }
    json_decref(document);
    return is_object;
}

static void test_forms(void **state)
{
    static const char *const good[] = {
        "{}",
        "{\"a\":\"b\"}",
        "{\"iss\":\"x\",\"project\":null,\"hops\":9,\"iat\":1795425974,\"roles\":[],\"path\":[\"a\",\"b\"]}",
        "{\"a\":0,\"b\":-1,\"c\":999999999999999999,\"d\":9223372036854775807,\"e\":1.5,\"f\":1e3}",
        "{\"a\":\"\\u00e9\\\"\\\\\",\"b\":\"\xc3\xa9\",\"\":\"\"}",
        " { \"a\" : [ \"b\" , 1 , null , [\"c\"] ] , \"d\" : { \"e\" : true } } ",
        "{\"a\":true,\"b\":false,\"c\":{}}",
        "{\"a\":\"~ !\",\"b\":\"\x7f\"}",
    };
    static const char *const bad[] = {
        "",
        "{",
        "{}}",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\":01}",
        "{\"a\":\"b}",
        "{\"a\":[}",
        "{\"a\":[1,]}",
        "{\"a\":nul}",
        "{\"a\":1}x",
        "{,\"a\":1}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":\"x\",\"b\":1,\"a\":null}",
        "{\"a\":9223372036854775808}",
        "[]",
        "1",
        "\"a\"",
        "{\"a\":--1}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(reads_the_same(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(reads_the_same(bad[i], strlen(bad[i])));
    assert_false(reads_the_same("{\"a\":\"b\0\"}", 10));
}

/* More than the fast form has room for. */
static void test_many(void **state)
{
    CLEANUP(text_clear) struct text text = {0};
    (void)state;
    text_add_str(&text, "{\"list\":[\"0\"");
    for (int i = 1; i < 100; i++)
        text_add_format(&text, ",\"%d\"", i);
    text_add_char(&text, ']');
    for (int i = 0; i < 100; i++)
        text_add_format(&text, ",\"m%d\":%d", i, i);
    text_add_char(&text, '}');
    assert_true(reads_the_same(text.bytes, text.length));
}

static void test_random_bytes(void **state)
{
    static const char base[] = "{\"iss\":\"x\",\"project\":null,\"hops\":9,\"iat\":1795425974,\"roles\":[],\"path\":[\"a\",\"b\"]}";
    static const char bytes[] = "{}[]\",:0123456789-abnulltre \\.\x1f\x7f\xc3\xa9";
    size_t objects = 0;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        char text[sizeof(base)];
        memcpy(text, base, sizeof(base));
        for (uint32_t changes = 1 + random_below(3); changes > 0; changes--)
            text[random_below(sizeof(base) - 1)] = bytes[random_below(sizeof(bytes) - 1)];
        objects += reads_the_same(text, random_below(20) ? sizeof(base) - 1 : random_below(sizeof(base)));
    }
    assert_true(objects > ROUNDS / 20 && objects < ROUNDS);
}

static int setup(void **state)
{
    (void)state;
    return seal_setup() == OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
