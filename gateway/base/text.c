/* Growing text and small string helpers; see text.h. Memory never runs out quietly: the process ends. */
#include "gateway/base/text.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FORMAT_ROOM 64

static void grow(struct text *text, size_t more)
{
    const size_t need = text->length + more + 1;
    if (need <= text->capacity)
        return;
    size_t capacity = text->capacity ? text->capacity : 256;
    while (capacity < need)
        capacity *= 2;
    char *bytes = realloc(text->bytes, capacity);
    if (!bytes) {
        (void)fputs("zonegate: out of memory\n", stderr);
        abort();
    }
    text->bytes = bytes;
    text->capacity = capacity;
}

void text_clear(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

void text_reset(struct text *text)
{
    text->length = 0;
    if (text->bytes)
        text->bytes[0] = '\0';
}

void text_reserve(struct text *text, size_t more)
{
    grow(text, more);
}

void text_add(struct text *text, const void *bytes, size_t length)
{
    grow(text, length);
    if (length)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void text_add_str(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void text_add_char(struct text *text, char c)
{
    text_add(text, &c, 1);
}

void text_add_format(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_list again;
    grow(text, FORMAT_ROOM); /* most need no second look */
    const size_t room = text->capacity - text->length;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(text->bytes + text->length, room, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length >= room) {
        grow(text, (size_t)length);
        (void)vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
    }
    text->length += length > 0 ? (size_t)length : 0;
    text->bytes[text->length] = '\0';
    va_end(again);
}

void text_add_percent(struct text *text, const char *value, const char *also)
{
    static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~";
    for (const char *c = value; *c; c++) {
        if (strchr(plain, *c) || strchr(also, *c))
            text_add_char(text, *c);
        else
            text_add_format(text, "%%%02X", (unsigned char)*c);
    }
}

const char *text_str(const struct text *text)
{
    return text->bytes ? text->bytes : "";
}

static void add_escaped(struct text *text, unsigned char c)
{
    static const struct {
        char raw;
        const char *escaped;
    } short_forms[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {'\r', "\\r"}, {'\t', "\\t"}, {'\b', "\\b"}, {'\f', "\\f"}};
    for (size_t i = 0; i < sizeof(short_forms) / sizeof(short_forms[0]); i++) {
        if ((char)c == short_forms[i].raw) {
            text_add_str(text, short_forms[i].escaped);
            return;
        }
    }
    text_add_format(text, "\\u%04x", c);
}

void text_add_json_n(struct text *text, const char *string, size_t length)
{
    grow(text, length + 2);
    text_add_char(text, '"');
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)string[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        text_add(text, string + start, i - start);
        add_escaped(text, c);
        start = i + 1;
    }
    text_add(text, string + start, length - start);
    text_add_char(text, '"');
}

void text_add_json(struct text *text, const char *string)
{
    if (string)
        text_add_json_n(text, string, strlen(string));
    else
        text_add(text, "null", 4);
}

void text_add_int(struct text *text, int64_t number)
{
    char digits[24];
    const int length = snprintf(digits, sizeof(digits), "%" PRId64, number);
    text_add(text, digits, (size_t)length);
}

bool str_equal(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

bool str_equal_nocase(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcasecmp(a, b) == 0;
}

bool str_starts(const char *string, const char *prefix)
{
    return strncmp(string, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *string, const char *suffix)
{
    const size_t length = strlen(string);
    const size_t tail = strlen(suffix);
    return length >= tail && strcmp(string + length - tail, suffix) == 0;
}

/* Length of the sequence that starts with `lead`, and the least code point it may carry (overlong forms are refused); 0 = bad. */
static size_t sequence_length(unsigned char lead, uint32_t *out_bits, uint32_t *out_least)
{
    if (lead >= 0xc2 && lead <= 0xdf) {
        *out_bits = lead & 0x1fU;
        *out_least = 0x80;
        return 2;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        *out_bits = lead & 0x0fU;
        *out_least = 0x800;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *out_bits = lead & 0x07U;
        *out_least = 0x10000;
        return 4;
    }
    return 0;
}

/* How many bytes at the start are ASCII, of eight or more; of fewer, of one. */
static size_t count_ascii(const unsigned char *p, size_t length)
{
    uint64_t eight = 0;
    if (length < sizeof(eight))
        return *p < 0x80 ? 1 : 0;
    memcpy(&eight, p, sizeof(eight));
    const uint64_t high = le64toh(eight) & UINT64_C(0x8080808080808080);
    return high ? (size_t)__builtin_ctzll(high) / 8 : sizeof(eight);
}

bool str_is_utf8(const char *bytes, size_t length)
{
    const unsigned char *p = (const unsigned char *)bytes;
    const unsigned char *end = p + length;
    while (p < end) {
        const size_t ascii = count_ascii(p, (size_t)(end - p));
        if (ascii) {
            p += ascii;
            continue;
        }
        uint32_t code = 0;
        uint32_t least = 0;
        const size_t size = sequence_length(*p, &code, &least);
        if (size == 0 || (size_t)(end - p) < size)
            return false;
        for (size_t i = 1; i < size; i++) {
            if ((p[i] & 0xc0U) != 0x80)
                return false;
            code = code << 6 | (p[i] & 0x3fU);
        }
        if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
        p += size;
    }
    return true;
}

bool str_to_int(const char *string, int64_t *out)
{
    const char *digits = *string == '-' ? string + 1 : string;
    if (!isdigit((unsigned char)*digits))
        return false;
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(string, &end, 10);
    if (errno || *end)
        return false;
    *out = number;
    return true;
}
