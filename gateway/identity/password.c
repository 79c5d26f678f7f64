/* See password.h. */
#include "gateway/identity/password.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/base/id.h"

struct password_slots {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int64_t queue;
    int64_t waiting;
    int64_t held_back; /* of those: waiting for their delay */
    int busy;
    char nobody[PASSWORD_HASH_SIZE]; /* the hash of a password that nobody has */
};

bool password_matches(const struct password_slots *slots, const char *hash, const char *password)
{
    const bool matches = password_hash_matches(hash ? hash : slots->nobody, password);
    return hash && matches;
}

enum err password_slots_new(int64_t queue, struct password_slots **out)
{
    uint8_t random[24];
    char nobody[33];
    struct password_slots *slots = calloc(1, sizeof(*slots));
    if (!slots)
        abort();
    random_bytes(random, sizeof(random));
    base64url_encode(random, sizeof(random), nobody, sizeof(nobody));
    const enum err hashed = password_hash(nobody, slots->nobody);
    if (hashed != OK) {
        free(slots);
        return hashed;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&slots->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&slots->mutex, NULL);
    slots->queue = queue;
    *out = slots;
    return OK;
}

void password_slots_free(struct password_slots *slots)
{
    if (!slots)
        return;
    pthread_cond_destroy(&slots->changed);
    pthread_mutex_destroy(&slots->mutex);
    free(slots);
}

static void wait_until(struct password_slots *slots, int64_t mono_ms)
{
    const struct timespec until = {.tv_sec = mono_ms / 1000, .tv_nsec = mono_ms % 1000 * 1000000};
    pthread_cond_timedwait(&slots->changed, &slots->mutex, &until);
}

/* With the mutex. False when the budget ended first. */
static bool wait_for_slot(struct password_slots *slots, int64_t not_before_ms, int64_t deadline_ms)
{
    for (;;) {
        const int64_t now = clock_mono_ms();
        if (now >= deadline_ms)
            return false;
        if (now >= not_before_ms && slots->busy < PASSWORD_SLOTS)
            return true;
        wait_until(slots, now < not_before_ms && not_before_ms < deadline_ms ? not_before_ms : deadline_ms);
    }
}

static enum err queue_up(struct password_slots *slots, int64_t delay_ms, const struct budget *budget)
{
    if (slots->waiting >= slots->queue && (slots->busy >= PASSWORD_SLOTS || delay_ms > 0))
        return fail(E_UNAVAILABLE, "Too many logins are waiting already.");
    if (delay_ms > 0 && slots->held_back > slots->queue / 4)
        return fail(E_TOO_MANY, "Too many logins failed; try again later.");
    const int64_t held_back = delay_ms > 0;
    slots->waiting++;
    slots->held_back += held_back;
    const bool got = wait_for_slot(slots, clock_mono_ms() + delay_ms, budget->deadline_ms);
    slots->waiting--;
    slots->held_back -= held_back;
    if (!got)
        return fail(E_UNAVAILABLE, "Too many logins are waiting; this one's time ended before its turn.");
    slots->busy++;
    return OK;
}

enum err password_slots_take(struct password_slots *slots, int64_t delay_ms, const struct budget *budget)
{
    pthread_mutex_lock(&slots->mutex);
    const enum err result = queue_up(slots, delay_ms, budget);
    pthread_mutex_unlock(&slots->mutex);
    return result;
}

void password_slots_give(struct password_slots *slots)
{
    pthread_mutex_lock(&slots->mutex);
    slots->busy--;
    pthread_cond_broadcast(&slots->changed); /* some who wait are held back: one signal could meet the wrong one */
    pthread_mutex_unlock(&slots->mutex);
}
