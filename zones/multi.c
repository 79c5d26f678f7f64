/* libcurl's socket interface with a small array instead of epoll: a multi has few sockets at a time. See multi.h. */
#include "zones/multi.h"

#include <stdlib.h>

#include "gateway/base/clock.h"

#define CONNECTIONS_MAX 512L
#define WATCH_MOST      64 /* sockets that one wait looks at; what is beyond is looked at in the next */

struct multi {
    CURLM *curl;
    struct pollfd *sockets;
    size_t count;
    size_t capacity;
    int64_t due_ms;
};

static struct pollfd *find_socket(struct multi *multi, curl_socket_t fd)
{
    for (size_t i = 0; i < multi->count; i++) {
        if (multi->sockets[i].fd == fd)
            return &multi->sockets[i];
    }
    return NULL;
}

static struct pollfd *add_socket(struct multi *multi, curl_socket_t fd)
{
    if (multi->count == multi->capacity) {
        const size_t capacity = multi->capacity ? 2 * multi->capacity : 8;
        struct pollfd *sockets = realloc(multi->sockets, capacity * sizeof(*sockets));
        if (!sockets)
            abort();
        multi->sockets = sockets;
        multi->capacity = capacity;
    }
    multi->sockets[multi->count] = (struct pollfd){.fd = fd};
    return &multi->sockets[multi->count++];
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *slot)
{
    struct multi *multi = context;
    struct pollfd *entry = find_socket(multi, fd);
    (void)easy;
    (void)slot;
    if (what == CURL_POLL_REMOVE) {
        if (entry)
            *entry = multi->sockets[--multi->count];
        return 0;
    }
    if (!entry)
        entry = add_socket(multi, fd);
    entry->events = (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
    return 0;
}

static int on_timer(CURLM *curl, long ms, void *context)
{
    struct multi *multi = context;
    (void)curl;
    multi->due_ms = ms < 0 ? INT64_MAX : clock_mono_ms() + ms;
    return 0;
}

struct multi *multi_open(void)
{
    CURLM *curl = curl_multi_init();
    struct multi *multi = curl ? calloc(1, sizeof(*multi)) : NULL;
    if (!multi) {
        (void)curl_multi_cleanup(curl);
        return NULL;
    }
    multi->curl = curl;
    multi->due_ms = INT64_MAX;
    (void)curl_multi_setopt(curl, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
    (void)curl_multi_setopt(curl, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(curl, CURLMOPT_SOCKETDATA, multi);
    (void)curl_multi_setopt(curl, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(curl, CURLMOPT_TIMERDATA, multi);
    return multi;
}

void multi_close(struct multi *multi)
{
    if (!multi)
        return;
    (void)curl_multi_cleanup(multi->curl);
    free(multi->sockets);
    free(multi);
}

bool multi_add(struct multi *multi, CURL *easy)
{
    return curl_multi_add_handle(multi->curl, easy) == CURLM_OK;
}

void multi_remove(struct multi *multi, CURL *easy)
{
    (void)curl_multi_remove_handle(multi->curl, easy);
}

size_t multi_watch(const struct multi *multi, struct pollfd *out, size_t room)
{
    for (size_t i = 0; i < multi->count && i < room; i++)
        out[i] = multi->sockets[i];
    return multi->count;
}

int64_t multi_due_ms(const struct multi *multi)
{
    return multi->due_ms;
}

static int selected(short revents)
{
    return (revents & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) | (revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
           (revents & (POLLERR | POLLNVAL) ? CURL_CSELECT_ERR : 0);
}

void multi_step(struct multi *multi, const struct pollfd *ready, size_t count)
{
    int running = 0;
    for (size_t i = 0; i < count; i++) {
        if (ready[i].revents && find_socket(multi, ready[i].fd))
            (void)curl_multi_socket_action(multi->curl, ready[i].fd, selected(ready[i].revents), &running);
    }
    if (multi->due_ms > clock_mono_ms())
        return;
    multi->due_ms = INT64_MAX; /* libcurl says the next one itself */
    (void)curl_multi_socket_action(multi->curl, CURL_SOCKET_TIMEOUT, 0, &running);
}

void multi_wait(struct multi *multi, int64_t most_ms)
{
    struct pollfd ready[WATCH_MOST];
    const size_t all = multi_watch(multi, ready, WATCH_MOST);
    const size_t count = all < WATCH_MOST ? all : WATCH_MOST;
    const int64_t due_ms = multi->due_ms == INT64_MAX ? INT64_MAX : multi->due_ms - clock_mono_ms();
    int64_t ms = due_ms < most_ms ? due_ms : most_ms;
    ms = ms > 0 ? ms : 0;
    if ((ms > 0 || count > 0) && poll(ready, count, (int)ms) < 0)
        return; /* a signal: the caller waits again */
    multi_step(multi, ready, count);
}

CURL *multi_next_over(struct multi *multi, CURLcode *out)
{
    int queued = 0;
    for (CURLMsg *message = curl_multi_info_read(multi->curl, &queued); message;
         message = curl_multi_info_read(multi->curl, &queued)) {
        if (message->msg != CURLMSG_DONE)
            continue;
        *out = message->data.result;
        return message->easy_handle;
    }
    return NULL;
}
