/* Identifiers; see id.h. Random bits come from libsodium. */
#include "gateway/base/id.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>
#include <uuid/uuid.h>

#include "gateway/base/text.h"

#define BASE36_TAG_DIGITS  5
#define RESERVATION_RANDOM 8

static const char base36[] = "0123456789abcdefghijklmnopqrstuvwxyz";

void random_bytes(void *out, size_t length)
{
    randombytes_buf(out, length);
}

uint32_t random_below(uint32_t bound)
{
    return randombytes_uniform(bound);
}

void uuid_new(struct uuid *out)
{
    randombytes_buf(out->bytes, sizeof(out->bytes));
    out->bytes[6] = (uint8_t)((out->bytes[6] & 0x0fU) | 0x40U);
    out->bytes[8] = (uint8_t)((out->bytes[8] & 0x3fU) | 0x80U);
}

void uuid_new_tagged(uint32_t tag, struct uuid *out)
{
    uuid_new(out);
    out->bytes[13] = (uint8_t)(tag >> 16);
    out->bytes[14] = (uint8_t)(tag >> 8);
    out->bytes[15] = (uint8_t)tag;
}

#define NO_DIGIT 0xf0

/* The value of a hex digit; NO_DIGIT is in what is none. */
static const uint8_t hex_values[256] = {
    [0 ... '0' - 1] = NO_DIGIT,
    ['0'] = 0,
    ['1'] = 1,
    ['2'] = 2,
    ['3'] = 3,
    ['4'] = 4,
    ['5'] = 5,
    ['6'] = 6,
    ['7'] = 7,
    ['8'] = 8,
    ['9'] = 9,
    ['9' + 1 ... 'A' - 1] = NO_DIGIT,
    ['A'] = 10,
    ['B'] = 11,
    ['C'] = 12,
    ['D'] = 13,
    ['E'] = 14,
    ['F'] = 15,
    ['F' + 1 ... 'a' - 1] = NO_DIGIT,
    ['a'] = 10,
    ['b'] = 11,
    ['c'] = 12,
    ['d'] = 13,
    ['e'] = 14,
    ['f'] = 15,
    ['f' + 1 ... 255] = NO_DIGIT,
};

/* 8-4-4-4-12 digits, or all 32 without dashes; libuuid's own reader takes many times as long. Nothing is decided by a digit on the
 * way: nobody can guess these. */
static bool read_uuid(const char *text, bool dashed, uint8_t out[16])
{
    const size_t size = dashed ? UUID_TEXT_SIZE - 1 : 32;
    unsigned bad = 0;
    if (strnlen(text, size + 1) != size)
        return false;
    for (size_t i = 0; i < 16; i++) {
        if (dashed && (i == 4 || i == 6 || i == 8 || i == 10))
            bad |= *text++ == '-' ? 0 : NO_DIGIT;
        const unsigned high = hex_values[(unsigned char)text[0]];
        const unsigned low = hex_values[(unsigned char)text[1]];
        bad |= high | low;
        out[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return (bad & NO_DIGIT) == 0;
}

bool uuid_is_text(const char *text)
{
    uint8_t parsed[16];
    return read_uuid(text, true, parsed);
}

enum err uuid_from_text(const char *text, struct uuid *out)
{
    uint8_t parsed[sizeof(out->bytes)];
    if (!read_uuid(text, true, parsed) && !read_uuid(text, false, parsed))
        return fail(E_INVALID, "'%.64s' is not a UUID.", text);
    memcpy(out->bytes, parsed, sizeof(out->bytes));
    return OK;
}

struct uuid_text uuid_to_text(const struct uuid *uuid)
{
    struct uuid_text out;
    uuid_unparse_lower(uuid->bytes, out.text);
    return out;
}

struct uuid_text uuid_to_hex(const struct uuid *uuid)
{
    struct uuid_text out;
    memset(&out, 0, sizeof(out));
    hex_encode(uuid->bytes, sizeof(uuid->bytes), out.text);
    return out;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool uuid_is_zero(const struct uuid *uuid)
{
    return sodium_is_zero(uuid->bytes, sizeof(uuid->bytes)) == 1;
}

uint32_t zone_tag(const struct uuid *zone)
{
    uint8_t hash[32];
    (void)crypto_generichash(hash, sizeof(hash), zone->bytes, sizeof(zone->bytes), NULL, 0);
    return (uint32_t)hash[0] << 16 | (uint32_t)hash[1] << 8 | hash[2];
}

uint32_t uuid_tag(const struct uuid *uuid)
{
    return (uint32_t)uuid->bytes[13] << 16 | (uint32_t)uuid->bytes[14] << 8 | uuid->bytes[15];
}

void reservation_id_new(uint32_t tag, char out[RESERVATION_ID_SIZE])
{
    out[0] = 'r';
    out[1] = '-';
    for (int i = BASE36_TAG_DIGITS - 1; i >= 0; i--) {
        out[2 + i] = base36[tag % 36];
        tag /= 36;
    }
    for (int i = 0; i < RESERVATION_RANDOM; i++)
        out[2 + BASE36_TAG_DIGITS + i] = base36[random_below(36)];
    out[2 + BASE36_TAG_DIGITS + RESERVATION_RANDOM] = '\0';
}

bool reservation_id_tag(const char *text, uint32_t *out)
{
    if (strlen(text) != RESERVATION_ID_SIZE - 1 || text[0] != 'r' || text[1] != '-')
        return false;
    uint32_t tag = 0;
    for (int i = 2; i < RESERVATION_ID_SIZE - 1; i++) {
        const char *digit = strchr(base36, text[i]);
        if (!digit)
            return false;
        if (i < 2 + BASE36_TAG_DIGITS)
            tag = tag * 36 + (uint32_t)(digit - base36);
    }
    if (tag > 0xffffff)
        return false;
    *out = tag;
    return true;
}

void request_id_new(char out[REQUEST_ID_SIZE])
{
    struct uuid uuid;
    uuid_new(&uuid);
    (void)snprintf(out, REQUEST_ID_SIZE, "req-%s", uuid_to_text(&uuid).text);
}

bool request_id_is_valid(const char *text)
{
    return str_starts(text, "req-") && uuid_is_text(text + 4);
}

int32_t uuid_to_int31(const struct uuid *uuid)
{
    uint8_t hash[32];
    (void)crypto_generichash(hash, sizeof(hash), uuid->bytes, sizeof(uuid->bytes), NULL, 0);
    const uint32_t bits = ((uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3]) & 0x7fffffffU;
    return bits ? (int32_t)bits : 1;
}

void hex_encode(const void *bytes, size_t length, char *out)
{
    (void)sodium_bin2hex(out, 2 * length + 1, bytes, length);
}

void base64url_encode(const void *bytes, size_t length, char *out, size_t out_size)
{
    (void)sodium_bin2base64(out, out_size, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_encode_open(const void *bytes, size_t length, char *out)
{
    const uint8_t *in = bytes;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < length; i++) {
        bits = bits << 8 | in[i];
        for (count += 8; count >= 6; count -= 6)
            *out++ = base64url_digits[bits >> (count - 6) & 63U];
    }
    if (count)
        *out++ = base64url_digits[bits << (6 - count) & 63U];
    *out = '\0';
}

static int base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

enum err base64url_decode_open(const char *text, size_t length, void *out, size_t capacity, size_t *out_length)
{
    uint8_t *to = out;
    size_t done = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < length; i++) {
        const int value = base64url_value(text[i]);
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (value < 0 || (count >= 8 && done == capacity))
            return fail(E_INVALID, "The text is not base64url.");
        if (count >= 8)
            to[done++] = (uint8_t)(bits >> (count -= 8));
    }
    if (count >= 6 || (bits & ((1U << count) - 1)))
        return fail(E_INVALID, "The text is not base64url.");
    *out_length = done;
    return OK;
}

enum err base64url_decode(const char *text, size_t length, void *out, size_t capacity, size_t *out_length)
{
    const char *end = NULL;
    if (sodium_base642bin(out, capacity, text, length, NULL, out_length, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        end != text + length)
        return fail(E_INVALID, "The text is not base64url.");
    return OK;
}

void base64_encode(const void *bytes, size_t length, char *out, size_t out_size)
{
    (void)sodium_bin2base64(out, out_size, bytes, length, sodium_base64_VARIANT_ORIGINAL);
}

enum err base64_decode(const char *text, size_t length, void *out, size_t capacity, size_t *out_length)
{
    const char *end = NULL;
    if (sodium_base642bin(out, capacity, text, length, "\r\n\t ", out_length, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text + length)
        return fail(E_INVALID, "The text is not base64.");
    return OK;
}
