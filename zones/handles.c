/* See handles.h. */
#include "zones/handles.h"

#include <stdlib.h>

CURL *handles_take(struct handles *handles, int64_t zone)
{
    if (handles->count == 0)
        return curl_easy_init();
    size_t best = handles->count - 1;
    for (size_t i = 0; i < handles->count; i++) {
        if (handles->items[i].zone == zone)
            best = i;
    }
    CURL *easy = handles->items[best].easy;
    handles->items[best] = handles->items[--handles->count];
    return easy;
}

void handles_give(struct handles *handles, CURL *easy, int64_t zone)
{
    if (handles->count == handles->capacity) {
        handles->capacity = handles->capacity ? 2 * handles->capacity : 16;
        struct spare *items = realloc(handles->items, handles->capacity * sizeof(*items));
        if (!items)
            abort();
        handles->items = items;
    }
    handles->items[handles->count++] = (struct spare){easy, zone};
}

void handles_clear(struct handles *handles)
{
    for (size_t i = 0; i < handles->count; i++)
        curl_easy_cleanup(handles->items[i].easy);
    free(handles->items);
    *handles = (struct handles){0};
}
