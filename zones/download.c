/* See download.h. The options of the request are transfer.c's; only where the body goes and how long it may take differ. */
#include "zones/download.h"

#include <string.h>

#include <curl/curl.h>

#include "gateway/base/text.h"
#include "zones/inside.h"
#include "zones/transfer.h"

#define WORDS_MOST     65536U /* bytes of the body of an answer that is no 200 */
#define FLIGHT_MOST    64
#define SLOWEST_BYTES  1L /* per second */
#define ANSWER_TIME_MS (DOWNLOAD_SILENCE_S * 1000)

struct pull {
    struct download *download;
    struct zones *zones;
    struct arena *arena;
    struct transfer transfer;
    struct http_request request;
    enum err result; /* of `take` */
};

static bool refuse(struct pull *pull, enum zone_kind_of_answer kind, const char *why)
{
    pull->download->answer = (struct http_answer){.kind = kind, .body = "", .why = arena_strdup(pull->arena, why)};
    return false;
}

/* An error's words are kept as far as they go. */
static size_t take_words(struct pull *pull, const char *bytes, size_t length)
{
    struct text *body = pull->transfer.body;
    const size_t room = WORDS_MOST - body->length;
    text_add(body, bytes, length < room ? length : room);
    return length;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct pull *pull = context;
    struct download *download = pull->download;
    const size_t length = size * count;
    long status = 0;
    (void)curl_easy_getinfo(pull->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return take_words(pull, bytes, length);
    if (length > download->limit - download->length)
        pull->result = fail(E_TOO_LARGE, "Zone %s sends more than was announced.", download->zone->row.name);
    else
        pull->result = download->take(download->context, bytes, length);
    if (pull->result != OK)
        return 0;
    download->length += length;
    return length;
}

static bool add_headers(struct pull *pull)
{
    struct download *download = pull->download;
    const char *delegation = NULL;
    const enum err made =
        link_make(pull->zones, download->zone, "GET", download->target, NULL, 0, download->origin, pull->arena, &delegation);
    if (made != OK)
        return refuse(pull, made == E_LOOP ? ZONE_LOOP : made == E_UNAVAILABLE ? ZONE_AUTH : ZONE_GARBAGE, err_message());
    for (size_t i = 0; i < download->headers.count; i++)
        headers_add(pull->arena, &pull->request.headers, download->headers.items[i].name, download->headers.items[i].value);
    headers_add(pull->arena, &pull->request.headers, LINK_DELEGATION, delegation);
    headers_add(pull->arena, &pull->request.headers, LINK_BUDGET, arena_printf(pull->arena, "%d", ANSWER_TIME_MS));
    return true;
}

static bool make_request(struct pull *pull)
{
    const struct zone *zone = pull->download->zone;
    if (zone->row.state == ZONE_ADMIN_DISABLED)
        return refuse(pull, ZONE_DISABLED, "disabled by an admin");
    if (url_check_trust(zone->row.api_url, zone->trust.insecure) != OK)
        return refuse(pull, ZONE_REFUSED, err_message());
    pull->request = (struct http_request){
        .url = arena_printf(pull->arena, "%s%s", zone->row.api_url, pull->download->target), .method = "GET", .trust = zone->trust};
    return add_headers(pull);
}

/* Not how long it takes, but how long nothing comes; and not how much an answer may have: take_body looks at that. */
static void set_patience(CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)0);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)ANSWER_TIME_MS);
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, SLOWEST_BYTES);
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)DOWNLOAD_SILENCE_S);
}

/* The first byte's time is the zone's latency; the rest is the image's size. Returns it in microseconds. */
static int64_t perform(struct pull *pull, CURL *easy)
{
    curl_off_t first_us = 0;
    transfer_open(&pull->transfer, pull->arena, easy, &pull->request, ANSWER_TIME_MS, &pull->download->answer);
    pull->transfer.send_once = true;
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, pull);
    set_patience(easy);
    const CURLcode code = curl_easy_perform(easy);
    (void)curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &first_us);
    transfer_close(&pull->transfer, code);
    return first_us;
}

static void ask(struct pull *pull)
{
    const struct zone *zone = pull->download->zone;
    const int most = zone->row.max_in_flight > 0 ? (int)zone->row.max_in_flight : FLIGHT_MOST;
    int64_t unused_ms = ANSWER_TIME_MS;
    const enum zone_kind_of_answer kind = health_enter(zone->health, CLASS_READ, most, &unused_ms);
    if (kind != ZONE_ANSWERED) {
        (void)refuse(pull, kind, kind == ZONE_BUSY ? "too many calls in flight" : "the zone is down");
        return;
    }
    CURL *easy = curl_easy_init();
    int64_t first_us = 0;
    if (easy)
        first_us = perform(pull, easy);
    else
        (void)refuse(pull, ZONE_GARBAGE, "libcurl gave no handle");
    curl_easy_cleanup(easy);
    /* What this side broke off says nothing about the zone. */
    const bool ours = pull->result != OK || !easy;
    if (health_leave(zone->health, CLASS_READ, ours ? ZONE_NO_BUDGET : pull->download->answer.kind, first_us))
        prober_wake(pull->zones);
}

enum err zone_download(struct zones *zones, struct arena *arena, struct download *download)
{
    struct pull pull = {.download = download, .zones = zones, .arena = arena, .result = OK};
    download->length = 0;
    if (make_request(&pull))
        ask(&pull);
    return pull.result;
}
