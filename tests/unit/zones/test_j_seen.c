/* What is remembered of other zones' servers: the bound, the order, what a whole list makes forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#undef fail

#include "zones/row_key.h"
#include "zones/seen.h"

static const struct uuid east = {{1}};
static const struct uuid west = {{2}};

static struct seen_server server(uint8_t number, const struct uuid *zone, const char *project, int64_t created_s)
{
    struct seen_server made = {.zone = *zone, .created_us = created_s * 1000000};
    memset(made.uuid.bytes, number, sizeof(made.uuid.bytes));
    strncpy(made.project, project, sizeof(made.project) - 1);
    return made;
}

static void note(struct seen *seen, struct seen_server made)
{
    seen_note(seen, &made, 1);
}

static size_t count_of(struct seen *seen, const struct uuid *zone, const char *project)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct seen_servers servers;
    seen_of_zone(seen, &arena, zone, project, &servers);
    return servers.count;
}

static void test_the_least_recently_seen_goes_first(void **state)
{
    (void)state;
    struct seen *seen = seen_new(3);
    struct seen_server found;
    for (uint8_t i = 1; i <= 3; i++)
        note(seen, server(i, &east, "p", i));
    note(seen, server(1, &east, "p", 1)); /* seen again */
    note(seen, server(4, &east, "p", 4));
    const struct seen_server first = server(1, &east, "p", 1);
    const struct seen_server second = server(2, &east, "p", 2);
    assert_true(seen_find(seen, &first.uuid, &found));
    assert_false(seen_find(seen, &second.uuid, &found));
    assert_int_equal(count_of(seen, &east, NULL), 3);
    struct seen_server guess = server(1, &east, "p", 9);
    guess.guessed = true;
    note(seen, guess);
    assert_true(seen_find(seen, &first.uuid, &found) && found.guessed);
    note(seen, first); /* the owner's word takes the place of a guess */
    assert_true(seen_find(seen, &first.uuid, &found) && !found.guessed && found.created_us == first.created_us);
    seen_forget(seen, &first.uuid);
    assert_int_equal(count_of(seen, &east, NULL), 2);
    seen_free(seen);
}

static void test_seen_again_is_the_most_recent(void **state)
{
    (void)state;
    struct seen *seen = seen_new(3);
    struct seen_server found;
    for (uint8_t i = 1; i <= 3; i++)
        note(seen, server(i, &east, "p", i));
    const struct seen_server first = server(1, &east, "p", 1);
    const struct seen_server stranger = server(9, &east, "p", 9);
    assert_true(seen_again(seen, &first.uuid, &east));
    assert_false(seen_again(seen, &first.uuid, &west)); /* through another child it is news */
    assert_false(seen_again(seen, &stranger.uuid, &east));
    assert_false(seen_find(seen, &stranger.uuid, &found));
    note(seen, server(4, &east, "p", 4));
    assert_true(seen_find(seen, &first.uuid, &found) && found.created_us == first.created_us);
    assert_int_equal(count_of(seen, &east, NULL), 3);
    struct seen_server guess = server(4, &east, "p", 8);
    guess.guessed = true;
    note(seen, guess);
    assert_false(seen_again(seen, &guess.uuid, &east)); /* the owner's word is still wanted */
    assert_false(seen_again(NULL, &first.uuid, &east));
    seen_free(seen);
}

static void test_order_zone_and_project(void **state)
{
    (void)state;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct seen_servers servers;
    struct seen *seen = seen_new(10);
    note(seen, server(5, &east, "p", 100));
    note(seen, server(3, &east, "p", 200));
    note(seen, server(2, &east, "p", 100));
    note(seen, server(7, &east, "q", 300));
    note(seen, server(8, &west, "p", 300));
    note(seen, server(9, &east, "", 300)); /* nobody's: not remembered */
    seen_of_zone(seen, &arena, &east, "p", &servers);
    assert_int_equal(servers.count, 3);
    assert_int_equal(servers.items[0].uuid.bytes[0], 3);
    assert_int_equal(servers.items[1].uuid.bytes[0], 2);
    assert_int_equal(servers.items[2].uuid.bytes[0], 5);
    assert_int_equal(count_of(seen, &east, NULL), 4);
    seen_free(seen);
}

static void test_a_whole_list_replaces(void **state)
{
    (void)state;
    struct seen *seen = seen_new(10);
    const struct seen_server now[] = {server(1, &east, "p", 1), server(2, &east, "p", 2)};
    note(seen, server(2, &east, "p", 2));
    note(seen, server(3, &east, "p", 3));
    note(seen, server(4, &east, "q", 4));
    note(seen, server(5, &west, "p", 5));
    seen_replace(seen, &east, "p", now, 2);
    assert_int_equal(count_of(seen, &east, "p"), 2);
    assert_int_equal(count_of(seen, &east, "q"), 1);
    assert_int_equal(count_of(seen, &west, NULL), 1);
    seen_replace(seen, &east, NULL, now, 0);
    assert_int_equal(count_of(seen, &east, NULL), 0);
    seen_free(seen);
}

static void test_created_of_a_key(void **state)
{
    (void)state;
    CLEANUP(text_clear) struct text key = {0};
    const struct uuid uuid = {{9}};
    int64_t created_us = 0;
    row_key_text(&key, KEY_DESCENDING, "name", 4);
    assert_int_equal(row_key_finish(&key, INT64_C(1767225600) * 1000000 + 5, &uuid), OK);
    assert_true(row_key_created((const uint8_t *)key.bytes, key.length, &created_us));
    assert_int_equal(created_us, INT64_C(1767225600) * 1000000);
    assert_false(row_key_created((const uint8_t *)key.bytes, 25, &created_us));
    assert_false(row_key_created((const uint8_t *)key.bytes, key.length - 1, &created_us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_least_recently_seen_goes_first),
        cmocka_unit_test(test_seen_again_is_the_most_recent),
        cmocka_unit_test(test_order_zone_and_project),
        cmocka_unit_test(test_a_whole_list_replaces),
        cmocka_unit_test(test_created_of_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
