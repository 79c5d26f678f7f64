/* A hash by uuid in the order of last sight; see seen.h. One lock; nothing waits under it. */
#include "zones/seen.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "gateway/base/text.h"

struct sight {
    struct seen_server server;
    uint64_t round; /* of the last seen_replace that named it */
    UT_hash_handle hh;
};

struct seen {
    pthread_mutex_t lock;
    size_t capacity;
    uint64_t round;
    struct sight *sights; /* uthash keeps the order of insertion: the first is the least recently seen */
};

struct seen *seen_new(size_t capacity)
{
    struct seen *seen = calloc(1, sizeof(*seen));
    if (!seen)
        abort();
    seen->capacity = capacity;
    (void)pthread_mutex_init(&seen->lock, NULL);
    return seen;
}

/* Under the lock. */
static void drop(struct seen *seen, struct sight *sight)
{
    HASH_DEL(seen->sights, sight);
    free(sight);
}

void seen_free(struct seen *seen)
{
    struct sight *sight;
    struct sight *next;
    if (!seen)
        return;
    HASH_ITER(hh, seen->sights, sight, next)
    drop(seen, sight);
    (void)pthread_mutex_destroy(&seen->lock);
    free(seen);
}

/* Under the lock. */
static struct sight *find(struct seen *seen, const struct uuid *uuid)
{
    struct sight *sight = NULL;
    HASH_FIND(hh, seen->sights, uuid, sizeof(*uuid), sight);
    return sight;
}

/* Under the lock: taken out and put in again at the end, as the most recent one. */
static void note_one(struct seen *seen, const struct seen_server *server)
{
    if (!server->project[0] || seen->capacity == 0)
        return;
    struct sight *sight = find(seen, &server->uuid);
    if (sight) {
        HASH_DEL(seen->sights, sight);
    } else {
        if (HASH_COUNT(seen->sights) >= seen->capacity)
            drop(seen, seen->sights);
        sight = calloc(1, sizeof(*sight));
    }
    if (!sight)
        return; /* only a hint */
    sight->server = *server;
    sight->round = seen->round;
    HASH_ADD(hh, seen->sights, server.uuid, sizeof(sight->server.uuid), sight);
}

void seen_note(struct seen *seen, const struct seen_server *servers, size_t count)
{
    if (!seen)
        return;
    (void)pthread_mutex_lock(&seen->lock);
    for (size_t i = 0; i < count; i++)
        note_one(seen, &servers[i]);
    (void)pthread_mutex_unlock(&seen->lock);
}

bool seen_again(struct seen *seen, const struct uuid *uuid, const struct uuid *zone)
{
    if (!seen)
        return false;
    (void)pthread_mutex_lock(&seen->lock);
    struct sight *sight = find(seen, uuid);
    const bool known = sight && !sight->server.guessed && uuid_equal(&sight->server.zone, zone);
    if (known) {
        HASH_DEL(seen->sights, sight);
        sight->round = seen->round;
        HASH_ADD(hh, seen->sights, server.uuid, sizeof(sight->server.uuid), sight);
    }
    (void)pthread_mutex_unlock(&seen->lock);
    return known;
}

void seen_forget(struct seen *seen, const struct uuid *uuid)
{
    if (!seen)
        return;
    (void)pthread_mutex_lock(&seen->lock);
    struct sight *sight = find(seen, uuid);
    if (sight)
        drop(seen, sight);
    (void)pthread_mutex_unlock(&seen->lock);
}

bool seen_find(struct seen *seen, const struct uuid *uuid, struct seen_server *out)
{
    if (!seen)
        return false;
    (void)pthread_mutex_lock(&seen->lock);
    const struct sight *sight = find(seen, uuid);
    if (sight)
        *out = sight->server;
    (void)pthread_mutex_unlock(&seen->lock);
    return sight != NULL;
}

static bool is_of(const struct sight *sight, const struct uuid *zone, const char *project)
{
    return uuid_equal(&sight->server.zone, zone) && (!project || strcmp(sight->server.project, project) == 0);
}

static int compare(const void *left, const void *right)
{
    const struct seen_server *a = left;
    const struct seen_server *b = right;
    const int64_t newer = b->created_us / 1000000 - a->created_us / 1000000;
    if (newer)
        return newer > 0 ? 1 : -1;
    return memcmp(a->uuid.bytes, b->uuid.bytes, sizeof(a->uuid.bytes));
}

void seen_of_zone(struct seen *seen, struct arena *arena, const struct uuid *zone, const char *project, struct seen_servers *out)
{
    size_t count = 0;
    struct seen_server *items = NULL;
    *out = (struct seen_servers){0};
    if (!seen)
        return;
    (void)pthread_mutex_lock(&seen->lock);
    for (const struct sight *sight = seen->sights; sight; sight = sight->hh.next)
        count += is_of(sight, zone, project);
    items = arena_alloc(arena, (count + 1) * sizeof(*items));
    count = 0;
    for (const struct sight *sight = seen->sights; sight; sight = sight->hh.next) {
        if (is_of(sight, zone, project))
            items[count++] = sight->server;
    }
    (void)pthread_mutex_unlock(&seen->lock);
    qsort(items, count, sizeof(*items), compare);
    *out = (struct seen_servers){items, count};
}

void seen_replace(struct seen *seen, const struct uuid *zone, const char *project, const struct seen_server *servers, size_t count)
{
    struct sight *sight;
    struct sight *next;
    if (!seen)
        return;
    (void)pthread_mutex_lock(&seen->lock);
    seen->round++;
    for (size_t i = 0; i < count; i++)
        note_one(seen, &servers[i]);
    HASH_ITER(hh, seen->sights, sight, next)
    {
        if (sight->round != seen->round && is_of(sight, zone, project))
            drop(seen, sight);
    }
    (void)pthread_mutex_unlock(&seen->lock);
}
