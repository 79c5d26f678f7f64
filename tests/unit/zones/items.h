/* For tests of framed rows: random rows, their order computed without keys, and their frames. Included behind cmocka.h. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "zones/row_key.h"
#include "zones/rows.h"

/* What a row is sorted by in these tests: text desc or asc, an integer, both may be null; few values, so that there are ties. */
struct item {
    const char *text;
    bool has_number;
    int64_t number;
    int64_t created_us;
    struct uuid uuid;
};

static const char *const texts[] = {NULL, "", "a", "aa", "ab", "b", "a\xc3\xa9", "\xf0\x9f\x98\x80", "a b"};

static inline void random_item(struct item *item)
{
    item->text = texts[random_below(ARRAY_LEN(texts))];
    item->has_number = random_below(4) != 0;
    item->number = (int64_t)random_below(5) - 2;
    item->created_us = (int64_t)random_below(3) * 1000000 - 1000000 + random_below(1000000);
    uuid_new(&item->uuid);
}

static inline int compare_int(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Null first when ascending; as the database sorts. */
static inline int compare_texts(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static inline int compare_numbers(const struct item *a, const struct item *b)
{
    if (!a->has_number || !b->has_number)
        return a->has_number - b->has_number;
    return compare_int(a->number, b->number);
}

static inline int64_t floor_s(int64_t us)
{
    return us >= 0 ? us / 1000000 : -((-us + 999999) / 1000000);
}

/* text desc, number asc, created_at desc, uuid asc */
static inline int compare_items(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;
    int order = compare_texts(b->text, a->text);
    if (!order)
        order = compare_numbers(a, b);
    if (!order)
        order = compare_int(floor_s(b->created_us), floor_s(a->created_us));
    return order ? order : memcmp(a->uuid.bytes, b->uuid.bytes, 16);
}

static inline struct row make_row(struct arena *arena, const struct item *item)
{
    CLEANUP(text_clear) struct text key = {0};
    row_key_text(&key, KEY_DESCENDING, item->text, item->text ? strlen(item->text) : 0);
    if (item->has_number)
        row_key_int(&key, KEY_ASCENDING, item->number);
    else
        row_key_null(&key, KEY_ASCENDING);
    assert_int_equal(row_key_finish(&key, item->created_us, &item->uuid), OK);
    const char *body = arena_printf(arena, "{\"id\":\"%s\"}", uuid_to_text(&item->uuid).text);
    return (struct row){item->uuid, arena_copy(arena, key.bytes, key.length), key.length, body, strlen(body)};
}

/* `count` sorted rows as frames, without the trailer. */
static inline struct row *frames(struct arena *arena, size_t count, struct text *out)
{
    struct item *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    struct row *rows = arena_alloc(arena, (count + 1) * sizeof(*rows));
    for (size_t i = 0; i < count; i++)
        random_item(&items[i]);
    qsort(items, count, sizeof(*items), compare_items);
    for (size_t i = 0; i < count; i++) {
        rows[i] = make_row(arena, &items[i]);
        rows_write(out, &rows[i]);
    }
    return rows;
}

static inline void assert_same_row(const struct row *a, const struct row *b)
{
    assert_memory_equal(a->uuid.bytes, b->uuid.bytes, 16);
    assert_int_equal(a->key_length, b->key_length);
    assert_memory_equal(a->key, b->key, a->key_length);
    assert_int_equal(a->body_length, b->body_length);
    assert_memory_equal(a->body, b->body, a->body_length);
}
