/* A link's settings without a database: policies merged member by member, what the poller notices, certificates as files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "gateway/base/text.h"
#include "zones/ca_file.h"
#include "zones/inside.h"

static void policies_are_merged_member_by_member(void **state)
{
    static const struct {
        enum zone_side side;
        const char *before; /* NULL: none */
        const char *given;
        enum err wanted;
        const char *after; /* as it is stored; NULL: none */
    } rows[] = {
        {ZONE_PARENT, NULL, "{}", OK, "{\"read_only\":false}"},
        {ZONE_PARENT, NULL, "{\"read_only\":true}", OK, "{\"read_only\":true}"},
        {ZONE_PARENT, "{\"read_only\":true}", "{\"projects\":[\"p\"]}", OK, "{\"projects\":[\"p\"],\"read_only\":true}"},
        {ZONE_PARENT, "{\"projects\":[\"p\"],\"read_only\":true}", "{\"projects\":null,\"read_only\":null}", OK, NULL},
        {ZONE_PARENT, "{\"projects\":[\"p\"]}", "null", OK, NULL},
        {ZONE_PARENT, NULL, "{\"projects\":[]}", OK, "{\"projects\":[],\"read_only\":false}"},
        {ZONE_PARENT, NULL, "{\"resolve\":true}", E_INVALID, NULL},
        {ZONE_PARENT, NULL, "{\"act\":true}", E_INVALID, NULL},
        {ZONE_PARENT, NULL, "{\"roles\":\"admin\"}", E_INVALID, NULL},
        {ZONE_PARENT, NULL, "{\"roles\":[1]}", E_INVALID, NULL},
        {ZONE_PARENT, NULL, "{\"read_only\":\"yes\"}", E_INVALID, NULL},
        {ZONE_PARENT, NULL, "[]", E_INVALID, NULL},
        {ZONE_PARENT, NULL, "5", E_INVALID, NULL},
        {ZONE_CHILD, NULL, "{\"resolve\":false}", OK, "{\"resolve\":false,\"catalog\":true,\"act\":false}"},
        {ZONE_CHILD, NULL, "{\"projects\":[]}", E_INVALID, NULL},
        {ZONE_CHILD, NULL, "{\"read_only\":true}", E_INVALID, NULL},
        {ZONE_CHILD, NULL, "{\"nonsense\":true}", E_INVALID, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        struct zone_row row = {.side = rows[i].side, .policy = rows[i].before};
        json_t *given = json_loads(rows[i].given, JSON_DECODE_ANY, NULL);
        const enum err result = policy_merge(&arena, given, &row);
        json_t *wanted = rows[i].after ? json_loads(rows[i].after, 0, NULL) : NULL;
        json_t *got = result == OK && row.policy ? json_loads(row.policy, 0, NULL) : NULL;
        if (result != rows[i].wanted || (wanted ? !json_equal(wanted, got) : got != NULL))
            print_error("row %zu: %s gives %s\n", i, rows[i].given, result == OK ? row.policy : err_message());
        assert_int_equal(result, rows[i].wanted);
        assert_true(wanted ? json_equal(wanted, got) : got == NULL);
        json_decref(given);
        json_decref(wanted);
        json_decref(got);
        arena_clear(&arena);
    }
}

static void a_damaged_policy_is_shown_as_none(void **state)
{
    const struct zone_row row = {.side = ZONE_PARENT, .policy = "{\"read_only\":"};
    json_t *shown = policy_json(&row);
    (void)state;
    assert_int_equal(json_object_size(shown), 3);
    assert_true(json_is_false(json_object_get(shown, "read_only")));
    assert_true(json_is_null(json_object_get(shown, "projects")));
    json_decref(shown);
}

static const char *date_in(struct arena *arena, int64_t seconds)
{
    const time_t at = (time_t)(clock_wall_us() / 1000000 + seconds);
    char *text = arena_alloc(arena, 64);
    struct tm tm;
    (void)gmtime_r(&at, &tm);
    (void)strftime(text, 64, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return text;
}

static void a_clock_that_is_off_is_noticed(void **state)
{
    static const int64_t skews_s[] = {0, 3600, -3600, 10, -10};
    struct arena arena = {0};
    struct health_entry entry = {.id = 1};
    const struct zone zone = {.row = {.name = "east"}, .health = &entry.health};
    (void)state;
    health_init(&entry.health);
    signs_init(&entry.signs);
    assert_false(zone_signs_get(&zone).skew_known);
    for (size_t i = 0; i < ARRAY_LEN(skews_s); i++) {
        struct http_answer answer = {.kind = ZONE_ANSWERED, .status = 401};
        headers_add(&arena, &answer.headers, "Date", date_in(&arena, skews_s[i]));
        signs_note_answer(&zone, &answer);
        const struct zone_signs signs = zone_signs_get(&zone);
        assert_true(signs.skew_known);
        assert_true(signs.skew_s >= skews_s[i] - 2 && signs.skew_s <= skews_s[i] + 2);
    }
    const struct zone_signs before = zone_signs_get(&zone);
    struct http_answer silent = {.kind = ZONE_TIMEOUT};
    signs_note_answer(&zone, &silent);
    assert_int_equal(zone_signs_get(&zone).skew_s, before.skew_s);
    arena_clear(&arena);
}

static void since_moves_with_the_state_only(void **state)
{
    struct health_entry entry = {.id = 1};
    const struct zone zone = {.row = {.name = "east"}, .health = &entry.health};
    (void)state;
    health_init(&entry.health);
    signs_init(&entry.signs);
    atomic_store(&entry.signs.since_us, 5);
    assert_int_equal(zone_signs_get(&zone).since_us, 5);
    health_probe(&entry.health, HEALTH_EV_PROBE_GOOD, ZONE_ANSWERED, 1000);
    const int64_t up_us = zone_signs_get(&zone).since_us;
    assert_true(up_us > 5);
    atomic_store(&entry.signs.since_us, 7);
    assert_int_equal(zone_signs_get(&zone).since_us, 7);
}

static void certificates_of_equal_bytes_share_a_file(void **state)
{
    char first[CA_FILE_PATH_SIZE];
    char same[CA_FILE_PATH_SIZE];
    char other[CA_FILE_PATH_SIZE];
    char bytes[16] = "";
    (void)state;
    assert_int_equal(ca_file_path("one", first), OK);
    assert_int_equal(ca_file_path("one", same), OK);
    assert_int_equal(ca_file_path("two", other), OK);
    assert_string_equal(first, same);
    assert_string_not_equal(first, other);
    for (int i = 0; i < 2; i++) { /* every reader starts at the beginning */
        FILE *file = fopen(other, "re");
        assert_non_null(file);
        assert_non_null(fgets(bytes, sizeof(bytes), file));
        assert_string_equal(bytes, "two");
        (void)fclose(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_are_merged_member_by_member),     cmocka_unit_test(a_damaged_policy_is_shown_as_none),
        cmocka_unit_test(a_clock_that_is_off_is_noticed),           cmocka_unit_test(since_moves_with_the_state_only),
        cmocka_unit_test(certificates_of_equal_bytes_share_a_file),
    };
    return seal_setup() == OK && http_client_setup() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
