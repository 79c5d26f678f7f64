/* logfmt lines; see log.h. One write(2) per line, so that lines of several threads and processes do not mix. */
#include "gateway/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/id.h"

/* Set once at start, before any thread; read-only afterwards. */
static struct {
    enum log_level least;
    char zone[64];
} log_state = {LOG_LEVEL_INFO, ""};

static _Thread_local char thread_request[REQUEST_ID_SIZE];

void log_setup(enum log_level least, const char *zone)
{
    log_state.least = least;
    (void)snprintf(log_state.zone, sizeof(log_state.zone), "%s", zone);
}

void log_set_request(const char *request_id)
{
    (void)snprintf(thread_request, sizeof(thread_request), "%s", request_id ? request_id : "");
}

const char *log_request(void)
{
    return thread_request;
}

static void write_line(enum log_level level, const char *event, const char *format, va_list arguments)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < log_state.least)
        return;
    char line[4096];
    size_t used = (size_t)snprintf(line, sizeof(line), "ts=%s level=%s event=%s", time_iso_micro_z(clock_wall_us()).text,
                                   names[level], event);
    if (log_state.zone[0] && used < sizeof(line))
        used += (size_t)snprintf(line + used, sizeof(line) - used, " zone=%s", log_state.zone);
    if (thread_request[0] && used < sizeof(line))
        used += (size_t)snprintf(line + used, sizeof(line) - used, " request=%s", thread_request);
    if (*format && used < sizeof(line) - 1) {
        line[used++] = ' ';
        const int added = vsnprintf(line + used, sizeof(line) - used, format, arguments);
        used += added > 0 ? (size_t)added : 0;
    }
    if (used > sizeof(line) - 2)
        used = sizeof(line) - 2;
    line[used++] = '\n';
    const ssize_t written = write(STDERR_FILENO, line, used);
    (void)written; /* nowhere left to say it */
}

#define LOG_FUNCTION(name, level)                                                                                                  \
    void name(const char *event, const char *format, ...)                                                                          \
    {                                                                                                                              \
        va_list arguments;                                                                                                         \
        va_start(arguments, format);                                                                                               \
        write_line(level, event, format, arguments);                                                                               \
        va_end(arguments);                                                                                                         \
    }

LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)

struct log_text log_quote(const char *value)
{
    struct log_text out;
    size_t used = 0;
    out.text[used++] = '"';
    for (const char *p = value ? value : ""; *p && used < sizeof(out.text) - 6; p++) {
        const unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            out.text[used++] = '\\';
            out.text[used++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            used += (size_t)snprintf(out.text + used, sizeof(out.text) - used, "\\x%02x", c);
        } else {
            out.text[used++] = (char)c;
        }
    }
    out.text[used++] = '"';
    out.text[used] = '\0';
    return out;
}
