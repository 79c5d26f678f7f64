/* See ring.h. */
#include "zones/ring.h"

#include <stdlib.h>
#include <string.h>

size_t ring_room(const struct ring *ring)
{
    return RING_SIZE - ring->length;
}

void ring_put(struct ring *ring, const char *bytes, size_t length)
{
    if (!ring->bytes)
        ring->bytes = malloc(RING_SIZE);
    if (!ring->bytes)
        abort();
    const size_t at = (ring->start + ring->length) % RING_SIZE;
    const size_t first = length < RING_SIZE - at ? length : RING_SIZE - at;
    memcpy(ring->bytes + at, bytes, first);
    memcpy(ring->bytes, bytes + first, length - first);
    ring->length += length;
}

size_t ring_get(struct ring *ring, char *out, size_t size)
{
    const size_t length = size < ring->length ? size : ring->length;
    const size_t first = length < RING_SIZE - ring->start ? length : RING_SIZE - ring->start;
    if (length == 0)
        return 0;
    memcpy(out, ring->bytes + ring->start, first);
    memcpy(out + first, ring->bytes, length - first);
    ring->start = (ring->start + length) % RING_SIZE;
    ring->length -= length;
    return length;
}

void ring_clear(struct ring *ring)
{
    free(ring->bytes);
    *ring = (struct ring){0};
}
