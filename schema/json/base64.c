/*
 * Base64 as lenient as Nova's decoder (Python's b64decode): clients send line breaks and worse. Strict decoding is base's.
 */
#include <stdint.h>

#include "schema/json/json.h"

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

enum err json_base64_decode(const char *text, size_t length, void *out, size_t *out_length)
{
    uint8_t *bytes = out;
    size_t written = 0;
    uint32_t group = 0;
    int digits = 0;
    int pads = 0;
    for (size_t i = 0; i < length; i++) {
        const int value = digit_value(text[i]);
        if (text[i] == '=' && digits >= 2 && digits + ++pads >= 4) {
            *out_length = written;
            return OK;
        }
        if (value < 0)
            continue;
        pads = 0;
        group = group << 6 | (uint32_t)value;
        digits = (digits + 1) % 4;
        if (digits == 1)
            continue;
        if (bytes)
            bytes[written] = (uint8_t)(group >> (digits == 2 ? 4 : digits == 3 ? 2 : 0));
        written++;
    }
    if (digits)
        return fail(E_INVALID, "Incorrect base64 padding");
    *out_length = written;
    return OK;
}
