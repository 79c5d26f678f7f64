/* Merging rows: whatever the windows, it gives the sorted whole, each server once, and never guesses. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef fail

#include "tests/unit/zones/items.h"
#include "tests/unit/zones/merge_lists.h"
#include "zones/row_key.h"

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

/* What a source answers from its own row `at` on: a window of the world, and where the next begins. */
static struct row_list take_window(struct arena *arena, const struct world *world, size_t source, size_t *at, size_t most)
{
    struct row_list window = {0};
    struct row *rows = arena_alloc(arena, (most + 1) * sizeof(*rows));
    for (; *at < world->count && !window.more; ++*at) {
        if (world->first[*at] != source && world->second[*at] != source)
            continue;
        window.more = window.count == most;
        if (window.more)
            break;
        rows[window.count++] = make_row(arena, &world->items[*at]);
    }
    window.rows = rows;
    return window;
}

/* However small the windows are, and though each is gone when the next comes: the sorted whole, every row once. */
static void windows_are_asked_for_and_forgotten(void **state)
{
    static struct world world;
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct arena arena = {0};
        struct arena windows[8] = {0};
        size_t at[8] = {0};
        size_t next = 0;
        size_t source = 0;
        struct row row;
        random_world(&world);
        struct row_merge *merge = row_merge_new(&arena, world.sources);
        for (enum merge_step step = MERGE_WANTS; step != MERGE_END;) {
            step = row_merge_next(merge, &row, &source);
            if (step == MERGE_ROW) {
                assert_true(next < world.count);
                assert_memory_equal(row.uuid.bytes, world.items[next].uuid.bytes, 16);
                assert_true(source == world.first[next] || source == world.second[next]);
                next++;
            } else if (step == MERGE_WANTS) {
                assert_true(row_merge_has_more(merge));
                arena_clear(&windows[source]);
                const struct row_list window = take_window(&windows[source], &world, source, &at[source], 1 + random_below(9));
                row_merge_give(merge, source, &window);
            }
        }
        assert_int_equal(next, world.count);
        assert_false(row_merge_has_more(merge));
        for (size_t i = 0; i < ARRAY_LEN(windows); i++)
            arena_clear(&windows[i]);
        arena_clear(&arena);
    }
}

/* A source that dies in the middle: nothing comes that it might have been before, until somebody says that it has no more. */
static void it_waits_for_a_source_that_is_silent(void **state)
{
    struct arena arena = {0};
    struct text unused = {0};
    struct row row;
    size_t source = SIZE_MAX;
    (void)state;
    const struct row *rows = frames(&arena, 6, &unused);
    const struct row_list first = {.rows = rows, .count = 2, .more = true};
    const struct row_list second = {.rows = rows + 2, .count = 4};
    const struct row_list nothing = {0};
    struct row_merge *merge = row_merge_new(&arena, 2);
    row_merge_give(merge, 1, &second);
    assert_int_equal(row_merge_next(merge, &row, &source), MERGE_WANTS);
    assert_int_equal(source, 0);
    row_merge_give(merge, 0, &first);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(row_merge_next(merge, &row, &source), MERGE_ROW);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(row_merge_next(merge, &row, &source), MERGE_WANTS);
    assert_int_equal(source, 0);
    row_merge_give(merge, 0, &nothing);
    for (size_t i = 2; i < 6; i++) {
        assert_int_equal(row_merge_next(merge, &row, &source), MERGE_ROW);
        assert_same_row(&rows[i], &row);
        assert_int_equal(source, 1);
    }
    assert_int_equal(row_merge_next(merge, &row, &source), MERGE_END);
    text_clear(&unused);
    arena_clear(&arena);
}

/* Row `number` of a long list; its server may be that of another. */
static struct row numbered_row(struct arena *arena, size_t number, size_t server)
{
    CLEANUP(text_clear) struct text key = {0};
    struct row row = {.body = "{}", .body_length = 2};
    memcpy(row.uuid.bytes, &server, sizeof(server));
    row_key_int(&key, KEY_ASCENDING, (int64_t)number);
    assert_int_equal(row_key_finish(&key, 0, &row.uuid), OK);
    row.key = arena_copy(arena, key.bytes, key.length);
    row.key_length = key.length;
    return row;
}

/* A server that changed while it was read stands at two places: the second is left out, so far as it is remembered. */
static void a_server_is_remembered_for_a_while(void **state)
{
    static const size_t distances[] = {1, 2, 1000, MERGE_REMEMBERED - 1, MERGE_REMEMBERED};
    const size_t count = 3 * MERGE_REMEMBERED;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(distances); i++) {
        struct arena arena = {0};
        struct row *rows = arena_alloc(&arena, count * sizeof(*rows));
        struct row row;
        size_t source = 0;
        size_t came = 0;
        const size_t again = count - 7;
        for (size_t number = 0; number < count; number++)
            rows[number] = numbered_row(&arena, number, number == again ? again - distances[i] : number);
        const struct row_list list = {.rows = rows, .count = count};
        struct row_merge *merge = row_merge_new(&arena, 1);
        row_merge_give(merge, 0, &list);
        while (row_merge_next(merge, &row, &source) == MERGE_ROW)
            came++;
        assert_int_equal(came, count - 1);
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concatenated_pages_are_the_sorted_whole), cmocka_unit_test(it_does_not_guess_behind_a_source_that_ran_out),
        cmocka_unit_test(windows_are_asked_for_and_forgotten),     cmocka_unit_test(it_waits_for_a_source_that_is_silent),
        cmocka_unit_test(a_server_is_remembered_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
