/* Framed rows: keys, frames there and back, everything that must be refused, and merging against a sorted whole. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "zones/row_key.h"
#include "zones/row_merge.h"
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

static void random_item(struct item *item)
{
    item->text = texts[random_below(ARRAY_LEN(texts))];
    item->has_number = random_below(4) != 0;
    item->number = (int64_t)random_below(5) - 2;
    item->created_us = (int64_t)random_below(3) * 1000000 - 1000000 + random_below(1000000);
    uuid_new(&item->uuid);
}

static int compare_int(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Null first when ascending; as the database sorts. */
static int compare_texts(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static int compare_numbers(const struct item *a, const struct item *b)
{
    if (!a->has_number || !b->has_number)
        return a->has_number - b->has_number;
    return compare_int(a->number, b->number);
}

static int64_t floor_s(int64_t us)
{
    return us >= 0 ? us / 1000000 : -((-us + 999999) / 1000000);
}

/* text desc, number asc, created_at desc, uuid asc */
static int compare_items(const void *left, const void *right)
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

static struct row make_row(struct arena *arena, const struct item *item)
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

/* `count` sorted rows as frames, without the trailer. */
static struct row *frames(struct arena *arena, size_t count, struct text *out)
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

static void assert_same_row(const struct row *a, const struct row *b)
{
    assert_memory_equal(a->uuid.bytes, b->uuid.bytes, 16);
    assert_int_equal(a->key_length, b->key_length);
    assert_memory_equal(a->key, b->key, a->key_length);
    assert_int_equal(a->body_length, b->body_length);
    assert_memory_equal(a->body, b->body, a->body_length);
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

/* A tree's worth of items: each in one source, some in two (a diamond). */
struct world {
    struct item items[400];
    size_t count;
    size_t sources;
    size_t first[400];
    size_t second[400]; /* SIZE_MAX: nowhere else */
};

static void random_world(struct world *world)
{
    world->count = random_below(ARRAY_LEN(world->items));
    world->sources = 1 + random_below(7);
    for (size_t i = 0; i < world->count; i++)
        random_item(&world->items[i]);
    qsort(world->items, world->count, sizeof(world->items[0]), compare_items);
    for (size_t i = 0; i < world->count; i++) {
        world->first[i] = random_below((uint32_t)world->sources);
        world->second[i] = random_below(5) ? SIZE_MAX : random_below((uint32_t)world->sources);
    }
}

/* What a source answers to "at most `most` rows after item `after`", over the wire and back. */
static void ask_source(struct arena *arena, const struct world *world, size_t source, size_t after, size_t most,
                       struct row_list *list)
{
    struct text *out = arena_alloc(arena, sizeof(*out));
    uint32_t count = 0;
    bool more = false;
    for (size_t i = after; i < world->count; i++) {
        if (world->first[i] != source && world->second[i] != source)
            continue;
        more = count == most;
        if (more)
            break;
        const struct row row = make_row(arena, &world->items[i]);
        rows_write(out, &row);
        count++;
    }
    rows_write_trailer(out, count, more, NULL);
    const struct row marker = after ? make_row(arena, &world->items[after - 1]) : (struct row){0};
    assert_int_equal(rows_read(arena, out->bytes, out->length, marker.key, marker.key_length, list), OK);
    arena_defer(arena, (void (*)(void *))text_clear, out);
}

static void concatenated_pages_are_the_sorted_whole(void **state)
{
    static struct world world;
    (void)state;
    for (int round = 0; round < 300; round++) {
        random_world(&world);
        const size_t limit = 1 + random_below(60);
        size_t at = 0;
        for (bool more = true; more;) {
            struct arena arena = {0};
            struct row_list lists[8];
            struct merged_rows page;
            for (size_t i = 0; i < world.sources; i++)
                ask_source(&arena, &world, i, at, limit, &lists[i]);
            rows_merge(&arena, lists, world.sources, limit, &page);
            assert_true(page.count <= limit);
            for (size_t i = 0; i < page.count; i++, at++) {
                assert_true(at < world.count);
                assert_memory_equal(page.rows[i].uuid.bytes, world.items[at].uuid.bytes, 16);
                assert_true(page.sources[i] == world.first[at] || page.sources[i] == world.second[at]);
            }
            assert_int_equal(page.more, at < world.count);
            assert_true(page.count == limit || page.starving != ROW_SOURCE_NONE || !page.more);
            assert_true(page.count > 0 || !page.more); /* it always goes on */
            more = page.more;
            arena_clear(&arena);
        }
        assert_int_equal(at, world.count);
    }
}

static void it_does_not_guess_behind_a_source_that_ran_out(void **state)
{
    struct arena arena = {0};
    struct text unused = {0};
    struct merged_rows page;
    (void)state;
    const struct row *rows = frames(&arena, 6, &unused);
    const struct row_list lists[] = {{.rows = rows, .count = 2, .more = true}, {.rows = rows + 3, .count = 3}};
    rows_merge(&arena, lists, 2, 10, &page);
    assert_int_equal(page.count, 2);
    assert_int_equal(page.starving, 0);
    assert_true(page.more);
    rows_merge(&arena, lists, 2, 2, &page);
    assert_int_equal(page.count, 2);
    assert_int_equal(page.starving, ROW_SOURCE_NONE);
    const struct row_list empty[] = {{.more = true}, {.rows = rows, .count = 3}};
    rows_merge(&arena, empty, 2, 10, &page);
    assert_int_equal(page.count, 0);
    assert_int_equal(page.starving, 0);
    rows_merge(&arena, NULL, 0, 10, &page);
    assert_int_equal(page.count, 0);
    assert_false(page.more);
    text_clear(&unused);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_sort_as_bytes),
        cmocka_unit_test(keys_are_the_specified_bytes),
        cmocka_unit_test(keys_sort_as_values_do),
        cmocka_unit_test(too_long_keys_are_refused),
        cmocka_unit_test(frames_go_there_and_back),
        cmocka_unit_test(the_reader_takes_bytes_as_they_come),
        cmocka_unit_test(every_cut_is_a_failure),
        cmocka_unit_test(trailers_that_lie_are_refused),
        cmocka_unit_test(children_that_cheat_are_refused),
        cmocka_unit_test(lengths_are_bounded_before_bytes_come),
        cmocka_unit_test(concatenated_pages_are_the_sorted_whole),
        cmocka_unit_test(it_does_not_guess_behind_a_source_that_ran_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
