/* Time: wall clock as microseconds since 1970 (UTC), monotonic milliseconds for waiting, and budgets, which are relative. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/err.h"

#define TIME_TEXT_SIZE 32

struct time_text {
    char text[TIME_TEXT_SIZE];
};

int64_t clock_wall_us(void);
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

struct time_text time_iso_z(int64_t us);       /* 2026-01-01T00:00:00Z           server created, images */
struct time_text time_iso_micro(int64_t us);   /* 2026-01-01T00:00:00.000000     launched_at, services, actions */
struct time_text time_iso_micro_z(int64_t us); /* 2026-01-01T00:00:00.000000Z    tokens */
struct time_text time_sql(int64_t us);         /* 2026-01-01 00:00:00.000000     DATETIME(6) */

/* ISO 8601: date, date and time, optional fraction, Z or +hh:mm; 'T' or blank between. Without an offset it is UTC. E_INVALID. */
MUST_CHECK enum err time_parse_iso(const char *text, int64_t *out_us);

/* What is left of a request's time. A budget limits waiting, not work. */
struct budget {
    int64_t deadline_ms; /* monotonic */
};

struct budget budget_from_ms(int64_t ms);
int64_t budget_left_ms(const struct budget *budget); /* may be negative */
