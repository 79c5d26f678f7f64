/* Actions of a server and their events against a real database: start, finish once, lists by marker and time. */
#include "gateway/base/clock.h"
#include "schema/action.h"
#include "tests/unit/schema/store.h"

static const struct caller user = {.user_id = "u", .project_id = "p"};
static const struct caller nobody = {.user_id = "u"};

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    run_sql(store, "DELETE FROM server_actions; DELETE FROM server_action_events");
    return store;
}

static void an_action_has_events(void **state)
{
    struct store *store = fresh(state);
    const struct uuid server = uuid_of(1);
    struct server_action action;
    struct server_action_events events;
    must(action_start(store->db, &server, "create", &user, "req-1"));
    must(action_event_start(store->db, &server, "req-1", "e1", NULL));
    must(action_event_start(store->db, &server, "req-1", "e1", NULL)); /* repeatable */
    must(action_event_start(store->db, &server, "req-1", "e2", "h"));
    must(action_get(store->db, &store->arena, &server, "req-1", &action));
    assert_string_equal(action.action, "create");
    assert_string_equal(action.user_id, "u");
    assert_string_equal(action.project_id, "p");
    assert_null(action.message);
    assert_true(action.start_us > 0 && uuid_equal(&action.server, &server));
    must(action_events(store->db, &store->arena, action.id, &events));
    assert_int_equal(events.count, 2); /* newest first */
    assert_string_equal(events.items[0].event, "e2");
    assert_string_equal(events.items[0].host, "h");
    assert_null(events.items[1].host);
    assert_true(events.items[0].finish_us == 0 && !events.items[0].result && events.items[0].start_us > 0);
    must(action_event_finish(store->db, &server, "req-1", "e1", NULL));
    must(action_event_finish(store->db, &server, "req-1", "e1", "too late")); /* it stays as it ended */
    must(action_event_finish(store->db, &server, "req-1", "e2", "broken"));
    must(action_events(store->db, &store->arena, action.id, &events));
    assert_string_equal(events.items[1].result, "Success");
    assert_null(events.items[1].traceback);
    assert_string_equal(events.items[0].result, "Error");
    assert_string_equal(events.items[0].traceback, "broken");
    assert_true(events.items[0].finish_us >= events.items[0].start_us);
    must(action_get(store->db, &store->arena, &server, "req-1", &action));
    assert_string_equal(action.message, "Error");
}

static void a_finished_event_does_not_spoil_the_action(void **state)
{
    struct store *store = fresh(state);
    const struct uuid server = uuid_of(1);
    struct server_action action;
    must(action_start(store->db, &server, "stop", &user, "req-1"));
    must(action_event_start(store->db, &server, "req-1", "e1", NULL));
    must(action_event_finish(store->db, &server, "req-1", "e1", NULL));
    must(action_event_finish(store->db, &server, "req-1", "e1", "told twice"));
    must(action_get(store->db, &store->arena, &server, "req-1", &action));
    assert_null(action.message);
}

/* A server that is taken back is deleted in the name of the request that made it. */
static void an_event_ends_in_its_own_action(void **state)
{
    struct store *store = store_get(state);
    const struct uuid server = uuid_of(77);
    const struct caller caller = {.user_id = "u", .project_id = "p"};
    const struct action_new create = {&server, "create", &caller, "req-both", "build", "h"};
    const struct action_new delete = {&server, "delete", &caller, "req-both", "terminate", "h"};
    must(action_start_all(store->db, &create, 1));
    must(action_start_all(store->db, &delete, 1));
    must(action_event_finish(store->db, &server, "req-both", "build", "cancelled"));
    must(action_event_finish(store->db, &server, "req-both", "terminate", NULL));
    assert_string_equal(ask_text(store, "SELECT GROUP_CONCAT(a.action, ' ', e.result, ' ', COALESCE(a.message, '-') ORDER BY a.id)"
                                        " FROM server_actions a JOIN server_action_events e ON e.action_id = a.id"
                                        " WHERE a.request_id = 'req-both'"),
                        "create Error Error,delete Success -");
}

static void without_an_action_nothing_is_written(void **state)
{
    struct store *store = fresh(state);
    const struct uuid server = uuid_of(1);
    struct server_action action;
    must(action_event_start(store->db, &server, "req-9", "e", NULL));
    must(action_event_finish(store->db, &server, "req-9", "e", "x"));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM server_action_events"), 0);
    must_fail(action_get(store->db, &store->arena, &server, "req-9", &action), E_NOT_FOUND, "Action req-9 not found");
    must(action_start(store->db, &server, "stop", &nobody, "req-2"));
    must(action_get(store->db, &store->arena, &server, "req-2", &action));
    assert_string_equal(action.project_id, "");
}

/* The last digits of the request ids of the list. */
static void assert_listed(struct store *store, const char *marker, int64_t since, int64_t before, size_t limit,
                          const char *expected)
{
    const struct uuid server = uuid_of(1);
    struct server_actions actions;
    char found[16] = "";
    must(action_list(store->db, &store->arena, &server, marker, since, before, limit, &actions));
    assert_true(actions.count < sizeof(found));
    for (size_t i = 0; i < actions.count; i++)
        found[i] = actions.items[i].request_id[4];
    assert_string_equal(found, expected);
}

static void lists_are_newest_first_and_bounded(void **state)
{
    struct store *store = fresh(state);
    const struct uuid server = uuid_of(1);
    const struct uuid other = uuid_of(2);
    struct server_actions actions;
    int64_t noon = 0;
    must(time_parse_iso("2026-01-01T12:00:00Z", &noon));
    for (int i = 1; i <= 5; i++)
        must(action_start(store->db, &server, "stop", &user, arena_printf(&store->arena, "req-%d", i)));
    must(action_start(store->db, &other, "stop", &user, "req-6"));
    run_sql(store, "UPDATE server_actions SET updated_at = TIMESTAMPADD(HOUR, SUBSTR(request_id, 5) - 3, '2026-01-01 12:00:00')");
    assert_listed(store, NULL, 0, 0, 10, "54321");
    assert_listed(store, NULL, 0, 0, 2, "54");
    assert_listed(store, NULL, 0, 0, 0, "");
    assert_listed(store, "req-4", 0, 0, 2, "32");
    assert_listed(store, "req-1", 0, 0, 2, "");
    assert_listed(store, NULL, noon, 0, 10, "543");
    assert_listed(store, NULL, 0, noon, 10, "321");
    assert_listed(store, NULL, noon, noon, 10, "3");
    assert_listed(store, NULL, noon + 1, noon, 10, "");
    assert_listed(store, "req-5", noon, 0, 1, "4");
    must_fail(action_list(store->db, &store->arena, &server, "req-6", 0, 0, 9, &actions), E_INVALID, "marker [req-6] not found");
}

static void the_newest_action_of_a_request_counts(void **state)
{
    struct store *store = fresh(state);
    const struct uuid server = uuid_of(1);
    struct server_action action;
    struct server_action_events events;
    must(action_start(store->db, &server, "stop", &user, "req-1"));
    must(action_start(store->db, &server, "delete", &user, "req-1"));
    must(action_event_start(store->db, &server, "req-1", "e", NULL));
    must(action_get(store->db, &store->arena, &server, "req-1", &action));
    assert_string_equal(action.action, "delete");
    must(action_events(store->db, &store->arena, action.id, &events));
    assert_int_equal(events.count, 1);
    must(action_events(store->db, &store->arena, action.id - 1, &events));
    assert_int_equal(events.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_action_has_events),
        cmocka_unit_test(a_finished_event_does_not_spoil_the_action),
        cmocka_unit_test(an_event_ends_in_its_own_action),
        cmocka_unit_test(without_an_action_nothing_is_written),
        cmocka_unit_test(lists_are_newest_first_and_bounded),
        cmocka_unit_test(the_newest_action_of_a_request_counts),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
