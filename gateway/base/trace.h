/*
 * W3C trace context, version 00 (https://www.w3.org/TR/trace-context/): one trace over all zones, a span per zone.
 */
#pragma once

#include <stdbool.h>

#define TRACE_HEADER "traceparent"
#define TRACE_SIZE   56 /* 00-32 hex-16 hex-2 hex, and the NUL */

struct trace {
    char parent[TRACE_SIZE]; /* what is sent on: the trace, this zone's span, the flags */
    char id[33];             /* the trace alone, for logs */
};

/* Goes on with the trace of a valid header, with a new span; begins a new one otherwise (`header` may be NULL). */
void trace_begin(const char *header, struct trace *out);
/* Version 00, lower-case hex, neither id all zeros. */
bool trace_is_valid(const char *header);
