/*
 * Patience with slow clients, per connection: the time until which a request must be here, or a reply must be taken.
 *
 * libmicrohttpd's timeout begins anew with every byte, so a client that sends one byte a minute would hold a connection for ever.
 * Here the whole is bounded: from the connection, or from the request line on a kept one, head and body have `request_ms`; a stream
 * and a reply get more time with their length, a second for SLOWEST_BYTES. While we are at work nothing is counted. The watch, a
 * thread of its own because the library's sleeps while nothing comes, shuts the socket of who is late; the library sees the end of
 * the connection, and closes it. That is no race: `lock` guards the list, and a connection leaves it before its socket is closed.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/metrics.h"
#include "gateway/http/server/inside.h"

#define SLOWEST_BYTES 4096 /* per second */
#define LOOK_MS_MOST  1000
#define LOOK_MS_LEAST 10

/* A connection. */
struct guest {
    struct guest *previous;
    struct guest *next;
    int fd;
    struct exchange *head;       /* whose head is not whole yet: the library would not tell us its end. The epoll thread's */
    _Atomic int64_t deadline_ms; /* monotonic; INT64_MAX: it is not the client that is waited for */
};

static void enter(struct http_server *server, struct guest *guest)
{
    (void)pthread_mutex_lock(&server->lock);
    guest->next = server->guests;
    if (guest->next)
        guest->next->previous = guest;
    server->guests = guest;
    (void)pthread_cond_signal(&server->watch_wake);
    (void)pthread_mutex_unlock(&server->lock);
}

static void leave(struct http_server *server, struct guest *guest)
{
    (void)pthread_mutex_lock(&server->lock);
    if (guest->previous)
        guest->previous->next = guest->next;
    else
        server->guests = guest->next;
    if (guest->next)
        guest->next->previous = guest->previous;
    (void)pthread_mutex_unlock(&server->lock);
    free(guest);
}

void patience_notice(void *context, struct MHD_Connection *connection, void **slot, enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = context;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct guest *gone = *slot;
        *slot = NULL;
        if (!gone)
            return;
        if (gone->head)
            exchange_drop(gone->head);
        leave(server, gone);
        return;
    }
    struct guest *guest = info ? calloc(1, sizeof(*guest)) : NULL;
    *slot = guest;
    if (!guest)
        return; /* out of memory: the library's own timeout is left */
    guest->fd = info->connect_fd;
    atomic_init(&guest->deadline_ms, clock_mono_ms() + server->request_ms);
    enter(server, guest);
}

static struct guest *guest_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void set_deadline(struct MHD_Connection *connection, int64_t deadline_ms)
{
    struct guest *guest = guest_of(connection);
    if (guest)
        atomic_store(&guest->deadline_ms, deadline_ms);
}

void patience_line(const struct http_server *server, struct MHD_Connection *connection, struct exchange *exchange)
{
    struct guest *guest = guest_of(connection);
    if (guest)
        guest->head = exchange;
    const int64_t deadline_ms = clock_mono_ms() + server->request_ms;
    if (guest && atomic_load(&guest->deadline_ms) > deadline_ms)
        atomic_store(&guest->deadline_ms, deadline_ms);
}

void patience_head(struct MHD_Connection *connection)
{
    struct guest *guest = guest_of(connection);
    if (guest)
        guest->head = NULL;
}

void patience_body(const struct http_server *server, struct MHD_Connection *connection)
{
    set_deadline(connection, clock_mono_ms() + server->request_ms);
}

void patience_stream(struct MHD_Connection *connection, size_t length)
{
    struct guest *guest = guest_of(connection);
    if (guest)
        atomic_fetch_add(&guest->deadline_ms, (int64_t)length * 1000 / SLOWEST_BYTES);
}

void patience_ours(struct MHD_Connection *connection)
{
    set_deadline(connection, INT64_MAX);
}

void patience_reply(const struct http_server *server, struct MHD_Connection *connection, uint64_t length)
{
    const uint64_t most = (uint64_t)INT64_MAX / 2000; /* beyond that it is for ever anyway */
    const int64_t extra_ms = (int64_t)((length < most ? length : most) * 1000 / SLOWEST_BYTES);
    set_deadline(connection, clock_mono_ms() + server->request_ms + extra_ms);
}

void patience_idle(const struct http_server *server, struct MHD_Connection *connection)
{
    set_deadline(connection, clock_mono_ms() + CONNECTION_TIMEOUT_S * 1000 + server->request_ms);
}

bool patience_is_alone(const struct http_server *server)
{
    return server->guests && !server->guests->next;
}

/* Under the lock: shuts the sockets of those who are late, once. */
static size_t shut_late(struct http_server *server, int64_t now_ms)
{
    size_t late = 0;
    for (struct guest *guest = server->guests; guest; guest = guest->next) {
        int64_t deadline_ms = atomic_load(&guest->deadline_ms);
        if (deadline_ms > now_ms || !atomic_compare_exchange_strong(&guest->deadline_ms, &deadline_ms, INT64_MAX))
            continue;
        (void)shutdown(guest->fd, SHUT_RDWR);
        late++;
    }
    return late;
}

static void sleep_a_little(struct http_server *server, int64_t ms)
{
    const int64_t until_ms = clock_mono_ms() + ms;
    const struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
    if (!server->guests)
        (void)pthread_cond_wait(&server->watch_wake, &server->lock);
    else
        (void)pthread_cond_timedwait(&server->watch_wake, &server->lock, &until);
}

static void *watch(void *context)
{
    struct http_server *server = context;
    struct metric *count =
        metric_get(METRIC_COUNTER, "zonegate_http_slow_total", "", "Connections closed because the client was slow.");
    int64_t look_ms = server->request_ms / 8 < LOOK_MS_MOST ? server->request_ms / 8 : LOOK_MS_MOST;
    look_ms = look_ms > LOOK_MS_LEAST ? look_ms : LOOK_MS_LEAST;
    (void)pthread_mutex_lock(&server->lock);
    while (!server->watch_ends) {
        const size_t late = shut_late(server, clock_mono_ms());
        if (late) {
            metric_add(count, (int64_t)late);
            log_info("http.slow", "closed=%zu", late);
        }
        sleep_a_little(server, look_ms);
    }
    (void)pthread_mutex_unlock(&server->lock);
    return NULL;
}

enum err patience_start(struct http_server *server)
{
    server->watching = pthread_create(&server->watch, NULL, watch, server) == 0;
    return server->watching ? OK : fail(E_INTERNAL, "no thread can be made that watches the clients' time");
}

void patience_stop(struct http_server *server)
{
    if (!server->watching)
        return;
    (void)pthread_mutex_lock(&server->lock);
    server->watch_ends = true;
    (void)pthread_cond_signal(&server->watch_wake);
    (void)pthread_mutex_unlock(&server->lock);
    (void)pthread_join(server->watch, NULL);
    server->watching = false;
}
