/* See metering.h. */
#include "zones/metering.h"

#include <stdio.h>

#include "gateway/base/metrics.h"

#define LABELS_SIZE 160

static const char *const class_names[CLASS_COUNT] = {[CLASS_READ] = "read", [CLASS_MUTATE] = "mutate", [CLASS_POLL] = "poll"};

static const char *side_name(const struct zone *zone)
{
    return zone->row.side == ZONE_CHILD ? "child" : "parent";
}

static struct histogram *latencies(const char *labels)
{
    return histogram_get("zonegate_zone_request_seconds", labels, "How long a neighbouring zone took.");
}

int64_t metering_quantile_us(const struct zone *zone, enum zone_class class, double part)
{
    char labels[LABELS_SIZE];
    (void)snprintf(labels, sizeof(labels), "%s=\"%s\",class=\"%s\"", side_name(zone), zone->row.name, class_names[class]);
    return histogram_quantile_us(latencies(labels), part);
}

void metering_count(const struct zone *zone, enum zone_class class, const struct http_answer *answer)
{
    char labels[LABELS_SIZE];
    const char *side = side_name(zone);
    if (answer->sent) {
        (void)snprintf(labels, sizeof(labels), "%s=\"%s\",class=\"%s\"", side, zone->row.name, class_names[class]);
        metric_add(metric_get(METRIC_COUNTER, "zonegate_zone_requests_total", labels, "Requests sent to a neighbouring zone."), 1);
        histogram_observe_us(latencies(labels), answer->ms * 1000);
    }
    if (answer->kind != ZONE_ANSWERED) {
        (void)snprintf(labels, sizeof(labels), "%s=\"%s\",class=\"%s\",reason=\"%s\"", side, zone->row.name, class_names[class],
                       zone_kind_word(answer->kind));
        metric_add(metric_get(METRIC_COUNTER, "zonegate_zone_errors_total", labels,
                              "Calls that a neighbouring zone gave no answer to, those included that were not sent."),
                   1);
    }
    (void)snprintf(labels, sizeof(labels), "%s=\"%s\"", side, zone->row.name);
    metric_set(metric_get(METRIC_GAUGE, "zonegate_zone_state", labels,
                          "Health of a neighbouring zone: 0 unknown, 1 up, 2 suspect, 3 down, 4 probing."),
               (int64_t)health_overall(zone->health));
}

void metering_count_asked(const struct zone *zone, enum zone_class class)
{
    char labels[LABELS_SIZE];
    (void)snprintf(labels, sizeof(labels), "%s=\"%s\",class=\"%s\"", side_name(zone), zone->row.name, class_names[class]);
    metric_add(metric_get(METRIC_COUNTER, "zonegate_link_requests_total", labels, "Requests that came from a neighbouring zone."),
               1);
}

void metering_count_rows(const struct zone *zone, size_t rows)
{
    char labels[LABELS_SIZE];
    (void)snprintf(labels, sizeof(labels), "%s=\"%s\"", side_name(zone), zone->row.name);
    metric_add(metric_get(METRIC_COUNTER, "zonegate_zone_rows_total", labels, "Rows of lists that came from a neighbouring zone."),
               (int64_t)rows);
}
