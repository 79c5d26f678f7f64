/*
 * Bodies that pass through this zone, to another and from it, and are never whole in memory (DESIGN section 2).
 *
 * One thread, the carrier, drives them all. Each has at most two buffers of STREAM_BUFFER bytes: libcurl pauses while the one for
 * the answer is full or the one for the request is empty, and whoever stands on the other side is told when that changes. What is
 * limited is the nesting of JSON (JSON_MAX_DEPTH; what is deeper is broken off) and the time in which the other zone lets nothing
 * pass; a slow client is its server's business. How one begins is fanout.h's; not here: what becomes of the bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "zones/http_client.h"
#include "zones/ring.h"

struct multi;
struct stream;
struct streams; /* the carrier: one per process */
struct transfer;

#define STREAM_BUFFER RING_SIZE
#define STREAM_WINDOW ((size_t)64 * 1024) /* what is not longer is no stream, in either direction (spec link.md section 3) */

/* What stream_read says instead of a count. */
enum { STREAM_WAIT = 0, STREAM_END = -1, STREAM_BROKEN = -2 };

void streams_open(struct streams **out);
/* Breaks off what still runs. Accepts NULL. */
void streams_close(struct streams *streams);

/* --- for who makes them: fanout.c */

struct stream_options {
    struct multi *multi; /* taken over, with what is in it */
    struct transfer *transfer;
    int64_t silence_ms; /* so long the other zone may let nothing pass */
    bool uploads;
    /* On the carrier's thread, when the transfer is out of `multi`: the last that is done with what `context` stands for. `ours`:
     * it was broken off here, which says nothing about the zone. */
    void (*ended)(void *context, int curl_code, bool ours);
    void *context;
};

/* Takes the transfer, its easy handle included. What it points to must live until the listener was told that it is over. */
struct stream *stream_open(struct streams *streams, const struct stream_options *options);
/* For transfer.c: libcurl's callbacks, with libcurl's results. */
size_t stream_take(struct stream *stream, const void *bytes, size_t length);
size_t stream_give(struct stream *stream, void *out, size_t size);

/* --- for who uses them, from any thread */

/* `told(context, false)`: there is something to read, or room, or the answer of an upload is there; `told(context, true)`, once: it
 * is over, and nothing that it points to is needed any more. On the carrier's thread. To be called once, before anything else. */
void stream_listen(struct stream *stream, void (*told)(void *context, bool over), void *context);
/* Bytes of the answer; STREAM_WAIT: none now, and it will be told; STREAM_END; STREAM_BROKEN. */
ssize_t stream_read(struct stream *stream, void *out, size_t size);
/* How many bytes of the request's body there is room for; 0: it will be told; SIZE_MAX: no more are wanted. */
size_t stream_room(struct stream *stream);
/* At most as many as there is room for. */
void stream_write(struct stream *stream, const void *bytes, size_t length);
/* The request's body is complete, or broken off: then so is the transfer. */
void stream_write_end(struct stream *stream, bool complete);
/* Waits, within the budget, for the answer of an upload: it is whole (`*over`), or its head and STREAM_WINDOW bytes of its body are
 * there. False: neither. */
bool stream_wait_answer(struct stream *stream, struct budget budget, struct http_answer *out, bool *over);
/* The user is done with it: what is not over is broken off. `told` is still called with true, once. */
void stream_release(struct stream *stream);
