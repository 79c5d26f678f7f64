/* The breaker's table and its readers; see health.h. */
#include "zones/health.h"

#include "gateway/base/clock.h"

#define SUSPECT_FACTOR    2 /* times the slowest that was seen lately */
#define SUSPECT_LEAST_MS  1000
#define PATIENCE_FACTOR   4 /* times the usual latency */
#define PATIENCE_LEAST_MS 500
#define PATIENCE_MOST_MS  1200  /* with a failed probe behind it: less than 3 s */
#define SMOOTHING         8     /* a new latency counts one eighth */
#define SETTLED_MS        10000 /* without a doubt */

static const char *const state_names[] = {
#define HEALTH_NAME(state, name) name,
    HEALTH_LIST(HEALTH_NAME)
#undef HEALTH_NAME
};
_Static_assert(ARRAY_LEN(state_names) == HEALTH_COUNT, "one name per state");

/* An answer to a request that was under way when the breaker opened does not close it: only a probe does. */
static const enum health_state transitions[HEALTH_COUNT][HEALTH_EV_COUNT] = {
    /*                   ANSWER          REFUSED      SILENT          PROBE_DUE       PROBE_GOOD  PROBE_FAILED */
    [HEALTH_UNKNOWN] = {HEALTH_UP, HEALTH_DOWN, HEALTH_SUSPECT, HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN},
    [HEALTH_UP] = {HEALTH_UP, HEALTH_DOWN, HEALTH_SUSPECT, HEALTH_UP, HEALTH_UP, HEALTH_SUSPECT},
    [HEALTH_SUSPECT] = {HEALTH_UP, HEALTH_DOWN, HEALTH_SUSPECT, HEALTH_SUSPECT, HEALTH_SUSPECT, HEALTH_DOWN},
    [HEALTH_DOWN] = {HEALTH_DOWN, HEALTH_DOWN, HEALTH_DOWN, HEALTH_PROBING, HEALTH_UP, HEALTH_DOWN},
    [HEALTH_PROBING] = {HEALTH_PROBING, HEALTH_DOWN, HEALTH_PROBING, HEALTH_PROBING, HEALTH_UP, HEALTH_DOWN},
};

/* What a call's end means for the breaker; the others say nothing about the zone's health. */
static const struct {
    bool counts;
    enum health_event event;
} events_of_kinds[ZONE_KIND_COUNT] = {
    [ZONE_ANSWERED] = {true, HEALTH_EV_ANSWER}, [ZONE_REFUSED] = {true, HEALTH_EV_REFUSED},
    [ZONE_TIMEOUT] = {true, HEALTH_EV_SILENT},  [ZONE_GARBAGE] = {true, HEALTH_EV_SILENT},
    [ZONE_AUTH] = {true, HEALTH_EV_ANSWER},     [ZONE_BUSY] = {true, HEALTH_EV_ANSWER},
    [ZONE_STORE] = {true, HEALTH_EV_ANSWER},    [ZONE_LOOP] = {true, HEALTH_EV_ANSWER},
    [ZONE_VERSION] = {true, HEALTH_EV_ANSWER},
};

enum health_state health_next(enum health_state state, enum health_event event)
{
    return transitions[state][event];
}

const char *health_state_name(enum health_state state)
{
    return state_names[state];
}

void health_init(struct zone_health *health)
{
    for (int class = 0; class < CLASS_COUNT; class ++) {
        atomic_init(&health->state[class], HEALTH_UNKNOWN);
        atomic_init(&health->latency_us[class], 0);
        atomic_init(&health->slowest_us[class], 0);
    }
    atomic_init(&health->probe_p99_us, 0);
    atomic_init(&health->vouched, false);
    atomic_init(&health->doubted_ms, 0);
    atomic_init(&health->in_flight, 0);
    atomic_init(&health->reason, ZONE_REFUSED);
    atomic_init(&health->probe_wanted, false);
    atomic_init(&health->pushed_ms, 0);
    atomic_init(&health->last_seen_us, 0);
    atomic_init(&health->unlinked_ms, 0);
    atomic_init(&health->proved_key, 0);
}

static enum health_state apply(struct zone_health *health, int class, enum health_event event)
{
    int state = atomic_load(&health->state[class]);
    int next = (int)health_next((enum health_state)state, event);
    while (!atomic_compare_exchange_weak(&health->state[class], &state, next))
        next = (int)health_next((enum health_state)state, event);
    if (next == HEALTH_SUSPECT && state != HEALTH_SUSPECT)
        atomic_store(&health->vouched, false);
    if (next == HEALTH_SUSPECT && event != HEALTH_EV_PROBE_GOOD)
        atomic_store(&health->doubted_ms, clock_mono_ms());
    return (enum health_state)next;
}

/* What nobody has asked for since it was doubted would be suspected for ever: the zone has answered a deep probe and polls since.
 */
static void settle(struct zone_health *health)
{
    if (!atomic_load(&health->vouched) || clock_mono_ms() - atomic_load(&health->doubted_ms) < SETTLED_MS)
        return;
    for (int class = 0; class < CLASS_COUNT; class ++) {
        int state = HEALTH_SUSPECT;
        (void)atomic_compare_exchange_strong(&health->state[class], &state, HEALTH_UP);
    }
}

static int64_t between(int64_t least, int64_t value, int64_t most)
{
    const int64_t risen = value < least ? least : value;
    return risen < most ? risen : most;
}

static int64_t suspect_deadline(const struct zone_health *health, enum zone_class class, int64_t usual_ms)
{
    const int64_t ms = atomic_load(&health->slowest_us[class]) * SUSPECT_FACTOR / 1000;
    return between(SUSPECT_LEAST_MS, ms, usual_ms);
}

int64_t health_patience_ms(const struct zone_health *health, enum zone_class class, int64_t deadline_ms)
{
    const int64_t ms = atomic_load(&health->latency_us[class]) * PATIENCE_FACTOR / 1000;
    return between(0, between(PATIENCE_LEAST_MS, ms, PATIENCE_MOST_MS), deadline_ms);
}

bool health_is_open(const struct zone_health *health, enum zone_class class)
{
    const int state = atomic_load(&health->state[class]);
    return state == HEALTH_DOWN || state == HEALTH_PROBING;
}

enum zone_kind_of_answer health_enter(struct zone_health *health, enum zone_class class, int max_in_flight, int64_t *deadline_ms)
{
    const enum health_state state = (enum health_state)atomic_load(&health->state[class]);
    if (class != CLASS_POLL && health_is_open(health, class))
        return (enum zone_kind_of_answer)atomic_load(&health->reason);
    if (atomic_fetch_add(&health->in_flight, 1) >= max_in_flight && class != CLASS_POLL) {
        atomic_fetch_sub(&health->in_flight, 1);
        return ZONE_BUSY;
    }
    if (class == CLASS_READ && state == HEALTH_SUSPECT && !atomic_load(&health->vouched))
        *deadline_ms = suspect_deadline(health, class, *deadline_ms);
    return ZONE_ANSWERED;
}

/* Lost updates do no harm. */
static void note_latency(struct zone_health *health, enum zone_class class, int64_t us)
{
    const int64_t old = atomic_load(&health->latency_us[class]);
    const int64_t slowest = atomic_load(&health->slowest_us[class]);
    atomic_store(&health->latency_us[class], old ? old + (us - old) / SMOOTHING : us);
    atomic_store(&health->slowest_us[class], us > slowest ? us : slowest - (slowest - us) / SMOOTHING);
}

/* What was waited for in vain is waited for longer next time: a zone that is merely slow is found to be. */
static void note_silence(struct zone_health *health, enum zone_class class, int64_t us)
{
    if (us > atomic_load(&health->slowest_us[class]))
        atomic_store(&health->slowest_us[class], us);
}

/* A refused connection is the whole zone's: every class opens. */
static void open_all(struct zone_health *health, enum zone_kind_of_answer reason)
{
    atomic_store(&health->reason, (int)reason);
    for (int class = 0; class < CLASS_COUNT; class ++)
        (void)apply(health, class, HEALTH_EV_REFUSED);
}

static bool want_probe(struct zone_health *health, enum health_state state)
{
    if (state == HEALTH_SUSPECT)
        atomic_store(&health->probe_wanted, true);
    return state == HEALTH_SUSPECT || state == HEALTH_DOWN;
}

bool health_doubt(struct zone_health *health, enum zone_class class)
{
    if (health_is_open(health, class))
        return false;
    atomic_store(&health->reason, ZONE_TIMEOUT);
    return want_probe(health, apply(health, (int)class, HEALTH_EV_SILENT));
}

bool health_leave(struct zone_health *health, enum zone_class class, enum zone_kind_of_answer kind, int64_t us)
{
    atomic_fetch_sub(&health->in_flight, 1);
    if (!events_of_kinds[kind].counts)
        return false;
    const enum health_event event = events_of_kinds[kind].event;
    if (event == HEALTH_EV_REFUSED) {
        open_all(health, kind);
        return true;
    }
    if (event == HEALTH_EV_SILENT) {
        atomic_store(&health->reason, (int)kind);
        note_silence(health, class, us);
    } else {
        atomic_store(&health->last_seen_us, clock_wall_us());
        note_latency(health, class, us);
    }
    if (class == CLASS_POLL && kind == ZONE_ANSWERED)
        settle(health);
    return want_probe(health, apply(health, (int)class, event));
}

/* Rises at once, sinks slowly: near the largest of the last hundred. */
static void note_probe(struct zone_health *health, int64_t us)
{
    const int64_t old = atomic_load(&health->probe_p99_us);
    atomic_store(&health->probe_p99_us, us > old ? us : old - (old - us) / 100);
}

void health_probe(struct zone_health *health, enum health_event event, enum zone_kind_of_answer kind, int64_t us)
{
    if (event == HEALTH_EV_PROBE_FAILED || event == HEALTH_EV_REFUSED)
        atomic_store(&health->reason, (int)kind);
    for (int class = 0; class < CLASS_COUNT; class ++)
        (void)apply(health, class, event);
    if (event == HEALTH_EV_PROBE_GOOD) {
        note_probe(health, us);
        atomic_store(&health->vouched, true);
        atomic_store(&health->last_seen_us, clock_wall_us());
    }
}

enum health_state health_overall(const struct zone_health *health)
{
    static const enum health_state worst_first[] = {HEALTH_DOWN, HEALTH_PROBING, HEALTH_SUSPECT, HEALTH_UP};
    for (size_t i = 0; i < ARRAY_LEN(worst_first); i++) {
        for (int class = 0; class < CLASS_COUNT; class ++) {
            if (atomic_load(&health->state[class]) == (int)worst_first[i])
                return worst_first[i];
        }
    }
    return HEALTH_UNKNOWN;
}
