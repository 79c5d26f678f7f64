/* Errors; see err.h. The message is per thread: a request's work never leaves its thread between `fail` and the reply. */
#include "gateway/base/err.h"

#include <stdarg.h>
#include <stdio.h>

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

static void keep_message(const char *format, va_list arguments)
{
    char message[sizeof(last_message)]; /* an argument may be the last message itself */
    (void)vsnprintf(message, sizeof(message), format, arguments);
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
