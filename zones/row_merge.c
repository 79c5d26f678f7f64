/* A binary heap of window heads, and two generations of uuids; see row_merge.h. */
#include "zones/row_merge.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "zones/row_key.h"

#define TABLE_LEAST 256
#define FETCH_SIZE  2048
#define FETCH_STEP  64 /* a line of the cache */

/* Open addressing, at most half full. An empty place has hash 0. */
struct place {
    uint64_t hash;
    struct uuid uuid;
};

struct uuid_set {
    struct place *places;
    size_t capacity;
    size_t count;
};

struct merge_source {
    struct row_list window;
    size_t at;
};

struct row_merge {
    struct merge_source *sources;
    size_t source_count;
    size_t wanting; /* sources that must say what comes next before anything else can */
    size_t *heap;   /* sources that have a row */
    size_t heads;
    uint64_t seed;
    struct uuid_set recent;
    struct uuid_set before; /* as many as MERGE_REMEMBERED, or none */
};

/* --- which servers passed */

/* Ids are the children's to choose: without the seed they could be made to collide. */
static uint64_t hash_uuid(const struct row_merge *merge, const struct uuid *uuid)
{
    uint64_t halves[2];
    memcpy(halves, uuid->bytes, sizeof(halves));
    const __uint128_t product = (__uint128_t)(halves[0] ^ merge->seed) * (halves[1] ^ ~merge->seed);
    return ((uint64_t)product ^ (uint64_t)(product >> 64)) | 1;
}

/* Its place, or the empty one where it would be. */
static struct place *find_place(const struct uuid_set *uuids, uint64_t hash, const struct uuid *uuid)
{
    for (size_t at = (hash >> 1) & (uuids->capacity - 1);; at = (at + 1) & (uuids->capacity - 1)) {
        struct place *place = &uuids->places[at];
        if (place->hash == 0 || (place->hash == hash && uuid_equal(&place->uuid, uuid)))
            return place;
    }
}

static bool knows(const struct uuid_set *uuids, uint64_t hash, const struct uuid *uuid)
{
    return uuids->count && find_place(uuids, hash, uuid)->hash;
}

static void grow(struct uuid_set *uuids)
{
    struct uuid_set bigger = {.capacity = uuids->capacity ? 2 * uuids->capacity : TABLE_LEAST, .count = uuids->count};
    bigger.places = calloc(bigger.capacity, sizeof(*bigger.places));
    if (!bigger.places)
        abort();
    for (size_t i = 0; i < uuids->capacity; i++) {
        if (uuids->places[i].hash)
            *find_place(&bigger, uuids->places[i].hash, &uuids->places[i].uuid) = uuids->places[i];
    }
    free(uuids->places);
    *uuids = bigger;
}

/* Room for one more of those that pass now. */
static void make_room(struct row_merge *merge)
{
    if (merge->recent.count == MERGE_REMEMBERED) {
        free(merge->before.places);
        merge->before = merge->recent;
        merge->recent = (struct uuid_set){0};
    }
    if (2 * (merge->recent.count + 1) > merge->recent.capacity)
        grow(&merge->recent);
}

/* Notes it. False: it has passed before. */
static bool pass(struct row_merge *merge, const struct uuid *uuid)
{
    const uint64_t hash = hash_uuid(merge, uuid);
    make_room(merge);
    struct place *place = find_place(&merge->recent, hash, uuid);
    if (place->hash || knows(&merge->before, hash, uuid))
        return false;
    *place = (struct place){hash, *uuid};
    merge->recent.count++;
    return true;
}

static bool has_passed(const struct row_merge *merge, uint64_t hash, const struct uuid *uuid)
{
    return knows(&merge->recent, hash, uuid) || knows(&merge->before, hash, uuid);
}

/* --- the heap */

static const struct row *row_of(const struct row_merge *merge, size_t source)
{
    return &merge->sources[source].window.rows[merge->sources[source].at];
}

static bool is_before(const struct row_merge *merge, size_t a, size_t b)
{
    const struct row *left = row_of(merge, a);
    const struct row *right = row_of(merge, b);
    const int order = row_key_compare(left->key, left->key_length, right->key, right->key_length);
    return order ? order < 0 : a < b;
}

static void sift_down(struct row_merge *merge)
{
    size_t at = 0;
    while (2 * at + 1 < merge->heads) {
        size_t child = 2 * at + 1;
        if (child + 1 < merge->heads && is_before(merge, merge->heap[child + 1], merge->heap[child]))
            child++;
        if (!is_before(merge, merge->heap[child], merge->heap[at]))
            return;
        const size_t source = merge->heap[child];
        merge->heap[child] = merge->heap[at];
        merge->heap[at] = source;
        at = child;
    }
}

static void push(struct row_merge *merge, size_t source)
{
    size_t at = merge->heads++;
    while (at && is_before(merge, source, merge->heap[(at - 1) / 2])) {
        merge->heap[at] = merge->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    merge->heap[at] = source;
}

static bool is_wanting(const struct merge_source *source)
{
    return source->at == source->window.count && source->window.more;
}

/* What is copied soon, begins to come from memory now: rows of many sources stand far from each other. */
static void fetch(const struct row *row)
{
    for (size_t at = 0; at < row->body_length && at < FETCH_SIZE; at += FETCH_STEP)
        __builtin_prefetch(row->body + at);
}

/* Takes the first row of the heap. */
static void advance(struct row_merge *merge)
{
    struct merge_source *source = &merge->sources[merge->heap[0]];
    if (++source->at == source->window.count)
        merge->heap[0] = merge->heap[--merge->heads];
    else
        fetch(&source->window.rows[source->at]);
    merge->wanting += is_wanting(source);
    sift_down(merge);
}

/* --- outside */

static void free_tables(void *object)
{
    struct row_merge *merge = object;
    free(merge->recent.places);
    free(merge->before.places);
}

struct row_merge *row_merge_new(struct arena *arena, size_t sources)
{
    struct row_merge *merge = arena_alloc(arena, sizeof(*merge));
    merge->sources = arena_alloc(arena, (sources + 1) * sizeof(*merge->sources));
    merge->heap = arena_alloc(arena, (sources + 1) * sizeof(*merge->heap));
    merge->source_count = sources;
    merge->wanting = sources;
    merge->seed = (uint64_t)clock_mono_us() * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)(uintptr_t)merge;
    for (size_t i = 0; i < sources; i++)
        merge->sources[i].window.more = true;
    arena_defer(arena, free_tables, merge);
    return merge;
}

void row_merge_give(struct row_merge *merge, size_t source, const struct row_list *window)
{
    struct merge_source *given = &merge->sources[source];
    merge->wanting -= is_wanting(given);
    *given = (struct merge_source){.window = *window};
    merge->wanting += is_wanting(given);
    if (window->count)
        push(merge, source);
}

static size_t find_wanting(const struct row_merge *merge)
{
    size_t source = 0;
    while (!is_wanting(&merge->sources[source]))
        source++;
    return source;
}

enum merge_step row_merge_next(struct row_merge *merge, struct row *out, size_t *out_source)
{
    while (!merge->wanting && merge->heads) {
        const size_t source = merge->heap[0];
        const struct row row = *row_of(merge, source);
        advance(merge);
        if (!pass(merge, &row.uuid))
            continue;
        *out = row;
        *out_source = source;
        return MERGE_ROW;
    }
    if (!merge->wanting)
        return MERGE_END;
    *out_source = find_wanting(merge);
    return MERGE_WANTS;
}

bool row_merge_has_more(const struct row_merge *merge)
{
    for (size_t i = 0; i < merge->source_count; i++) {
        const struct merge_source *source = &merge->sources[i];
        if (source->window.more)
            return true;
        for (size_t at = source->at; at < source->window.count; at++) {
            const struct uuid *uuid = &source->window.rows[at].uuid;
            if (!has_passed(merge, hash_uuid(merge, uuid), uuid))
                return true;
        }
    }
    return false;
}
