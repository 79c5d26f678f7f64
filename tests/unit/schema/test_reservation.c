/* Sets of the children that got parts of a reservation: whole or not, and that they end. */
#include "gateway/base/clock.h"
#include "schema/reservation.h"
#include "tests/unit/schema/store.h"

#define US_PER_S INT64_C(1000000)
#define DAY_S    (24 * 3600)

static struct reservation_zones set_of(struct store *store, const char *reservation)
{
    struct reservation_zones set;
    must(reservation_zones(store->db, &store->arena, reservation, &set));
    return set;
}

static void add(struct store *store, const char *reservation, int64_t minted_us, uint8_t first, size_t count)
{
    const struct uuid zones[] = {uuid_of(first), uuid_of(first + 1)};
    must(reservation_add(store->db, &store->arena, reservation, minted_us, zones, count));
}

static void a_set_grows_and_names_each_zone_once(void **state)
{
    struct store *store = store_get(state);
    const int64_t now_us = clock_wall_us();
    add(store, "r-0000100000001", now_us, 1, 0);
    assert_true(set_of(store, "r-0000100000001").whole);
    assert_int_equal(set_of(store, "r-0000100000001").count, 0);
    add(store, "r-0000100000001", 0, 1, 2);
    add(store, "r-0000100000001", now_us + 5, 2, 2);
    const struct reservation_zones set = set_of(store, "r-0000100000001");
    assert_true(set.whole);
    assert_int_equal(set.count, 3);
    for (uint8_t i = 0; i < 3; i++) {
        const struct uuid zone = uuid_of(i + 1);
        assert_true(uuid_equal(&set.items[i], &zone));
    }
    int64_t minted_us = 0;
    must(reservation_minted(store->db, "r-0000100000001", &minted_us));
    assert_int_equal(minted_us, now_us);
}

static void what_began_unseen_is_not_whole(void **state)
{
    struct store *store = store_get(state);
    int64_t minted_us = 1;
    add(store, "r-0000100000002", 0, 1, 1);
    assert_false(set_of(store, "r-0000100000002").whole);
    assert_int_equal(set_of(store, "r-0000100000002").count, 1);
    assert_false(set_of(store, "r-0000100000003").whole);
    must(reservation_minted(store->db, "r-0000100000002", &minted_us));
    assert_int_equal(minted_us, 0);
    add(store, "r-0000100000002", 0, 1, 0); /* nothing to write */
    assert_int_equal(set_of(store, "r-0000100000002").count, 1);
}

static void a_zone_that_comes_voids_what_was(void **state)
{
    struct store *store = store_get(state);
    const int64_t before_us = clock_wall_us();
    add(store, "r-0000100000004", before_us, 1, 1);
    must(reservation_zones_void(store->db));
    assert_false(set_of(store, "r-0000100000004").whole);
    add(store, "r-0000100000004", clock_wall_us(), 1, 1); /* it began when it began */
    assert_false(set_of(store, "r-0000100000004").whole);
    add(store, "r-0000100000005", clock_wall_us() + 1, 1, 1);
    assert_true(set_of(store, "r-0000100000005").whole);
}

static void an_old_set_does_not_count_and_goes(void **state)
{
    struct store *store = store_get(state);
    const int64_t now_us = clock_wall_us();
    run_sql(store, "UPDATE reservation_zones SET created_at = '2001-01-01' WHERE reservation = ''");
    add(store, "r-0000100000006", now_us - (RESERVATION_KEPT_S - 2 * DAY_S) * US_PER_S, 1, 0);
    add(store, "r-0000100000007", now_us - (RESERVATION_KEPT_S - DAY_S / 2) * US_PER_S, 1, 0);
    add(store, "r-0000100000008", now_us - (RESERVATION_KEPT_S + DAY_S) * US_PER_S, 1, 0);
    assert_true(set_of(store, "r-0000100000006").whole);
    assert_false(set_of(store, "r-0000100000007").whole);
    must(reservation_zones_purge(store->db));
    assert_int_equal(
        ask_int(store, "SELECT COUNT(*) FROM reservation_zones WHERE reservation IN ('r-0000100000006', 'r-0000100000007')"), 2);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM reservation_zones WHERE reservation = 'r-0000100000008'"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM reservation_zones WHERE reservation = ''"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_grows_and_names_each_zone_once),
        cmocka_unit_test(what_began_unseen_is_not_whole),
        cmocka_unit_test(a_zone_that_comes_voids_what_was),
        cmocka_unit_test(an_old_set_does_not_count_and_goes),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
