/*
 * Passwords: argon2id by libsodium, at most two at a time in this process, the others queue.
 *
 * A hash takes 64 MiB and some 100 ms of CPU: without the slots a burst of logins would take the zone down. A login that follows
 * failures is held back in the queue, not in a slot, so that guessing does not stop others.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/password_hash.h"

#define PASSWORD_SLOTS 2

struct password_slots;

/* `queue`: logins that may wait. Makes the hash that unknown users are compared with. */
MUST_CHECK enum err password_slots_new(int64_t queue, struct password_slots **out);
void password_slots_free(struct password_slots *slots);

/*
 * Waits for a slot, at least `delay_ms`. E_UNAVAILABLE: the queue is full or the budget ends first. E_TOO_MANY: a quarter of the
 * queue is held back already.
 */
MUST_CHECK enum err password_slots_take(struct password_slots *slots, int64_t delay_ms, const struct budget *budget);
void password_slots_give(struct password_slots *slots);

/* For the holder of a slot. `hash` NULL (no such user) takes as long as a real one and is false. */
bool password_matches(const struct password_slots *slots, const char *hash, const char *password);
