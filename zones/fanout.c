/* Many calls at once on one curl_multi; see fanout.h. */
#include "zones/fanout.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "gateway/base/text.h"
#include "gateway/base/trace.h"
#include "zones/inside.h"
#include "zones/metering.h"
#include "zones/transfer.h"

#define CONNECTIONS_MAX 512L
#define POLL_MS         1000 /* libcurl's own timers wake it earlier */
#define DEFAULT_FLIGHT  64

/* An easy handle that is not in use, and the zone it last spoke to. */
struct spare {
    CURL *easy;
    int64_t zone;
};

struct fanout {
    struct zones *zones;
    CURLM *multi;
    struct spare *spares;
    size_t spare_count;
    size_t spare_capacity;
    void (*on_wait)(void *context, bool waits); /* or NULL */
    void *on_wait_context;
};

/* A call under way. */
struct flight {
    struct fanout *fanout;
    struct zone_call *call;
    struct arena *arena;
    struct transfer transfer;
    struct http_request request;
    struct budget budget; /* of this call */
    int64_t patience_ms;  /* monotonic: the zone is doubted when there is no answer by then; INT64_MAX = it was, or nobody waits */
    bool entered;         /* counts as in flight */
    bool repeated;
};

static void *alloc_or_end(void *old, size_t size)
{
    void *memory = realloc(old, size);
    if (!memory)
        abort();
    return memory;
}

enum err fanout_open(struct zones *zones, struct fanout **out)
{
    struct fanout *fanout = alloc_or_end(NULL, sizeof(*fanout));
    *fanout = (struct fanout){.zones = zones};
    *out = fanout;
    return OK;
}

void fanout_idle(struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->spare_count; i++)
        curl_easy_cleanup(fanout->spares[i].easy);
    fanout->spare_count = 0;
    if (fanout->multi)
        (void)curl_multi_cleanup(fanout->multi);
    fanout->multi = NULL;
}

void fanout_close(struct fanout *fanout)
{
    if (!fanout)
        return;
    fanout_idle(fanout);
    free(fanout->spares);
    free(fanout);
}

static bool open_multi(struct fanout *fanout)
{
    if (fanout->multi)
        return true;
    fanout->multi = curl_multi_init();
    if (fanout->multi)
        (void)curl_multi_setopt(fanout->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
    return fanout->multi != NULL;
}

/* The handle that last spoke to this zone, else any, else a new one. */
static CURL *take_handle(struct fanout *fanout, int64_t zone)
{
    if (fanout->spare_count == 0)
        return curl_easy_init();
    size_t best = fanout->spare_count - 1;
    for (size_t i = 0; i < fanout->spare_count; i++) {
        if (fanout->spares[i].zone == zone)
            best = i;
    }
    CURL *easy = fanout->spares[best].easy;
    fanout->spares[best] = fanout->spares[--fanout->spare_count];
    return easy;
}

static void give_handle(struct fanout *fanout, CURL *easy, int64_t zone)
{
    if (fanout->spare_count == fanout->spare_capacity) {
        fanout->spare_capacity = fanout->spare_capacity ? 2 * fanout->spare_capacity : 16;
        fanout->spares = alloc_or_end(fanout->spares, fanout->spare_capacity * sizeof(*fanout->spares));
    }
    fanout->spares[fanout->spare_count++] = (struct spare){easy, zone};
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

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How long this call may take. A mutation that was sent is waited for as long as the budget lasts. */
static int64_t deadline_of(const struct flight *flight, struct budget budget)
{
    const struct zone_call *call = flight->call;
    int64_t ms = budget_left_ms(&budget);
    if (call->timeout_ms > 0)
        ms = smaller(ms, call->timeout_ms);
    if (call->zone && call->class != CLASS_MUTATE)
        ms = smaller(ms, call->zone->row.timeout_ms ? call->zone->row.timeout_ms : flight->fanout->zones->options.child_timeout_ms);
    return ms;
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
                                            .trust = trust};
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

/* Puts the request on the wire. False: the answer is there already. */
static bool send_request(struct flight *flight)
{
    const struct zone_call *call = flight->call;
    CURL *easy = take_handle(flight->fanout, zone_id(call));
    if (!easy) {
        answer_without_asking(flight, ZONE_GARBAGE, "libcurl gave no handle");
        return false;
    }
    const int64_t left_ms = budget_left_ms(&flight->budget);
    transfer_open(&flight->transfer, flight->arena, easy, &flight->request, left_ms > 0 ? left_ms : 1, &flight->call->answer);
    flight->transfer.send_once = call->zone && call->origin;
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, flight);
    (void)curl_multi_add_handle(flight->fanout->multi, easy);
    return true;
}

/* False: there is no need to wait for it. */
static bool begin_call(struct flight *flight, struct budget budget)
{
    int64_t deadline_ms = deadline_of(flight, budget);
    if (!zone_may_be_asked(flight))
        return false;
    if (deadline_ms <= 0) {
        answer_without_asking(flight, ZONE_NO_BUDGET, "no time was left");
        return false;
    }
    if (!enter_zone(flight, &deadline_ms))
        return false;
    flight->budget = budget_from_ms(deadline_ms);
    if (flight->entered && !flight->call->probe)
        flight->patience_ms = clock_mono_ms() + health_patience_ms(flight->call->zone->health, flight->call->class, deadline_ms);
    if (make_request(flight) && send_request(flight))
        return true;
    leave_zone(flight);
    return false;
}

/* A child's 503 that speaks of the child itself. */
static enum zone_kind_of_answer kind_of_503(const struct http_answer *answer)
{
    static const enum zone_kind_of_answer own[] = {ZONE_BUSY, ZONE_STORE, ZONE_NO_BUDGET};
    const char *missing = headers_get(&answer->headers, "X-Zone-Missing");
    for (size_t i = 0; missing && i < ARRAY_LEN(own); i++) {
        if (str_starts(missing, ".;reason=") && str_starts(missing + 9, zone_kind_word(own[i])))
            return own[i];
    }
    return ZONE_ANSWERED;
}

/* What the status says about the link; only between zones. */
static void classify(struct zone_call *call)
{
    struct http_answer *answer = &call->answer;
    if (!call->zone || !call->origin || answer->kind != ZONE_ANSWERED)
        return;
    if (answer->status == 401)
        answer->kind = ZONE_AUTH;
    else if (answer->status == 508)
        answer->kind = ZONE_LOOP;
    else if (answer->status == 503)
        answer->kind = kind_of_503(answer);
    else if (answer->status > 300 && answer->status < 400 && answer->status != 304)
        answer->kind = ZONE_GARBAGE; /* no zone sends its parent elsewhere, and a client would follow with its token */
    if (answer->kind != ZONE_ANSWERED && !answer->why)
        answer->why = zone_kind_word(answer->kind);
}

/* libcurl found the warm connection dead and would have sent the same headers again. Reads, and mutations under a key, are sent
 * once more with new ones. */
static bool may_repeat(const struct flight *flight)
{
    const struct zone_call *call = flight->call;
    return transfer_wants_again(&flight->transfer) && !flight->repeated && (!link_is_mutation(call->method) || call->origin->key) &&
           budget_left_ms(&flight->budget) > 0;
}

/* False: the call goes on. */
static bool end_call(struct flight *flight, CURLcode code)
{
    CURL *easy = flight->transfer.easy;
    const bool again = may_repeat(flight);
    const int64_t started_us = flight->transfer.started_us;
    (void)curl_multi_remove_handle(flight->fanout->multi, easy);
    transfer_close(&flight->transfer, code);
    give_handle(flight->fanout, easy, zone_id(flight->call));
    if (again) {
        flight->repeated = true;
        if (make_request(flight) && send_request(flight))
            return false;
        flight->call->answer.sent = true;
    }
    flight->call->answer.ms = (clock_mono_us() - started_us) / 1000;
    classify(flight->call);
    leave_zone(flight);
    count_answer(flight);
    return true;
}

/* Takes what is ready; returns how many calls have ended. */
static size_t collect(struct fanout *fanout)
{
    size_t ended = 0;
    int queued = 0;
    for (CURLMsg *message = curl_multi_info_read(fanout->multi, &queued); message;
         message = curl_multi_info_read(fanout->multi, &queued)) {
        struct flight *flight = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&flight);
        ended += end_call(flight, message->data.result) ? 1 : 0;
    }
    return ended;
}

/* Doubts the zones that have not answered in their usual time, so that the prober looks at them while the calls go on waiting.
 * Returns how long nobody else is to be doubted. */
static int64_t doubt_silent(struct fanout *fanout, struct flight *flights, size_t count)
{
    const int64_t now_ms = clock_mono_ms();
    int64_t next_ms = now_ms + POLL_MS;
    bool probe = false;
    for (size_t i = 0; i < count; i++) {
        if (flights[i].patience_ms <= now_ms) {
            flights[i].patience_ms = INT64_MAX;
            probe = health_doubt(flights[i].call->zone->health, flights[i].call->class) || probe;
        }
        if (flights[i].patience_ms < next_ms)
            next_ms = flights[i].patience_ms;
    }
    if (probe)
        prober_wake(fanout->zones);
    return next_ms - now_ms;
}

static void wait_for(struct fanout *fanout, struct flight *flights, size_t count, size_t waiting)
{
    while (waiting > 0) {
        int running = 0;
        (void)curl_multi_perform(fanout->multi, &running);
        waiting -= collect(fanout);
        if (waiting > 0)
            (void)curl_multi_poll(fanout->multi, NULL, 0, (int)doubt_silent(fanout, flights, count), NULL);
    }
}

void fanout_run(struct fanout *fanout, struct arena *arena, struct zone_call *calls, size_t count, struct budget budget)
{
    struct flight *flights = arena_alloc(arena, (count + 1) * sizeof(*flights));
    size_t waiting = 0;
    const bool ready = open_multi(fanout);
    for (size_t i = 0; i < count; i++) {
        flights[i] = (struct flight){.fanout = fanout, .call = &calls[i], .arena = arena, .patience_ms = INT64_MAX};
        if (!ready)
            answer_without_asking(&flights[i], ZONE_GARBAGE, "libcurl gave no handle");
        else if (begin_call(&flights[i], budget))
            waiting++;
        else
            count_answer(&flights[i]);
    }
    if (waiting && fanout->on_wait)
        fanout->on_wait(fanout->on_wait_context, true);
    wait_for(fanout, flights, count, waiting);
    if (waiting && fanout->on_wait)
        fanout->on_wait(fanout->on_wait_context, false);
}

void fanout_on_wait(struct fanout *fanout, void (*told)(void *context, bool waits), void *context)
{
    fanout->on_wait = told;
    fanout->on_wait_context = context;
}
