/* Time; see clock.h. Dates by the proleptic Gregorian calendar of timegm. */
#include "gateway/base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_S 1000000

int64_t clock_wall_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

static struct time_text format_time(int64_t us, char separator, const char *tail, bool micro)
{
    int64_t seconds = us / US_PER_S;
    int64_t fraction = us % US_PER_S;
    if (fraction < 0) {
        fraction += US_PER_S;
        seconds--;
    }
    const time_t when = (time_t)seconds;
    struct tm tm;
    (void)gmtime_r(&when, &tm);
    struct time_text out;
    int used = snprintf(out.text, sizeof(out.text), "%04d-%02d-%02d%c%02d:%02d:%02d", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1,
                        tm.tm_mday, separator, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (micro)
        used += snprintf(out.text + used, sizeof(out.text) - (size_t)used, ".%06d", (int)fraction);
    (void)snprintf(out.text + used, sizeof(out.text) - (size_t)used, "%s", tail);
    return out;
}

struct time_text time_iso_z(int64_t us)
{
    return format_time(us, 'T', "Z", false);
}

struct time_text time_iso_micro(int64_t us)
{
    return format_time(us, 'T', "", true);
}

struct time_text time_iso_micro_z(int64_t us)
{
    return format_time(us, 'T', "Z", true);
}

struct time_text time_sql(int64_t us)
{
    return format_time(us, ' ', "", true);
}

/* Reads exactly `count` digits. */
static bool read_digits(const char **p, int count, int *out)
{
    int number = 0;
    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)(*p)[i]))
            return false;
        number = number * 10 + ((*p)[i] - '0');
    }
    *p += count;
    *out = number;
    return true;
}

static bool read_char(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

/* At least one digit; what is finer than a microsecond is cut off. */
static bool read_fraction(const char **p, int64_t *out)
{
    const char *first = *p;
    int64_t unit = US_PER_S / 10;
    for (*out = 0; isdigit((unsigned char)**p); (*p)++) {
        *out += unit * (**p - '0');
        unit /= 10;
    }
    return *p > first;
}

static bool read_offset(const char **p, int *out_seconds)
{
    *out_seconds = 0;
    if (read_char(p, 'Z') || **p == '\0')
        return true;
    const int sign = **p == '-' ? -1 : 1;
    int hours = 0;
    int minutes = 0;
    if ((!read_char(p, '+') && !read_char(p, '-')) || !read_digits(p, 2, &hours))
        return false;
    if ((read_char(p, ':') || **p) && !read_digits(p, 2, &minutes))
        return false;
    *out_seconds = sign * (hours * 3600 + minutes * 60);
    return hours < 24 && minutes < 60;
}

static bool read_clock(const char **p, struct tm *tm, int64_t *fraction)
{
    if (!read_digits(p, 2, &tm->tm_hour) || !read_char(p, ':') || !read_digits(p, 2, &tm->tm_min))
        return false;
    if (read_char(p, ':')) {
        if (!read_digits(p, 2, &tm->tm_sec) || (read_char(p, '.') && !read_fraction(p, fraction)))
            return false;
    }
    return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 61;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leaps ? 1 : 0);
}

/* Days since 1970-01-01 in the Gregorian calendar, for years from 0 on; timegm asks for the time zone, under a lock. Years begin in
 * March here, so that the day of a leap year is their last. */
static int64_t days_since_epoch(int year, int month, int day)
{
    const int64_t y = year - (month <= 2 ? 1 : 0) + 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + of_year - 719468 - 146097;
}

enum err time_parse_iso(const char *text, int64_t *out_us)
{
    struct tm tm = {0};
    const char *p = text;
    int year = 0;
    int month = 0;
    int day = 0;
    int offset = 0;
    int64_t fraction = 0;
    bool good = read_digits(&p, 4, &year) && read_char(&p, '-') && read_digits(&p, 2, &month) && read_char(&p, '-') &&
                read_digits(&p, 2, &day) && month >= 1 && month <= 12 && day >= 1 && day <= 31;
    if (good && (read_char(&p, 'T') || read_char(&p, ' ')))
        good = read_clock(&p, &tm, &fraction) && read_offset(&p, &offset);
    if (!good || *p)
        return fail(E_INVALID, "Invalid time '%.64s': ISO 8601 is expected.", text);
    if (day > days_of_month(year, month))
        return fail(E_INVALID, "Invalid time '%.64s': there is no such day.", text);
    const int64_t when = days_since_epoch(year, month, day) * 86400 + tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
    *out_us = (when - offset) * US_PER_S + fraction;
    return OK;
}

struct budget budget_from_ms(int64_t ms)
{
    return (struct budget){clock_mono_ms() + ms};
}

int64_t budget_left_ms(const struct budget *budget)
{
    return budget->deadline_ms - clock_mono_ms();
}
