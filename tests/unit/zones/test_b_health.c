/* The breaker: its table, pair by pair, and what requests see of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#undef fail

#include "zones/health.h"

/* Written down a second time, as sentences of DESIGN section 4 and not as the table of health.c. */
static enum health_state expected(enum health_state state, enum health_event event)
{
    if (event == HEALTH_EV_REFUSED)
        return HEALTH_DOWN; /* opens at once */
    if (event == HEALTH_EV_PROBE_DUE)
        return state == HEALTH_DOWN ? HEALTH_PROBING : state;
    if (state == HEALTH_DOWN || state == HEALTH_PROBING) {
        if (event == HEALTH_EV_PROBE_GOOD)
            return HEALTH_UP; /* only a probe closes an open breaker */
        return event == HEALTH_EV_PROBE_FAILED ? HEALTH_DOWN : state;
    }
    if (event == HEALTH_EV_ANSWER)
        return HEALTH_UP;
    if (event == HEALTH_EV_SILENT)
        return HEALTH_SUSPECT; /* silence alone never opens */
    if (event == HEALTH_EV_PROBE_GOOD)
        return state == HEALTH_SUSPECT ? HEALTH_SUSPECT : HEALTH_UP;
    return state == HEALTH_UP ? HEALTH_SUSPECT : HEALTH_DOWN; /* a probe failed */
}

static void every_pair_is_as_designed(void **state)
{
    (void)state;
    for (int s = 0; s < HEALTH_COUNT; s++) {
        for (int e = 0; e < HEALTH_EV_COUNT; e++) {
            const enum health_state next = health_next((enum health_state)s, (enum health_event)e);
            if (next != expected((enum health_state)s, (enum health_event)e))
                print_error("%s, event %d: %s\n", health_state_name((enum health_state)s), e, health_state_name(next));
            assert_int_equal(next, expected((enum health_state)s, (enum health_event)e));
        }
    }
}

static void call(struct zone_health *health, enum zone_class class, enum zone_kind_of_answer kind)
{
    int64_t deadline_ms = 4000;
    assert_int_equal(health_enter(health, class, 8, &deadline_ms), ZONE_ANSWERED);
    (void)health_leave(health, class, kind, 10000);
    assert_int_equal(atomic_load(&health->in_flight), 0);
}

static void a_refusal_opens_every_class_and_says_why(void **state)
{
    struct zone_health health;
    int64_t deadline_ms = 4000;
    (void)state;
    health_init(&health);
    call(&health, CLASS_MUTATE, ZONE_ANSWERED);
    call(&health, CLASS_READ, ZONE_REFUSED);
    assert_int_equal(health_enter(&health, CLASS_READ, 8, &deadline_ms), ZONE_REFUSED);
    assert_int_equal(health_enter(&health, CLASS_MUTATE, 8, &deadline_ms), ZONE_REFUSED);
    assert_int_equal(health_enter(&health, CLASS_POLL, 8, &deadline_ms), ZONE_ANSWERED);
    (void)health_leave(&health, CLASS_POLL, ZONE_ANSWERED, 10);
    assert_int_equal(health_overall(&health), HEALTH_DOWN);
    health_probe(&health, HEALTH_EV_PROBE_DUE, ZONE_ANSWERED, 0);
    assert_int_equal(health_overall(&health), HEALTH_PROBING);
    assert_int_equal(health_enter(&health, CLASS_READ, 8, &deadline_ms), ZONE_REFUSED);
    health_probe(&health, HEALTH_EV_PROBE_GOOD, ZONE_ANSWERED, 1000);
    assert_int_equal(health_overall(&health), HEALTH_UP);
    call(&health, CLASS_READ, ZONE_ANSWERED);
}

static void silence_needs_a_failed_probe(void **state)
{
    struct zone_health health;
    int64_t deadline_ms = 4000;
    (void)state;
    health_init(&health);
    call(&health, CLASS_READ, ZONE_ANSWERED);
    call(&health, CLASS_READ, ZONE_TIMEOUT);
    call(&health, CLASS_READ, ZONE_TIMEOUT);
    assert_int_equal(health_overall(&health), HEALTH_SUSPECT);
    assert_true(atomic_load(&health.probe_wanted));
    assert_int_equal(health_enter(&health, CLASS_READ, 8, &deadline_ms), ZONE_ANSWERED);
    assert_int_equal(deadline_ms, 1000); /* twice 10 ms is less than the least */
    (void)health_leave(&health, CLASS_READ, ZONE_NO_BUDGET, 0);
    health_probe(&health, HEALTH_EV_PROBE_FAILED, ZONE_STORE, 0);
    assert_int_equal(health_enter(&health, CLASS_READ, 8, &deadline_ms), ZONE_STORE);
}

static void other_classes_feel_only_the_probe(void **state)
{
    struct zone_health health;
    (void)state;
    health_init(&health);
    call(&health, CLASS_READ, ZONE_ANSWERED);
    call(&health, CLASS_MUTATE, ZONE_ANSWERED);
    call(&health, CLASS_READ, ZONE_TIMEOUT);
    assert_int_equal(atomic_load(&health.state[CLASS_MUTATE]), HEALTH_UP);
    assert_int_equal(atomic_load(&health.state[CLASS_READ]), HEALTH_SUSPECT);
    call(&health, CLASS_READ, ZONE_ANSWERED);
    assert_int_equal(health_overall(&health), HEALTH_UP);
}

/* "No budget left" and the like, said by a healthy child, never count against it. */
static void what_is_no_fault_does_not_count(void **state)
{
    static const enum zone_kind_of_answer harmless[] = {ZONE_ANSWERED, ZONE_AUTH,      ZONE_BUSY,     ZONE_STORE,
                                                        ZONE_LOOP,     ZONE_NO_BUDGET, ZONE_DISABLED, ZONE_VERSION};
    struct zone_health health;
    (void)state;
    health_init(&health);
    call(&health, CLASS_READ, ZONE_ANSWERED);
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
        call(&health, CLASS_READ, harmless[i]);
        assert_int_equal(health_overall(&health), HEALTH_UP);
    }
}

static void calls_in_flight_are_bounded(void **state)
{
    struct zone_health health;
    int64_t deadline_ms = 4000;
    (void)state;
    health_init(&health);
    for (int i = 0; i < 3; i++)
        assert_int_equal(health_enter(&health, CLASS_READ, 3, &deadline_ms), ZONE_ANSWERED);
    assert_int_equal(health_enter(&health, CLASS_READ, 3, &deadline_ms), ZONE_BUSY);
    assert_int_equal(health_enter(&health, CLASS_POLL, 3, &deadline_ms), ZONE_ANSWERED);
    (void)health_leave(&health, CLASS_POLL, ZONE_ANSWERED, 1);
    (void)health_leave(&health, CLASS_READ, ZONE_ANSWERED, 1);
    assert_int_equal(health_enter(&health, CLASS_READ, 3, &deadline_ms), ZONE_ANSWERED);
    assert_int_equal(atomic_load(&health.in_flight), 3);
}

static void a_call(struct zone_health *health, enum zone_class class, enum zone_kind_of_answer kind, int64_t us)
{
    int64_t deadline_ms = 4000;
    assert_int_equal(health_enter(health, class, 8, &deadline_ms), ZONE_ANSWERED);
    (void)health_leave(health, class, kind, us);
}

/* What was waited for in vain is waited for longer next time, so that a zone that is merely slow is not cut off for ever. */
static void a_suspects_deadline_grows_with_its_silence(void **state)
{
    struct zone_health health;
    int64_t deadline_ms = 4000;
    (void)state;
    health_init(&health);
    a_call(&health, CLASS_READ, ZONE_ANSWERED, 10000);
    a_call(&health, CLASS_READ, ZONE_TIMEOUT, 1000000);
    assert_int_equal(health_enter(&health, CLASS_READ, 8, &deadline_ms), ZONE_ANSWERED);
    assert_int_equal(deadline_ms, 2000);
    (void)health_leave(&health, CLASS_READ, ZONE_TIMEOUT, 2000000);
    deadline_ms = 4000;
    assert_int_equal(health_enter(&health, CLASS_READ, 8, &deadline_ms), ZONE_ANSWERED);
    assert_int_equal(deadline_ms, 4000);
    (void)health_leave(&health, CLASS_READ, ZONE_ANSWERED, 1500000);
    assert_int_equal(health_overall(&health), HEALTH_UP);
}

static void a_good_probe_vouches_for_a_slow_zone(void **state)
{
    struct zone_health health;
    int64_t deadline_ms = 4000;
    (void)state;
    health_init(&health);
    a_call(&health, CLASS_READ, ZONE_ANSWERED, 10000);
    assert_true(health_doubt(&health, CLASS_READ));
    health_probe(&health, HEALTH_EV_PROBE_GOOD, ZONE_ANSWERED, 1000);
    assert_int_equal(health_overall(&health), HEALTH_SUSPECT);
    assert_int_equal(health_enter(&health, CLASS_READ, 8, &deadline_ms), ZONE_ANSWERED);
    assert_int_equal(deadline_ms, 4000);
    (void)health_leave(&health, CLASS_READ, ZONE_ANSWERED, 1500000);
    assert_true(health_doubt(&health, CLASS_READ)); /* a new doubt needs a new probe */
    assert_int_equal(health_enter(&health, CLASS_READ, 8, &deadline_ms), ZONE_ANSWERED);
    assert_int_equal(deadline_ms, 3000);
    (void)health_leave(&health, CLASS_READ, ZONE_ANSWERED, 10000);
}

/* Nobody asks it for anything: its polls show that it is well, once the doubt is old, and was answered by a probe. */
static void an_idle_suspect_is_up_again(void **state)
{
    struct zone_health health;
    (void)state;
    health_init(&health);
    a_call(&health, CLASS_READ, ZONE_ANSWERED, 10000);
    assert_true(health_doubt(&health, CLASS_READ));
    atomic_store(&health.doubted_ms, atomic_load(&health.doubted_ms) - 3600000);
    a_call(&health, CLASS_POLL, ZONE_ANSWERED, 10000);
    assert_int_equal(health_overall(&health), HEALTH_SUSPECT); /* no probe was good yet */
    health_probe(&health, HEALTH_EV_PROBE_GOOD, ZONE_ANSWERED, 1000);
    a_call(&health, CLASS_MUTATE, ZONE_ANSWERED, 10000);
    assert_int_equal(health_overall(&health), HEALTH_SUSPECT); /* another class says nothing about reads */
    a_call(&health, CLASS_POLL, ZONE_ANSWERED, 10000);
    assert_int_equal(health_overall(&health), HEALTH_UP);
    assert_true(health_doubt(&health, CLASS_READ)); /* a doubt of now */
    health_probe(&health, HEALTH_EV_PROBE_GOOD, ZONE_ANSWERED, 1000);
    a_call(&health, CLASS_POLL, ZONE_ANSWERED, 10000);
    assert_int_equal(health_overall(&health), HEALTH_SUSPECT);
}

/* A refused probe is as good as a refused call. */
static void a_refused_probe_opens_all_classes(void **state)
{
    struct zone_health health;
    (void)state;
    health_init(&health);
    a_call(&health, CLASS_READ, ZONE_ANSWERED, 10000);
    a_call(&health, CLASS_POLL, ZONE_GARBAGE, 10000);
    health_probe(&health, HEALTH_EV_REFUSED, ZONE_REFUSED, 0);
    for (int class = 0; class < CLASS_COUNT; class ++)
        assert_int_equal(atomic_load(&health.state[class]), HEALTH_DOWN);
    assert_int_equal(atomic_load(&health.reason), ZONE_REFUSED);
    health_probe(&health, HEALTH_EV_PROBE_DUE, ZONE_ANSWERED, 0);
    health_probe(&health, HEALTH_EV_PROBE_GOOD, ZONE_ANSWERED, 1000);
    assert_int_equal(health_overall(&health), HEALTH_UP);
}

/* A mutation that is cut short has an unknown outcome: better to wait. */
static void a_mutation_is_never_cut_short(void **state)
{
    struct zone_health health;
    int64_t deadline_ms = 4000;
    (void)state;
    health_init(&health);
    a_call(&health, CLASS_MUTATE, ZONE_ANSWERED, 10000);
    a_call(&health, CLASS_MUTATE, ZONE_TIMEOUT, 1000000);
    assert_int_equal(atomic_load(&health.state[CLASS_MUTATE]), HEALTH_SUSPECT);
    assert_int_equal(health_enter(&health, CLASS_MUTATE, 8, &deadline_ms), ZONE_ANSWERED);
    assert_int_equal(deadline_ms, 4000);
    (void)health_leave(&health, CLASS_MUTATE, ZONE_ANSWERED, 10000);
}

/* A call that waits longer than usual makes the zone suspect before its deadline; only the failed probe opens the breaker. */
static void patience_ends_before_the_deadline(void **state)
{
    struct zone_health health;
    int64_t deadline_ms = 4000;
    (void)state;
    health_init(&health);
    assert_int_equal(health_patience_ms(&health, CLASS_READ, 4000), 500);
    assert_int_equal(health_patience_ms(&health, CLASS_READ, 300), 300);
    a_call(&health, CLASS_READ, ZONE_ANSWERED, 250000);
    assert_int_equal(health_patience_ms(&health, CLASS_READ, 4000), 1000);
    a_call(&health, CLASS_MUTATE, ZONE_ANSWERED, 3000000);
    assert_int_equal(health_patience_ms(&health, CLASS_MUTATE, 10000), 1200);
    assert_int_equal(health_enter(&health, CLASS_READ, 8, &deadline_ms), ZONE_ANSWERED);
    assert_true(health_doubt(&health, CLASS_READ));
    assert_true(atomic_load(&health.probe_wanted));
    assert_int_equal(health_overall(&health), HEALTH_SUSPECT);
    health_probe(&health, HEALTH_EV_PROBE_FAILED, ZONE_TIMEOUT, 0);
    assert_int_equal(atomic_load(&health.state[CLASS_READ]), HEALTH_DOWN);
    assert_false(health_doubt(&health, CLASS_READ)); /* it is looked after already */
    (void)health_leave(&health, CLASS_READ, ZONE_ANSWERED, 10000);
    assert_int_equal(atomic_load(&health.state[CLASS_READ]), HEALTH_DOWN); /* only a probe closes it */
}

static void a_refusal_wakes_the_prober(void **state)
{
    struct zone_health health;
    int64_t deadline_ms = 4000;
    (void)state;
    health_init(&health);
    assert_int_equal(health_enter(&health, CLASS_READ, 8, &deadline_ms), ZONE_ANSWERED);
    assert_true(health_leave(&health, CLASS_READ, ZONE_REFUSED, 100));
    health_init(&health);
    assert_int_equal(health_enter(&health, CLASS_READ, 8, &deadline_ms), ZONE_ANSWERED);
    assert_false(health_leave(&health, CLASS_READ, ZONE_ANSWERED, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_is_as_designed),
        cmocka_unit_test(a_refusal_opens_every_class_and_says_why),
        cmocka_unit_test(silence_needs_a_failed_probe),
        cmocka_unit_test(other_classes_feel_only_the_probe),
        cmocka_unit_test(what_is_no_fault_does_not_count),
        cmocka_unit_test(calls_in_flight_are_bounded),
        cmocka_unit_test(a_suspects_deadline_grows_with_its_silence),
        cmocka_unit_test(a_good_probe_vouches_for_a_slow_zone),
        cmocka_unit_test(an_idle_suspect_is_up_again),
        cmocka_unit_test(a_refused_probe_opens_all_classes),
        cmocka_unit_test(a_mutation_is_never_cut_short),
        cmocka_unit_test(patience_ends_before_the_deadline),
        cmocka_unit_test(a_refusal_wakes_the_prober),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
