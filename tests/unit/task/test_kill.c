/*
 * Kill-safety: a task of four steps in a process that kills itself at each point, then another process that goes on.
 * Each step must have run at least once, in order, and the world must be as if nothing had happened.
 */
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/task/fixture.h"

#define STEPS 4

/* Where a process kills itself inside a run or undo, with half of the work done; "" nowhere. */
struct build {
    const char *kill_inside;
};

static enum err change_world(const struct task *task, const char *sql, const char *thing)
{
    return db_exec(task->db, sql, (const struct sql_value[]){sql_uuid(&task->subject), sql_text(thing)}, 2);
}

static void die_inside(const struct task *task, const char *word)
{
    const struct build *build = task->context;
    if (strcmp(build->kill_inside, word) == 0)
        (void)kill(getpid(), SIGKILL);
}

/* Two things are made, one before the point where it may die and one behind it. */
static enum err make(struct task *task, const char *word, const char *half, const char *whole)
{
    static const char sql[] = "INSERT IGNORE INTO world (subject, thing) VALUES (?, ?)";
    TRY(say(task, word));
    TRY(change_world(task, sql, half));
    die_inside(task, word);
    TRY(change_world(task, sql, whole));
    return json_object_set_new(task->data, word, json_true()) == 0 ? OK : fail(E_INTERNAL, "json");
}

static enum err unmake(struct task *task, const char *word, const char *half, const char *whole)
{
    static const char sql[] = "DELETE FROM world WHERE subject = ? AND thing = ?";
    TRY(say(task, word));
    TRY(change_world(task, sql, whole));
    die_inside(task, word);
    return change_world(task, sql, half);
}

#define STEP(n)                                                                                                                    \
    static enum err run_##n(struct task *task)                                                                                     \
    {                                                                                                                              \
        return make(task, "run" #n, "half" #n, "whole" #n);                                                                        \
    }                                                                                                                              \
    static enum err undo_##n(struct task *task)                                                                                    \
    {                                                                                                                              \
        return unmake(task, "undo" #n, "half" #n, "whole" #n);                                                                     \
    }
STEP(1)
STEP(2)
STEP(3)
STEP(4)

static enum err run_4_in_vain(struct task *task)
{
    TRY(run_4(task));
    return fail(E_CONFLICT, "No host is left.");
}

static enum err note_done(struct task *task)
{
    return say(task, "done");
}

static enum err note_failed(struct task *task, enum err kind, const char *message)
{
    return kind == E_CONFLICT && strcmp(message, "No host is left.") == 0 ? say(task, "failed") : say(task, "wrong reason");
}

static const struct task_step good_steps[STEPS] = {
    {"one", run_1, undo_1}, {"two", run_2, undo_2}, {"three", run_3, undo_3}, {"four", run_4, undo_4}};
static const struct task_step bad_steps[STEPS] = {
    {"one", run_1, undo_1}, {"two", run_2, undo_2}, {"three", run_3, undo_3}, {"four", run_4_in_vain, undo_4}};
static const struct task_kind good = {"good", good_steps, STEPS, 3, note_done, note_failed, false};
static const struct task_kind bad = {"bad", bad_steps, STEPS, 3, note_done, note_failed, false};
static const struct task_kind *const kinds[] = {&good, &bad, NULL};

/* A point in the life of the process: stop_after, or a place inside a step. */
struct point {
    const char *stop_after;
    const char *kill_inside;
};

static const struct point forward_points[] = {
    {"good:one:begin", ""},   {"", "run1"}, {"good:one", ""},   {"good:two:begin", ""},  {"", "run2"}, {"good:two", ""},
    {"good:three:begin", ""}, {"", "run3"}, {"good:three", ""}, {"good:four:begin", ""}, {"", "run4"}, {"good:four", ""},
};

static const struct point backward_points[] = {
    {"bad:one:begin", ""}, {"bad:three", ""},     {"bad:four:begin", ""}, {"", "run4"},
    {"", "undo4"},         {"bad:four:undo", ""}, {"", "undo3"},          {"bad:three:undo", ""},
    {"", "undo2"},         {"bad:two:undo", ""},  {"", "undo1"},          {"bad:one:undo", ""},
};

/* In the child: runs until the table is empty, or until it kills itself. */
static void live(const struct fixture *fixture, const struct point *point)
{
    struct task_runners *runners = NULL;
    struct build build = {point->kill_inside};
    struct fixture own = {.target = fixture->target};
    if (db_open(&own.target, &own.db) != OK || task_runners_start(&own.target, kinds, &build, 2, point->stop_after, &runners) != OK)
        _exit(2);
    wait_until_ended(&own);
    task_runners_stop(runners, 5000);
    db_close(own.db);
    arena_clear(&own.arena);
    _exit(0);
}

static int run_process(const struct fixture *fixture, const struct point *point)
{
    int status = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        live(fixture, point);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static const struct point nowhere = {"", ""};

static void expect_killed(const struct fixture *fixture, const struct point *point)
{
    const int status = run_process(fixture, point);
    if (!WIFSIGNALED(status))
        print_error("was not killed at stop_after=%s inside=%s\n", point->stop_after, point->kill_inside);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(WEXITSTATUS(run_process(fixture, &nowhere)), 0);
}

static void add(struct fixture *fixture, const char *kind)
{
    struct uuid subject;
    uuid_new(&subject);
    must(task_add(fixture->db, kind, &subject, "req-00000000-0000-4000-8000-000000000001", NULL));
}

static void expect_end(struct fixture *fixture, const char *words, const char *end, int64_t things)
{
    char sql[96];
    assert_string_equal(journal(fixture), words);
    (void)snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM journal WHERE word = '%s'", end);
    assert_int_equal(ask_int(fixture, sql), 1);
    assert_int_equal(ask_int(fixture, "SELECT COUNT(*) FROM world"), things);
    assert_int_equal(ask_int(fixture, "SELECT COUNT(*) FROM tasks"), 0);
}

static const char forward_words[] = "run1 run2 run3 run4 done";
static const char backward_words[] = "run1 run2 run3 run4 undo4 undo3 undo2 undo1 failed";

static void an_undisturbed_task_runs_each_step_once(void **state)
{
    struct fixture *fixture = fixture_get(state);
    add(fixture, "good");
    assert_int_equal(run_process(fixture, &nowhere), 0);
    expect_end(fixture, forward_words, "done", 2L * STEPS);
    assert_int_equal(ask_int(fixture, "SELECT COUNT(*) FROM journal"), STEPS + 1);
    (void)fixture_get(state);
    add(fixture, "bad");
    assert_int_equal(run_process(fixture, &nowhere), 0);
    expect_end(fixture, backward_words, "failed", 0);
}

static void killed_forward_at_each_point_it_goes_on(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(forward_points); i++) {
        struct fixture *fixture = fixture_get(state);
        const int64_t start_ms = clock_mono_ms();
        add(fixture, "good");
        expect_killed(fixture, &forward_points[i]);
        expect_end(fixture, forward_words, "done", 2L * STEPS);
        assert_true(clock_mono_ms() - start_ms < TASK_LEASE_MS); /* the dead holder was recognised */
    }
}

static void killed_backward_at_each_point_it_goes_on(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(backward_points); i++) {
        struct fixture *fixture = fixture_get(state);
        add(fixture, "bad");
        expect_killed(fixture, &backward_points[i]);
        expect_end(fixture, backward_words, "failed", 0);
    }
}

/* One task, killed at every point of its life in turn. */
static void killed_at_all_points_of_one_life_it_ends_well(void **state)
{
    struct fixture *fixture = fixture_get(state);
    add(fixture, "good");
    for (size_t i = 0; i < ARRAY_LEN(forward_points); i++) {
        const int status = run_process(fixture, &forward_points[i]);
        assert_true(WIFSIGNALED(status));
    }
    assert_int_equal(run_process(fixture, &nowhere), 0);
    expect_end(fixture, forward_words, "done", 2L * STEPS);
    (void)fixture_get(state);
    add(fixture, "bad");
    for (size_t i = 0; i < ARRAY_LEN(backward_points); i++) {
        const int status = run_process(fixture, &backward_points[i]);
        assert_true(WIFSIGNALED(status));
    }
    assert_int_equal(run_process(fixture, &nowhere), 0);
    expect_end(fixture, backward_words, "failed", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_undisturbed_task_runs_each_step_once),
        cmocka_unit_test(killed_forward_at_each_point_it_goes_on),
        cmocka_unit_test(killed_backward_at_each_point_it_goes_on),
        cmocka_unit_test(killed_at_all_points_of_one_life_it_ends_well),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
