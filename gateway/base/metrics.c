/* Metrics; see metrics.h. The tables below are the process's, made once and read by everybody: series are only ever added, under a
 * lock. */
#include "gateway/base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX  4096
#define NAME_SIZE   96
#define LABELS_SIZE 160

struct metric {
    enum metric_kind kind;
    char name[NAME_SIZE];
    char labels[LABELS_SIZE];
    const char *help;
    _Atomic int64_t value;
};

static const int64_t bucket_us[] = {1000,   2500,    5000,    10000,   25000,    50000,    100000,  250000,
                                    500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000};
#define BUCKETS (sizeof(bucket_us) / sizeof(bucket_us[0]))

struct histogram {
    char name[NAME_SIZE];
    char labels[LABELS_SIZE];
    const char *help;
    _Atomic int64_t counts[BUCKETS + 1];
    _Atomic int64_t sum_us;
};

static struct {
    pthread_mutex_t lock;
    struct metric *metrics[SERIES_MAX];
    size_t metric_count;
    struct histogram *histograms[SERIES_MAX];
    size_t histogram_count;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *new_series(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

/* Longer names and labels are cut when they are stored: what fits decides. */
static bool is_series(const char (*name)[NAME_SIZE], const char (*labels)[LABELS_SIZE], const char *wanted_name,
                      const char *wanted_labels)
{
    return strncmp(*name, wanted_name, sizeof(*name) - 1) == 0 && strncmp(*labels, wanted_labels, sizeof(*labels) - 1) == 0;
}

struct metric *metric_get(enum metric_kind kind, const char *name, const char *labels, const char *help)
{
    (void)pthread_mutex_lock(&registry.lock);
    struct metric *found = NULL;
    for (size_t i = 0; i < registry.metric_count && !found; i++) {
        if (is_series(&registry.metrics[i]->name, &registry.metrics[i]->labels, name, labels))
            found = registry.metrics[i];
    }
    if (!found && registry.metric_count == SERIES_MAX)
        found = registry.metrics[SERIES_MAX - 1];
    if (!found) {
        found = new_series(sizeof(*found));
        found->kind = kind;
        (void)snprintf(found->name, sizeof(found->name), "%s", name);
        (void)snprintf(found->labels, sizeof(found->labels), "%s", labels);
        found->help = help;
        registry.metrics[registry.metric_count++] = found;
    }
    (void)pthread_mutex_unlock(&registry.lock);
    return found;
}

void metric_add(struct metric *metric, int64_t amount)
{
    atomic_fetch_add_explicit(&metric->value, amount, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

int64_t metric_value(const struct metric *metric)
{
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

struct histogram *histogram_get(const char *name, const char *labels, const char *help)
{
    (void)pthread_mutex_lock(&registry.lock);
    struct histogram *found = NULL;
    for (size_t i = 0; i < registry.histogram_count && !found; i++) {
        if (is_series(&registry.histograms[i]->name, &registry.histograms[i]->labels, name, labels))
            found = registry.histograms[i];
    }
    if (!found && registry.histogram_count == SERIES_MAX)
        found = registry.histograms[SERIES_MAX - 1];
    if (!found) {
        found = new_series(sizeof(*found));
        (void)snprintf(found->name, sizeof(found->name), "%s", name);
        (void)snprintf(found->labels, sizeof(found->labels), "%s", labels);
        found->help = help;
        registry.histograms[registry.histogram_count++] = found;
    }
    (void)pthread_mutex_unlock(&registry.lock);
    return found;
}

void histogram_observe_us(struct histogram *histogram, int64_t us)
{
    size_t bucket = 0;
    while (bucket < BUCKETS && us > bucket_us[bucket])
        bucket++;
    atomic_fetch_add_explicit(&histogram->counts[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, us, memory_order_relaxed);
}

int64_t histogram_quantile_us(const struct histogram *histogram, double quantile)
{
    int64_t counts[BUCKETS + 1];
    int64_t total = 0;
    for (size_t i = 0; i <= BUCKETS; i++) {
        counts[i] = atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        total += counts[i];
    }
    int64_t seen = 0;
    for (size_t i = 0; i < BUCKETS && total; i++) {
        seen += counts[i];
        if ((double)seen >= quantile * (double)total)
            return bucket_us[i];
    }
    return total ? bucket_us[BUCKETS - 1] : 0;
}

static void write_name(struct text *out, const char *name, const char *labels, const char *extra)
{
    text_add_str(out, name);
    if (*labels || *extra)
        text_add_format(out, "{%s%s%s}", labels, *labels && *extra ? "," : "", extra);
    text_add_char(out, ' ');
}

static void write_histogram(struct text *out, const struct histogram *histogram)
{
    char name[128];
    int64_t total = 0;
    (void)snprintf(name, sizeof(name), "%s_bucket", histogram->name);
    for (size_t i = 0; i <= BUCKETS; i++) {
        char bound[32] = "le=\"+Inf\"";
        if (i < BUCKETS)
            (void)snprintf(bound, sizeof(bound), "le=\"%g\"", (double)bucket_us[i] / 1e6);
        total += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        write_name(out, name, histogram->labels, bound);
        text_add_format(out, "%" PRId64 "\n", total);
    }
    (void)snprintf(name, sizeof(name), "%s_sum", histogram->name);
    write_name(out, name, histogram->labels, "");
    text_add_format(out, "%.6f\n", (double)atomic_load_explicit(&histogram->sum_us, memory_order_relaxed) / 1e6);
    (void)snprintf(name, sizeof(name), "%s_count", histogram->name);
    write_name(out, name, histogram->labels, "");
    text_add_format(out, "%" PRId64 "\n", total);
}

/* The format wants all series of one name together: each name is written where it comes first. */
void metrics_write(struct text *out)
{
    (void)pthread_mutex_lock(&registry.lock);
    for (size_t i = 0; i < registry.metric_count; i++) {
        bool first = true;
        for (size_t j = 0; j < i && first; j++)
            first = strcmp(registry.metrics[j]->name, registry.metrics[i]->name) != 0;
        if (!first)
            continue;
        text_add_format(out, "# HELP %s %s\n# TYPE %s %s\n", registry.metrics[i]->name, registry.metrics[i]->help,
                        registry.metrics[i]->name, registry.metrics[i]->kind == METRIC_COUNTER ? "counter" : "gauge");
        for (size_t j = i; j < registry.metric_count; j++) {
            if (strcmp(registry.metrics[j]->name, registry.metrics[i]->name) != 0)
                continue;
            write_name(out, registry.metrics[j]->name, registry.metrics[j]->labels, "");
            text_add_format(out, "%" PRId64 "\n", metric_value(registry.metrics[j]));
        }
    }
    for (size_t i = 0; i < registry.histogram_count; i++) {
        bool first = true;
        for (size_t j = 0; j < i && first; j++)
            first = strcmp(registry.histograms[j]->name, registry.histograms[i]->name) != 0;
        if (first)
            text_add_format(out, "# HELP %s %s\n# TYPE %s histogram\n", registry.histograms[i]->name, registry.histograms[i]->help,
                            registry.histograms[i]->name);
        for (size_t j = i; first && j < registry.histogram_count; j++) {
            if (strcmp(registry.histograms[j]->name, registry.histograms[i]->name) == 0)
                write_histogram(out, registry.histograms[j]);
        }
    }
    (void)pthread_mutex_unlock(&registry.lock);
}

void metrics_close(void)
{
    (void)pthread_mutex_lock(&registry.lock);
    for (size_t i = 0; i < registry.metric_count; i++)
        free(registry.metrics[i]);
    for (size_t i = 0; i < registry.histogram_count; i++)
        free(registry.histograms[i]);
    registry.metric_count = 0;
    registry.histogram_count = 0;
    (void)pthread_mutex_unlock(&registry.lock);
}
