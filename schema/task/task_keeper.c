/* See task_keeper.h. */
#include "schema/task/task_keeper.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "schema/task/task_rows.h"

#define KIND_NAMES_MOST 64 /* unknown kinds that are remembered as logged */

struct seen {
    struct uuid id;
    int64_t fence;
    int64_t heartbeat;
    int64_t since_ms;
};

struct keeper {
    struct keeper_settings settings;
    pthread_t thread;
    pthread_mutex_t lock; /* of `stopping` */
    pthread_cond_t stop;
    bool stopping;
    struct db *db;
    struct seen *seen;
    size_t seen_count;
    struct own_lease *own;
    char *logged[KIND_NAMES_MOST];
    size_t logged_count;
};

static enum err beat(struct keeper *keeper)
{
    const size_t count = keeper->settings.own_leases(keeper->settings.context, keeper->own, keeper->settings.own_capacity);
    for (size_t i = 0; i < count; i++) {
        bool held = false;
        TRY(lease_beat(keeper->db, &keeper->own[i].id, keeper->own[i].fence, &held));
        if (!held)
            log_debug("task.heartbeat", "task=%s fence=%lld not_held=1", uuid_to_text(&keeper->own[i].id).text,
                      (long long)keeper->own[i].fence);
    }
    return OK;
}

/* Since when the lease has been as it is now. */
static int64_t seen_since(const struct keeper *keeper, const struct lease *lease, int64_t now_ms)
{
    for (size_t i = 0; i < keeper->seen_count; i++) {
        const struct seen *seen = &keeper->seen[i];
        if (seen->fence == lease->fence && seen->heartbeat == lease->heartbeat && uuid_equal(&seen->id, &lease->id))
            return seen->since_ms;
    }
    return now_ms;
}

static enum err judge(struct keeper *keeper, const struct lease *lease, int64_t since_ms, int64_t now_ms)
{
    const bool dead = holder_is_dead(lease->holder, keeper->settings.holder);
    bool expired = false;
    if (!dead && now_ms - since_ms < TASK_LEASE_MS)
        return OK;
    TRY(lease_expire(keeper->db, lease, &expired));
    if (!expired)
        return OK;
    log_warn("task.expired", "task=%s holder=%s reason=%s", uuid_to_text(&lease->id).text, log_quote(lease->holder).text,
             dead ? "holder_ended" : "heartbeat_stood_still");
    keeper->settings.expired(keeper->settings.context);
    return OK;
}

static enum err observe(struct keeper *keeper, struct arena *arena)
{
    struct lease *leases = NULL;
    size_t count = 0;
    TRY(lease_list(keeper->db, arena, &leases, &count));
    const int64_t now_ms = clock_mono_ms();
    struct seen *seen = calloc(count + 1, sizeof(*seen));
    if (!seen)
        return fail(E_INTERNAL, "Out of memory.");
    for (size_t i = 0; i < count; i++)
        seen[i] = (struct seen){leases[i].id, leases[i].fence, leases[i].heartbeat, seen_since(keeper, &leases[i], now_ms)};
    free(keeper->seen);
    keeper->seen = seen;
    keeper->seen_count = count;
    for (size_t i = 0; i < count; i++)
        TRY(judge(keeper, &leases[i], seen[i].since_ms, now_ms));
    return OK;
}

static bool is_known(const struct keeper *keeper, const char *kind)
{
    for (size_t i = 0; keeper->settings.kinds[i]; i++) {
        if (strcmp(keeper->settings.kinds[i]->name, kind) == 0)
            return true;
    }
    for (size_t i = 0; i < keeper->logged_count; i++) {
        if (strcmp(keeper->logged[i], kind) == 0)
            return true;
    }
    return false;
}

/* A newer program of this zone may know them: they are left alone. */
static enum err log_unknown_kinds(struct keeper *keeper, struct arena *arena)
{
    struct rows rows;
    TRY(task_kinds_list(keeper->db, arena, &rows));
    for (size_t i = 0; i < rows.count && keeper->logged_count < KIND_NAMES_MOST; i++) {
        const char *kind = rows_text(&rows, i, 0);
        char *copy = is_known(keeper, kind) ? NULL : strdup(kind);
        if (!copy)
            continue;
        keeper->logged[keeper->logged_count++] = copy;
        log_error("task.unknown_kind", "kind=%s left_alone=1", log_quote(kind).text);
    }
    return OK;
}

static enum err look(struct keeper *keeper)
{
    struct arena arena = {0};
    enum err result = keeper->db ? OK : db_open(keeper->settings.target, &keeper->db);
    if (result == OK)
        result = beat(keeper);
    if (result == OK)
        result = observe(keeper, &arena);
    if (result == OK)
        result = log_unknown_kinds(keeper, &arena);
    arena_clear(&arena);
    return result;
}

/* False when the keeper is to stop. */
static bool rest(struct keeper *keeper)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += keeper->settings.interval_ms / 1000;
    until.tv_nsec += keeper->settings.interval_ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_mutex_lock(&keeper->lock);
    while (!keeper->stopping && pthread_cond_timedwait(&keeper->stop, &keeper->lock, &until) == 0)
        continue;
    const bool go_on = !keeper->stopping;
    (void)pthread_mutex_unlock(&keeper->lock);
    return go_on;
}

static void *keep(void *argument)
{
    struct keeper *keeper = argument;
    while (rest(keeper)) {
        if (look(keeper) != OK)
            log_warn("task.keeper", "error=%s", log_quote(err_message()).text);
    }
    db_thread_end();
    return NULL;
}

static void keeper_free(struct keeper *keeper)
{
    for (size_t i = 0; i < keeper->logged_count; i++)
        free(keeper->logged[i]);
    db_close(keeper->db);
    free(keeper->seen);
    free(keeper->own);
    (void)pthread_cond_destroy(&keeper->stop);
    (void)pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}

static enum err keeper_run(struct keeper *keeper)
{
    TRY(look(keeper));
    const int failed = pthread_create(&keeper->thread, NULL, keep, keeper);
    return failed ? fail(E_INTERNAL, "The tasks' keeper thread cannot be started: %s", strerror(failed)) : OK;
}

enum err keeper_start(const struct keeper_settings *settings, struct keeper **out)
{
    pthread_condattr_t monotonic;
    struct keeper *keeper = calloc(1, sizeof(*keeper));
    struct own_lease *own = calloc(settings->own_capacity + 1, sizeof(*own));
    if (!keeper || !own) {
        free(keeper);
        free(own);
        return fail(E_INTERNAL, "Out of memory.");
    }
    keeper->settings = *settings;
    keeper->own = own;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&keeper->stop, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&keeper->lock, NULL);
    const enum err result = keeper_run(keeper);
    if (result != OK)
        keeper_free(keeper);
    else
        *out = keeper;
    return result;
}

void keeper_stop(struct keeper *keeper)
{
    if (!keeper)
        return;
    (void)pthread_mutex_lock(&keeper->lock);
    keeper->stopping = true;
    (void)pthread_cond_signal(&keeper->stop);
    (void)pthread_mutex_unlock(&keeper->lock);
    (void)pthread_join(keeper->thread, NULL);
    keeper_free(keeper);
}
