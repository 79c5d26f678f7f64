/* Names and values: headers, queries, path captures. Linear: there are a dozen, and most are asked for once. */
#include <string.h>

#include "gateway/http/core/core.h"

#define FIRST_CAPACITY 8

void pairs_add(struct arena *arena, struct http_pairs *pairs, const char *name, const char *value)
{
    if (pairs->count == pairs->capacity) {
        const size_t capacity = pairs->capacity ? 2 * pairs->capacity : FIRST_CAPACITY;
        struct http_pair *items = arena_alloc(arena, capacity * sizeof(*items));
        if (pairs->count)
            memcpy(items, pairs->items, pairs->count * sizeof(*items));
        pairs->items = items;
        pairs->capacity = capacity;
    }
    pairs->items[pairs->count++] = (struct http_pair){name, value};
}

const char *pairs_get(const struct http_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].name, name) == 0)
            return pairs->items[i].value;
    return NULL;
}

const char *pairs_get_last(const struct http_pairs *pairs, const char *name)
{
    for (size_t i = pairs->count; i > 0; i--)
        if (strcmp(pairs->items[i - 1].name, name) == 0)
            return pairs->items[i - 1].value;
    return NULL;
}

const char *pairs_get_nocase(const struct http_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcasecmp(pairs->items[i].name, name) == 0)
            return pairs->items[i].value;
    return NULL;
}
