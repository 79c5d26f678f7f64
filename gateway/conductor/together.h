/*
 * Requests that come at the same time and want the same are carried by one of them, so that the database is asked once.
 *
 * What comes while a batch of its key is carried waits for it and makes up the next one: nobody waits for somebody who may come,
 * a lone request waits for nobody, and what is carried began after it came. Not here: what to do about an error of the whole; each
 * item keeps its own result.
 */
#pragma once

#include <stddef.h>

struct fanout;
struct together;

#define TOGETHER_MOST 16 /* items of a batch */

/* Carries all items, on the thread of the first of them. The other threads wait and touch nothing of theirs. */
typedef void together_carry_f(void *const *items, size_t count);

struct together *together_new(together_carry_f *carry);
/* Nobody is in it any more. Accepts NULL. */
void together_free(struct together *together);
/* How many wait now (tests). */
size_t together_waiting(struct together *together);
/* Returns when `item` was carried, with others of the same `key` or alone. `fanout` is told of the wait; NULL: nobody is. */
void together_run(struct together *together, const char *key, void *item, struct fanout *fanout);
