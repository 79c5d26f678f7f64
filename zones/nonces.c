/*
 * Nonces by the half minute in which they expire: a slice is an open-addressed table that is dropped as a whole. The MAC covers the
 * expiry, so a repeated nonce always falls into the same slice; see nonces.h.
 */
#include "zones/nonces.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/seal.h"

#define SLICE_S    30
#define SLICES     8 /* link_check lets nothing pass that lives longer than 60 + 30 + 30 s */
#define SLICE_MOST (1u << 19)

struct mark {
    uint64_t words[2]; /* never both 0 */
};

struct slice {
    int64_t number; /* expiry / SLICE_S */
    struct mark *marks;
    size_t capacity; /* a power of two */
    size_t count;
};

struct nonces {
    pthread_mutex_t lock;
    struct slice slices[SLICES];
};

static void *alloc_or_end(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) {
        (void)fputs("zonegate: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void nonces_open(struct nonces **out)
{
    struct nonces *nonces = alloc_or_end(1, sizeof(*nonces));
    (void)pthread_mutex_init(&nonces->lock, NULL);
    *out = nonces;
}

void nonces_close(struct nonces *nonces)
{
    if (!nonces)
        return;
    for (size_t i = 0; i < SLICES; i++)
        free(nonces->slices[i].marks);
    (void)pthread_mutex_destroy(&nonces->lock);
    free(nonces);
}

static struct mark mark_of(const struct uuid *link, const uint8_t nonce[NONCE_SIZE])
{
    uint8_t both[sizeof(link->bytes) + NONCE_SIZE];
    uint8_t hash[32];
    struct mark mark;
    memcpy(both, link->bytes, sizeof(link->bytes));
    memcpy(both + sizeof(link->bytes), nonce, NONCE_SIZE);
    hash_blake2b(both, sizeof(both), hash);
    memcpy(&mark, hash, sizeof(mark));
    mark.words[1] |= 1; /* empty places are 0 */
    return mark;
}

/* The mark's place: where it is, or the empty one where it belongs. */
static struct mark *find(const struct slice *slice, const struct mark *mark)
{
    size_t at = mark->words[0] & (slice->capacity - 1);
    while (slice->marks[at].words[1] && memcmp(&slice->marks[at], mark, sizeof(*mark)) != 0)
        at = (at + 1) & (slice->capacity - 1);
    return &slice->marks[at];
}

static void grow(struct slice *slice)
{
    struct slice bigger = {.number = slice->number, .capacity = slice->capacity ? 2 * slice->capacity : 64, .count = slice->count};
    bigger.marks = alloc_or_end(bigger.capacity, sizeof(*bigger.marks));
    for (size_t i = 0; i < slice->capacity; i++) {
        if (slice->marks[i].words[1])
            *find(&bigger, &slice->marks[i]) = slice->marks[i];
    }
    free(slice->marks);
    *slice = bigger;
}

static struct slice *slice_for(struct nonces *nonces, int64_t number, int64_t now_s)
{
    struct slice *slice = &nonces->slices[number % SLICES];
    if (slice->number != number) {
        if ((slice->number + 1) * SLICE_S > now_s && slice->count)
            return NULL; /* still needed: the expiry is further away than any that may be accepted */
        free(slice->marks);
        *slice = (struct slice){.number = number};
    }
    return slice;
}

static enum err add_mark(struct nonces *nonces, const struct mark *mark, int64_t until_s, int64_t now_s)
{
    struct slice *slice = slice_for(nonces, until_s / SLICE_S, now_s);
    if (!slice || (slice->count >= SLICE_MOST))
        return fail(E_UNAVAILABLE, "Too many requests over this zone's links; try again later.");
    if (4 * slice->count >= 3 * slice->capacity)
        grow(slice);
    struct mark *place = find(slice, mark);
    if (place->words[1])
        return fail(E_UNAUTHORIZED, "The delegation was used before.");
    *place = *mark;
    slice->count++;
    return OK;
}

enum err nonces_add(struct nonces *nonces, const struct uuid *link, const uint8_t nonce[NONCE_SIZE], int64_t until_s, int64_t now_s)
{
    if (until_s < now_s)
        return fail(E_UNAUTHORIZED, "The delegation is too old.");
    const struct mark mark = mark_of(link, nonce);
    (void)pthread_mutex_lock(&nonces->lock);
    const enum err result = add_mark(nonces, &mark, until_s, now_s);
    (void)pthread_mutex_unlock(&nonces->lock);
    return result;
}
