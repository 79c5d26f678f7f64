/*
 * Memory that lives as long as a request (or a task step) and is released at once.
 *
 * Allocation never fails: a process that is out of memory ends. Not for use by two threads at the same time.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct arena_block;
struct arena_deferred;

struct arena {
    struct arena_block *blocks;
    struct arena_deferred *deferred;
};

/* An empty arena is `{0}`; `arena_clear` runs what was deferred (last first) and leaves it empty again. */
void arena_clear(struct arena *arena);

/* Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_copy(struct arena *arena, const void *bytes, size_t size);

/* `text` may be NULL, then so is the copy. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/* Calls `release(object)` when the arena is cleared. */
void arena_defer(struct arena *arena, void (*release)(void *), void *object);
