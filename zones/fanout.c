/* Many calls at once on one curl_multi; see fanout.h. */
#include "zones/fanout.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "gateway/base/text.h"
#include "gateway/base/trace.h"
#include "zones/classify.h"
#include "zones/flight.h"
#include "zones/handles.h"
#include "zones/inside.h"
#include "zones/metering.h"
#include "zones/multi.h"
#include "zones/nova.h"
#include "zones/stream.h"
#include "zones/transfer.h"

#define DEFAULT_FLIGHT 64
#define BESIDE_MOST_MS 200

struct fanout {
    struct zones *zones;
    struct multi *multi;
    struct flight *open; /* calls whose bodies are neither taken nor dropped */
    struct handles handles;
    void (*on_wait)(void *context, bool waits); /* or NULL */
    void *on_wait_context;
};

enum err fanout_open(struct zones *zones, struct fanout **out)
{
    struct fanout *fanout = malloc(sizeof(*fanout));
    if (!fanout)
        abort();
    *fanout = (struct fanout){.zones = zones};
    *out = fanout;
    return OK;
}

void fanout_idle(struct fanout *fanout)
{
    fanout_drop(fanout);
    handles_clear(&fanout->handles);
    multi_close(fanout->multi);
    fanout->multi = NULL;
}

void fanout_close(struct fanout *fanout)
{
    if (!fanout)
        return;
    fanout_idle(fanout);
    free(fanout);
}

static bool open_multi(struct fanout *fanout)
{
    if (!fanout->multi)
        fanout->multi = multi_open();
    return fanout->multi != NULL;
}

static int64_t zone_id(const struct zone_call *call)
{
    return call->zone ? call->zone->row.id : 0;
}

static void answer_without_asking(struct flight *flight, enum zone_kind_of_answer kind, const char *why)
{
    flight->call->answer = (struct http_answer){.kind = kind, .body = "", .why = arena_strdup(flight->arena, why)};
}

/* What the registry says before anything is sent. */
static bool zone_may_be_asked(struct flight *flight)
{
    const struct zone *zone = flight->call->zone;
    if (!zone)
        return true;
    if (zone->row.state == ZONE_ADMIN_DISABLED) {
        answer_without_asking(flight, ZONE_DISABLED, zone->row.last_error ? zone->row.last_error : "disabled by an admin");
        return false;
    }
    if (flight->call->origin && zone->session_count == 0) {
        answer_without_asking(flight, ZONE_AUTH, zone->row.last_error ? zone->row.last_error : "not joined yet");
        return false;
    }
    return true;
}

/* The breaker and the limit of calls in flight. */
static bool enter_zone(struct flight *flight, int64_t *deadline_ms)
{
    const struct zone_call *call = flight->call;
    if (!call->zone)
        return true;
    const int most = call->zone->row.max_in_flight > 0 ? (int)call->zone->row.max_in_flight : DEFAULT_FLIGHT;
    const enum zone_kind_of_answer kind = health_enter(call->zone->health, call->class, most, deadline_ms);
    flight->entered = kind == ZONE_ANSWERED;
    if (!flight->entered)
        answer_without_asking(flight, kind, kind == ZONE_BUSY ? "too many calls in flight" : "the zone is down");
    return flight->entered;
}

static void leave_zone(struct flight *flight)
{
    const struct http_answer *answer = &flight->call->answer;
    if (!flight->entered)
        return;
    flight->entered = false;
    flight->patience_ms = INT64_MAX;
    /* What could not even be sent for reasons of our own says nothing about the zone. */
    const bool neutral = flight->call->probe || (answer->kind == ZONE_GARBAGE && !answer->sent);
    if (health_leave(flight->call->zone->health, flight->call->class, neutral ? ZONE_NO_BUDGET : answer->kind, answer->ms * 1000))
        prober_wake(flight->fanout->zones);
}

static void count_answer(const struct flight *flight)
{
    if (flight->call->zone)
        metering_count(flight->call->zone, flight->call->class, &flight->call->answer);
}

static enum zone_kind_of_answer kind_of_error(enum err error)
{
    if (error == E_LOOP)
        return ZONE_LOOP;
    return error == E_UNAVAILABLE ? ZONE_AUTH : ZONE_GARBAGE;
}

/* The headers of a link: made anew for every send. */
static bool add_link_headers(struct flight *flight)
{
    const struct zone_call *call = flight->call;
    const char *delegation = NULL;
    const int64_t ms = link_budget(budget_left_ms(&flight->budget), atomic_load(&call->zone->health->probe_p99_us));
    if (ms <= 0) {
        answer_without_asking(flight, ZONE_NO_BUDGET, "no time was left");
        return false;
    }
    const enum err made = link_make(flight->fanout->zones, call->zone, call->method, call->target, call->body, call->body_length,
                                    call->origin, flight->arena, &delegation);
    if (made != OK) {
        answer_without_asking(flight, kind_of_error(made), err_message());
        return false;
    }
    headers_add(flight->arena, &flight->request.headers, LINK_DELEGATION, delegation);
    headers_add(flight->arena, &flight->request.headers, LINK_BUDGET, arena_printf(flight->arena, "%lld", (long long)ms));
    if (call->origin->trace)
        headers_add(flight->arena, &flight->request.headers, TRACE_HEADER, call->origin->trace);
    if (call->origin->key)
        headers_add(flight->arena, &flight->request.headers, LINK_IDEMPOTENCY, call->origin->key);
    return true;
}

/* A target that is not one would be read differently here and there. */
static bool target_is_good(const char *target)
{
    for (const char *at = target; *at; at++) {
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f || *at == '#')
            return false;
    }
    return target[0] == '/';
}

static bool make_request(struct flight *flight)
{
    const struct zone_call *call = flight->call;
    const char *root = call->zone ? call->zone->row.api_url : call->url;
    const struct http_trust trust = call->zone ? call->zone->trust : call->trust;
    flight->request = (struct http_request){.url = arena_printf(flight->arena, "%s%s", root, call->target),
                                            .method = call->method,
                                            .body = call->body,
                                            .body_length = call->body_length,
                                            .answer_limit = call->answer_limit,
                                            .trust = trust,
                                            .window = call->window,
                                            .uploads = call->uploads,
                                            .upload_length = call->upload_length};
    if (!target_is_good(call->target)) {
        answer_without_asking(flight, ZONE_GARBAGE, "the target is not a path of printable characters");
        return false;
    }
    if (url_check_trust(root, trust.insecure) != OK) {
        answer_without_asking(flight, ZONE_REFUSED, err_message());
        return false;
    }
    for (size_t i = 0; i < call->headers.count; i++)
        headers_add(flight->arena, &flight->request.headers, call->headers.items[i].name, call->headers.items[i].value);
    return !(call->zone && call->origin) || add_link_headers(flight);
}

/* Off the wire. */
static void end_transfer(struct flight *flight, CURLcode code)
{
    CURL *easy = flight->transfer.easy;
    flight->under_way = false;
    multi_remove(flight->fanout->multi, easy);
    transfer_close(&flight->transfer, code);
    handles_give(&flight->fanout->handles, easy, zone_id(flight->call));
}

/* Puts the request on the wire. False: the answer is there already. */
static bool send_request(struct flight *flight)
{
    const struct zone_call *call = flight->call;
    CURL *easy = handles_take(&flight->fanout->handles, zone_id(call));
    if (!easy) {
        answer_without_asking(flight, ZONE_GARBAGE, "libcurl gave no handle");
        return false;
    }
    const int64_t left_ms = budget_left_ms(&flight->budget);
    transfer_open(&flight->transfer, flight->arena, easy, &flight->request, left_ms > 0 ? left_ms : 1, &flight->call->answer);
    flight->transfer.send_once = call->zone && (call->origin || call->once);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, flight);
    flight->under_way = true;
    if (multi_add(flight->fanout->multi, easy))
        return true;
    end_transfer(flight, CURLE_FAILED_INIT);
    return false;
}

/* False: there is no need to wait for it. */
static bool begin_call(struct flight *flight, struct budget budget)
{
    int64_t deadline_ms = flight_deadline_ms(flight, budget);
    if (!zone_may_be_asked(flight))
        return false;
    if (deadline_ms <= 0) {
        answer_without_asking(flight, ZONE_NO_BUDGET, "no time was left");
        return false;
    }
    if (!enter_zone(flight, &deadline_ms))
        return false;
    flight->budget = budget_from_ms(deadline_ms);
    flight->silence_ms = deadline_ms;
    if (flight->entered && !flight->call->probe)
        flight->patience_ms = clock_mono_ms() + health_patience_ms(flight->call->zone->health, flight->call->class, deadline_ms);
    if (make_request(flight) && send_request(flight))
        return true;
    leave_zone(flight);
    return false;
}

/* libcurl found the warm connection dead and would have sent the same headers again. Reads, and mutations under a key, are sent
 * once more with new ones. */
static bool may_repeat(const struct flight *flight)
{
    const struct zone_call *call = flight->call;
    return transfer_wants_again(&flight->transfer) && !flight->repeated && !flight->transfer.read_once &&
           (!link_is_mutation(call->method) || (call->origin && call->origin->key)) && budget_left_ms(&flight->budget) > 0;
}

/* False: the call goes on. */
static bool end_call(struct flight *flight, CURLcode code)
{
    const bool again = may_repeat(flight);
    const int64_t started_us = flight->transfer.started_us;
    end_transfer(flight, code);
    if (again) {
        flight->repeated = true;
        if (make_request(flight) && send_request(flight))
            return false;
        flight->call->answer.sent = true;
    }
    flight->call->answer.ms = (clock_mono_us() - started_us) / 1000;
    answer_classify(flight->call, &flight->call->answer);
    leave_zone(flight);
    count_answer(flight);
    return true;
}

/* Takes what is ready; returns how many calls have ended. */
static size_t collect(struct fanout *fanout)
{
    size_t ended = 0;
    CURLcode code = CURLE_OK;
    for (CURL *easy = multi_next_over(fanout->multi, &code); easy; easy = multi_next_over(fanout->multi, &code)) {
        struct flight *flight = NULL;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&flight);
        ended += end_call(flight, code) ? 1 : 0;
    }
    return ended;
}

/* The call need not be waited for any more: what follows is a stream. */
static void open_call(struct flight *flight)
{
    if (!flight->transfer.asked || flight->transfer.held) {
        flight->transfer.held = true;
        transfer_read_head(&flight->transfer);
        answer_classify(flight->call, &flight->call->answer);
        flight->call->answer.body = text_str(flight->transfer.body);
        flight->call->answer.body_length = flight->transfer.body->length;
    }
    flight->under_way = false;
    flight->patience_ms = INT64_MAX;
    flight->call->open = true;
    flight->next = flight->fanout->open;
    flight->fanout->open = flight;
}

/* Calls whose bodies may be streams: those that are open now, and those whose time is over, which libcurl does not look at. Returns
 * how many. */
static size_t settle_streams(struct flight *flights, size_t count)
{
    size_t settled = 0;
    for (size_t i = 0; i < count; i++) {
        struct flight *flight = &flights[i];
        if (!flight->under_way || !(flight->call->window || flight->call->uploads))
            continue;
        const bool late = budget_left_ms(&flight->budget) <= 0;
        if (flight->transfer.held || flight->transfer.asked || (late && transfer_is_long(&flight->transfer))) {
            open_call(flight);
            settled++;
        } else if (late) {
            settled += end_call(flight, CURLE_OPERATION_TIMEDOUT) ? 1 : 0;
        }
    }
    return settled;
}

/* Ends the reads that wait for a zone which the prober has found down meanwhile. Returns how many. */
static size_t give_up(struct flight *flights, size_t count)
{
    size_t ended = 0;
    for (size_t i = 0; i < count; i++) {
        if (flight_waits_in_vain(&flights[i]))
            ended += end_call(&flights[i], CURLE_OPERATION_TIMEDOUT) ? 1 : 0;
    }
    return ended;
}

/* The last of a call. What this side broke off says nothing about the zone, nor does the time that a client took for its body. */
static void leave_open(struct flight *flight, bool ours)
{
    struct http_answer *answer = flight->transfer.answer;
    const bool neutral = ours || (flight->call->uploads && answer->kind == ZONE_ANSWERED);
    if (flight->entered &&
        health_leave(flight->call->zone->health, flight->call->class, neutral ? ZONE_NO_BUDGET : answer->kind, answer->ms * 1000))
        prober_wake(flight->zones);
    flight->entered = false;
    if (flight->call->zone && !ours)
        metering_count(flight->call->zone, flight->call->class, answer);
}

void fanout_waits(struct fanout *fanout, bool waits)
{
    if (fanout->on_wait)
        fanout->on_wait(fanout->on_wait_context, waits);
}

static void wait_for(struct fanout *fanout, struct flight *flights, size_t count, size_t waiting)
{
    if (waiting == 0)
        return;
    fanout_waits(fanout, true);
    while (waiting > 0) {
        multi_wait(fanout->multi, flights_doubt(fanout->zones, flights, count));
        waiting -= collect(fanout);
        waiting -= settle_streams(flights, count);
        waiting -= give_up(flights, count);
    }
    fanout_waits(fanout, false);
}

/* Sends what can be sent; returns how many calls are to be waited for. */
static size_t send_all(struct fanout *fanout, struct arena *arena, struct flight *flights, struct zone_call *calls, size_t count,
                       struct budget budget)
{
    size_t waiting = 0;
    const bool ready = open_multi(fanout);
    for (size_t i = 0; i < count; i++) {
        flights[i] =
            (struct flight){.fanout = fanout, .call = &calls[i], .arena = arena, .patience_ms = INT64_MAX, .zones = fanout->zones};
        calls[i].flight = &flights[i];
        calls[i].open = false;
        if (!ready)
            answer_without_asking(&flights[i], ZONE_GARBAGE, "libcurl gave no handle");
        else if (begin_call(&flights[i], budget))
            waiting++;
        else
            count_answer(&flights[i]);
        if (count > 1 && waiting)
            multi_step(fanout->multi, NULL, 0); /* on its way while the next ones are made */
    }
    return waiting;
}

/* What is on the wire is of no use any more, and its time says nothing about the zones. */
static void break_off(struct flight *flights, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!flights[i].under_way)
            continue;
        end_transfer(&flights[i], CURLE_ABORTED_BY_CALLBACK);
        leave_open(&flights[i], true);
    }
}

/* What this zone does meanwhile. Nobody listens then: whoever was kept waiting too long is asked anew, so that the time that was
 * spent here is not held against the zones. */
static enum err run_meanwhile(struct flight *flights, size_t count, const struct beside *beside, bool *anew)
{
    const int64_t begun_ms = clock_mono_ms();
    const enum err result = beside->run(beside->context);
    *anew = clock_mono_ms() - begun_ms > BESIDE_MOST_MS;
    if (result != OK || *anew)
        break_off(flights, count);
    else
        multi_wait(flights->fanout->multi, 0); /* what has come meanwhile is not late */
    return result;
}

enum err fanout_run_beside(struct fanout *fanout, struct arena *arena, struct zone_call *calls, size_t count, struct budget budget,
                           const struct beside *beside)
{
    bool anew = false;
    if (count == 0)
        return beside->run(beside->context);
    if (nova_among(calls, count)) {
        TRY(beside->run(beside->context));
        fanout_run(fanout, arena, calls, count, budget);
        return OK;
    }
    fanout_drop(fanout);
    struct flight *flights = arena_alloc(arena, (count + 1) * sizeof(*flights));
    size_t waiting = send_all(fanout, arena, flights, calls, count, budget);
    TRY(run_meanwhile(flights, count, beside, &anew));
    if (anew)
        waiting = send_all(fanout, arena, flights, calls, count, budget);
    wait_for(fanout, flights, count, waiting);
    return OK;
}

void fanout_run(struct fanout *fanout, struct arena *arena, struct zone_call *calls, size_t count, struct budget budget)
{
    if (count == 0) /* nobody to ask: without zones there may be no fanout either */
        return;
    if (nova_run(fanout->zones, fanout, arena, calls, count, budget))
        return;
    fanout_drop(fanout);
    struct flight *flights = arena_alloc(arena, (count + 1) * sizeof(*flights));
    wait_for(fanout, flights, count, send_all(fanout, arena, flights, calls, count, budget));
}

void fanout_drop(struct fanout *fanout)
{
    while (fanout && fanout->open) {
        struct flight *flight = fanout->open;
        fanout->open = flight->next;
        flight->call->open = false;
        end_transfer(flight, CURLE_ABORTED_BY_CALLBACK);
        leave_open(flight, true);
    }
}

/* On the carrier's thread: nothing of the fanout that began it may be touched. */
static void end_stream(void *context, int code, bool ours)
{
    struct flight *flight = context;
    struct transfer *transfer = &flight->transfer;
    const int64_t head_ms = transfer->answer->ms;
    transfer_close(transfer, (CURLcode)code);
    if (transfer->held)
        transfer->answer->ms = head_ms;
    answer_classify(flight->call, transfer->answer);
    leave_open(flight, ours);
}

struct stream *fanout_stream(struct fanout *fanout, struct zone_call *call)
{
    struct flight *flight = call->flight;
    struct flight **link = &fanout->open;
    while (*link != flight)
        link = &(*link)->next;
    *link = flight->next;
    fanout_drop(fanout); /* the others use the same multi */
    const struct stream_options options = {.multi = fanout->multi,
                                           .transfer = &flight->transfer,
                                           .silence_ms = flight->silence_ms,
                                           .uploads = call->uploads,
                                           .ended = end_stream,
                                           .context = flight};
    flight->fanout = NULL;
    fanout->multi = NULL;
    return stream_open(fanout->zones->streams, &options);
}

void fanout_on_wait(struct fanout *fanout, void (*told)(void *context, bool waits), void *context)
{
    fanout->on_wait = told;
    fanout->on_wait_context = context;
}
