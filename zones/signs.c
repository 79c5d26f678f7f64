/*
 * What the poller noticed about a neighbour beside its health: since when it is in its state, how far its clock is off, until when
 * its certificate is good, when it last told its directory. Kept in RAM, shared by atomics; hints for people, nothing decides by
 * them.
 */
#include <curl/curl.h>

#include "gateway/base/metrics.h"
#include "zones/inside.h"

#define US_PER_S  1000000
#define S_PER_DAY 86400

static struct signs *signs_of(const struct zone *zone)
{
    return &((struct health_entry *)((char *)zone->health - offsetof(struct health_entry, health)))->signs;
}

void signs_init(struct signs *signs)
{
    atomic_init(&signs->state, HEALTH_UNKNOWN);
    atomic_init(&signs->since_us, clock_wall_us());
    atomic_init(&signs->certificate_s, 0);
    atomic_init(&signs->skew_s, 0);
    atomic_init(&signs->skew_known, false);
    atomic_init(&signs->told_us, 0);
}

void signs_note_state(const struct zone *zone)
{
    struct signs *signs = signs_of(zone);
    const int now = (int)health_overall(zone->health);
    if (atomic_exchange(&signs->state, now) != now)
        atomic_store(&signs->since_us, clock_wall_us());
}

/* The Date header counts whole seconds: a second more or less says nothing. */
static void note_clock(struct signs *signs, const struct http_answer *answer)
{
    const char *date = headers_get(&answer->headers, "Date");
    const time_t there_s = date ? curl_getdate(date, NULL) : (time_t)-1;
    if (there_s == (time_t)-1)
        return;
    const int64_t skew_s = (int64_t)there_s - clock_wall_us() / US_PER_S;
    atomic_store(&signs->skew_s, skew_s >= -1 && skew_s <= 1 ? 0 : skew_s);
    atomic_store(&signs->skew_known, true);
}

static void publish_certificate(const struct zone *zone, int64_t expires_s)
{
    CLEANUP(text_clear) struct text labels = {0};
    text_add_format(&labels, "%s=\"%s\"", zone->row.side == ZONE_CHILD ? "child" : "parent", zone->row.name);
    metric_set(metric_get(METRIC_GAUGE, "zonegate_zone_certificate_days", text_str(&labels),
                          "Days for which the certificate of a neighbouring zone is still good."),
               (expires_s - clock_wall_us() / US_PER_S) / S_PER_DAY);
}

void signs_note_answer(const struct zone *zone, const struct http_answer *answer)
{
    struct signs *signs = signs_of(zone);
    if (answer->status)
        note_clock(signs, answer);
    if (answer->certificate_expires_s)
        atomic_store(&signs->certificate_s, answer->certificate_expires_s);
    if (atomic_load(&signs->certificate_s))
        publish_certificate(zone, atomic_load(&signs->certificate_s));
    signs_note_state(zone);
}

void signs_note_directory(const struct zone *zone)
{
    atomic_store(&signs_of(zone)->told_us, clock_wall_us());
}

struct zone_signs zone_signs_get(const struct zone *zone)
{
    struct signs *signs = signs_of(zone);
    signs_note_state(zone);
    return (struct zone_signs){.since_us = atomic_load(&signs->since_us),
                               .certificate_expires_s = atomic_load(&signs->certificate_s),
                               .skew_s = atomic_load(&signs->skew_s),
                               .skew_known = atomic_load(&signs->skew_known),
                               .told_us = atomic_load(&signs->told_us)};
}
