/* The carrier's thread and the streams' buffers; see stream.h. No lock is held while libcurl or a listener is called. */
#include "zones/stream.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "gateway/base/log.h"
#include "zones/json_scan.h"
#include "zones/multi.h"
#include "zones/ring.h"
#include "zones/transfer.h"

#define PIECE_MOST ((size_t)64 * 1024) /* that libcurl gives at once */

struct stream {
    struct streams *streams;
    struct stream *next;
    /* The carrier's alone. */
    struct stream_options options;
    CURL *easy;
    struct http_answer answer;
    struct arena arena; /* of what comes while it is carried: headers, words */
    bool headed;
    bool is_json;
    struct json_depth depth;
    int64_t moved_ms; /* when a byte passed, or the other zone was not the one that is waited for */
    int pauses;       /* CURLPAUSE_… as libcurl has it */
    /* Guarded by `lock`. */
    pthread_mutex_t lock;
    pthread_cond_t answered; /* an upload's answer */
    struct ring down;
    struct ring up;
    bool down_full;    /* libcurl waits for room */
    bool up_empty;     /* libcurl waits for bytes */
    bool up_ended;     /* there will be no more */
    bool up_done;      /* no more are wanted */
    bool broken_off;   /* by this side */
    bool reader_waits; /* to be told */
    bool writer_waits;
    bool over;
    bool broken; /* it did not end well */
    bool released;
    bool listened; /* the carrier has it, or will */
    void (*told)(void *context, bool over);
    void *context;
};

struct streams {
    pthread_mutex_t lock; /* guards what follows but `carried` */
    struct stream *fresh; /* not yet the carrier's */
    bool stop;
    bool runs;
    pthread_t thread;
    int wake;               /* eventfd */
    struct stream *carried; /* the carrier's */
    struct pollfd *sockets;
    size_t socket_capacity;
};

/* --- both sides */

static void wake(struct streams *streams)
{
    const uint64_t one = 1;
    if (write(streams->wake, &one, sizeof(one)) < 0)
        return; /* full: it is awake */
}

static void free_stream(struct stream *stream)
{
    ring_clear(&stream->down);
    ring_clear(&stream->up);
    arena_clear(&stream->arena);
    (void)pthread_cond_destroy(&stream->answered);
    (void)pthread_mutex_destroy(&stream->lock);
    free(stream);
}

/* Resets it: true if somebody must be told now. */
static bool take_flag(bool *waits)
{
    const bool before = *waits;
    *waits = false;
    return before;
}

static void tell(struct stream *stream, bool waited)
{
    if (waited && stream->told)
        stream->told(stream->context, false);
}

/* --- libcurl's side, on the carrier's thread */

static bool is_too_deep(struct stream *stream, const void *bytes, size_t length)
{
    return stream->is_json && !json_depth_scan(&stream->depth, bytes, length);
}

/* The first bytes of the answer's body come. */
static void note_head(struct stream *stream)
{
    if (stream->options.uploads && stream->answer.status == 0)
        transfer_read_head(stream->options.transfer);
    stream->is_json = json_is_content_type(headers_get(&stream->answer.headers, "Content-Type"));
    stream->headed = true;
}

size_t stream_take(struct stream *stream, const void *bytes, size_t length)
{
    (void)pthread_mutex_lock(&stream->lock);
    stream->down_full = ring_room(&stream->down) < length;
    const bool full = stream->down_full;
    (void)pthread_mutex_unlock(&stream->lock);
    if (full) {
        stream->pauses |= CURLPAUSE_RECV;
        return CURL_WRITEFUNC_PAUSE;
    }
    stream->moved_ms = clock_mono_ms();
    if (!stream->headed)
        note_head(stream);
    if (is_too_deep(stream, bytes, length))
        return 0;
    (void)pthread_mutex_lock(&stream->lock);
    ring_put(&stream->down, bytes, length);
    const bool waited = take_flag(&stream->reader_waits);
    if (stream->down.length >= STREAM_WINDOW)
        (void)pthread_cond_signal(&stream->answered);
    (void)pthread_mutex_unlock(&stream->lock);
    tell(stream, waited);
    return length;
}

size_t stream_give(struct stream *stream, void *out, size_t size)
{
    (void)pthread_mutex_lock(&stream->lock);
    const size_t given = ring_get(&stream->up, out, size);
    const bool abort = stream->broken_off;
    const bool ended = stream->up_ended;
    stream->up_empty = given == 0 && !abort && !ended;
    const bool waited = given > 0 && ring_room(&stream->up) >= STREAM_BUFFER / 2 && take_flag(&stream->writer_waits);
    (void)pthread_mutex_unlock(&stream->lock);
    tell(stream, waited);
    if (abort)
        return CURL_READFUNC_ABORT;
    if (given == 0 && ended)
        return 0;
    if (given == 0) {
        stream->pauses |= CURLPAUSE_SEND;
        return CURL_READFUNC_PAUSE;
    }
    stream->moved_ms = clock_mono_ms();
    return given;
}

/* What libcurl is to wait for, and not, from now on. */
static void set_pauses(struct stream *stream)
{
    (void)pthread_mutex_lock(&stream->lock);
    stream->down_full = stream->down_full && ring_room(&stream->down) < PIECE_MOST;
    stream->up_empty = stream->up_empty && stream->up.length == 0 && !stream->up_ended && !stream->up_done;
    const int pauses = (stream->down_full ? CURLPAUSE_RECV : 0) | (stream->up_empty ? CURLPAUSE_SEND : 0);
    (void)pthread_mutex_unlock(&stream->lock);
    const bool changed = pauses != stream->pauses;
    stream->pauses = pauses;
    if (changed)
        (void)curl_easy_pause(stream->easy, pauses); /* it may call back, and pause again */
    if (stream->pauses)
        stream->moved_ms = clock_mono_ms();
}

/* An early answer: the rest of the request's body is not wanted. */
static void note_early_answer(struct stream *stream)
{
    long status = 0;
    if (!stream->options.uploads || !stream->options.transfer->head_ended)
        return;
    (void)curl_easy_getinfo(stream->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)pthread_mutex_lock(&stream->lock);
    const bool first = status >= 400 && !stream->up_done && !stream->up_ended; /* else libcurl goes on sending */
    stream->up_done = stream->up_done || first;
    const bool waited = first && take_flag(&stream->writer_waits);
    (void)pthread_mutex_unlock(&stream->lock);
    tell(stream, waited);
}

static void finish(struct stream *stream, CURLcode code)
{
    multi_remove(stream->options.multi, stream->easy);
    (void)pthread_mutex_lock(&stream->lock);
    const bool ours = stream->broken_off || stream->released;
    (void)pthread_mutex_unlock(&stream->lock);
    stream->options.ended(stream->options.context, (int)code, ours);
    multi_close(stream->options.multi);
    curl_easy_cleanup(stream->easy);
    (void)pthread_mutex_lock(&stream->lock);
    stream->over = true;
    stream->broken = code != CURLE_OK;
    stream->up_done = true;
    const bool released = stream->released;
    void (*told)(void *context, bool over) = stream->told;
    void *context = stream->context;
    (void)pthread_cond_signal(&stream->answered);
    (void)pthread_mutex_unlock(&stream->lock);
    if (told)
        told(context, true);
    if (released)
        free_stream(stream);
}

/* True: it is over, and gone. */
static bool end_if_over(struct stream *stream)
{
    CURLcode code = CURLE_OK;
    (void)pthread_mutex_lock(&stream->lock);
    const bool left = stream->released || stream->broken_off;
    (void)pthread_mutex_unlock(&stream->lock);
    if (!left && multi_next_over(stream->options.multi, &code) == NULL) {
        if (clock_mono_ms() < stream->moved_ms + stream->options.silence_ms)
            return false;
        code = CURLE_OPERATION_TIMEDOUT;
    } else if (left) {
        code = CURLE_ABORTED_BY_CALLBACK;
    }
    finish(stream, code);
    return true;
}

/* --- the thread */

static void take_fresh(struct streams *streams)
{
    while (streams->fresh) {
        struct stream *stream = streams->fresh;
        streams->fresh = stream->next;
        stream->next = streams->carried;
        streams->carried = stream;
    }
}

static struct pollfd *room_for(struct streams *streams, size_t count)
{
    if (count > streams->socket_capacity) {
        streams->socket_capacity = 2 * count;
        struct pollfd *sockets = realloc(streams->sockets, streams->socket_capacity * sizeof(*sockets));
        if (!sockets)
            abort();
        streams->sockets = sockets;
    }
    return streams->sockets;
}

/* All sockets, the eventfd first, those of each stream behind those of the one before. */
static size_t watch_all(struct streams *streams, int64_t *out_until_ms)
{
    room_for(streams, 1)[0] = (struct pollfd){.fd = streams->wake, .events = POLLIN};
    size_t count = 1;
    *out_until_ms = INT64_MAX;
    for (const struct stream *stream = streams->carried; stream; stream = stream->next) {
        const size_t size = multi_watch(stream->options.multi, NULL, 0);
        struct pollfd *sockets = room_for(streams, count + size) + count;
        (void)multi_watch(stream->options.multi, sockets, size);
        count += size;
        const int64_t silent_ms = stream->moved_ms + stream->options.silence_ms;
        const int64_t due_ms = multi_due_ms(stream->options.multi);
        const int64_t until_ms = due_ms < silent_ms ? due_ms : silent_ms;
        if (until_ms < *out_until_ms)
            *out_until_ms = until_ms;
    }
    return count;
}

static void sleep_on(struct streams *streams, size_t count, int64_t until_ms)
{
    uint64_t wakes = 0;
    const int64_t left_ms = until_ms == INT64_MAX ? 60000 : until_ms - clock_mono_ms();
    const int64_t ms = left_ms < 0 ? 0 : left_ms < 60000 ? left_ms : 60000;
    if (poll(streams->sockets, count, (int)ms) > 0 && streams->sockets[0].revents && read(streams->wake, &wakes, sizeof(wakes)) < 0)
        log_debug("zone.stream", "cause=\"woken for nothing\"");
}

static void step_all(struct streams *streams)
{
    size_t at = 1;
    struct stream **link = &streams->carried;
    while (*link) {
        struct stream *stream = *link;
        struct stream *next = stream->next;
        const size_t size = multi_watch(stream->options.multi, NULL, 0);
        set_pauses(stream);
        multi_step(stream->options.multi, streams->sockets + at, size);
        at += size;
        note_early_answer(stream);
        if (end_if_over(stream))
            *link = next;
        else
            link = &stream->next;
    }
}

static void *carry(void *context)
{
    struct streams *streams = context;
    int64_t until_ms = 0;
    (void)pthread_setname_np(pthread_self(), "zone-streams");
    for (;;) {
        size_t count = watch_all(streams, &until_ms);
        sleep_on(streams, count, until_ms);
        step_all(streams);
        (void)pthread_mutex_lock(&streams->lock);
        take_fresh(streams);
        const bool stop = streams->stop && !streams->carried;
        const bool breaks = streams->stop;
        (void)pthread_mutex_unlock(&streams->lock);
        for (struct stream *stream = breaks ? streams->carried : NULL; stream; stream = stream->next)
            stream_write_end(stream, false);
        if (stop)
            return NULL;
    }
}

void streams_open(struct streams **out)
{
    struct streams *streams = calloc(1, sizeof(*streams));
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!streams || fd < 0)
        abort();
    streams->wake = fd;
    (void)pthread_mutex_init(&streams->lock, NULL);
    *out = streams;
}

void streams_close(struct streams *streams)
{
    if (!streams)
        return;
    (void)pthread_mutex_lock(&streams->lock);
    streams->stop = true;
    const bool runs = streams->runs;
    (void)pthread_mutex_unlock(&streams->lock);
    wake(streams);
    if (runs)
        (void)pthread_join(streams->thread, NULL);
    (void)close(streams->wake);
    (void)pthread_mutex_destroy(&streams->lock);
    free(streams->sockets);
    free(streams);
}

/* Under the lock. Signals are the main thread's business. */
static void start_thread(struct streams *streams)
{
    sigset_t all;
    sigset_t before;
    if (streams->runs)
        return;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&streams->thread, NULL, carry, streams) != 0)
        abort();
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    streams->runs = true;
}

/* --- who makes and uses them */

static void open_locks(struct stream *stream)
{
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&stream->lock, NULL);
    (void)pthread_cond_init(&stream->answered, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

/* What the answer has already: it was looked at, and goes first. */
static void take_kept(struct stream *stream)
{
    struct transfer *transfer = stream->options.transfer;
    if (transfer->body->length)
        (void)stream_take(stream, transfer->body->bytes, transfer->body->length);
    text_clear(transfer->body);
}

struct stream *stream_open(struct streams *streams, const struct stream_options *options)
{
    struct stream *stream = malloc(sizeof(*stream));
    struct transfer *transfer = options->transfer;
    if (!stream)
        abort();
    *stream = (struct stream){
        .streams = streams, .options = *options, .easy = transfer->easy, .answer = *transfer->answer, .moved_ms = clock_mono_ms()};
    open_locks(stream);
    transfer->answer = &stream->answer;
    transfer->arena = &stream->arena;
    transfer->stream = stream;
    stream->down_full = transfer->held;
    stream->up_empty = options->uploads && transfer->asked;
    stream->pauses = (stream->down_full ? CURLPAUSE_RECV : 0) | (stream->up_empty ? CURLPAUSE_SEND : 0);
    take_kept(stream);
    stream->down_full = transfer->held;
    return stream;
}

void stream_listen(struct stream *stream, void (*told)(void *context, bool over), void *context)
{
    struct streams *streams = stream->streams;
    stream->listened = true;
    stream->told = told;
    stream->context = context;
    (void)pthread_mutex_lock(&streams->lock);
    stream->next = streams->fresh;
    streams->fresh = stream;
    start_thread(streams);
    (void)pthread_mutex_unlock(&streams->lock);
    wake(streams);
}

ssize_t stream_read(struct stream *stream, void *out, size_t size)
{
    (void)pthread_mutex_lock(&stream->lock);
    const size_t got = ring_get(&stream->down, out, size);
    const bool go_on = stream->down_full && ring_room(&stream->down) >= STREAM_BUFFER / 2;
    const bool over = stream->over;
    const bool broken = stream->broken;
    stream->reader_waits = got == 0 && !over;
    (void)pthread_mutex_unlock(&stream->lock);
    if (go_on && got)
        wake(stream->streams);
    const ssize_t word = !over ? STREAM_WAIT : broken ? STREAM_BROKEN : STREAM_END;
    return got ? (ssize_t)got : word;
}

size_t stream_room(struct stream *stream)
{
    (void)pthread_mutex_lock(&stream->lock);
    const size_t room = stream->up_done ? SIZE_MAX : ring_room(&stream->up);
    stream->writer_waits = room == 0;
    (void)pthread_mutex_unlock(&stream->lock);
    return room;
}

void stream_write(struct stream *stream, const void *bytes, size_t length)
{
    (void)pthread_mutex_lock(&stream->lock);
    if (!stream->up_done)
        ring_put(&stream->up, bytes, length);
    const bool waits = stream->up_empty;
    (void)pthread_mutex_unlock(&stream->lock);
    if (waits)
        wake(stream->streams);
}

void stream_write_end(struct stream *stream, bool complete)
{
    (void)pthread_mutex_lock(&stream->lock);
    if (complete)
        stream->up_ended = true;
    else
        stream->broken_off = true;
    (void)pthread_mutex_unlock(&stream->lock);
    wake(stream->streams);
}

bool stream_wait_answer(struct stream *stream, struct budget budget, struct http_answer *out, bool *over)
{
    const struct timespec until = {budget.deadline_ms / 1000, budget.deadline_ms % 1000 * 1000000};
    (void)pthread_mutex_lock(&stream->lock);
    while (!stream->over && stream->down.length < STREAM_WINDOW && budget_left_ms(&budget) > 0)
        (void)pthread_cond_timedwait(&stream->answered, &stream->lock, &until);
    *over = stream->over;
    const bool there = stream->over || stream->down.length >= STREAM_WINDOW;
    if (there)
        *out = stream->answer;
    (void)pthread_mutex_unlock(&stream->lock);
    return there;
}

void stream_release(struct stream *stream)
{
    if (!stream)
        return;
    (void)pthread_mutex_lock(&stream->lock);
    stream->released = true;
    const bool over = stream->over;
    (void)pthread_mutex_unlock(&stream->lock);
    if (over)
        free_stream(stream);
    else if (!stream->listened)
        finish(stream, CURLE_ABORTED_BY_CALLBACK);
    else
        wake(stream->streams);
}
