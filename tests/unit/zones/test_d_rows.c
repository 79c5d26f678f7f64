/* Framed rows: keys, frames there and back, everything that must be refused. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef fail

#include "tests/unit/zones/items.h"
#include "zones/row_key.h"
#include "zones/rows.h"

static void integers_sort_as_bytes(void **state)
{
    static const int64_t sorted[] = {INT64_MIN, INT64_MIN + 1, -256, -255, -1, 0, 1, 255, 256, INT64_MAX - 1, INT64_MAX};
    (void)state;
    for (size_t i = 0; i + 1 < ARRAY_LEN(sorted); i++) {
        struct text a = {0};
        struct text b = {0};
        row_key_int(&a, KEY_ASCENDING, sorted[i]);
        row_key_int(&b, KEY_ASCENDING, sorted[i + 1]);
        assert_true(row_key_compare(a.bytes, a.length, b.bytes, b.length) < 0);
        text_reset(&a);
        text_reset(&b);
        row_key_int(&a, KEY_DESCENDING, sorted[i]);
        row_key_int(&b, KEY_DESCENDING, sorted[i + 1]);
        assert_true(row_key_compare(a.bytes, a.length, b.bytes, b.length) > 0);
        text_clear(&a);
        text_clear(&b);
    }
}

/* Byte for byte as spec link.md section 5 says. */
static void keys_are_the_specified_bytes(void **state)
{
    static const char wanted[] = "\x01"
                                 "a\0\xff"
                                 "b\0\0"
                                 "\xfe\x9e\xff\xff"
                                 "\x00\xff"
                                 "\x01\x80\0\0\0\0\0\0\x02"
                                 "\xfe\x7f\xff\xff\xff\xff\xff\xff\xfe"
                                 "\x01"
                                 "0123456789abcdef";
    struct text key = {0};
    struct uuid uuid;
    (void)state;
    memcpy(uuid.bytes, "0123456789abcdef", 16);
    row_key_text(&key, KEY_ASCENDING, "a\0b", 3);
    row_key_text(&key, KEY_DESCENDING, "a", 1);
    row_key_null(&key, KEY_ASCENDING);
    row_key_null(&key, KEY_DESCENDING);
    row_key_int(&key, KEY_ASCENDING, 2);
    assert_int_equal(row_key_finish(&key, 1999999, &uuid), OK);
    assert_int_equal(key.length, sizeof(wanted) - 1);
    assert_memory_equal(key.bytes, wanted, key.length);
    text_clear(&key);
}

static void keys_sort_as_values_do(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct arena arena = {0};
        struct item a;
        struct item b;
        random_item(&a);
        random_item(&b);
        const struct row left = make_row(&arena, &a);
        const struct row right = make_row(&arena, &b);
        const int order = row_key_compare(left.key, left.key_length, right.key, right.key_length);
        const int wanted = compare_items(&a, &b);
        assert_int_equal((order > 0) - (order < 0), (wanted > 0) - (wanted < 0));
        arena_clear(&arena);
    }
}

static void too_long_keys_are_refused(void **state)
{
    struct text key = {0};
    struct uuid uuid;
    static const char text[ROW_KEY_MAX] = "x";
    (void)state;
    uuid_new(&uuid);
    row_key_text(&key, KEY_ASCENDING, text, sizeof(text));
    assert_int_equal(row_key_finish(&key, 0, &uuid), E_INVALID);
    text_clear(&key);
}

static void frames_go_there_and_back(void **state)
{
    struct arena arena = {0};
    struct text out = {0};
    struct zones_missing missing = {0};
    struct row_list list = {0};
    (void)state;
    const struct row *rows = frames(&arena, 50, &out);
    missing_add(&arena, &missing, "west", ZONE_TIMEOUT);
    missing_add(&arena, &missing, "east/e1", ZONE_REFUSED);
    missing_add(&arena, &missing, "west", ZONE_TIMEOUT);
    rows_write_trailer(&out, 50, true, &missing);
    assert_int_equal(rows_read(&arena, out.bytes, out.length, NULL, 0, &list), OK);
    assert_int_equal(list.count, 50);
    assert_true(list.more);
    assert_string_equal(missing_format(&arena, &list.missing), "east/e1;reason=refused, west;reason=timeout");
    for (size_t i = 0; i < 50; i++)
        assert_same_row(&rows[i], &list.rows[i]);
    text_clear(&out);
    arena_clear(&arena);
}

/* Byte by byte: the reader asks for more, and never gives anything else than the whole stream would. */
static void the_reader_takes_bytes_as_they_come(void **state)
{
    struct arena arena = {0};
    struct text out = {0};
    struct row_reader reader;
    struct row_list list = {0};
    struct row row;
    size_t start = 0;
    size_t seen = 0;
    (void)state;
    const struct row *rows = frames(&arena, 7, &out);
    rows_write_trailer(&out, 7, false, NULL);
    row_reader_init(&reader, NULL, 0);
    for (size_t end = 0; end <= out.length && !reader.ended; end++) {
        uint8_t *copy =
            arena_copy(&arena, out.bytes + start, end - start + 1); /* an exact copy: the sanitizer sees a read behind it */
        enum row_step step = ROW_STEP_MORE_BYTES;
        size_t used = 0;
        assert_int_equal(row_reader_next(&reader, &arena, copy, end - start, &used, &step, &row, &list), OK);
        start += used;
        if (step == ROW_STEP_ROW)
            assert_same_row(&rows[seen++], &row);
    }
    assert_true(reader.ended);
    assert_int_equal(seen, 7);
    assert_int_equal(start, out.length);
    text_clear(&out);
    arena_clear(&arena);
}

static void every_cut_is_a_failure(void **state)
{
    struct arena arena = {0};
    struct text out = {0};
    struct row_list list;
    (void)state;
    (void)frames(&arena, 3, &out);
    rows_write_trailer(&out, 3, false, NULL);
    for (size_t length = 0; length < out.length; length++)
        assert_int_equal(rows_read(&arena, out.bytes, length, NULL, 0, &list), E_INVALID);
    text_add_char(&out, 0);
    assert_int_equal(rows_read(&arena, out.bytes, out.length, NULL, 0, &list), E_INVALID);
    text_clear(&out);
    arena_clear(&arena);
}

static void add_bytes(struct text *out, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        text_add_char(out, (char)(number >> shift & 0xff));
}

static void add_trailer(struct text *out, uint32_t count, const char *json)
{
    for (int i = 0; i < 24; i++)
        text_add_char(out, 0);
    add_bytes(out, count);
    add_bytes(out, (uint32_t)strlen(json));
    text_add_str(out, json);
}

static void trailers_that_lie_are_refused(void **state)
{
    static const struct {
        uint32_t count;
        const char *json;
        enum err wanted;
    } rows[] = {
        {0, "{\"more\":false,\"missing\":[]}", OK},
        {0, "{\"more\":false,\"missing\":[{\"zone\":\"a/b\",\"reason\":\"loop\"}],\"new\":1}", OK},
        {1, "{\"more\":false,\"missing\":[]}", E_INVALID},
        {0, "", E_INVALID},
        {0, "[]", E_INVALID},
        {0, "{\"missing\":[]}", E_INVALID},
        {0, "{\"more\":1,\"missing\":[]}", E_INVALID},
        {0, "{\"more\":true}", E_INVALID},
        {0, "{\"more\":true,\"missing\":{}}", E_INVALID},
        {0, "{\"more\":true,\"missing\":[1]}", E_INVALID},
        {0, "{\"more\":true,\"missing\":[{\"zone\":\"a\"}]}", E_INVALID},
        {0, "{\"more\":true,\"missing\":[{\"zone\":\"a\",\"reason\":\"tired\"}]}", E_INVALID},
        {0, "{\"more\":true,\"missing\":[{\"zone\":\"a;b\",\"reason\":\"loop\"}]}", E_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        struct text out = {0};
        struct row_list list = {0};
        add_trailer(&out, rows[i].count, rows[i].json);
        assert_int_equal(rows_read(&arena, out.bytes, out.length, NULL, 0, &list), rows[i].wanted);
        text_clear(&out);
        arena_clear(&arena);
    }
}

/* Rows `a` and `b` in this order, then a good trailer. */
static enum err read_two(struct arena *arena, const struct row *a, const struct row *b, const struct row *after)
{
    struct text out = {0};
    struct row_list list;
    rows_write(&out, a);
    rows_write(&out, b);
    rows_write_trailer(&out, 2, false, NULL);
    const enum err result =
        rows_read(arena, out.bytes, out.length, after ? after->key : NULL, after ? after->key_length : 0, &list);
    text_clear(&out);
    return result;
}

static void children_that_cheat_are_refused(void **state)
{
    struct arena arena = {0};
    struct text unused = {0};
    (void)state;
    const struct row *rows = frames(&arena, 3, &unused);
    assert_int_equal(read_two(&arena, &rows[1], &rows[2], NULL), OK);
    assert_int_equal(read_two(&arena, &rows[1], &rows[2], &rows[0]), OK);
    assert_int_equal(read_two(&arena, &rows[2], &rows[1], NULL), E_INVALID);     /* not in order */
    assert_int_equal(read_two(&arena, &rows[1], &rows[1], NULL), E_INVALID);     /* twice */
    assert_int_equal(read_two(&arena, &rows[1], &rows[2], &rows[1]), E_INVALID); /* at the marker */
    assert_int_equal(read_two(&arena, &rows[1], &rows[2], &rows[2]), E_INVALID); /* before the marker */
    struct row row = rows[2];
    row.uuid = rows[0].uuid; /* another server's key */
    assert_int_equal(read_two(&arena, &rows[1], &row, NULL), E_INVALID);
    static const char *const bodies[] = {"[]", " {}", "{} ", "{}{}", "{", "{\"a\":}", "1", "{\"a\":\"\n\"}", "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        row = rows[2];
        row.body = bodies[i];
        row.body_length = strlen(bodies[i]);
        assert_int_equal(read_two(&arena, &rows[1], &row, NULL), E_INVALID);
    }
    row = rows[2];
    row.body_length = 0;
    assert_int_equal(read_two(&arena, &rows[1], &row, NULL), E_INVALID);
    text_clear(&unused);
    arena_clear(&arena);
}

static void lengths_are_bounded_before_bytes_come(void **state)
{
    static const uint32_t lengths[][2] = {{ROW_KEY_MAX + 1, 2}, {20, ROW_BODY_MAX + 1}, {UINT32_MAX, UINT32_MAX}, {0, 5}, {5, 0}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct text out = {0};
        struct row_list list;
        struct arena arena = {0};
        struct row_reader reader;
        struct row row;
        enum row_step step;
        size_t used = 0;
        add_bytes(&out, lengths[i][0]);
        add_bytes(&out, lengths[i][1]);
        text_add(&out, "0123456789abcdef", 16);
        row_reader_init(&reader, NULL, 0);
        assert_int_equal(row_reader_next(&reader, &arena, (const uint8_t *)out.bytes, out.length, &used, &step, &row, &list),
                         E_INVALID);
        text_clear(&out);
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_sort_as_bytes),          cmocka_unit_test(keys_are_the_specified_bytes),
        cmocka_unit_test(keys_sort_as_values_do),          cmocka_unit_test(too_long_keys_are_refused),
        cmocka_unit_test(frames_go_there_and_back),        cmocka_unit_test(the_reader_takes_bytes_as_they_come),
        cmocka_unit_test(every_cut_is_a_failure),          cmocka_unit_test(trailers_that_lie_are_refused),
        cmocka_unit_test(children_that_cheat_are_refused), cmocka_unit_test(lengths_are_bounded_before_bytes_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
