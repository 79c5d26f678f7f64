/* The validator, keyword by keyword: schema, value, the message (NULL: valid). The words are those of Nova Zed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "schema/json/json.h"
#include "schema/json/keywords.h"

#define give_up(...)                                                                                                               \
    do {                                                                                                                           \
        print_error(__VA_ARGS__);                                                                                                  \
        print_error("\n");                                                                                                         \
        assert_true(false);                                                                                                        \
    } while (0)

#define AT "Invalid input for field/attribute "

struct row {
    const char *schema;
    const char *value;
    const char *message;
};

static const struct row rows[] = {
    {"{}", "7", NULL},
    {"{\"type\": \"string\"}", "\"x\"", NULL},
    {"{\"type\": \"string\"}", "null", "None is not of type 'string'"},
    {"{\"type\": \"object\"}", "[1, true, \"a\", null, 1.5]", "[1, True, 'a', None, 1.5] is not of type 'object'"},
    {"{\"type\": [\"string\", \"null\"]}", "null", NULL},
    {"{\"type\": [\"string\", \"null\"]}", "1", "1 is not of type 'string', 'null'"},
    {"{\"type\": \"integer\"}", "true", "True is not of type 'integer'"},
    {"{\"type\": \"integer\"}", "1.0", "1.0 is not of type 'integer'"},
    {"{\"type\": \"number\"}", "1", NULL},
    {"{\"type\": \"number\"}", "false", "False is not of type 'number'"},
    {"{\"type\": \"boolean\"}", "false", NULL},
    {"{\"type\": \"boolean\"}", "0", "0 is not of type 'boolean'"},
    {"{\"enum\": [\"a\", 1, null]}", "1", NULL},
    {"{\"enum\": [\"a\", 1, null]}", "true", "True is not one of ['a', 1, None]"},
    {"{\"minLength\": 1}", "\"\"", "'' is too short"},
    {"{\"maxLength\": 2}", "\"é日\"", NULL},
    {"{\"maxLength\": 2}", "\"é日x\"", "'é日x' is too long"},
    {"{\"maxLength\": 1}", "12345", NULL},
    {"{\"pattern\": \"^[0-9]*$\"}", "\"12\"", NULL},
    {"{\"pattern\": \"^[0-9]*$\"}", "\"1x\"", "'1x' does not match '^[0-9]*$'"},
    {"{\"pattern\": \"b\"}", "\"abc\"", NULL},
    {"{\"minimum\": 1}", "0", "0 is less than the minimum of 1"},
    {"{\"minimum\": 1}", "\"0\"", "0 is less than the minimum of 1"},
    {"{\"minimum\": 1}", "\"0.5\"", "0.5 is less than the minimum of 1"},
    {"{\"minimum\": 1}", "\"x\"", NULL},
    {"{\"minimum\": 1}", "1", NULL},
    {"{\"minimum\": 1, \"exclusiveMinimum\": true}", "1", "1 is less than or equal to the minimum of 1"},
    {"{\"maximum\": 5}", "5", NULL},
    {"{\"maximum\": 5}", "6", "6 is greater than the maximum of 5"},
    {"{\"maximum\": 5, \"exclusiveMaximum\": true}", "5", "5 is greater than or equal to the maximum of 5"},
    {"{\"maximum\": 2147483647}", "\"99999999999999999999\"", "1e+20 is greater than the maximum of 2147483647"},
    {"{\"minItems\": 1}", "[]", "[] is too short"},
    {"{\"maxItems\": 1}", "[1, 2]", "[1, 2] is too long"},
    {"{\"uniqueItems\": true}", "[1, \"1\", {\"a\": 1, \"b\": 2}]", NULL},
    {"{\"uniqueItems\": true}", "[{\"a\": 1, \"b\": 2}, {\"b\": 2, \"a\": 1}]",
     "[{'a': 1, 'b': 2}, {'b': 2, 'a': 1}] has non-unique elements"},
    {"{\"items\": {\"type\": \"string\"}}", "[\"a\", 2]", AT "1. Value: 2. 2 is not of type 'string'"},
    {"{\"minProperties\": 1}", "{}", "{} does not have enough properties"},
    {"{\"maxProperties\": 1}", "{\"a\": 1, \"b\": 2}", "{'a': 1, 'b': 2} has too many properties"},
    {"{\"required\": [\"name\"]}", "{}", "'name' is a required property"},
    {"{\"required\": [\"name\"]}", "[]", NULL},
    {"{\"properties\": {\"name\": {\"type\": \"string\", \"minLength\": 1}}}", "{\"name\": \"\"}",
     AT "name. Value: . '' is too short"},
    {"{\"properties\": {\"a\": {\"properties\": {\"b\": {\"type\": \"null\"}}}}}", "{\"a\": {\"b\": 1}}",
     AT "b. Value: 1. 1 is not of type 'null'"},
    {"{\"properties\": {\"a\": {}}, \"additionalProperties\": false}", "{\"a\": 1, \"x\": 2}",
     "Additional properties are not allowed ('x' was unexpected)"},
    {"{\"additionalProperties\": false}", "{\"x\": 1, \"y\": 2}",
     "Additional properties are not allowed ('x', 'y' were unexpected)"},
    {"{\"additionalProperties\": {\"type\": \"string\"}}", "{\"x\": 1}", AT "x. Value: 1. 1 is not of type 'string'"},
    {"{\"additionalProperties\": true}", "{\"x\": 1}", NULL},
    {"{\"patternProperties\": {\"^[a-z]+$\": {\"type\": \"string\"}}, \"additionalProperties\": false}", "{\"ab\": 1}",
     AT "ab. Value: 1. 1 is not of type 'string'"},
    {"{\"patternProperties\": {\"^[a-z]+$\": {}}, \"additionalProperties\": false}", "{\"A\": 1}",
     "'A' does not match any of the regexes: '^[a-z]+$'"},
    {"{\"oneOf\": [{\"type\": \"null\"}, {\"maxLength\": 2, \"type\": \"string\"}]}", "\"ab\"", NULL},
    {"{\"oneOf\": [{\"type\": \"null\"}, {\"maxLength\": 2, \"type\": \"string\"}]}", "\"abc\"",
     "'abc' is not valid under any of the given schemas"},
    {"{\"oneOf\": [{\"minimum\": 1}, {\"maximum\": 5}]}", "3", "3 is valid under several of the given schemas"},
    {"{\"anyOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}", "{\"b\": 1}", NULL},
    {"{\"anyOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}", "{}", "{} is not valid under any of the given schemas"},
    {"{\"allOf\": [{\"minLength\": 1}, {\"maxLength\": 2}]}", "\"abc\"", "'abc' is too long"},
    {"{\"not\": {\"type\": \"null\"}}", "null", "None is not allowed here"},
    {"{\"not\": {\"type\": \"null\"}}", "1", NULL},
    /* the first broken rule in the order of the schema is the one that is reported */
    {"{\"required\": [\"a\"], \"additionalProperties\": false}", "{\"x\": 1}", "'a' is a required property"},
    {"{\"additionalProperties\": false, \"required\": [\"a\"]}", "{\"x\": 1}",
     "Additional properties are not allowed ('x' was unexpected)"},
    /* Python's way of writing values */
    {"{\"type\": \"null\"}", "\"it's\"", "\"it's\" is not of type 'null'"},
    {"{\"type\": \"null\"}", "\"it's \\\"q\\\"\"", "'it\\'s \"q\"' is not of type 'null'"},
    {"{\"type\": \"null\"}", "\"\\n\\t\\\\\\u0001\\u00a0\\u200bé\"", "'\\n\\t\\\\\\x01\\xa0\\u200bé' is not of type 'null'"},
    {"{\"type\": \"null\"}", "1e16", "1e+16 is not of type 'null'"},
    {"{\"type\": \"null\"}", "0.1", "0.1 is not of type 'null'"},
    {"{\"type\": \"null\"}", "-2.50", "-2.5 is not of type 'null'"},
    /* secrets are not shown */
    {"{\"properties\": {\"adminPass\": {\"type\": \"string\"}}}", "{\"adminPass\": 123456}",
     AT "adminPass. Value: ***. *** is not of type 'string'"},
    {"{\"type\": \"string\"}", "{\"password\": \"geheim\", \"a\": {\"user_data\": \"x\"}}",
     "{'password': ***, 'a': {'user_data': ***}} is not of type 'string'"},
};

static json_t *load(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (!value)
        give_up("the test's JSON is broken: %s", text);
    return value;
}

static void each_keyword_speaks_as_nova(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *schema = load(rows[i].schema);
        json_auto_t *value = load(rows[i].value);
        assert_int_equal(schema_check(schema), OK);
        const enum err kind = json_validate(schema, value);
        if ((kind == OK) != (rows[i].message == NULL))
            give_up("%s against %s: %s %s", rows[i].value, rows[i].schema, err_name(kind), kind == OK ? "" : err_message());
        if (rows[i].message)
            assert_string_equal(err_message(), rows[i].message);
    }
}

static void no_body_counts_as_null(void **state)
{
    (void)state;
    json_auto_t *schema = load("{\"type\": \"object\"}");
    assert_int_equal(json_validate(schema, NULL), E_INVALID);
    assert_string_equal(err_message(), "None is not of type 'object'");
}

#define NAME "An invalid 'name' value was provided. The name must be: "
#define ANY  ""

static const char character[3] = {'\xe6', '\x97', '\xa5'}; /* 日 */

static const struct {
    const char *format;
    const char *text;
    const char *message; /* NULL: valid; ANY: the standard words */
} formats[] = {
    {"uuid", "d4d60f38-88ee-40a0-91c7-2eef3d9cc00d", NULL},
    {"uuid", "D4D60F38-88EE-40A0-91C7-2EEF3D9CC00D", NULL},
    {"uuid", "d4d60f3888ee40a091c72eef3d9cc00d", NULL},
    {"uuid", "", ANY},
    {"uuid", "d4d60f38-88ee-40a0-91c7-2eef3d9cc00", ANY},
    {"ipv4", "10.0.0.1", NULL},
    {"ipv4", "10.0.0.256", ANY},
    {"ipv4", "10.0.0", ANY},
    {"ipv4", "010.0.0.1", ANY},
    {"ipv6", "fe80::1", NULL},
    {"ipv6", "10.0.0.1", ANY},
    {"ipv6", "fe80::1%eth0", ANY},
    {"ip", "::1", NULL},
    {"ip", "1.2.3.4", NULL},
    {"ip", "here", ANY},
    {"cidr", "10.0.0.0/24", NULL},
    {"cidr", "fe80::/64", NULL},
    {"cidr", "10.0.0.0/33", ANY},
    {"cidr", "10.0.0.0", ANY},
    {"cidr", "10.0.0.0/-1", ANY},
    {"date-time", "2026-01-01T00:00:00Z", NULL},
    {"date-time", "yesterday", ANY},
    {"base64", "aGVsbG8=", NULL},
    {"base64", "!!", NULL},
    {"base64", "aGVsbG8", ANY},
    {"uri", "http://host:8774/v2.1", NULL},
    {"uri", "https://[::1]:8774/", NULL},
    {"uri", "host:8774", ANY},
    {"uri", "http://", ANY},
    {"uri", "http:///path", ANY},
    {"uri", "http://ho st/", ANY},
    {"regex", "a.*b", NULL},
    {"regex", "(", ANY},
    {"regex", "", ANY},
    {"hostname", "kvm-1.example", NULL},
    {"hostname", "kvm 1", ANY},
    {"name", "vm 1", NULL},
    {"name", "", NULL},
    {"name", "日本 é", NULL},
    {"name", " vm", NAME "printable characters. Can not start or end with whitespace."},
    {"name", "vm ", NAME "printable characters. Can not start or end with whitespace."},
    {"name", "vm\xc2\xa0", NAME "printable characters. Can not start or end with whitespace."},
    {"name", "v\tm", NAME "printable characters. Can not start or end with whitespace."},
    {"name", "v\xe2\x80\x8bm", NAME "printable characters. Can not start or end with whitespace."},
    {"name", "\xf0\x9f\x98\x80", NAME "printable characters. Can not start or end with whitespace."},
    {"az_name", "east", NULL},
    {"az_name", "a:b", NAME "printable characters except :.Can not start or end with whitespace."},
    {"name_with_leading_trailing_spaces", " vm ", NULL},
    {"name_with_leading_trailing_spaces", "  ", NAME "printable characters with at least one non space character"},
    {"az_name_with_leading_trailing_spaces", " a:b", NAME "printable characters except :, with at least one non space character"},
    {"keypair_name_20", "my key_1-", NULL},
    {"keypair_name_20", "a@b",
     NAME "Only expected characters: "
          "[_- 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ]"},
    {"keypair_name_292", "a@b.c", NULL},
    {"printable text", "two words", NULL},
    {"printable text", "two\nlines", ANY},
};

static void each_format_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        json_auto_t *schema = json_pack("{s:s}", "format", formats[i].format);
        json_auto_t *value = json_string(formats[i].text);
        assert_non_null(value);
        assert_int_equal(schema_check(schema), OK);
        const enum err kind = json_validate(schema, value);
        if ((kind == OK) != (formats[i].message == NULL))
            give_up("%s '%s': %s", formats[i].format, formats[i].text, err_name(kind));
        if (!formats[i].message)
            continue;
        const char *end = strstr(err_message(), " is not a '");
        if (formats[i].message[0])
            assert_string_equal(err_message(), formats[i].message);
        else
            assert_true(end && strstr(end, formats[i].format));
    }
}

static void mistakes_in_schemas_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        const char *message;
    } mistakes[] = {
        {"{\"typ\": \"string\"}", "keyword 'typ' is unknown"},
        {"{\"type\": \"strin\"}", "type: type 'strin' is unknown"},
        {"{\"type\": []}", "type: a type or a list of types is expected"},
        {"{\"format\": \"uid\"}", "format: format 'uid' is unknown"},
        {"{\"minLength\": \"1\"}", "minLength: the value has the wrong type"},
        {"{\"properties\": {\"a\": 1}}", "properties: a schema is expected"},
        {"{\"properties\": {\"a\": {\"items\": []}}}", "properties: items: a schema is expected"},
        {"{\"oneOf\": []}", "oneOf: a list of schemas is expected"},
        {"{\"required\": \"a\"}", "required: a list of names is expected"},
        {"{\"enum\": []}", "enum: the value has the wrong type"},
    };
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        json_auto_t *schema = load(mistakes[i].schema);
        assert_int_equal(schema_check(schema), E_INVALID);
        assert_string_equal(err_message(), mistakes[i].message);
    }
    json_auto_t *broken = load("{\"pattern\": \"(\"}");
    assert_int_equal(schema_check(broken), E_INVALID);
    assert_non_null(strstr(err_message(), "pattern '('"));
}

/* A message has a bound, and is whole UTF-8 wherever it was cut: it goes into a JSON fault. */
static void messages_stay_short_and_utf8(void **state)
{
    (void)state;
    char text[3 * 3000 + 4] = {0};
    for (size_t pad = 0; pad < 3; pad++) {
        memset(text, 'x', pad);
        for (size_t i = 0; i < 3000; i++)
            memcpy(text + pad + 3 * i, character, sizeof(character));
        json_auto_t *schema = load("{\"additionalProperties\": {\"type\": \"null\"}}");
        json_auto_t *value = json_object();
        json_object_set_new(value, text, json_string(text));
        assert_int_equal(json_validate(schema, value), E_INVALID);
        assert_true(strlen(err_message()) <= 1000);
        json_auto_t *readable = json_string(err_message());
        assert_non_null(readable);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_keyword_speaks_as_nova),  cmocka_unit_test(no_body_counts_as_null),
        cmocka_unit_test(each_format_decides),          cmocka_unit_test(mistakes_in_schemas_are_found),
        cmocka_unit_test(messages_stay_short_and_utf8),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_schemas_close(); /* the patterns that schema_check kept */
    return failed;
}
