/* A buffer of fixed size between two threads that take turns under a lock of their own. Shared by the streams; not for others. */
#pragma once

#include <stddef.h>

#define RING_SIZE ((size_t)256 * 1024)

struct ring {
    char *bytes; /* NULL until needed */
    size_t start;
    size_t length;
};

size_t ring_room(const struct ring *ring);
/* At most as many bytes as there is room for. The memory is made at the first call. */
void ring_put(struct ring *ring, const char *bytes, size_t length);
/* Returns how many bytes there were, at most `size`. */
size_t ring_get(struct ring *ring, char *out, size_t size);
void ring_clear(struct ring *ring);
