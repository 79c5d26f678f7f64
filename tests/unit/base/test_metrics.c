/* Metrics: one series per name and labels, Prometheus' text, quantiles, the overflow series. */
#include "gateway/base/metrics.h"
#include "tests/unit/base/check.h"

static void series_are_found_again(void **state)
{
    (void)state;
    struct metric *one = metric_get(METRIC_COUNTER, "requests_total", "zone=\"a\"", "Requests.");
    struct metric *two = metric_get(METRIC_COUNTER, "requests_total", "zone=\"b\"", "Requests.");
    assert_ptr_not_equal(one, two);
    assert_ptr_equal(metric_get(METRIC_COUNTER, "requests_total", "zone=\"a\"", "Requests."), one);
    metric_add(one, 2);
    metric_add(one, 3);
    metric_set(two, -7);
    assert_int_equal(metric_value(one), 5);
    assert_int_equal(metric_value(two), -7);
    assert_ptr_equal(histogram_get("h", "", "H."), histogram_get("h", "", "H."));
    assert_ptr_not_equal(histogram_get("h", "", "H."), histogram_get("h", "x=\"1\"", "H."));
    metrics_close();
}

static void the_text_is_prometheus(void **state)
{
    static const char expected[] = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\"} 4\na_total{x=\"2\"} 0\n"
                                   "# HELP b B.\n# TYPE b gauge\nb -3\n"
                                   "# HELP t_seconds T.\n# TYPE t_seconds histogram\n"
                                   "t_seconds_bucket{k=\"v\",le=\"0.001\"} 1\nt_seconds_bucket{k=\"v\",le=\"0.0025\"} 2\n"
                                   "t_seconds_bucket{k=\"v\",le=\"0.005\"} 2\nt_seconds_bucket{k=\"v\",le=\"0.01\"} 2\n"
                                   "t_seconds_bucket{k=\"v\",le=\"0.025\"} 2\nt_seconds_bucket{k=\"v\",le=\"0.05\"} 2\n"
                                   "t_seconds_bucket{k=\"v\",le=\"0.1\"} 2\nt_seconds_bucket{k=\"v\",le=\"0.25\"} 2\n"
                                   "t_seconds_bucket{k=\"v\",le=\"0.5\"} 2\nt_seconds_bucket{k=\"v\",le=\"1\"} 2\n"
                                   "t_seconds_bucket{k=\"v\",le=\"2.5\"} 2\nt_seconds_bucket{k=\"v\",le=\"5\"} 2\n"
                                   "t_seconds_bucket{k=\"v\",le=\"10\"} 2\nt_seconds_bucket{k=\"v\",le=\"30\"} 2\n"
                                   "t_seconds_bucket{k=\"v\",le=\"60\"} 2\nt_seconds_bucket{k=\"v\",le=\"+Inf\"} 3\n"
                                   "t_seconds_sum{k=\"v\"} 61.002001\nt_seconds_count{k=\"v\"} 3\n";
    CLEANUP(text_clear) struct text text = {0};
    (void)state;
    metric_add(metric_get(METRIC_COUNTER, "a_total", "x=\"1\"", "A."), 4);
    metric_set(metric_get(METRIC_GAUGE, "b", "", "B."), -3);
    (void)metric_get(METRIC_COUNTER, "a_total", "x=\"2\"", "A."); /* stands with its name, not where it was made */
    struct histogram *histogram = histogram_get("t_seconds", "k=\"v\"", "T.");
    histogram_observe_us(histogram, 1000); /* a bound belongs to its bucket */
    histogram_observe_us(histogram, 1001);
    histogram_observe_us(histogram, 61000000);
    metrics_write(&text);
    assert_string_equal(text_str(&text), expected);
    metrics_close();
}

static void quantiles_are_the_bounds_of_buckets(void **state)
{
    (void)state;
    struct histogram *histogram = histogram_get("q", "", "Q.");
    assert_int_equal(histogram_quantile_us(histogram, 0.99), 0);
    for (int i = 0; i < 98; i++)
        histogram_observe_us(histogram, 700);
    histogram_observe_us(histogram, 90000);
    histogram_observe_us(histogram, 900000000);
    assert_int_equal(histogram_quantile_us(histogram, 0.5), 1000);
    assert_int_equal(histogram_quantile_us(histogram, 0.98), 1000);
    assert_int_equal(histogram_quantile_us(histogram, 0.99), 100000);
    assert_int_equal(histogram_quantile_us(histogram, 1.0), 60000000);
    metrics_close();
}

static void further_series_share_the_last(void **state)
{
    struct metric *last = NULL;
    struct metric *first = NULL;
    (void)state;
    for (int i = 0; i < 4200; i++) {
        char labels[32];
        (void)snprintf(labels, sizeof(labels), "i=\"%d\"", i);
        struct metric *metric = metric_get(METRIC_COUNTER, "many_total", labels, "Many.");
        if (i == 0)
            first = metric;
        if (i >= 4096)
            assert_ptr_equal(metric, last);
        else
            assert_ptr_not_equal(metric, last);
        last = metric;
    }
    assert_ptr_equal(metric_get(METRIC_COUNTER, "many_total", "i=\"0\"", "Many."), first);
    metrics_close();
}

static void long_labels_are_one_series(void **state)
{
    char labels[400];
    (void)state;
    memset(labels, 'x', sizeof(labels) - 1);
    labels[sizeof(labels) - 1] = '\0';
    assert_ptr_equal(metric_get(METRIC_GAUGE, "g", labels, "G."), metric_get(METRIC_GAUGE, "g", labels, "G."));
    assert_ptr_equal(histogram_get(labels, "", "G."), histogram_get(labels, "", "G."));
    metrics_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_are_found_again),
        cmocka_unit_test(the_text_is_prometheus),
        cmocka_unit_test(quantiles_are_the_bounds_of_buckets),
        cmocka_unit_test(further_series_share_the_last),
        cmocka_unit_test(long_labels_are_one_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
