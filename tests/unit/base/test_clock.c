/* Times as text and back: every output form, good and bad ISO 8601, random round trips, budgets. */
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/id.h"
#include "tests/unit/base/check.h"

#define S     INT64_C(1000000)
#define Y2026 (INT64_C(1767225600) * S) /* 2026-01-01T00:00:00Z */

static void every_form_is_written(void **state)
{
    static const struct {
        int64_t us;
        const char *z;
        const char *micro;
        const char *sql;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000", "1970-01-01 00:00:00.000000"},
        {-1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999999", "1969-12-31 23:59:59.999999"},
        {Y2026 + 7, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000007", "2026-01-01 00:00:00.000007"},
        {INT64_C(1709251199999999), "2024-02-29T23:59:59Z", "2024-02-29T23:59:59.999999", "2024-02-29 23:59:59.999999"},
        {INT64_C(253402300799) * S, "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000", "9999-12-31 23:59:59.000000"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char micro_z[TIME_TEXT_SIZE];
        (void)snprintf(micro_z, sizeof(micro_z), "%.26sZ", rows[i].micro);
        assert_string_equal(time_iso_z(rows[i].us).text, rows[i].z);
        assert_string_equal(time_iso_micro(rows[i].us).text, rows[i].micro);
        assert_string_equal(time_iso_micro_z(rows[i].us).text, micro_z);
        assert_string_equal(time_sql(rows[i].us).text, rows[i].sql);
    }
}

static void good_times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        {"2026-01-01", Y2026},
        {"2026-01-01T00:00:00Z", Y2026},
        {"2026-01-01T00:00:00", Y2026},
        {"2026-01-01 00:00:00", Y2026},
        {"2026-01-01T00:00", Y2026},
        {"2026-01-01T00:00Z", Y2026},
        {"2026-01-01T00:00:00.5Z", Y2026 + 500000},
        {"2026-01-01T00:00:00.000001", Y2026 + 1},
        {"2026-01-01T00:00:00.1234567Z", Y2026 + 123456},
        {"2026-01-01T05:30:00+05:30", Y2026},
        {"2026-01-01T05:30:00+0530", Y2026},
        {"2026-01-01T05:00:00+05", Y2026},
        {"2025-12-31T23:30:00-00:30", Y2026},
        {"2024-02-29T23:59:59.999999", INT64_C(1709251199999999)},
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59Z", -S},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800) * S}, /* a leap second */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t us = 0;
        must(time_parse_iso(rows[i].text, &us));
        if (us != rows[i].us)
            print_error("%s: %s\n", rows[i].text, time_iso_micro_z(us).text);
        assert_int_equal(us, rows[i].us);
    }
}

static void bad_times_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "now",
                                      "2026",
                                      "2026-01",
                                      "2026-1-1",
                                      "26-01-01",
                                      "2026-13-01",
                                      "2026-00-01",
                                      "2026-01-00",
                                      "2026-01-32",
                                      "2026-01-01T",
                                      "2026-01-01T24:00:00",
                                      "2026-01-01T00:60:00",
                                      "2026-01-01T00:00:61",
                                      "2026-01-01T00",
                                      "2026-01-01T00:00:0",
                                      "2026-01-01T00:00:00.",
                                      "2026-01-01T00:00.5",
                                      "2026-01-01T00:00:00 Z",
                                      "2026-01-01T00:00:00Zx",
                                      "2026-01-01T00:00:00+24:00",
                                      "2026-01-01T00:00:00+05:60",
                                      "2026-01-01T00:00:00+05:",
                                      "2026-01-01T00:00:00+5",
                                      "2026-01-01x00:00:00",
                                      " 2026-01-01",
                                      "2026-01-01 ",
                                      "-2026-01-01"};
    static const char *const no_days[] = {"2026-02-29", "2025-04-31T10:00:00Z", "1900-02-29"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t us = 5;
        char message[128];
        (void)snprintf(message, sizeof(message), "Invalid time '%s': ISO 8601 is expected.", bad[i]);
        must_fail(time_parse_iso(bad[i], &us), E_INVALID, message);
        assert_int_equal(us, 5);
    }
    for (size_t i = 0; i < ARRAY_LEN(no_days); i++) {
        int64_t us = 5;
        assert_int_equal(time_parse_iso(no_days[i], &us), E_INVALID);
        must_contain(err_message(), "there is no such day");
        assert_int_equal(us, 5);
    }
}

static void written_times_are_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        const int64_t us = ((int64_t)random_below(0xffffffff) * 20 - INT64_C(10000000000)) * S + random_below(1000000);
        int64_t back = 0;
        must(time_parse_iso(time_iso_micro_z(us).text, &back));
        assert_int_equal(back, us);
        must(time_parse_iso(time_sql(us).text, &back));
        assert_int_equal(back, us);
    }
}

/* Every day of many years, and days that there are not, are what the C library says. */
static void days_are_the_librarys(void **state)
{
    char text[64];
    (void)state;
    for (int i = 0; i < 400 * 12 * 31; i++) {
        const int year = i / 372 * 25 + i / 372 % 25;
        struct tm tm = {.tm_year = year - 1900, .tm_mon = i / 31 % 12, .tm_mday = i % 31 + 1, .tm_hour = 23, .tm_sec = 9};
        int64_t us = -1;
        (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT23:00:09Z", year, tm.tm_mon + 1, tm.tm_mday);
        const int day = tm.tm_mday;
        const int64_t wanted = (int64_t)timegm(&tm) * S;
        assert_int_equal(time_parse_iso(text, &us), tm.tm_mday == day ? OK : E_INVALID);
        assert_int_equal(us, tm.tm_mday == day ? wanted : -1);
    }
}

static void clocks_go_forward(void **state)
{
    const int64_t wall = clock_wall_us();
    const int64_t mono = clock_mono_us();
    struct budget budget = budget_from_ms(1000);
    (void)state;
    assert_true(wall / S >= (int64_t)time(NULL) - 2 && wall / S <= (int64_t)time(NULL) + 2);
    while (clock_mono_us() == mono)
        continue;
    assert_true(clock_mono_us() > mono);
    assert_true(clock_mono_ms() * 1000 <= clock_mono_us());
    assert_true(budget_left_ms(&budget) <= 1000);
    budget.deadline_ms = clock_mono_ms() - 5;
    assert_true(budget_left_ms(&budget) <= -5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_written), cmocka_unit_test(good_times_are_read),
        cmocka_unit_test(bad_times_are_refused), cmocka_unit_test(written_times_are_read_back),
        cmocka_unit_test(days_are_the_librarys), cmocka_unit_test(clocks_go_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
