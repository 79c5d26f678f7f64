/*
 * One HTTP request on one libcurl handle: options before, classification after. Shared by http_client.c and fanout.c; not for
 * others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "zones/http_client.h"

struct stream; /* stream.h */

struct transfer {
    CURL *easy; /* the caller's */
    struct arena *arena;
    struct curl_slist *headers;      /* in the arena */
    struct curl_slist **last_header; /* where the next one goes */
    struct text *body;               /* released with the arena */
    size_t limit;
    size_t header_bytes;
    int sends;      /* how often the request went onto a connection */
    bool send_once; /* libcurl's own repetition on a fresh connection is refused: the headers are good for one send */
    bool too_large;
    bool head_ended; /* the empty line behind the headers came */
    /* A body that may be too large to be kept. With `window` (0: off) what is longer is held back: libcurl pauses until `stream`
     * takes it. A request's body is asked of `stream` too. */
    size_t window;
    bool held;      /* the answer's head is there, and more of its body than is kept */
    bool asked;     /* the other side wants the request's body, or does not say that it does not */
    bool read_once; /* a byte of it was given */
    struct stream *stream;
    int64_t started_us;
    char error[CURL_ERROR_SIZE];
    struct http_answer *answer;
};

/* Sets `easy` up for the request (url, method, headers, body, trust) with `timeout_ms`. The request is borrowed until the end. */
void transfer_open(struct transfer *transfer, struct arena *arena, CURL *easy, const struct http_request *request,
                   int64_t timeout_ms, struct http_answer *answer);
/* The answer's head says that its body is longer than what is kept. */
bool transfer_is_long(const struct transfer *transfer);
/* Without the body: kind and status of an answer whose head is there. */
void transfer_read_head(struct transfer *transfer);
/* Fills the answer from libcurl's result and releases what transfer_open made. */
void transfer_close(struct transfer *transfer, CURLcode code);
/* True when libcurl wanted to send a second time and was refused. */
bool transfer_wants_again(const struct transfer *transfer);
