/* Password slots: never more than two at once, a bounded queue, delays outside the slots; counted failures. No database. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "tests/unit/identity/fixture.h"

#include "gateway/identity/failures.h"
#include "gateway/identity/password.h"

static void hashes_match_their_password_only(void **state)
{
    char hash[PASSWORD_HASH_SIZE];
    struct password_slots *slots = NULL;
    (void)state;
    must(password_slots_new(4, &slots));
    must(password_hash(PASSWORD, hash));
    assert_true(password_matches(slots, hash, PASSWORD));
    assert_false(password_matches(slots, hash, "correct hors"));
    assert_false(password_matches(slots, hash, ""));
    assert_false(password_matches(slots, NULL, PASSWORD));
    assert_false(password_matches(slots, "no hash", PASSWORD));
    assert_int_equal(password_hash("", hash), E_INVALID);
    password_slots_free(slots);
}

/* An unknown user costs what a wrong password costs: the same hash parameters. */
static void nobody_costs_as_much(void **state)
{
    char hash[PASSWORD_HASH_SIZE];
    struct password_slots *slots = NULL;
    int64_t known_us = INT64_MAX;
    int64_t unknown_us = INT64_MAX;
    (void)state;
    must(password_slots_new(4, &slots));
    must(password_hash(PASSWORD, hash));
    for (int i = 0; i < 3; i++) { /* the quickest of three: the machine may be busy */
        const int64_t start = clock_mono_us();
        assert_false(password_matches(slots, hash, "wrong"));
        const int64_t middle = clock_mono_us();
        assert_false(password_matches(slots, NULL, "wrong"));
        const int64_t end = clock_mono_us();
        known_us = middle - start < known_us ? middle - start : known_us;
        unknown_us = end - middle < unknown_us ? end - middle : unknown_us;
    }
    assert_true(unknown_us * 3 > known_us);
    assert_true(known_us * 3 > unknown_us);
    password_slots_free(slots);
}

struct crowd {
    struct password_slots *slots;
    atomic_int inside;
    atomic_int most;
    atomic_int served;
    atomic_int refused;
};

static void *one_login(void *argument)
{
    struct crowd *crowd = argument;
    const struct budget budget = budget_from_ms(20000);
    if (password_slots_take(crowd->slots, 0, &budget) != OK) {
        atomic_fetch_add(&crowd->refused, 1);
        return NULL;
    }
    const int inside = atomic_fetch_add(&crowd->inside, 1) + 1;
    int most = atomic_load(&crowd->most);
    while (inside > most && !atomic_compare_exchange_weak(&crowd->most, &most, inside))
        continue;
    const struct timespec moment = {.tv_nsec = 2000000};
    nanosleep(&moment, NULL); /* the work */
    atomic_fetch_sub(&crowd->inside, 1);
    password_slots_give(crowd->slots);
    atomic_fetch_add(&crowd->served, 1);
    return NULL;
}

static void run_crowd(struct crowd *crowd, size_t count)
{
    pthread_t threads[64];
    assert_true(count <= ARRAY_LEN(threads));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_login, crowd), 0);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void at_most_two_at_once(void **state)
{
    struct crowd crowd = {0};
    (void)state;
    must(password_slots_new(64, &crowd.slots));
    run_crowd(&crowd, 40);
    assert_int_equal(atomic_load(&crowd.served), 40);
    assert_int_equal(atomic_load(&crowd.most), PASSWORD_SLOTS);
    password_slots_free(crowd.slots);
}

/* Comes back until it is served. */
static void *patient_login(void *argument)
{
    struct crowd *crowd = argument;
    const struct budget budget = budget_from_ms(20000);
    while (password_slots_take(crowd->slots, 0, &budget) != OK)
        sched_yield();
    password_slots_give(crowd->slots);
    atomic_fetch_add(&crowd->served, 1);
    return NULL;
}

static void a_full_queue_refuses(void **state)
{
    struct crowd crowd = {0};
    const struct budget now = budget_from_ms(0);
    const struct budget budget = budget_from_ms(20000);
    (void)state;
    must(password_slots_new(3, &crowd.slots));
    must(password_slots_take(crowd.slots, 0, &budget));
    must(password_slots_take(crowd.slots, 0, &budget));
    assert_int_equal(password_slots_take(crowd.slots, 0, &now), E_UNAVAILABLE); /* no time */
    pthread_t threads[3];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, patient_login, &crowd), 0);
    enum err full = OK;
    while (full == OK || strstr(err_message(), "turn")) { /* until all three wait: then there is no place at once */
        const struct budget moment = budget_from_ms(1);
        full = password_slots_take(crowd.slots, 0, &moment);
        assert_int_equal(full, E_UNAVAILABLE);
    }
    password_slots_give(crowd.slots);
    password_slots_give(crowd.slots);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.served), 3);
    password_slots_free(crowd.slots);
}

static void *held_back_login(void *argument)
{
    struct crowd *crowd = argument;
    const struct budget budget = budget_from_ms(20000);
    if (password_slots_take(crowd->slots, 300, &budget) == OK) {
        atomic_fetch_add(&crowd->served, 1);
        password_slots_give(crowd->slots);
    }
    return NULL;
}

/* One who is held back keeps no slot from the others. */
static void delays_are_spent_outside_the_slots(void **state)
{
    struct crowd crowd = {0};
    pthread_t thread;
    (void)state;
    must(password_slots_new(8, &crowd.slots));
    const int64_t start = clock_mono_ms();
    assert_int_equal(pthread_create(&thread, NULL, held_back_login, &crowd), 0);
    run_crowd(&crowd, 6);
    assert_int_equal(atomic_load(&crowd.served), 6);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&crowd.served), 7);
    assert_true(clock_mono_ms() - start >= 300);
    password_slots_free(crowd.slots);
}

static void failures_add_up_and_are_forgiven(void **state)
{
    struct failures *failures = failures_new(200);
    (void)state;
    assert_int_equal(failures_delay_ms(failures, "ann", "192.0.2.1"), 0);
    for (int i = 1; i <= 12; i++) {
        failures_note(failures, "ann", "192.0.2.1", false);
        const int64_t expected = i * 200 < FAILURE_DELAY_MAX_MS ? i * 200 : FAILURE_DELAY_MAX_MS;
        assert_int_equal(failures_delay_ms(failures, "ann", "192.0.2.1"), expected);
    }
    assert_int_equal(failures_delay_ms(failures, "ann", "192.0.2.2"), 0);
    assert_int_equal(failures_delay_ms(failures, "bob", "192.0.2.1"), 0);
    failures_note(failures, "ann", "192.0.2.1", true);
    assert_int_equal(failures_delay_ms(failures, "ann", "192.0.2.1"), 0);
    failures_free(failures);
}

static void failures_are_bounded(void **state)
{
    struct failures *failures = failures_new(1);
    char user[32];
    (void)state;
    for (int i = 0; i < FAILURE_PAIRS + 10; i++) {
        (void)snprintf(user, sizeof(user), "user%d", i);
        failures_note(failures, user, "192.0.2.1", false);
    }
    assert_int_equal(failures_delay_ms(failures, "user9", "192.0.2.1"), 0);
    assert_int_equal(failures_delay_ms(failures, "user10", "192.0.2.1"), 1);
    assert_int_equal(failures_delay_ms(failures, user, "192.0.2.1"), 1);
    failures_free(failures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_match_their_password_only),
        cmocka_unit_test(nobody_costs_as_much),
        cmocka_unit_test(at_most_two_at_once),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(delays_are_spent_outside_the_slots),
        cmocka_unit_test(failures_add_up_and_are_forgiven),
        cmocka_unit_test(failures_are_bounded),
    };
    must(seal_setup());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
