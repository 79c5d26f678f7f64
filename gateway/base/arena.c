/* Arenas: blocks of at least 8 KiB, bump allocation, deferred releases in reverse. */
#include "gateway/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 8192
#define ALIGNMENT  alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena_deferred {
    struct arena_deferred *next;
    void (*release)(void *);
    void *object;
};

static void out_of_memory(void)
{
    (void)fputs("zonegate: out of memory\n", stderr);
    abort();
}

void arena_clear(struct arena *arena)
{
    for (struct arena_deferred *entry = arena->deferred; entry; entry = entry->next)
        entry->release(entry->object);
    arena->deferred = NULL;
    while (arena->blocks) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    const size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    struct arena_block *block = malloc(sizeof(*block) + room);
    if (!block)
        out_of_memory();
    block->used = 0;
    block->size = room;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        out_of_memory();
    const size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct arena_block *block = arena->blocks;
    if (!block || block->size - block->used < rounded)
        block = add_block(arena, rounded);
    void *memory = block->bytes + block->used;
    block->used += rounded;
    memset(memory, 0, rounded);
    return memory;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    void *copy = arena_alloc(arena, size ? size : 1);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (length)
        memcpy(copy, text, length);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

/* Printed once, where the text is to stay, if there is room in the block: measuring a text costs as much as writing it. */
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    struct arena_block *block = arena->blocks;
    const size_t room = block ? block->size - block->used : 0;
    char *here = room ? (char *)block->bytes + block->used : NULL;
    va_list again;
    va_copy(again, arguments);
    const int length = vsnprintf(here, room, format, arguments);
    if (length < 0)
        out_of_memory();
    const size_t size = (size_t)length + 1;
    const size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    char *text = here;
    if (block && rounded <= room) {
        block->used += rounded;
    } else {
        text = arena_alloc(arena, size);
        (void)vsnprintf(text, size, format, again);
    }
    va_end(again);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

void arena_defer(struct arena *arena, void (*release)(void *), void *object)
{
    struct arena_deferred *entry = arena_alloc(arena, sizeof(*entry));
    entry->release = release;
    entry->object = object;
    entry->next = arena->deferred;
    arena->deferred = entry;
}
