/*
 * Python's repr() for JSON values. Recursion is bounded by the depth of a parsed document (JSON_MAX_DEPTH).
 */
#include "schema/json/repr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/err.h"
#include "schema/json/unicode.h"

static const char *const secret_names[] = {"adminPass",  "admin_pass", "password",  "original_password", "secret",  "token",
                                           "join_token", "link_key",   "user_data", "private_key",       "contents"};

bool repr_is_secret(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(secret_names); i++) {
        if (str_equal(name, secret_names[i]))
            return true;
    }
    return false;
}

static bool is_full(const struct text *out)
{
    return out->length > REPR_MAX;
}

static void add_code(struct text *out, uint32_t code, const char *bytes, size_t length, char quote)
{
    static const char escapes[] = "\\\\\nn\rr\tt";
    const char *escape = code < 0x80 && code ? strchr(escapes, (int)code) : NULL;
    if (escape && (escape - escapes) % 2 == 0)
        text_add_format(out, "\\%c", escape[1]);
    else if (code == (uint32_t)quote)
        text_add_format(out, "\\%c", quote);
    else if (code > 0xFFFF || code == ' ' || (unicode_is_printable(code) && !unicode_is_blank(code)))
        text_add(out, bytes, length);
    else
        text_add_format(out, code < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)code);
}

void repr_add_string(struct text *out, const char *string)
{
    const char quote = strchr(string, '\'') && !strchr(string, '"') ? '"' : '\'';
    text_add_char(out, quote);
    for (const char *next = string; *next;) {
        if (is_full(out)) {
            text_add_str(out, "…");
            break;
        }
        const char *start = next;
        const uint32_t code = utf8_next(&next);
        add_code(out, code, start, (size_t)(next - start), quote);
    }
    text_add_char(out, quote);
}

/* The shortest digits that read back as the same number, laid out as Python does. */
static void add_real(struct text *out, double number)
{
    char digits[40];
    int precision = 0;
    do {
        snprintf(digits, sizeof(digits), "%.*e", precision, number);
    } while (strtod(digits, NULL) != number && ++precision < 17);
    const long exponent = strtol(strchr(digits, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        text_add_str(out, digits);
        return;
    }
    const int decimals = precision > exponent ? precision - (int)exponent : 0;
    text_add_format(out, "%.*f", decimals > 0 ? decimals : 1, number);
}

static void add_array(struct text *out, const json_t *array)
{
    text_add_char(out, '[');
    size_t i;
    const json_t *item;
    json_array_foreach(array, i, item)
    {
        if (is_full(out)) {
            text_add_str(out, "…");
            break;
        }
        if (i)
            text_add_str(out, ", ");
        repr_add(out, item);
    }
    text_add_char(out, ']');
}

static void add_object(struct text *out, const json_t *object)
{
    text_add_char(out, '{');
    bool first = true;
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)object, key, member)
    {
        if (is_full(out)) {
            text_add_str(out, "…");
            break;
        }
        if (!first)
            text_add_str(out, ", ");
        first = false;
        repr_add_string(out, key);
        text_add_str(out, ": ");
        if (repr_is_secret(key))
            text_add_str(out, "***");
        else
            repr_add(out, member);
    }
    text_add_char(out, '}');
}

void repr_add(struct text *out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        add_object(out, value);
        break;
    case JSON_ARRAY:
        add_array(out, value);
        break;
    case JSON_STRING:
        repr_add_string(out, json_string_value(value));
        break;
    case JSON_INTEGER:
        text_add_int(out, json_integer_value(value));
        break;
    case JSON_REAL:
        add_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        text_add_str(out, "True");
        break;
    case JSON_FALSE:
        text_add_str(out, "False");
        break;
    case JSON_NULL:
        text_add_str(out, "None");
        break;
    }
}

void repr_add_plain(struct text *out, const json_t *value)
{
    if (!json_is_string(value)) {
        repr_add(out, value);
        return;
    }
    const char *next = json_string_value(value);
    const char *start = next;
    while (*next && next - start < REPR_MAX)
        utf8_next(&next);
    text_add(out, start, (size_t)(next - start));
    if (*next)
        text_add_str(out, "…");
}
