/* Arenas: what they give is zeroed, aligned and stays; what was deferred runs backwards, once. */
#include <stdalign.h>
#include <stdbool.h>

#include "gateway/base/arena.h"
#include "tests/unit/base/check.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    struct arena arena = {0};
    unsigned char *blocks[2000];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        const size_t size = i * 7 % 501;
        blocks[i] = arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        for (size_t j = 0; j < size; j++)
            assert_int_equal(blocks[i][j], 0);
        memset(blocks[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        for (size_t j = 0; j < i * 7 % 501; j++)
            assert_int_equal(blocks[i][j], i % 251);
    }
    arena_clear(&arena);
    assert_null(arena.blocks);
}

static void large_and_empty_pieces_are_fine(void **state)
{
    static const size_t sizes[] = {0, 1, 8191, 8192, 8193, 1 << 20};
    struct arena arena = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *memory = arena_alloc(&arena, sizes[i]);
        assert_non_null(memory);
        memset(memory, 1, sizes[i]); /* AddressSanitizer looks */
    }
    assert_non_null(arena_copy(&arena, NULL, 0));
    arena_clear(&arena);
    arena_clear(&arena);
    assert_string_equal(arena_strdup(&arena, "again"), "again");
    arena_clear(&arena);
}

static void texts_are_copied(void **state)
{
    struct arena arena = {0};
    char longest[20001];
    (void)state;
    memset(longest, 'y', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    char source[] = "source";
    char *copy = arena_strdup(&arena, source);
    source[0] = 'x';
    assert_string_equal(copy, "source");
    assert_null(arena_strdup(&arena, NULL));
    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(&arena, NULL, 0), "");
    assert_memory_equal(arena_copy(&arena, "a\0b", 3), "a\0b", 3);
    assert_string_equal(arena_printf(&arena, "%s-%d", "n", 7), "n-7");
    assert_string_equal(arena_printf(&arena, "%s", longest), longest);
    arena_clear(&arena);
}

struct note {
    char *journal;
    char letter;
};

static void write_note(void *object)
{
    const struct note *note = object;
    const size_t length = strlen(note->journal);
    note->journal[length] = note->letter;
    note->journal[length + 1] = '\0';
}

static void deferred_calls_run_once_in_reverse(void **state)
{
    struct arena arena = {0};
    char journal[16] = "";
    (void)state;
    for (int letter = 'a'; letter <= 'e'; letter++) {
        struct note *note = arena_alloc(&arena, sizeof(*note)); /* still there when it is called */
        *note = (struct note){journal, (char)letter};
        arena_defer(&arena, write_note, note);
    }
    assert_string_equal(journal, "");
    arena_clear(&arena);
    assert_string_equal(journal, "edcba");
    arena_clear(&arena);
    assert_string_equal(journal, "edcba");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(large_and_empty_pieces_are_fine),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(deferred_calls_run_once_in_reverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
