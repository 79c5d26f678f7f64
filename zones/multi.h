/*
 * One curl_multi with its sockets and its timer, so that it can be waited for together with others and go from thread to thread
 * (one at a time). Shared by fanout.c and stream.c; not for others.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "gateway/base/err.h"

struct multi;

struct multi *multi_open(void); /* NULL: libcurl gave none */
void multi_close(struct multi *multi);
MUST_CHECK bool multi_add(struct multi *multi, CURL *easy);
void multi_remove(struct multi *multi, CURL *easy);

/* What poll is to wait for: at most `room` entries are written, all are counted. */
size_t multi_watch(const struct multi *multi, struct pollfd *out, size_t room);
/* Monotonic: when libcurl wants to be called at the latest; INT64_MAX: it has no wish. */
int64_t multi_due_ms(const struct multi *multi);
/* Does what is ready, and what is due. `ready` are the entries of multi_watch after poll. */
void multi_step(struct multi *multi, const struct pollfd *ready, size_t count);
/* Waits until something is ready or due, at most so long, and does it. */
void multi_wait(struct multi *multi, int64_t most_ms);
/* The next transfer that is over; NULL: none. */
CURL *multi_next_over(struct multi *multi, CURLcode *out);
