/* Forwarding records: which are old enough to ask about, what an owner has forgotten, and that only the record asked about goes. */
#include "schema/hold.h"
#include "schema/zone_forwarding.h"
#include "tests/unit/schema/store.h"

#define KEEP_S 3600

enum { LIVE = 1, DELETED, LONG_DELETED, MOVED_ON, BACK_AND_DELETED, WORKED_ON, HELD, NEVER_SEEN, CASES };

static void add_server(struct store *store, uint8_t number)
{
    const struct uuid uuid = uuid_of(number);
    const struct server server = server_sample(&uuid);
    must(server_insert(store->db, &server));
}

static void delete_server(struct store *store, uint8_t number, int64_t ago_s)
{
    const struct uuid uuid = uuid_of(number);
    must(server_set_deleted(store->db, &uuid));
    run_sql(store, arena_printf(&store->arena,
                                "UPDATE servers SET deleted_at = UTC_TIMESTAMP() - INTERVAL %lld SECOND WHERE uuid = UNHEX('%s')",
                                (long long)ago_s, uuid_to_hex(&uuid).text));
}

static void add_record(struct store *store, uint8_t number, uint8_t owner)
{
    const struct uuid server = uuid_of(number);
    const struct uuid zone = uuid_of(owner);
    must(zone_forwarding_put(store->db, &server, &zone));
}

static void fill(struct store *store)
{
    const struct uuid worked_on = uuid_of(WORKED_ON);
    const struct hold hold = {uuid_of(HELD), uuid_of(100), "p", "{}", INT64_C(1767225600000000)};
    add_server(store, LIVE);
    add_server(store, DELETED);
    add_server(store, LONG_DELETED);
    add_server(store, BACK_AND_DELETED);
    delete_server(store, DELETED, KEEP_S / 2);
    delete_server(store, LONG_DELETED, KEEP_S * 2);
    delete_server(store, BACK_AND_DELETED, KEEP_S * 2);
    add_record(store, MOVED_ON, 101);
    add_record(store, BACK_AND_DELETED, 101);
    run_sql(store, arena_printf(&store->arena,
                                "INSERT INTO tasks (id, kind, subject, request_id, state, not_before, data, created_at, updated_at)"
                                " VALUES (UNHEX('%s'), 'onward', id, 'req-1', 'ready', NOW(), '{}', NOW(), NOW())",
                                uuid_to_hex(&worked_on).text));
    must(hold_insert(store->db, &hold));
}

static void what_is_left_is_not_forgotten(void **state)
{
    static const bool forgotten[CASES] = {[LONG_DELETED] = true, [BACK_AND_DELETED] = true, [NEVER_SEEN] = true};
    struct store *store = store_get(state);
    struct uuid items[CASES - 1];
    struct uuids out;
    size_t next = 0;
    fill(store);
    for (int i = LIVE; i < CASES; i++)
        items[i - 1] = uuid_of((uint8_t)i);
    must(zone_forwarding_forgotten(store->db, &store->arena, KEEP_S, &(struct uuids){items, CASES - 1}, &out));
    for (int i = LIVE; i < CASES; i++) {
        const bool listed = next < out.count && uuid_equal(&out.items[next], &items[i - 1]);
        assert_int_equal(listed, forgotten[i]);
        next += listed;
    }
    assert_int_equal(next, out.count);
    must(zone_forwarding_forgotten(store->db, &store->arena, KEEP_S, &(struct uuids){items, 0}, &out));
    assert_int_equal(out.count, 0);
}

static size_t list(struct store *store, int64_t keep_s, uint8_t after, size_t most, struct zone_forwardings *out)
{
    const struct uuid uuid = uuid_of(after);
    must(zone_forwarding_list(store->db, &store->arena, keep_s, &uuid, most, out));
    return out->count;
}

static void records_are_listed_in_turn(void **state)
{
    struct store *store = store_get(state);
    struct zone_forwardings found;
    run_sql(store, "DELETE FROM zone_forwardings");
    for (uint8_t number = 5; number > 0; number--)
        add_record(store, number, 200);
    assert_int_equal(list(store, KEEP_S, 0, 10, &found), 0); /* too young */
    assert_int_equal(list(store, 0, 0, 3, &found), 3);
    const struct uuid third = uuid_of(3);
    assert_true(uuid_equal(&found.items[2].server, &third));
    assert_int_equal(list(store, 0, 3, 3, &found), 2);
}

static void a_newer_record_stays(void **state)
{
    struct store *store = store_get(state);
    struct zone_forwardings found;
    run_sql(store, "DELETE FROM zone_forwardings");
    add_record(store, 1, 200);
    assert_int_equal(list(store, 0, 0, 1, &found), 1);
    add_record(store, 1, 201);
    must(zone_forwarding_forget(store->db, &found.items[0]));
    assert_int_equal(list(store, 0, 0, 1, &found), 1);
    must(zone_forwarding_forget(store->db, &found.items[0]));
    must(zone_forwarding_forget(store->db, &found.items[0]));
    assert_int_equal(list(store, 0, 0, 1, &found), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_is_not_forgotten),
        cmocka_unit_test(records_are_listed_in_turn),
        cmocka_unit_test(a_newer_record_stays),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
