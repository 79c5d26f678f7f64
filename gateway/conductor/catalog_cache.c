/*
 * See catalog_cache.h. The list is the process's own: what it holds are hints about other zones, the same for every worker, and a
 * handler cannot reach anything that lives longer than its request but through the gateway, which knows nothing of hints. Documents
 * are not changed once they are stored, so they are read without the lock.
 */
#include "gateway/conductor/catalog_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MOST 256
#define BYTES_MOST   (64U << 20)

struct entry {
    struct entry *next; /* older */
    char *key;
    json_t *document;
    size_t size;
    size_t users; /* and one for the list */
    int64_t fresh_until_ms;
    int64_t keep_until_ms;
    bool asked; /* somebody is asking for a newer one */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows; held for moments only */
static struct entry *entries;                            /* newest first */

static void entry_release(struct entry *entry)
{
    if (--entry->users > 0)
        return;
    json_decref(entry->document);
    free(entry->key);
    free(entry);
}

static void release_later(void *object)
{
    (void)pthread_mutex_lock(&lock);
    entry_release(object);
    (void)pthread_mutex_unlock(&lock);
}

static const json_t *lend(struct arena *arena, struct entry *entry)
{
    entry->users++;
    arena_defer(arena, release_later, entry);
    return entry->document;
}

static struct entry **find(const char *key)
{
    struct entry **at = &entries;
    while (*at && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    return at;
}

static void unlink_entry(struct entry **at)
{
    struct entry *entry = *at;
    *at = entry->next;
    entry_release(entry);
}

/* The oldest go until the rest is within bounds. */
static void trim(void)
{
    size_t count = 0;
    size_t bytes = 0;
    struct entry **at = &entries;
    while (*at) {
        count++;
        bytes += (*at)->size;
        if (count > ENTRIES_MOST || (bytes > BYTES_MOST && count > 1))
            unlink_entry(at);
        else
            at = &(*at)->next;
    }
}

enum cache_state cache_find(struct arena *arena, const char *key, int64_t now_ms, const json_t **out)
{
    enum cache_state state = CACHE_NONE;
    *out = NULL;
    (void)pthread_mutex_lock(&lock);
    struct entry **at = find(key);
    if (*at && now_ms >= (*at)->keep_until_ms) {
        unlink_entry(at);
    } else if (*at) {
        struct entry *entry = *at;
        const bool mine = now_ms >= entry->fresh_until_ms && !entry->asked;
        entry->asked = entry->asked || mine;
        state = mine ? CACHE_STALE : CACHE_FRESH;
        *out = lend(arena, entry);
    }
    (void)pthread_mutex_unlock(&lock);
    return state;
}

const json_t *cache_store(struct arena *arena, const char *key, json_t *document, size_t size, int64_t now_ms, int64_t fresh_ms,
                          int64_t stale_ms)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        abort();
    *entry = (struct entry){.key = strdup(key),
                            .document = document,
                            .size = size,
                            .users = 1,
                            .fresh_until_ms = now_ms + fresh_ms,
                            .keep_until_ms = now_ms + stale_ms};
    if (!entry->key)
        abort();
    (void)pthread_mutex_lock(&lock);
    struct entry **former = find(key);
    if (*former)
        unlink_entry(former);
    entry->next = entries;
    entries = entry;
    const json_t *lent = lend(arena, entry);
    trim();
    (void)pthread_mutex_unlock(&lock);
    return lent;
}

void cache_keep(const char *key, int64_t now_ms, int64_t ms)
{
    (void)pthread_mutex_lock(&lock);
    struct entry *entry = *find(key);
    if (entry) {
        entry->fresh_until_ms = now_ms + ms;
        entry->asked = false;
    }
    (void)pthread_mutex_unlock(&lock);
}

void cache_drop(const char *key)
{
    (void)pthread_mutex_lock(&lock);
    struct entry **at = find(key);
    if (*at)
        unlink_entry(at);
    (void)pthread_mutex_unlock(&lock);
}

void cache_clear(void)
{
    (void)pthread_mutex_lock(&lock);
    while (entries)
        unlink_entry(&entries);
    (void)pthread_mutex_unlock(&lock);
}
