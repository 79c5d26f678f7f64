/*
 * Documents that other zones wrote, kept for a while by key. Shared by all workers; a document that is in use lives until its last
 * user lets go, whatever happens to its entry. Bounded in entries and bytes; the entry that was stored first goes first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "gateway/base/arena.h"

enum cache_state {
    CACHE_NONE,  /* nothing is kept */
    CACHE_FRESH, /* use it */
    CACHE_STALE, /* ask again, you; others use the former one meanwhile. Call cache_store or cache_keep afterwards */
};

/* `*out` is borrowed until the arena is cleared; NULL with CACHE_NONE. Times are monotonic milliseconds. */
enum cache_state cache_find(struct arena *arena, const char *key, int64_t now_ms, const json_t **out);
/* Takes over `document`; `size`: its bytes as text. Returns it, borrowed until the arena is cleared. Fresh for `fresh_ms`, kept for
 * `stale_ms`. */
const json_t *cache_store(struct arena *arena, const char *key, json_t *document, size_t size, int64_t now_ms, int64_t fresh_ms,
                          int64_t stale_ms);
/* There was no answer: the former document does for another `ms`. */
void cache_keep(const char *key, int64_t now_ms, int64_t ms);
void cache_drop(const char *key);
void cache_clear(void);
