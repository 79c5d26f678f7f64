/* Tasks in this process: retries, undo, cancel, lost and expired leases, unknown kinds, many at once. */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/task/fixture.h"

/* How the scripted steps behave; set before the runners start. */
struct script {
    struct fixture *fixture;
    enum err first[2]; /* what the first runs of step "a" and "b" return … */
    int times[2];      /* … so many times */
    int undo_failures; /* of step "a" */
    int end_failures;  /* of done and failed */
    atomic_int runs[2];
    atomic_int undos;
    atomic_int ends;
    atomic_int last_attempt;
    atomic_bool hold;    /* step "b" runs as long as this is set … */
    atomic_bool holding; /* … and says so */
    atomic_int inside;   /* steps "b" that run now */
    bool steal;          /* step "b" takes its own lease away, as another gateway would */
};

static enum err run_a(struct task *task)
{
    struct script *script = task->context;
    const int run = atomic_fetch_add(&script->runs[0], 1);
    atomic_store(&script->last_attempt, task->attempt);
    if (run < script->times[0])
        return fail(script->first[0], "a is not ready");
    if (json_object_set_new(task->data, "a", json_integer(run)) != 0)
        return fail(E_INTERNAL, "json");
    return say(task, "a");
}

static enum err undo_a(struct task *task)
{
    struct script *script = task->context;
    if (atomic_fetch_add(&script->undos, 1) < script->undo_failures)
        return fail(E_INTERNAL, "cannot be undone yet");
    return say(task, "undo-a");
}

static enum err guarded(struct db *db, void *context)
{
    struct task *task = context;
    TRY(task_guard(task, db));
    return say(task, "guarded");
}

static enum err steal(struct task *task)
{
    const struct sql_value id = sql_uuid(&task->id);
    struct script *script = task->context;
    must(db_exec(script->fixture->db, "UPDATE tasks SET fence = fence + 1, holder = 'another' WHERE id = ?", &id, 1));
    assert_int_equal(task_save(task), E_LOST);
    assert_int_equal(db_transaction(task->db, guarded, task), E_LOST);
    return OK;
}

static enum err run_b(struct task *task)
{
    struct script *script = task->context;
    const int run = atomic_fetch_add(&script->runs[1], 1);
    (void)atomic_fetch_add(&script->inside, 1);
    atomic_store(&script->holding, true);
    while (atomic_load(&script->hold))
        (void)usleep(1000);
    (void)atomic_fetch_sub(&script->inside, 1);
    if (script->steal)
        return steal(task);
    if (run < script->times[1])
        return fail(script->first[1], "b says gr\xc3\xbc\xc3\x9f\x65 \xff");
    TRY(db_transaction(task->db, guarded, task));
    return say(task, "b");
}

static enum err end_ok(struct task *task)
{
    struct script *script = task->context;
    assert_true(db_in_transaction(task->db));
    TRY(say(task, "done"));
    return atomic_fetch_add(&script->ends, 1) < script->end_failures ? fail(E_INTERNAL, "not yet") : OK;
}

static enum err end_failed(struct task *task, enum err kind, const char *message)
{
    struct script *script = task->context;
    TRY(say(task, err_name(kind)));
    TRY(say(task, message));
    return atomic_fetch_add(&script->ends, 1) < script->end_failures ? fail(E_INTERNAL, "not yet") : OK;
}

static const struct task_step steps[] = {{"a", run_a, undo_a}, {"b", run_b, NULL}};
static const struct task_kind scripted = {"scripted", steps, ARRAY_LEN(steps), 3, end_ok, end_failed, false};
static const struct task_kind *const kinds[] = {&scripted, NULL};

static struct uuid add(struct fixture *fixture, const char *kind)
{
    struct uuid subject;
    uuid_new(&subject);
    must(task_add(fixture->db, kind, &subject, NULL, NULL));
    return subject;
}

static struct task_runners *start(struct fixture *fixture, struct script *script, int threads)
{
    struct task_runners *runners = NULL;
    script->fixture = fixture;
    must(task_runners_start(&fixture->target, kinds, script, threads, "", &runners));
    return runners;
}

static void run_to_end(struct fixture *fixture, struct script *script)
{
    struct task_runners *runners = start(fixture, script, 2);
    (void)add(fixture, "scripted");
    task_wake(runners);
    wait_until_ended(fixture);
    task_runners_stop(runners, 5000);
}

static void one_live_task_per_kind_and_subject(void **state)
{
    struct fixture *fixture = fixture_get(state);
    const struct uuid subject = add(fixture, "scripted");
    int64_t live = 0;
    assert_int_equal(task_add(fixture->db, "scripted", &subject, NULL, NULL), E_CONFLICT);
    assert_non_null(strstr(err_message(), uuid_to_text(&subject).text));
    must(task_add(fixture->db, "other", &subject, NULL, NULL));
    must(task_live(fixture->db, &subject, &live));
    assert_int_equal(live, 2);
    must(task_cancel(fixture->db, "nothing", &subject));
}

static void the_results_of_steps_decide(void **state)
{
    static const struct {
        struct script script;
        const char *journal;
        int runs[2];
    } cases[] = {
        {{0}, "a guarded b done", {1, 1}},
        {{.first = {E_UNAVAILABLE}, .times = {2}}, "a guarded b done", {3, 1}},
        {{.first = {E_TIMEOUT}, .times = {3}}, "a guarded b done", {4, 1}},
        {{.first = {E_UNAVAILABLE}, .times = {4}}, "undo-a E_UNAVAILABLE a is not ready", {4, 0}},
        {{.first = {E_INVALID}, .times = {1}}, "undo-a E_INVALID a is not ready", {1, 0}},
        {{.first = {OK, E_CONFLICT}, .times = {0, 1}}, "a undo-a E_CONFLICT b says grüße ?", {1, 1}},
        {{.first = {OK, E_GONE}, .times = {0, 1}, .undo_failures = 2}, "a undo-a E_GONE b says grüße ?", {1, 1}},
        {{.end_failures = 2}, "a guarded b done", {1, 1}},
        {{.first = {E_GONE}, .times = {1}, .end_failures = 2}, "undo-a E_GONE a is not ready", {1, 0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture *fixture = fixture_get(state);
        struct script script;
        memcpy(&script, &cases[i].script, sizeof(script));
        run_to_end(fixture, &script);
        assert_string_equal(journal(fixture), cases[i].journal);
        assert_int_equal(atomic_load(&script.runs[0]), cases[i].runs[0]);
        assert_int_equal(atomic_load(&script.runs[1]), cases[i].runs[1]);
        assert_int_equal(atomic_load(&script.last_attempt), cases[i].runs[0] - 1);
        assert_int_equal(atomic_load(&script.ends), script.end_failures + 1);
        assert_int_equal(ask_int(fixture, "SELECT COUNT(*) FROM journal WHERE word = 'done' OR word LIKE 'E\\_%'"), 1);
    }
}

static void a_cancelled_task_turns_back(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script script = {.first = {E_UNAVAILABLE}, .times = {1}};
    const struct uuid subject = add(fixture, "scripted");
    must(task_cancel(fixture->db, "scripted", &subject)); /* before it ever ran: nothing to undo */
    struct task_runners *runners = start(fixture, &script, 1);
    wait_until_ended(fixture);
    assert_string_equal(journal(fixture), "E_GONE The task was cancelled.");
    assert_int_equal(atomic_load(&script.runs[0]), 0);
    task_runners_stop(runners, 5000);
}

static void a_task_cancelled_during_its_last_step_is_not_done(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script script = {.hold = true};
    struct task_runners *runners = start(fixture, &script, 1);
    const struct uuid subject = add(fixture, "scripted");
    task_wake(runners);
    while (!atomic_load(&script.holding))
        (void)usleep(1000);
    must(task_cancel(fixture->db, "scripted", &subject));
    atomic_store(&script.hold, false);
    wait_until_ended(fixture);
    task_runners_stop(runners, 5000);
    assert_string_equal(journal(fixture), "a guarded b undo-a E_GONE The task was cancelled.");
}

static void who_lost_the_lease_writes_nothing(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script script = {.steal = true};
    struct task_runners *runners = start(fixture, &script, 1);
    (void)add(fixture, "scripted");
    task_wake(runners);
    while (atomic_load(&script.runs[1]) == 0)
        (void)usleep(1000);
    task_runners_stop(runners, 5000);
    assert_string_equal(journal(fixture), "a");
    assert_int_equal(ask_int(fixture, "SELECT COUNT(*) FROM tasks WHERE state = 'running' AND holder = 'another' AND step = 1"), 1);
}

/* Two leases of a holder elsewhere: one stands still, one is beaten by this test. */
static void a_lease_expires_only_when_its_heartbeat_stands_still(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script script = {0};
    const struct uuid still = add(fixture, "scripted");
    const struct uuid beating = add(fixture, "scripted");
    const struct sql_value id = sql_uuid(&beating);
    run_sql(fixture, "UPDATE tasks SET state = 'running', holder = 'elsewhere/b/p/1/1/r', fence = 7");
    const int64_t start_ms = clock_mono_ms();
    struct task_runners *runners = start(fixture, &script, 1);
    while (ask_int(fixture, "SELECT COUNT(*) FROM tasks") == 2) {
        must(db_exec(fixture->db, "UPDATE tasks SET heartbeat = heartbeat + 1 WHERE subject = ?", &id, 1));
        assert_true(clock_mono_ms() - start_ms < INT64_C(2) * TASK_LEASE_MS);
        (void)usleep(200000);
    }
    assert_true(clock_mono_ms() - start_ms >= TASK_LEASE_MS);
    task_runners_stop(runners, 5000);
    int64_t live = 0;
    must(task_live(fixture->db, &still, &live));
    assert_int_equal(live, 0);
    must(task_live(fixture->db, &beating, &live));
    assert_int_equal(live, 1);
    assert_int_equal(ask_int(fixture, "SELECT fence FROM tasks"), 7);
}

/* A step that takes longer than a lease lives: the keeper beats for it, and nobody takes it over. */
static void a_long_step_keeps_its_lease(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script first = {.hold = true};
    struct script second = {0};
    struct task_runners *holder = start(fixture, &first, 1);
    (void)add(fixture, "scripted");
    task_wake(holder);
    while (!atomic_load(&first.holding))
        (void)usleep(1000);
    struct task_runners *other = start(fixture, &second, 1);
    (void)usleep((TASK_LEASE_MS + TASK_LEASE_MS / 2) * 1000);
    atomic_store(&first.hold, false);
    wait_until_ended(fixture);
    task_runners_stop(holder, 5000);
    task_runners_stop(other, 5000);
    assert_int_equal(atomic_load(&second.runs[0]) + atomic_load(&second.runs[1]), 0);
    assert_string_equal(journal(fixture), "a guarded b done");
}

static void unknown_and_damaged_tasks_are_left_and_stop_nobody(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script script = {0};
    (void)add(fixture, "of_the_future");
    (void)add(fixture, "scripted");
    run_sql(fixture, "UPDATE tasks SET data = '[1' WHERE kind = 'scripted'");
    struct task_runners *runners = start(fixture, &script, 1);
    (void)add(fixture, "scripted");
    task_wake(runners);
    wait_for(fixture, "SELECT COUNT(*) FROM journal WHERE word = 'done'", 1);
    wait_for(fixture,
             "SELECT COUNT(*) FROM tasks WHERE data = '[1' AND state = 'ready' AND not_before > NOW(6) + INTERVAL 30 SECOND", 1);
    task_runners_stop(runners, 5000);
    assert_int_equal(ask_int(fixture, "SELECT COUNT(*) FROM tasks WHERE kind = 'of_the_future' AND state = 'ready' AND fence = 0"),
                     1);
    assert_int_equal(atomic_load(&script.runs[0]), 1);
}

/* Of two tasks that are not due yet, the one whose time no clock that is right could have written is run. */
static void a_clock_that_was_ahead_puts_nothing_off(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script script = {0};
    (void)add(fixture, "scripted");
    run_sql(fixture, "UPDATE tasks SET not_before = NOW(6) + INTERVAL 5 MINUTE");
    (void)add(fixture, "scripted");
    run_sql(fixture, "UPDATE tasks SET not_before = NOW(6) + INTERVAL 1 HOUR WHERE not_before < NOW(6) + INTERVAL 1 MINUTE");
    struct task_runners *runners = start(fixture, &script, 1);
    wait_for(fixture, "SELECT COUNT(*) FROM journal WHERE word = 'done'", 1);
    task_runners_stop(runners, 5000);
    assert_int_equal(atomic_load(&script.runs[0]), 1);
    assert_int_equal(ask_int(fixture, "SELECT COUNT(*) FROM tasks WHERE not_before BETWEEN NOW(6) AND NOW(6) + INTERVAL 5 MINUTE"),
                     1);
}

static void *let_go_later(void *argument)
{
    struct script *script = argument;
    (void)usleep(200000);
    atomic_store(&script->hold, false);
    return NULL;
}

static void stopping_gives_the_lease_back(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script script = {.hold = true};
    struct script second = {0};
    struct task_runners *runners = start(fixture, &script, 1);
    (void)add(fixture, "scripted");
    task_wake(runners);
    while (!atomic_load(&script.holding))
        (void)usleep(1000);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, let_go_later, &script), 0);
    task_runners_stop(runners, 5000); /* while step "b" runs; what follows it is left to the next process */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(ask_int(fixture, "SELECT COUNT(*) FROM tasks WHERE state = 'ready' AND holder = '' AND step = 2"), 1);
    runners = start(fixture, &second, 1);
    wait_until_ended(fixture);
    task_runners_stop(runners, 5000);
    assert_string_equal(journal(fixture), "a guarded b done");
}

static void requests_come_before_tasks(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script script = {.hold = true};
    struct task_runners *runners = start(fixture, &script, 4);
    task_foreground(NULL, true);
    task_foreground(runners, true);
    task_foreground(runners, true);
    const int64_t start_ms = clock_mono_ms();
    for (int i = 0; i < 3; i++)
        (void)add(fixture, "scripted");
    task_wake(runners);
    while (atomic_load(&script.inside) < 3) { /* no long step keeps the others waiting for ever */
        const bool is_early = clock_mono_ms() - start_ms < TASK_STAND_BACK_MS / 2;
        const int inside = atomic_load(&script.inside);
        if (is_early && clock_mono_ms() - start_ms < TASK_STAND_BACK_MS / 2)
            assert_true(inside <= 1);
        (void)usleep(1000);
    }
    atomic_store(&script.hold, false);
    wait_until_ended(fixture);
    task_foreground(runners, false);
    task_foreground(runners, false);
    task_runners_stop(runners, 5000);
}

static void tasks_go_on_at_once_when_the_requests_are_answered(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script script = {.hold = true};
    struct task_runners *runners = start(fixture, &script, 4);
    for (int i = 0; i < 3; i++)
        (void)add(fixture, "scripted");
    task_foreground(runners, true);
    task_foreground(runners, true);
    task_wake(runners);
    while (atomic_load(&script.inside) < 1)
        (void)usleep(1000);
    task_foreground(runners, false);
    while (atomic_load(&script.inside) < 3)
        (void)usleep(1000);
    atomic_store(&script.hold, false);
    wait_until_ended(fixture);
    task_foreground(runners, false);
    task_runners_stop(runners, 5000);
}

static void many_tasks_are_each_done_once(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script script = {0};
    struct script other_script = {0};
    for (int i = 0; i < 100; i++)
        (void)add(fixture, "scripted");
    struct task_runners *runners = start(fixture, &script, 4);
    struct task_runners *others = start(fixture, &other_script, 4);
    wait_until_ended(fixture);
    task_runners_stop(runners, 5000);
    task_runners_stop(others, 5000);
    assert_int_equal(ask_int(fixture, "SELECT COUNT(*) FROM journal WHERE word = 'done'"), 100);
    assert_int_equal(ask_int(fixture, "SELECT COUNT(DISTINCT subject) FROM journal WHERE word = 'b'"), 100);
    assert_int_equal(ask_int(fixture, "SELECT COUNT(*) FROM journal"), 400);
}

static void a_server_that_goes_away_delays_only(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct script script = {.hold = true};
    struct task_runners *runners = start(fixture, &script, 2);
    (void)add(fixture, "scripted");
    task_wake(runners);
    while (!atomic_load(&script.holding))
        (void)usleep(1000);
    struct rows rows;
    must(db_query(fixture->db, &fixture->arena,
                  "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()", NULL, 0, &rows));
    assert_true(rows.count >= 2);
    for (size_t i = 0; i < rows.count; i++)
        run_sql(fixture, arena_printf(&fixture->arena, "KILL CONNECTION %s", rows_text(&rows, i, 0)));
    atomic_store(&script.hold, false);
    wait_until_ended(fixture);
    task_runners_stop(runners, 5000);
    assert_string_equal(journal(fixture), "a guarded b done");
}

static void a_wrong_debug_switch_is_refused(void **state)
{
    struct fixture *fixture = fixture_get(state);
    struct task_runners *runners = NULL;
    static const char *const wrong[] = {"scripted", "scripted:c", "scripted:a:after", "other:a", ":", "scripted:a:"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(task_runners_start(&fixture->target, kinds, NULL, 1, wrong[i], &runners), E_INVALID);
    assert_int_equal(task_runners_start(&fixture->target, kinds, NULL, 0, "", &runners), E_INVALID);
    assert_null(runners);
    task_runners_stop(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_live_task_per_kind_and_subject),
        cmocka_unit_test(the_results_of_steps_decide),
        cmocka_unit_test(a_cancelled_task_turns_back),
        cmocka_unit_test(a_task_cancelled_during_its_last_step_is_not_done),
        cmocka_unit_test(who_lost_the_lease_writes_nothing),
        cmocka_unit_test(unknown_and_damaged_tasks_are_left_and_stop_nobody),
        cmocka_unit_test(stopping_gives_the_lease_back),
        cmocka_unit_test(requests_come_before_tasks),
        cmocka_unit_test(tasks_go_on_at_once_when_the_requests_are_answered),
        cmocka_unit_test(many_tasks_are_each_done_once),
        cmocka_unit_test(a_server_that_goes_away_delays_only),
        cmocka_unit_test(a_wrong_debug_switch_is_refused),
        cmocka_unit_test(a_clock_that_was_ahead_puts_nothing_off),
        cmocka_unit_test(a_long_step_keeps_its_lease),
        cmocka_unit_test(a_lease_expires_only_when_its_heartbeat_stands_still),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
