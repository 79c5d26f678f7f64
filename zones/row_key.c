/* See row_key.h. Descending columns are written plainly and then turned over. */
#include "zones/row_key.h"

#include <endian.h>
#include <string.h>

#include "zones/rows.h"

#define US_PER_S 1000000

/* Complements what was added since `start`. */
static void turn_over(struct text *key, size_t start, enum key_order order)
{
    for (size_t i = start; order == KEY_DESCENDING && i < key->length; i++)
        key->bytes[i] = (char)~key->bytes[i];
}

void row_key_null(struct text *key, enum key_order order)
{
    const size_t start = key->length;
    text_add_char(key, 0);
    turn_over(key, start, order);
}

void row_key_int(struct text *key, enum key_order order, int64_t number)
{
    const size_t start = key->length;
    const uint64_t flipped = htobe64((uint64_t)number ^ (uint64_t)1 << 63);
    char column[1 + sizeof(flipped)] = {1};
    memcpy(column + 1, &flipped, sizeof(flipped));
    text_add(key, column, sizeof(column));
    turn_over(key, start, order);
}

void row_key_text(struct text *key, enum key_order order, const char *text, size_t length)
{
    const size_t start = key->length;
    if (!text) {
        row_key_null(key, order);
        return;
    }
    text_add_char(key, 1);
    for (size_t i = 0; i < length; i++) {
        text_add_char(key, text[i]);
        if (text[i] == 0)
            text_add_char(key, (char)0xff);
    }
    text_add(key, "\0\0", 2);
    turn_over(key, start, order);
}

void row_key_time(struct text *key, enum key_order order, int64_t us)
{
    const int64_t rest = us % US_PER_S;
    row_key_int(key, order, us / US_PER_S - (rest < 0 ? 1 : 0));
}

void row_key_uuid(struct text *key, enum key_order order, const struct uuid *uuid)
{
    const size_t start = key->length;
    text_add_char(key, 1);
    text_add(key, uuid->bytes, sizeof(uuid->bytes));
    turn_over(key, start, order);
}

enum err row_key_finish(struct text *key, int64_t created_us, const struct uuid *uuid)
{
    row_key_time(key, KEY_DESCENDING, created_us);
    row_key_uuid(key, KEY_ASCENDING, uuid);
    if (key->length > ROW_KEY_MAX)
        return fail(E_INVALID, "The values of the sort keys are too long to be sorted by.");
    return OK;
}

bool row_key_created(const uint8_t *key, size_t length, int64_t *out_us)
{
    enum { TIME_SIZE = 9, UUID_SIZE = 17 };
    if (length < TIME_SIZE + UUID_SIZE)
        return false;
    const uint8_t *time = key + length - TIME_SIZE - UUID_SIZE;
    if (time[0] != 0xfe || key[length - UUID_SIZE] != 1)
        return false;
    uint64_t bits = 0;
    for (size_t i = 1; i < TIME_SIZE; i++)
        bits = bits << 8 | (uint8_t)(time[i] ^ 0xff);
    const int64_t seconds = (int64_t)(bits ^ (UINT64_C(1) << 63));
    if (seconds < 0 || seconds > INT64_C(253402300799))
        return false;
    *out_us = seconds * US_PER_S;
    return true;
}

int row_key_compare(const void *a, size_t a_length, const void *b, size_t b_length)
{
    const size_t shorter = a_length < b_length ? a_length : b_length;
    const int order = shorter ? memcmp(a, b, shorter) : 0;
    if (order)
        return order;
    return (a_length > b_length) - (a_length < b_length);
}
