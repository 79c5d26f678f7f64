/* What is kept of other zones' answers: fresh, stale, asked once, bounded, and alive as long as somebody reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/conductor/catalog_cache.h"

#define FRESH 100
#define STALE 1000

static int clear(void **state)
{
    (void)state;
    cache_clear();
    return 0;
}

static void store(struct arena *arena, const char *key, int number, int64_t now_ms)
{
    const json_t *stored = cache_store(arena, key, json_integer(number), 8, now_ms, FRESH, STALE);
    assert_int_equal(json_integer_value(stored), number);
}

static enum cache_state look(struct arena *arena, const char *key, int64_t now_ms, int *out)
{
    const json_t *document = NULL;
    const enum cache_state state = cache_find(arena, key, now_ms, &document);
    assert_true((document == NULL) == (state == CACHE_NONE));
    *out = (int)json_integer_value(document);
    return state;
}

static void test_times(void **state)
{
    struct arena arena = {0};
    int seen = 0;
    (void)state;
    assert_int_equal(look(&arena, "a", 0, &seen), CACHE_NONE);
    store(&arena, "a", 1, 0);
    assert_int_equal(look(&arena, "b", 0, &seen), CACHE_NONE);
    assert_int_equal(look(&arena, "a", FRESH - 1, &seen), CACHE_FRESH);
    assert_int_equal(look(&arena, "a", FRESH, &seen), CACHE_STALE);
    assert_int_equal(seen, 1);
    /* Somebody asks: the others use the former one. */
    assert_int_equal(look(&arena, "a", FRESH + 1, &seen), CACHE_FRESH);
    assert_int_equal(seen, 1);
    store(&arena, "a", 2, FRESH + 2);
    assert_int_equal(look(&arena, "a", FRESH + 3, &seen), CACHE_FRESH);
    assert_int_equal(seen, 2);
    arena_clear(&arena);
}

static void test_no_answer(void **state)
{
    struct arena arena = {0};
    int seen = 0;
    (void)state;
    store(&arena, "a", 1, 0);
    assert_int_equal(look(&arena, "a", FRESH, &seen), CACHE_STALE);
    cache_keep("a", FRESH, 50);
    cache_keep("none", FRESH, 50);
    assert_int_equal(look(&arena, "a", FRESH + 49, &seen), CACHE_FRESH);
    assert_int_equal(look(&arena, "a", FRESH + 50, &seen), CACHE_STALE);
    cache_keep("a", STALE - 1, 50);
    assert_int_equal(look(&arena, "a", STALE, &seen), CACHE_NONE);
    arena_clear(&arena);
}

static void test_dropped_while_in_use(void **state)
{
    struct arena first = {0};
    struct arena second = {0};
    const json_t *document = NULL;
    int seen = 0;
    (void)state;
    store(&first, "a", 1, 0);
    assert_int_equal(cache_find(&second, "a", 0, &document), CACHE_FRESH);
    cache_drop("a");
    cache_drop("a");
    arena_clear(&first);
    assert_int_equal(look(&first, "a", 0, &seen), CACHE_NONE);
    assert_int_equal(json_integer_value(document), 1); /* the sanitizer would tell */
    arena_clear(&second);
    arena_clear(&first);
}

static void test_bounds(void **state)
{
    int seen = 0;
    (void)state;
    for (int i = 0; i < 300; i++) {
        struct arena arena = {0};
        char key[16];
        (void)snprintf(key, sizeof(key), "%d", i);
        store(&arena, key, i, 0);
        arena_clear(&arena);
    }
    struct arena arena = {0};
    assert_int_equal(look(&arena, "0", 1, &seen), CACHE_NONE);
    assert_int_equal(look(&arena, "43", 1, &seen), CACHE_NONE);
    assert_int_equal(look(&arena, "44", 1, &seen), CACHE_FRESH);
    assert_int_equal(look(&arena, "299", 1, &seen), CACHE_FRESH);
    (void)cache_store(&arena, "large", json_integer(7), 65U << 20, 1, FRESH, STALE);
    assert_int_equal(look(&arena, "299", 1, &seen), CACHE_NONE);
    assert_int_equal(look(&arena, "large", 1, &seen), CACHE_FRESH);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_times, clear),
        cmocka_unit_test_teardown(test_no_answer, clear),
        cmocka_unit_test_teardown(test_dropped_while_in_use, clear),
        cmocka_unit_test_teardown(test_bounds, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
