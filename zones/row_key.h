/*
 * Sort keys that memcmp compares (spec link.md section 5): per column one byte 0 (null, alone) or 1 and the value; a descending
 * column is complemented, its first byte included.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "gateway/base/text.h"

enum key_order { KEY_ASCENDING, KEY_DESCENDING };

void row_key_null(struct text *key, enum key_order order);
void row_key_int(struct text *key, enum key_order order, int64_t number);
/* Bytes of UTF-8 with 00 → 00 FF, ended by 00 00. NULL is null. */
void row_key_text(struct text *key, enum key_order order, const char *text, size_t length);
/* Microseconds since 1970; whole seconds count, rounded down. */
void row_key_time(struct text *key, enum key_order order, int64_t us);
void row_key_uuid(struct text *key, enum key_order order, const struct uuid *uuid);
/* The columns that every key ends with: created_at desc, uuid asc. E_INVALID when the key is longer than ROW_KEY_MAX: sort text
 * that long is refused, not cut. */
MUST_CHECK enum err row_key_finish(struct text *key, int64_t created_us, const struct uuid *uuid);

/* The created_at of a finished key, in microseconds. False: it does not end as row_key_finish ends keys. */
MUST_CHECK bool row_key_created(const uint8_t *key, size_t length, int64_t *out_us);

/* memcmp, then the shorter first: <0, 0, >0. */
int row_key_compare(const void *a, size_t a_length, const void *b, size_t b_length);
