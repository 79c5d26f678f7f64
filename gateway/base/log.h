/*
 * logfmt lines on stderr: time, level, event, then key=value as the caller formats them; zone and the request id of this thread are
 * added. Never a secret, never a body. Values with blanks or quotes are the caller's to quote with %s of log_quote.
 */
#pragma once

#include <stddef.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_text {
    char text[512];
};

/* Once at start; `zone` is copied. */
void log_setup(enum log_level least, const char *zone);
/* The request id for this thread's next lines; NULL for none. Copied. */
void log_set_request(const char *request_id);
const char *log_request(void);

void log_debug(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_error(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "…" with quotes, backslashes and control characters escaped, cut at 500 bytes. */
struct log_text log_quote(const char *value);
