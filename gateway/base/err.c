/* Errors; see err.h. The message is per thread: a request's work never leaves its thread between `fail` and the reply. */
#include "gateway/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"

static const struct {
    const char *name;
    int status;
    const char *fault;
} err_table[] = {
#define ERR_ROW(kind, status, fault) {#kind, status, fault},
    ERR_LIST(ERR_ROW)
#undef ERR_ROW
};

_Static_assert(ARRAY_LEN(err_table) == ERR_COUNT, "one row per kind");

static _Thread_local char last_message[1024];

/* Messages quote foreign text, often cut at some byte, and become JSON: what is left of a cut character is shown as "?". */
static void mend_utf8(char *message)
{
    const size_t length = strlen(message);
    if (str_is_utf8(message, length))
        return;
    for (size_t at = 0; at < length;) {
        size_t size = 1;
        while (size < 4 && at + size < length && !str_is_utf8(message + at, size))
            size++;
        const bool good = str_is_utf8(message + at, size);
        if (!good)
            message[at] = '?';
        at += good ? size : 1;
    }
}

static void keep_message(const char *format, va_list arguments)
{
    char message[sizeof(last_message)]; /* an argument may be the last message itself */
    (void)vsnprintf(message, sizeof(message), format, arguments);
    mend_utf8(message);
    (void)snprintf(last_message, sizeof(last_message), "%s", message);
}

void err_set_message(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    keep_message(format, arguments);
    va_end(arguments);
}

enum err(fail)(enum err kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    keep_message(format, arguments);
    va_end(arguments);
    return kind;
}

const char *err_message(void)
{
    return last_message;
}

const char *err_name(enum err kind)
{
    return err_table[kind].name;
}

int err_status(enum err kind)
{
    return err_table[kind].status;
}

const char *err_fault(enum err kind)
{
    return err_table[kind].fault;
}

enum err err_from_status(int status)
{
    for (size_t i = 0; i < ERR_COUNT; i++) {
        if (err_table[i].status == status)
            return (enum err)i;
    }
    return E_INTERNAL;
}
