/*
 * Errors: one kind, one message, passed up by return value.
 *
 * A function that can fail returns `enum err` and is MUST_CHECK. `fail` is called where the cause is known; it keeps the message
 * for this thread until the next `fail`. `TRY` passes an error up. An error is returned or logged, never both.
 * The table below is the only place where a kind becomes an HTTP status and a Nova fault name (Nova API, faults).
 */
#pragma once

#include <stddef.h>

#define MUST_CHECK        __attribute__((warn_unused_result))
#define CLEANUP(function) __attribute__((cleanup(function)))
#define ARRAY_LEN(array)  (sizeof(array) / sizeof((array)[0]))
#define TRY(expression)                                                                                                            \
    do {                                                                                                                           \
        const enum err try_result = (expression);                                                                                  \
        if (try_result != OK)                                                                                                      \
            return try_result;                                                                                                     \
    } while (0)

/* kind, HTTP status, Nova fault name */
#define ERR_LIST(X)                                                                                                                \
    X(OK, 200, "")                                                                                                                 \
    X(E_INVALID, 400, "badRequest")                                                                                                \
    X(E_UNAUTHORIZED, 401, "unauthorized")                                                                                         \
    X(E_FORBIDDEN, 403, "forbidden")                                                                                               \
    X(E_NOT_FOUND, 404, "itemNotFound")                                                                                            \
    X(E_BAD_METHOD, 405, "badMethod")                                                                                              \
    X(E_NOT_ACCEPTABLE, 406, "computeFault")                                                                                       \
    X(E_CONFLICT, 409, "conflictingRequest")                                                                                       \
    X(E_GONE, 410, "computeFault")                                                                                                 \
    X(E_TOO_LARGE, 413, "overLimit")                                                                                               \
    X(E_MEDIA_TYPE, 415, "badMediaType")                                                                                           \
    X(E_UNPROCESSABLE, 422, "computeFault")                                                                                        \
    X(E_TOO_MANY, 429, "overLimit")                                                                                                \
    X(E_HEADERS_TOO_LARGE, 431, "computeFault")                                                                                    \
    X(E_INTERNAL, 500, "computeFault")                                                                                             \
    X(E_NOT_IMPLEMENTED, 501, "notImplemented")                                                                                    \
    X(E_BAD_GATEWAY, 502, "computeFault")                                                                                          \
    X(E_UNAVAILABLE, 503, "serviceUnavailable")                                                                                    \
    X(E_TIMEOUT, 504, "computeFault")                                                                                              \
    X(E_LOOP, 508, "computeFault")                                                                                                 \
    X(E_LOST, 500, "computeFault")        /* a task's lease was taken over: stop at once, write nothing */                         \
    X(E_RETRY, 503, "serviceUnavailable") /* a transaction must run again */

enum err {
#define ERR_ENUM(kind, status, fault) kind,
    ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
        ERR_COUNT
};

/* Keeps the message (at most 1023 bytes) for this thread. */
void err_set_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Keeps the message and returns `kind`. The macro says the same in a way in which compilers and analysers see which kind it is. */
MUST_CHECK enum err fail(enum err kind, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define fail(kind, ...) (err_set_message(__VA_ARGS__), (kind))

/* Message of the last `fail` on this thread; never NULL. Borrowed until the next `fail`. */
const char *err_message(void);

/* Name of the kind ("E_NOT_FOUND"), its HTTP status, its Nova fault name. */
const char *err_name(enum err kind);
int err_status(enum err kind);
const char *err_fault(enum err kind);

/* The kind whose HTTP status is `status`; E_INTERNAL for one that the table lacks. */
enum err err_from_status(int status);
