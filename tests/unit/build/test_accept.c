/* The transaction behind 202: all or nothing, once per uuid, once per plan entry; and the ERROR row of a create without a host. */
#include <pthread.h>

#include "compute/build/build.h"
#include "compute/placement/placement.h"
#include "gateway/base/clock.h"
#include "tests/unit/schema/store.h"

#define SIZING_TEXT "{\"vcpus\":1,\"ram_mib\":64,\"disk_gib\":1}"
#define HOST        200 /* number of the host's uuid; its room is for three samples */

static const struct caller user = {.user_id = "u", .project_id = "p"};

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    const struct uuid host = uuid_of(HOST);
    const struct resource_inventory inventories[] = {{"VCPU", 3, 0, 1.0}, {"MEMORY_MB", 192, 0, 1.0}, {"DISK_GB", 100, 0, 1.0}};
    run_sql(store, "DELETE FROM servers; DELETE FROM tasks; DELETE FROM server_actions; DELETE FROM server_action_events;"
                   "DELETE FROM allocations; DELETE FROM consumers; DELETE FROM inventories; DELETE FROM resource_providers;"
                   "DELETE FROM plan_uses");
    must(placement_report(store->db, &host, "h", inventories, ARRAY_LEN(inventories)));
    return store;
}

static enum err accept(struct db *db, uint8_t number, const struct plan_use *use)
{
    const struct uuid host = uuid_of(HOST);
    const struct uuid uuid = uuid_of(number);
    struct server server = server_sample(&uuid);
    server.launched_us = 0;
    const struct build_order order = {&server, &host, use, SIZING_TEXT, true, NULL, &user, "req-1", NULL, NULL};
    return build_accept(db, &order);
}

/* Rows in servers, tasks, actions, events, consumers, allocations and used entries, in that order. */
static void assert_rows(struct store *store, const char *expected)
{
    static const char sql[] =
        "SELECT CONCAT_WS(' ', (SELECT COUNT(*) FROM servers), (SELECT COUNT(*) FROM tasks), (SELECT COUNT(*) FROM server_actions),"
        " (SELECT COUNT(*) FROM server_action_events), (SELECT COUNT(*) FROM consumers), (SELECT COUNT(*) FROM allocations),"
        " (SELECT COUNT(*) FROM plan_uses))";
    assert_string_equal(ask_text(store, sql), expected);
}

static void an_accepted_server_is_all_there(void **state)
{
    struct store *store = fresh(state);
    const struct uuid uuid = uuid_of(1);
    struct server found;
    const int64_t before = clock_wall_us() / 1000000 * 1000000;
    must(accept(store->db, 1, NULL));
    assert_rows(store, "1 1 1 1 1 3 0");
    must(server_get(store->db, &store->arena, &uuid, "p", &found));
    assert_string_equal(found.vm_state, "building");
    assert_string_equal(found.task_state, "spawning");
    assert_string_equal(found.host, "h");
    assert_true(found.created_us >= before && found.created_us % 1000000 == 0 && found.updated_us == found.created_us);
    assert_string_equal(ask_text(store, "SELECT CONCAT_WS(' ', kind, request_id) FROM tasks"), "build req-1");
    assert_string_equal(ask_text(store, "SELECT JSON_VALUE(data, '$.host') FROM tasks"), "h");
    assert_string_equal(ask_text(store, "SELECT action FROM server_actions"), "create");
    assert_string_equal(ask_text(store, "SELECT CONCAT_WS(' ', event, host) FROM server_action_events"),
                        "compute__do_build_and_run_instance h");
    assert_string_equal(ask_text(store, "SELECT GROUP_CONCAT(used ORDER BY resource_class_id) FROM allocations"), "1,64,1");
}

static void the_same_uuid_again_is_ok_and_writes_nothing(void **state)
{
    struct store *store = fresh(state);
    const struct uuid uuid = uuid_of(1);
    must(accept(store->db, 1, NULL));
    const int64_t generation = ask_int(store, "SELECT generation FROM resource_providers");
    must(accept(store->db, 1, NULL));
    assert_rows(store, "1 1 1 1 1 3 0");
    must(server_set_deleted(store->db, &uuid));
    must(accept(store->db, 1, NULL)); /* a late repeat of a server that is gone does not bring it back */
    assert_rows(store, "1 1 1 1 1 3 0");
    assert_string_equal(ask_text(store, "SELECT vm_state FROM servers"), "deleted");
    assert_int_equal(ask_int(store, "SELECT generation FROM resource_providers"), generation);
}

static void a_conflict_leaves_nothing(void **state)
{
    struct store *store = fresh(state);
    const struct plan_use use = {{1}, clock_wall_us() + INT64_C(60000000)};
    const struct uuid host = uuid_of(201);
    const struct uuid uuid = uuid_of(5);
    struct server server = server_sample(&uuid);
    for (uint8_t i = 1; i <= 3; i++)
        must(accept(store->db, i, NULL));
    assert_int_equal(accept(store->db, 4, &use), E_CONFLICT);
    must_contain(err_message(),
                 "Unable to create allocation for 'VCPU' on resource provider '11111111-2222-4333-8444-5555555555c8'.");
    assert_rows(store, "3 3 3 3 3 9 0");
    const struct build_order order = {&server, &host, &use, SIZING_TEXT, true, NULL, &user, "req-1", NULL, NULL};
    assert_int_equal(build_accept(store->db, &order), E_NOT_FOUND);
    assert_rows(store, "3 3 3 3 3 9 0");
}

static void a_plan_entry_is_for_one_server(void **state)
{
    struct store *store = fresh(state);
    const struct plan_use use = {{1, 2, 3}, clock_wall_us() + INT64_C(60000000)};
    const struct plan_use other = {{1, 2, 4}, clock_wall_us() + INT64_C(60000000)};
    must(accept(store->db, 1, &use));
    assert_rows(store, "1 1 1 1 1 3 1");
    must(accept(store->db, 1, &use));
    must_fail(accept(store->db, 2, &use), E_CONFLICT, "The plan entry was used for another server.");
    assert_rows(store, "1 1 1 1 1 3 1");
    must(accept(store->db, 2, &other));
    assert_rows(store, "2 2 2 2 2 6 2");
}

/* Servers from..to at once, each on an entry of its own. */
static enum err accept_all(struct db *db, uint8_t from, uint8_t to)
{
    const struct uuid host = uuid_of(HOST);
    struct uuid uuids[8];
    struct server servers[8];
    struct plan_use uses[8];
    struct build_order orders[8];
    const struct build_order *list[8];
    size_t count = 0;
    for (uint8_t number = from; number <= to; number++, count++) {
        uuids[count] = uuid_of(number);
        servers[count] = server_sample(&uuids[count]);
        uses[count] = (struct plan_use){{number}, clock_wall_us() + INT64_C(60000000)};
        orders[count] =
            (struct build_order){&servers[count], &host, &uses[count], SIZING_TEXT, true, NULL, &user, "req-1", NULL, NULL};
        list[count] = &orders[count];
    }
    return build_accept_all(db, list, count);
}

static void several_begin_together(void **state)
{
    struct store *store = fresh(state);
    must(accept_all(store->db, 1, 3));
    assert_rows(store, "3 3 3 3 3 9 3");
    assert_int_equal(ask_int(store, "SELECT used FROM inventories i JOIN resource_classes c ON c.id = i.resource_class_id"
                                    " WHERE c.name = 'MEMORY_MB'"),
                     192);
    /* Each has its own: the action's event, the claim, the task. */
    assert_int_equal(ask_int(store, "SELECT COUNT(DISTINCT s.uuid) FROM servers s JOIN tasks t ON t.subject = s.uuid"
                                    " JOIN server_actions a ON a.server = s.uuid"
                                    " JOIN server_action_events e ON e.action_id = a.id"
                                    " JOIN consumers c ON c.uuid = s.uuid JOIN plan_uses p ON p.server = s.uuid"
                                    " WHERE (SELECT COUNT(*) FROM allocations l WHERE l.consumer_id = c.id) = 3"),
                     3);
}

static void one_without_room_or_known_already_keeps_all_out(void **state)
{
    struct store *store = fresh(state);
    assert_int_equal(accept_all(store->db, 1, 4), E_CONFLICT); /* room for three */
    assert_rows(store, "0 0 0 0 0 0 0");
    must(accept(store->db, 2, NULL));
    assert_int_equal(accept_all(store->db, 1, 2), E_CONFLICT);
    assert_rows(store, "1 1 1 1 1 3 0");
    must(accept_all(store->db, 3, 4));
    assert_rows(store, "3 3 3 3 3 9 2");
}

static void a_create_without_a_host_is_buried(void **state)
{
    struct store *store = fresh(state);
    const struct uuid uuid = uuid_of(1);
    struct server server = server_sample(&uuid);
    struct server found;
    server.launched_us = 0;
    must(build_bury(store->db, &server, &user, "req-1", "No valid host was found. \"x\""));
    assert_rows(store, "1 0 1 1 0 0 0");
    must(server_get(store->db, &store->arena, &uuid, "p", &found));
    assert_string_equal(found.vm_state, "error");
    assert_null(found.task_state);
    assert_null(found.host);
    assert_null(found.node);
    json_auto_t *fault = json_loads(found.fault, 0, NULL);
    assert_int_equal(json_object_size(fault), 4);
    assert_int_equal(json_integer_value(json_object_get(fault, "code")), 500);
    assert_string_equal(json_string_value(json_object_get(fault, "message")), "No valid host was found. \"x\"");
    assert_string_equal(json_string_value(json_object_get(fault, "details")), "");
    assert_int_equal(strlen(json_string_value(json_object_get(fault, "created"))), 20);
    assert_string_equal(ask_text(store, "SELECT CONCAT_WS(' ', action, message) FROM server_actions"), "create Error");
    assert_string_equal(ask_text(store, "SELECT CONCAT_WS(' ', event, result) FROM server_action_events"),
                        "conductor_schedule_and_build_instances Error");
}

#define RACERS 16

struct racer {
    const struct db_target *target;
    pthread_barrier_t *start;
    uint8_t number;
    enum err result;
};

static void *run_racer(void *context)
{
    struct racer *racer = context;
    struct db *db = NULL;
    racer->result = db_open(racer->target, &db);
    (void)pthread_barrier_wait(racer->start);
    if (racer->result == OK)
        racer->result = accept(db, racer->number, NULL);
    db_close(db);
    db_thread_end();
    return NULL;
}

static int race(struct store *store, bool same)
{
    pthread_barrier_t start;
    pthread_t threads[RACERS];
    struct racer racers[RACERS];
    int ok = 0;
    assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
    for (uint8_t i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){&store->target, &start, same ? 1 : i, OK};
        assert_int_equal(pthread_create(&threads[i], NULL, run_racer, &racers[i]), 0);
    }
    for (size_t i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(racers[i].result == OK || racers[i].result == E_CONFLICT);
        ok += racers[i].result == OK;
    }
    (void)pthread_barrier_destroy(&start);
    return ok;
}

static void many_at_once_get_what_there_is(void **state)
{
    struct store *store = fresh(state);
    assert_int_equal(race(store, false), 3);
    assert_rows(store, "3 3 3 3 3 9 0");
}

static void the_same_uuid_many_times_at_once_is_one_server(void **state)
{
    struct store *store = fresh(state);
    assert_int_equal(race(store, true), RACERS);
    assert_rows(store, "1 1 1 1 1 3 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_accepted_server_is_all_there),
        cmocka_unit_test(the_same_uuid_again_is_ok_and_writes_nothing),
        cmocka_unit_test(a_conflict_leaves_nothing),
        cmocka_unit_test(a_plan_entry_is_for_one_server),
        cmocka_unit_test(several_begin_together),
        cmocka_unit_test(one_without_room_or_known_already_keeps_all_out),
        cmocka_unit_test(a_create_without_a_host_is_buried),
        cmocka_unit_test(many_at_once_get_what_there_is),
        cmocka_unit_test(the_same_uuid_many_times_at_once_is_one_server),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
