/* Counters, gauges and latency histograms in Prometheus' text format. Registered once at start, updated by atomics. */
#pragma once

#include <stdint.h>

#include "gateway/base/text.h"

struct metric; /* one series: a name and fixed labels */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

/* Finds or makes the series. `labels` is the part between the braces (`child="west",class="read"`) or "". Never fails, never freed
 * before metrics_close; at most 4096 series, further ones share an overflow series. */
struct metric *metric_get(enum metric_kind kind, const char *name, const char *labels, const char *help);
void metric_add(struct metric *metric, int64_t amount);
void metric_set(struct metric *metric, int64_t value);
int64_t metric_value(const struct metric *metric);

struct histogram; /* buckets 1 ms … 60 s */
struct histogram *histogram_get(const char *name, const char *labels, const char *help);
void histogram_observe_us(struct histogram *histogram, int64_t us);
/* Upper bound in microseconds of the bucket in which the quantile (0..1) lies; 0 without observations. */
int64_t histogram_quantile_us(const struct histogram *histogram, double quantile);

void metrics_write(struct text *out);
void metrics_close(void);
