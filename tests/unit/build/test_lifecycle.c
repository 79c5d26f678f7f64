/*
 * What may be done to a server and when: every action in every state, against the rules of Nova's API as this test writes them down
 * (POST /servers/{id}/action), and how an action begins in the database.
 */
#include <pthread.h>

#include "compute/build/lifecycle.h"
#include "gateway/base/text.h"
#include "schema/action.h"
#include "schema/task/task.h"
#include "tests/unit/schema/store.h"

static const char *const vm_states[] = {"active",  "building",    "paused",  "suspended", "stopped", "rescued",
                                        "resized", "soft-delete", "deleted", "error",     "shelved", "shelved_offloaded"};

static const char *const task_states[] = {NULL,
                                          "scheduling",
                                          "networking",
                                          "spawning",
                                          "image_snapshot",
                                          "updating_password",
                                          "resize_prep",
                                          "rebooting",
                                          "reboot_pending",
                                          "reboot_started",
                                          "rebooting_hard",
                                          "reboot_pending_hard",
                                          "reboot_started_hard",
                                          "pausing",
                                          "unpausing",
                                          "suspending",
                                          "resuming",
                                          "powering-off",
                                          "powering-on",
                                          "rescuing",
                                          "rebuilding",
                                          "migrating",
                                          "deleting",
                                          "soft-deleting",
                                          "shelving"};

#define HARD_TASKS                                                                                                                 \
    " rebooting reboot_pending reboot_started rebooting_hard reboot_pending_hard reboot_started_hard resuming unpausing pausing "  \
    "suspending "

/* Words with a blank on both sides; "" = none, "*" = any. */
static const struct rule {
    enum lifecycle_action action;
    const char *name;
    const char *vm_states;
    const char *task_states; /* besides none */
    bool needs_launched;
    bool needs_host;
    const char *task_state;
    const char *event;
    const char *task;
} rules[] = {
    {ACTION_START, "start", " stopped ", "", true, true, "powering-on", "compute_start_instance", "start"},
    {ACTION_STOP, "stop", " active error ", "", true, true, "powering-off", "compute_stop_instance", "stop"},
    {ACTION_REBOOT_SOFT, "reboot", " active ", "", true, false, "rebooting", "compute_reboot_instance", "reboot"},
    {ACTION_REBOOT_HARD, "reboot", " active stopped paused suspended error ", HARD_TASKS, true, false, "rebooting_hard",
     "compute_reboot_instance", "reboot_hard"},
    {ACTION_PAUSE, "pause", " active ", "", true, false, "pausing", "compute_pause_instance", "pause"},
    {ACTION_UNPAUSE, "unpause", " paused ", "", true, false, "unpausing", "compute_unpause_instance", "unpause"},
    {ACTION_SUSPEND, "suspend", " active ", "", true, false, "suspending", "compute_suspend_instance", "suspend"},
    {ACTION_RESUME, "resume", " suspended ", "", true, false, "resuming", "compute_resume_instance", "resume"},
    {ACTION_DELETE, "delete", "*", "*", false, false, "deleting", "compute_terminate_instance", "delete"},
};

_Static_assert(ARRAY_LEN(rules) == LIFECYCLE_COUNT, "every action has its rule");

static bool has_word(const char *words, const char *word)
{
    char bounded[64];
    (void)snprintf(bounded, sizeof(bounded), " %s ", word);
    return *words == '*' || strstr(words, bounded);
}

/* In the order in which Nova complains. NULL: it may happen. */
static const char *complaint(struct arena *arena, const struct rule *rule, const struct server *server, bool is_admin)
{
    const char *uuid = "11111111-2222-4333-8444-555555555501";
    if (server->locked && !is_admin)
        return arena_printf(arena, "Instance %s is locked", uuid);
    if (!has_word(rule->vm_states, server->vm_state))
        return arena_printf(arena, "Cannot '%s' instance %s while it is in vm_state %s", rule->name, uuid, server->vm_state);
    if (server->task_state && !has_word(rule->task_states, server->task_state))
        return arena_printf(arena, "Cannot '%s' instance %s while it is in task_state %s", rule->name, uuid, server->task_state);
    if (rule->needs_launched && !server->launched_us)
        return arena_printf(arena, "Cannot '%s' instance %s while it is in launched_at None", rule->name, uuid);
    if (rule->needs_host && !server->host)
        return arena_printf(arena, "Instance %s is not ready", uuid);
    return NULL;
}

static void check_one(const struct rule *rule, const struct server *server, bool is_admin)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const char *expected = complaint(&arena, rule, server, is_admin);
    const enum err result = lifecycle_check(server, rule->action, is_admin);
    if (result != (expected ? E_CONFLICT : OK))
        print_error("%s in %s/%s: %s\n", rule->name, server->vm_state, server->task_state ? server->task_state : "none",
                    err_name(result));
    assert_int_equal(result, expected ? E_CONFLICT : OK);
    if (expected)
        assert_string_equal(err_message(), expected);
}

static void every_action_in_every_state(void **state)
{
    const struct uuid uuid = uuid_of(1);
    struct server server = server_sample(&uuid);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rules) * ARRAY_LEN(vm_states) * ARRAY_LEN(task_states) * 16; i++) {
        const size_t pair = i / 16;
        server.locked = i & 1;
        server.launched_us = i & 2 ? 1 : 0;
        server.host = i & 4 ? "h" : NULL;
        server.vm_state = vm_states[pair % ARRAY_LEN(vm_states)];
        server.task_state = task_states[pair / ARRAY_LEN(vm_states) % ARRAY_LEN(task_states)];
        check_one(&rules[pair / ARRAY_LEN(vm_states) / ARRAY_LEN(task_states)], &server, i & 8);
    }
}

static void every_action_has_its_work(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct lifecycle *row = lifecycle_of(rules[i].action);
        assert_string_equal(row->name, rules[i].name);
        assert_string_equal(row->task_state, rules[i].task_state);
        assert_string_equal(row->event, rules[i].event);
        assert_string_equal(row->task, rules[i].task);
    }
}

static const struct caller user = {.user_id = "u", .project_id = "p", .is_member = true};
static const struct caller stranger = {.user_id = "x", .project_id = "q", .is_member = true};
static const struct caller unscoped = {.user_id = "x"};
static const struct caller admin = {.user_id = "a", .project_id = "q", .is_admin = true, .is_member = true};

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    const struct uuid uuid = uuid_of(1);
    const struct server server = server_sample(&uuid);
    run_sql(store, "DELETE FROM servers; DELETE FROM tasks; DELETE FROM server_actions; DELETE FROM server_action_events");
    must(server_insert(store->db, &server));
    return store;
}

static enum err begin(struct store *store, enum lifecycle_action action, const struct caller *caller, bool *added)
{
    const struct uuid uuid = uuid_of(1);
    return lifecycle_begin(store->db, &uuid, action, caller, "req-1", added);
}

static void a_beginning_writes_state_action_and_task(void **state)
{
    struct store *store = fresh(state);
    bool added = false;
    run_sql(store, "UPDATE servers SET task_state = 'pausing'");
    must(begin(store, ACTION_REBOOT_HARD, &user, &added));
    assert_true(added);
    assert_string_equal(ask_text(store, "SELECT task_state FROM servers"), "rebooting_hard");
    assert_string_equal(ask_text(store, "SELECT vm_state FROM servers"), "active");
    assert_string_equal(ask_text(store, "SELECT CONCAT_WS(' ', action, request_id, user_id, project_id) FROM server_actions"),
                        "reboot req-1 u p");
    assert_string_equal(ask_text(store, "SELECT CONCAT_WS(' ', kind, request_id) FROM tasks"), "reboot_hard req-1");
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM tasks t JOIN servers s ON s.uuid = t.subject"), 1);
    assert_string_equal(ask_text(store, "SELECT JSON_VALUE(data, '$.former_task_state') FROM tasks"), "pausing");
    assert_string_equal(ask_text(store, "SELECT JSON_VALUE(data, '$.event') FROM tasks"), "compute_reboot_instance");
    assert_string_equal(ask_text(store, "SELECT JSON_VALUE(data, '$.request_id') FROM tasks"), "req-1");
}

static void a_refused_beginning_writes_nothing(void **state)
{
    struct store *store = fresh(state);
    static const char missing[] = "Instance 11111111-2222-4333-8444-555555555501 could not be found.";
    bool added = true;
    must_fail(begin(store, ACTION_START, &user, &added), E_CONFLICT,
              "Cannot 'start' instance 11111111-2222-4333-8444-555555555501 while it is in vm_state active");
    must_fail(begin(store, ACTION_STOP, &stranger, &added), E_NOT_FOUND, missing);
    must_fail(begin(store, ACTION_STOP, &unscoped, &added), E_NOT_FOUND, missing);
    run_sql(store, "UPDATE servers SET locked = TRUE");
    assert_int_equal(begin(store, ACTION_DELETE, &user, &added), E_CONFLICT);
    run_sql(store, "UPDATE servers SET deleted = TRUE");
    must_fail(begin(store, ACTION_DELETE, &admin, &added), E_NOT_FOUND, missing);
    assert_true(added); /* untouched */
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM tasks"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM server_actions"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM servers WHERE task_state IS NULL"), 1);
    run_sql(store, "UPDATE servers SET deleted = FALSE");
    must(begin(store, ACTION_STOP, &admin, &added)); /* any project, locked or not */
}

static void a_delete_cancels_the_build_and_counts_once(void **state)
{
    struct store *store = fresh(state);
    const struct uuid uuid = uuid_of(1);
    json_auto_t *data = json_object();
    bool added = false;
    run_sql(store, "UPDATE servers SET vm_state = 'building', task_state = 'spawning', launched_at = NULL");
    must(task_add(store->db, "build", &uuid, "req-0", data));
    must(begin(store, ACTION_DELETE, &user, &added));
    assert_true(added);
    assert_int_equal(ask_int(store, "SELECT cancelled FROM tasks WHERE kind = 'build'"), 1);
    assert_int_equal(ask_int(store, "SELECT cancelled FROM tasks WHERE kind = 'delete'"), 0);
    must(begin(store, ACTION_DELETE, &user, &added));
    assert_false(added);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM tasks"), 2);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM server_actions"), 1);
    assert_int_equal(begin(store, ACTION_STOP, &user, &added), E_CONFLICT);
}

#define RACERS 16

struct racer {
    const struct db_target *target;
    pthread_barrier_t *start;
    enum lifecycle_action action;
    bool added;
    enum err result;
};

static void *run_racer(void *context)
{
    struct racer *racer = context;
    const struct uuid uuid = uuid_of(1);
    struct db *db = NULL;
    racer->result = db_open(racer->target, &db);
    (void)pthread_barrier_wait(racer->start);
    if (racer->result == OK)
        racer->result = lifecycle_begin(db, &uuid, racer->action, &user, "req-1", &racer->added);
    db_close(db);
    db_thread_end();
    return NULL;
}

/* How many of the racers were OK, and how many added a task; the others had a conflict. */
static void race(struct store *store, enum lifecycle_action action, int *ok, int *added)
{
    pthread_barrier_t start;
    pthread_t threads[RACERS];
    struct racer racers[RACERS];
    *ok = 0;
    *added = 0;
    assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
    for (size_t i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){&store->target, &start, action, false, OK};
        assert_int_equal(pthread_create(&threads[i], NULL, run_racer, &racers[i]), 0);
    }
    for (size_t i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(racers[i].result == OK || racers[i].result == E_CONFLICT);
        *ok += racers[i].result == OK;
        *added += racers[i].added;
    }
    (void)pthread_barrier_destroy(&start);
}

static void of_many_at_once_one_begins(void **state)
{
    struct store *store = fresh(state);
    int ok = 0;
    int added = 0;
    race(store, ACTION_STOP, &ok, &added);
    assert_true(ok == 1 && added == 1);
    race(store, ACTION_DELETE, &ok, &added);
    assert_true(ok == RACERS && added == 1);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM tasks"), 2);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM server_actions"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_action_in_every_state),
        cmocka_unit_test(every_action_has_its_work),
        cmocka_unit_test(a_beginning_writes_state_action_and_task),
        cmocka_unit_test(a_refused_beginning_writes_nothing),
        cmocka_unit_test(a_delete_cancels_the_build_and_counts_once),
        cmocka_unit_test(of_many_at_once_one_begins),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
