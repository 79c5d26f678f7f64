/*
 * Is a zone worth asking? One breaker per class of call, as a transition table (DESIGN section 4).
 *
 * unknown → up → suspect → down → probing → up. A refused connection opens the breaker at once. Silence makes `suspect`, already
 * while the call still waits (its patience is over, its deadline is not), and only a failed deep probe makes that `down`. A suspect
 * is read from with a shorter deadline until a good deep probe vouches for it; a mutation's is never shortened. `draining` and
 * `disabled` are what an admin said (registry.h) and lie over the breaker's state. All members are shared between threads by
 * atomics; the prober alone probes.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "zones/reason.h"

enum zone_class { CLASS_READ, CLASS_MUTATE, CLASS_POLL, CLASS_COUNT };

/* state, name */
#define HEALTH_LIST(X)                                                                                                             \
    X(HEALTH_UNKNOWN, "unknown")                                                                                                   \
    X(HEALTH_UP, "up")                                                                                                             \
    X(HEALTH_SUSPECT, "suspect")                                                                                                   \
    X(HEALTH_DOWN, "down")                                                                                                         \
    X(HEALTH_PROBING, "probing")

enum health_state {
#define HEALTH_ENUM(state, name) state,
    HEALTH_LIST(HEALTH_ENUM)
#undef HEALTH_ENUM
        HEALTH_COUNT
};

enum health_event {
    HEALTH_EV_ANSWER,       /* any HTTP answer of the zone itself */
    HEALTH_EV_REFUSED,      /* no connection */
    HEALTH_EV_SILENT,       /* its time ran out */
    HEALTH_EV_PROBE_DUE,    /* the prober begins a deep probe of a zone that is down */
    HEALTH_EV_PROBE_GOOD,   /* the deep probe was answered */
    HEALTH_EV_PROBE_FAILED, /* it was not */
    HEALTH_EV_COUNT
};

/* Per zone, as old as the process. */
struct zone_health {
    _Atomic int state[CLASS_COUNT];          /* enum health_state */
    _Atomic int64_t latency_us[CLASS_COUNT]; /* smoothed; 0 = not known */
    _Atomic int64_t slowest_us[CLASS_COUNT]; /* rises at once, sinks with every answer; 0 = not known */
    _Atomic int64_t probe_p99_us;            /* of the deep probe */
    _Atomic bool vouched;                    /* a deep probe was good since it became suspect: it is merely slow */
    _Atomic int64_t doubted_ms;              /* monotonic: when a suspect was last silent, or failed a probe */
    _Atomic int in_flight;
    _Atomic int reason; /* enum zone_kind_of_answer: why it is down */
    _Atomic bool probe_wanted;
    _Atomic int64_t pushed_ms;    /* monotonic: when it last pushed its directory; an answer asked for before that is older */
    _Atomic int64_t last_seen_us; /* wall clock; 0 = never */
    _Atomic int64_t unlinked_ms;  /* monotonic: since when it says that it has no link of this zone's; 0 = it has one (rehomed.h) */
    _Atomic uint32_t proved_key;  /* link_key_number of the session that the neighbour used last; 0 = none yet */
};

/* The table. Every pair has a row. */
enum health_state health_next(enum health_state state, enum health_event event);
const char *health_state_name(enum health_state state);

void health_init(struct zone_health *health);
/* May the zone be asked now? ZONE_ANSWERED: yes, within `*deadline_ms` (which is shortened for a suspect), and the call counts as
 * in flight until health_leave. Else the reason why not. Polls pass a breaker that is open. */
enum zone_kind_of_answer health_enter(struct zone_health *health, enum zone_class class, int max_in_flight, int64_t *deadline_ms);
/* How long a call of that class waits before the zone is doubted (health_doubt), ms; not longer than `deadline_ms`. */
int64_t health_patience_ms(const struct zone_health *health, enum zone_class class, int64_t deadline_ms);
/* A call still waits, and its patience is over. True: a deep probe is wanted. */
bool health_doubt(struct zone_health *health, enum zone_class class);
/* Down or being tried again: calls of that class are not sent, and a read that waits waits in vain. */
bool health_is_open(const struct zone_health *health, enum zone_class class);
/* After the call: what became of it, and how long it took. True: the zone is suspect or down now, and a deep probe is wanted. */
bool health_leave(struct zone_health *health, enum zone_class class, enum zone_kind_of_answer kind, int64_t us);
/* The prober's events; they concern every class. `kind`: why a probe failed. */
void health_probe(struct zone_health *health, enum health_event event, enum zone_kind_of_answer kind, int64_t us);
/* The worst state of the classes, for display: down, probing, suspect, unknown, up. */
enum health_state health_overall(const struct zone_health *health);
