/*
 * The prober's thread: deep probes of neighbours that are suspect or down (DESIGN section 4). It has connections of its own and
 * waits for nobody else: neither the poller's joins nor its slowest child hold a probe up, and it needs no database.
 *
 * A suspect is probed at once: one that fails that is down. One that is down is tried again at jittered intervals that grow to
 * TRY_MOST_MS, so that with a probe's own time it is back in service within two seconds of its recovery.
 */
#include <time.h>

#include "zones/poller.h"
#include "gateway/base/log.h"

#define PROBE_LEAST_MS 800
#define PROBE_FACTOR   4 /* times the slowest that was seen lately */
#define TRY_MOST_MS    700
#define PAUSE_MS       250 /* between two looks at suspects */

void prober_wake(struct zones *zones)
{
    (void)pthread_mutex_lock(&zones->lock);
    zones->poller.probe_wanted = true;
    (void)pthread_cond_signal(&zones->poller.probe_wake);
    (void)pthread_mutex_unlock(&zones->lock);
}

static bool is_open(enum health_state state)
{
    return state == HEALTH_DOWN || state == HEALTH_PROBING;
}

static bool may_be_probed(const struct zone *zone)
{
    return zone->row.joined && zone->row.state != ZONE_ADMIN_DISABLED;
}

static bool is_due(const struct zone *zone)
{
    const enum health_state state = health_overall(zone->health);
    if (!may_be_probed(zone))
        return false;
    if (is_open(state))
        return clock_mono_ms() >= notes_of(zone)->next_try_ms;
    return state == HEALTH_SUSPECT && atomic_exchange(&zone->health->probe_wanted, false);
}

static int64_t probe_deadline(const struct round *round, const struct zone *zone)
{
    const int64_t usual_ms = PROBE_FACTOR * atomic_load(&zone->health->probe_p99_us) / 1000;
    const int64_t most_ms = round->zones->options.child_timeout_ms;
    const int64_t ms = usual_ms > PROBE_LEAST_MS ? usual_ms : PROBE_LEAST_MS;
    return ms < most_ms ? ms : most_ms;
}

static size_t add_probes(struct round *round, const struct zone *zones, size_t zone_count, struct zone_call *calls)
{
    size_t count = 0;
    for (size_t i = 0; i < zone_count; i++) {
        if (!is_due(&zones[i]))
            continue;
        if (health_overall(zones[i].health) == HEALTH_DOWN)
            health_probe(zones[i].health, HEALTH_EV_PROBE_DUE, ZONE_ANSWERED, 0);
        calls[count] = round_call(round, &zones[i], ZONES_PROBE);
        calls[count].probe = true;
        calls[count++].timeout_ms = probe_deadline(round, &zones[i]);
    }
    return count;
}

/* Why a probe failed; a zone that says 503 to it cannot read its database. */
static enum zone_kind_of_answer reason_of(const struct http_answer *answer)
{
    if (answer->kind != ZONE_ANSWERED)
        return answer->kind;
    return answer->status == 503 ? ZONE_STORE : ZONE_GARBAGE;
}

/* Where nobody listens every class is down at once, and up again together. */
static enum health_event event_of(const struct http_answer *answer)
{
    if (answer->kind == ZONE_ANSWERED && answer->status == 200)
        return HEALTH_EV_PROBE_GOOD;
    return answer->kind == ZONE_REFUSED ? HEALTH_EV_REFUSED : HEALTH_EV_PROBE_FAILED;
}

/* True: the zone's state changed. */
static bool take_probe(const struct zone_call *call)
{
    const struct http_answer *answer = &call->answer;
    struct zone_health *health = call->zone->health;
    struct poll_notes *notes = notes_of(call->zone);
    const enum health_state before = health_overall(health);
    const enum health_event event = event_of(answer);
    const bool good = event == HEALTH_EV_PROBE_GOOD;
    health_probe(health, event, reason_of(answer), answer->ms * 1000);
    if (good)
        notes->failures = 0;
    back_off(notes, TRY_MOST_MS);
    signs_note_answer(call->zone, answer);
    const enum health_state after = health_overall(health);
    if (after == before || (before == HEALTH_PROBING && after == HEALTH_DOWN))
        return false;
    log_info("zone.health", "zone=%s state=%s before=%s reason=%s", call->zone->row.name, health_state_name(after),
             health_state_name(before), good ? "" : zone_kind_word(reason_of(answer)));
    return true;
}

static void probe_all(struct round *round)
{
    round_begin(round);
    const struct zones_view *view = zones_view(round->zones, &round->arena);
    struct zone_call *calls = arena_alloc(&round->arena, (view->child_count + view->parent_count + 1) * sizeof(*calls));
    bool changed = false;
    size_t count = add_probes(round, view->children, view->child_count, calls);
    count += add_probes(round, view->parents, view->parent_count, calls + count);
    fanout_run(round->fanout, &round->arena, calls, count, budget_from_ms(round->zones->options.child_timeout_ms));
    for (size_t i = 0; i < count; i++)
        changed = take_probe(&calls[i]) || changed;
    if (changed)
        poller_wake(round->zones);
}

static int64_t earliest(const struct zone *zones, size_t count, int64_t least)
{
    for (size_t i = 0; i < count; i++) {
        const int64_t due_ms = notes_of(&zones[i])->next_try_ms;
        if (is_open(health_overall(zones[i].health)) && may_be_probed(&zones[i]) && due_ms < least)
            least = due_ms;
    }
    return least;
}

static int64_t next_try(struct zones *zones)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct zones_view *view = zones_view(zones, &arena);
    return earliest(view->parents, view->parent_count, earliest(view->children, view->child_count, INT64_MAX));
}

/* Until a suspect was seen, but not before `pause_ms`, or until the next try. False: the zone ends. */
static bool sleep_until(struct zones *zones, int64_t pause_ms, int64_t try_ms)
{
    struct poller *poller = &zones->poller;
    (void)pthread_mutex_lock(&zones->lock);
    for (int64_t now_ms = clock_mono_ms(); !poller->stop; now_ms = clock_mono_ms()) {
        const int64_t until_ms = poller->probe_wanted && pause_ms < try_ms ? pause_ms : try_ms;
        const struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = (until_ms % 1000) * 1000000};
        if (now_ms >= until_ms)
            break;
        if (until_ms == INT64_MAX)
            (void)pthread_cond_wait(&poller->probe_wake, &zones->lock);
        else
            (void)pthread_cond_timedwait(&poller->probe_wake, &zones->lock, &until);
    }
    poller->probe_wanted = false;
    const bool go_on = !poller->stop;
    (void)pthread_mutex_unlock(&zones->lock);
    return go_on;
}

void *probe_zones(void *context)
{
    struct zones *zones = context;
    struct round *round = round_open(zones);
    int64_t looked_ms = 0;
    while (sleep_until(zones, looked_ms + PAUSE_MS, next_try(zones))) {
        probe_all(round);
        looked_ms = clock_mono_ms();
    }
    round_close(round);
    return NULL;
}
