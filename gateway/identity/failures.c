/* See failures.h. */
#include "gateway/identity/failures.h"

#include <pthread.h>
#include <stdlib.h>

#include <uthash.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/seal.h"

#define PAIR_KEY_SIZE 32

struct pair {
    UT_hash_handle hh; /* in the order of the last failure */
    uint8_t key[PAIR_KEY_SIZE];
    int64_t count;
    int64_t last_ms;
};

struct failures {
    pthread_mutex_t mutex;
    struct pair *pairs;
    int64_t delay_ms;
};

struct failures *failures_new(int64_t delay_ms)
{
    struct failures *failures = calloc(1, sizeof(*failures));
    if (!failures)
        abort();
    pthread_mutex_init(&failures->mutex, NULL);
    failures->delay_ms = delay_ms;
    return failures;
}

static void forget(struct failures *failures, struct pair *pair)
{
    HASH_DEL(failures->pairs, pair);
    free(pair);
}

void failures_free(struct failures *failures)
{
    if (!failures)
        return;
    while (failures->pairs)
        forget(failures, failures->pairs); /* NOLINT(clang-analyzer-unix.Malloc) */
    pthread_mutex_destroy(&failures->mutex);
    free(failures);
}

static void make_key(const char *user, const char *address, uint8_t out[PAIR_KEY_SIZE])
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const char *text = arena_printf(&arena, "%s\n%s", address ? address : "", user);
    hash_blake2b(text, strlen(text), out);
}

static struct pair *find_recent(struct failures *failures, const uint8_t key[PAIR_KEY_SIZE])
{
    struct pair *pair = NULL;
    HASH_FIND(hh, failures->pairs, key, PAIR_KEY_SIZE, pair);
    if (pair && clock_mono_ms() - pair->last_ms > FAILURE_MEMORY_MS) {
        forget(failures, pair);
        pair = NULL;
    }
    return pair;
}

int64_t failures_delay_ms(struct failures *failures, const char *user, const char *address)
{
    uint8_t key[PAIR_KEY_SIZE];
    make_key(user, address, key);
    pthread_mutex_lock(&failures->mutex);
    const struct pair *pair = find_recent(failures, key);
    const int64_t delay = pair ? pair->count * failures->delay_ms : 0;
    pthread_mutex_unlock(&failures->mutex);
    return delay < FAILURE_DELAY_MAX_MS ? delay : FAILURE_DELAY_MAX_MS;
}

/* One failure more for the pair, which becomes the youngest. */
static void count_failure(struct failures *failures, struct pair *pair, const uint8_t key[PAIR_KEY_SIZE])
{
    if (pair) {
        HASH_DEL(failures->pairs, pair);
    } else {
        if (HASH_COUNT(failures->pairs) >= FAILURE_PAIRS)
            forget(failures, failures->pairs);
        pair = calloc(1, sizeof(*pair));
        if (!pair)
            abort();
        memcpy(pair->key, key, PAIR_KEY_SIZE);
    }
    pair->count++;
    pair->last_ms = clock_mono_ms();
    HASH_ADD(hh, failures->pairs, key, PAIR_KEY_SIZE, pair); /* NOLINT(clang-analyzer-unix.Malloc) */
}

void failures_note(struct failures *failures, const char *user, const char *address, bool success)
{
    uint8_t key[PAIR_KEY_SIZE];
    make_key(user, address, key);
    pthread_mutex_lock(&failures->mutex);
    struct pair *pair = find_recent(failures, key);
    if (!success)
        count_failure(failures, pair, key);
    else if (pair)
        forget(failures, pair);
    pthread_mutex_unlock(&failures->mutex);
}
