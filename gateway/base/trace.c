/* See trace.h. */
#include "gateway/base/trace.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/id.h"
#include "gateway/base/text.h"

enum { TRACE_AT = 3, TRACE_DIGITS = 32, SPAN_AT = 36, SPAN_DIGITS = 16, FLAGS_AT = 53, LENGTH = 55 };

static bool is_hex(const char *text, size_t length)
{
    return strspn(text, "0123456789abcdef") >= length;
}

static bool is_zero(const char *text, size_t length)
{
    return strspn(text, "0") >= length;
}

bool trace_is_valid(const char *header)
{
    return strlen(header) == LENGTH && memcmp(header, "00-", TRACE_AT) == 0 && header[SPAN_AT - 1] == '-' &&
           header[FLAGS_AT - 1] == '-' && is_hex(header + TRACE_AT, TRACE_DIGITS) && !is_zero(header + TRACE_AT, TRACE_DIGITS) &&
           is_hex(header + SPAN_AT, SPAN_DIGITS) && !is_zero(header + SPAN_AT, SPAN_DIGITS) && is_hex(header + FLAGS_AT, 2);
}

static void random_hex(char *out, size_t digits)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[TRACE_DIGITS / 2];
    random_bytes(bytes, digits / 2);
    for (size_t i = 0; i < digits; i++)
        out[i] = hex[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
    out[digits] = '\0';
}

void trace_begin(const char *header, struct trace *out)
{
    const bool goes_on = header && trace_is_valid(header);
    char span[SPAN_DIGITS + 1];
    if (goes_on)
        (void)snprintf(out->id, sizeof(out->id), "%.32s", header + TRACE_AT);
    else
        random_hex(out->id, TRACE_DIGITS);
    random_hex(span, SPAN_DIGITS);
    (void)snprintf(out->parent, sizeof(out->parent), "00-%s-%s-%.2s", out->id, span, goes_on ? header + FLAGS_AT : "00");
}
