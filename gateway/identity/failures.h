/*
 * Failed logins per user and client address: each recent one makes the next attempt of that pair wait longer, up to two seconds.
 * Bounded (the oldest pair is forgotten) and forgotten after a minute, or by a success. In this process only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FAILURE_PAIRS        4096
#define FAILURE_DELAY_MAX_MS 2000
#define FAILURE_MEMORY_MS    60000

struct failures;

struct failures *failures_new(int64_t delay_ms);
void failures_free(struct failures *failures);

int64_t failures_delay_ms(struct failures *failures, const char *user, const char *address);
void failures_note(struct failures *failures, const char *user, const char *address, bool success);
