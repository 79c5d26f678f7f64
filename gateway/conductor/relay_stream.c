/*
 * Bodies that go through this zone: the request's to the zone that wants it, an answer's to the client. Neither is ever whole here,
 * but small answers are: of them it can still be said that the zone broke off. See relay.h and zones/stream.h.
 */
#include <stddef.h>
#include <strings.h>

#include "gateway/base/log.h"
#include "gateway/conductor/relay.h"
#include "zones/json_scan.h"
#include "zones/stream.h"

/* Both ends of a stream as the server knows them. In the request's arena. */
struct relayed {
    struct body_source source;
    struct body_sink sink;
    struct stream *stream;
    const struct zone *zone;
    struct fanout *fanout;
    int64_t budget_ms; /* for the answer, once the body is sent */
};

static struct relayed *of_source(struct body_source *source)
{
    return (struct relayed *)((char *)source - offsetof(struct relayed, source));
}

static struct relayed *of_sink(struct body_sink *sink)
{
    return (struct relayed *)((char *)sink - offsetof(struct relayed, sink));
}

_Static_assert((int)SOURCE_WAIT == (int)STREAM_WAIT && (int)SOURCE_END == (int)STREAM_END &&
                   (int)SOURCE_BROKEN == (int)STREAM_BROKEN,
               "the same words");

static ssize_t source_read(struct body_source *source, void *out, size_t size)
{
    return stream_read(of_source(source)->stream, out, size);
}

static void source_listen(struct body_source *source, void (*told)(void *context, bool over), void *context)
{
    stream_listen(of_source(source)->stream, told, context);
}

static void source_release(struct body_source *source)
{
    stream_release(of_source(source)->stream);
}

static enum err sink_write(struct body_sink *sink, const void *bytes, size_t length)
{
    stream_write(of_sink(sink)->stream, bytes, length);
    return OK;
}

static void sink_close(struct body_sink *sink, bool complete)
{
    stream_write_end(of_sink(sink)->stream, complete);
}

static size_t sink_room(struct body_sink *sink)
{
    return stream_room(of_sink(sink)->stream);
}

static struct relayed *relayed_new(struct request *request, struct zone_call *call)
{
    struct relayed *relayed = arena_alloc(request->arena, sizeof(*relayed));
    *relayed = (struct relayed){.source = {source_read, source_listen, source_release},
                                .sink = {sink_write, sink_close, sink_room},
                                .stream = fanout_stream(request->fanout, call),
                                .zone = call->zone,
                                .budget_ms = budget_left_ms(&request->budget)};
    return relayed;
}

static enum err refuse_depth(struct request *request, struct response *response, const struct zone *zone)
{
    struct zones_missing missing = {0};
    missing_add(request->arena, &missing, zone->row.name, ZONE_GARBAGE);
    relay_missing(request, response, &missing);
    log_warn("zone.garbage", "child=%s why=\"JSON of too many levels\"", zone->row.name);
    return fail(E_BAD_GATEWAY, "Zone %s answered with JSON that is nested too deeply to be passed on.",
                relay_zone_name(request, zone));
}

enum err relay_call_answer(struct request *request, struct response *response, struct zone_call *call)
{
    struct json_depth depth = {0};
    const struct http_answer *answer = &call->answer;
    if (json_is_content_type(headers_get(&answer->headers, "Content-Type")) &&
        !json_depth_scan(&depth, answer->body, answer->body_length))
        return refuse_depth(request, response, call->zone);
    if (!call->open) {
        relay_answer(request, response, call->zone, answer);
        return OK;
    }
    struct http_answer head = *answer;
    head.body_length = 0; /* the stream has it */
    relay_answer(request, response, call->zone, &head);
    response->source_length = relay_content_length(answer);
    response->source = &relayed_new(request, call)->source;
    return OK;
}

static struct zone_call *call_ahead(struct request *request, const struct zone *zone, const char *header, const char *value)
{
    struct zone_call *call = arena_alloc(request->arena, sizeof(*call));
    relay_call_init(request, zone, call);
    struct link_origin *origin = arena_copy(request->arena, call->origin, sizeof(*origin));
    origin->streamed = true;
    call->origin = origin;
    call->uploads = true;
    call->upload_length = request->length_ahead;
    call->window = STREAM_WINDOW;
    if (value)
        headers_add(request->arena, &call->headers, header, value);
    return call;
}

enum err relay_ahead(struct request *request, struct response *response, const struct zone *zone, const char *header,
                     const char *value)
{
    struct zone_call *call = call_ahead(request, zone, header, value);
    fanout_run(request->fanout, request->arena, call, 1, request->budget);
    if (!call->open && call->answer.kind != ZONE_ANSWERED)
        return relay_failure(request, response, zone, &call->answer);
    if (!call->open || call->answer.status)
        return relay_call_answer(request, response, call);
    struct relayed *relayed = relayed_new(request, call);
    request->sink = &relayed->sink;
    request->source = &relayed->source;
    return OK;
}

/* All of a small answer. */
static void read_whole(struct relayed *relayed, struct arena *arena, struct http_answer *answer)
{
    char *bytes = arena_alloc(arena, STREAM_BUFFER + 1);
    ssize_t got = 1;
    for (answer->body_length = 0; got > 0 && answer->body_length<STREAM_BUFFER; answer->body_length += got> 0 ? (size_t)got : 0)
        got = stream_read(relayed->stream, bytes + answer->body_length, STREAM_BUFFER - answer->body_length);
    answer->body = bytes;
}

enum err relay_conclude(struct request *request, struct response *response)
{
    struct relayed *relayed = of_source(request->source);
    struct http_answer answer = {.kind = ZONE_TIMEOUT, .sent = true, .body = "", .why = "no answer to a body that was sent"};
    bool over = false;
    fanout_waits(request->fanout, true);
    const bool there = stream_wait_answer(relayed->stream, budget_from_ms(relayed->budget_ms), &answer, &over);
    fanout_waits(request->fanout, false);
    if (!there || answer.kind != ZONE_ANSWERED)
        return relay_failure(request, response, relayed->zone, &answer);
    if (over)
        read_whole(relayed, request->arena, &answer);
    else
        answer.body_length = 0;
    relay_answer(request, response, relayed->zone, &answer);
    if (over)
        return OK;
    response->source_length = relay_content_length(&answer);
    response->source = &relayed->source;
    return OK;
}
