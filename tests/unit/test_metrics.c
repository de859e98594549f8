/* metrics: what Prometheus is shown, in both formats, and which one it wants. */
#include "metrics.h"

#include "test.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

enum { FIRES, CALLS, JOBS, EXPIRY, LATENESS, STEPS, METERS };

static const char *const actions[] = {"RunTask", "a\"b\\c"}, *const results[] = {"ok", "throttled"};
static const int64_t bounds[] = {5000, 100000, 1000000, 2500000};

static const struct metric table[METERS] = {
    [FIRES] = {.name = "x_fires_total", .type = METRIC_COUNTER, .help = "Fires."},
    [CALLS] = {.name = "x_calls_total",
               .type = METRIC_COUNTER,
               .sparse = true,
               .help = "Calls.",
               .labels = {{"action", actions, 2}, {"result", results, 2}}},
    [JOBS] = {.name = "x_jobs", .type = METRIC_GAUGE, .help = "Jobs.", .labels = {{"action", actions, 2}}},
    [EXPIRY] = {.name = "x_expiry_timestamp_seconds", .type = METRIC_GAUGE, .help = "Expiry."},
    [LATENESS] = {.name = "x_lateness_seconds",
                  .type = METRIC_HISTOGRAM,
                  .help = "Lateness.",
                  .labels = {{"action", actions, 1}},
                  .bounds_us = bounds,
                  .bound_count = 4},
    [STEPS] = {.name = "x_steps_seconds",
               .type = METRIC_HISTOGRAM,
               .sparse = true,
               .help = "Steps.",
               .bounds_us = bounds,
               .bound_count = 1},
};

static void nothing_yet(void **state)
{
    struct metrics *metrics = metrics_new(table, METERS);
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, 1 << 16);
    metrics_put(&buf, metrics, METRICS_PROMETHEUS);
    assert_string_equal(buf.data, "# HELP x_fires_total Fires.\n"
                                  "# TYPE x_fires_total counter\n"
                                  "x_fires_total 0\n"
                                  "# HELP x_calls_total Calls.\n"
                                  "# TYPE x_calls_total counter\n"
                                  "# HELP x_jobs Jobs.\n"
                                  "# TYPE x_jobs gauge\n"
                                  "# HELP x_expiry_timestamp_seconds Expiry.\n"
                                  "# TYPE x_expiry_timestamp_seconds gauge\n"
                                  "# HELP x_lateness_seconds Lateness.\n"
                                  "# TYPE x_lateness_seconds histogram\n"
                                  "x_lateness_seconds_bucket{action=\"RunTask\",le=\"0.005\"} 0\n"
                                  "x_lateness_seconds_bucket{action=\"RunTask\",le=\"0.1\"} 0\n"
                                  "x_lateness_seconds_bucket{action=\"RunTask\",le=\"1.0\"} 0\n"
                                  "x_lateness_seconds_bucket{action=\"RunTask\",le=\"2.5\"} 0\n"
                                  "x_lateness_seconds_bucket{action=\"RunTask\",le=\"+Inf\"} 0\n"
                                  "x_lateness_seconds_sum{action=\"RunTask\"} 0.0\n"
                                  "x_lateness_seconds_count{action=\"RunTask\"} 0\n"
                                  "# HELP x_steps_seconds Steps.\n"
                                  "# TYPE x_steps_seconds histogram\n");
    metrics_free(metrics);
}

static void what_has_happened(void **state)
{
    struct metrics *metrics = metrics_new(table, METERS);
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, 1 << 16);
    metrics_add(metrics, FIRES, 0, 0, 3);
    metrics_add(metrics, FIRES, 0, 0, 4);
    metrics_add(metrics, CALLS, 1, 0, 1);
    metrics_set(metrics, JOBS, 1, 0, 1000000);
    metrics_set(metrics, EXPIRY, 0, 0, 1795516242.125);
    metrics_observe(metrics, LATENESS, 0, 0, -7); /* the clock was set back */
    metrics_observe(metrics, LATENESS, 0, 0, 5000);
    metrics_observe(metrics, LATENESS, 0, 0, 5001);
    metrics_observe(metrics, LATENESS, 0, 0, 60000000);
    metrics_put(&buf, metrics, METRICS_OPENMETRICS);
    assert_string_equal(buf.data, "# HELP x_fires Fires.\n"
                                  "# TYPE x_fires counter\n"
                                  "x_fires_total 7\n"
                                  "# HELP x_calls Calls.\n"
                                  "# TYPE x_calls counter\n"
                                  "x_calls_total{action=\"a\\\"b\\\\c\",result=\"ok\"} 1\n"
                                  "# HELP x_jobs Jobs.\n"
                                  "# TYPE x_jobs gauge\n"
                                  "x_jobs{action=\"a\\\"b\\\\c\"} 1000000\n"
                                  "# HELP x_expiry_timestamp_seconds Expiry.\n"
                                  "# TYPE x_expiry_timestamp_seconds gauge\n"
                                  "# UNIT x_expiry_timestamp_seconds seconds\n"
                                  "x_expiry_timestamp_seconds 1795516242.125\n"
                                  "# HELP x_lateness_seconds Lateness.\n"
                                  "# TYPE x_lateness_seconds histogram\n"
                                  "# UNIT x_lateness_seconds seconds\n"
                                  "x_lateness_seconds_bucket{action=\"RunTask\",le=\"0.005\"} 2\n"
                                  "x_lateness_seconds_bucket{action=\"RunTask\",le=\"0.1\"} 3\n"
                                  "x_lateness_seconds_bucket{action=\"RunTask\",le=\"1.0\"} 3\n"
                                  "x_lateness_seconds_bucket{action=\"RunTask\",le=\"2.5\"} 3\n"
                                  "x_lateness_seconds_bucket{action=\"RunTask\",le=\"+Inf\"} 4\n"
                                  "x_lateness_seconds_sum{action=\"RunTask\"} 60.010001\n"
                                  "x_lateness_seconds_count{action=\"RunTask\"} 4\n"
                                  "# HELP x_steps_seconds Steps.\n"
                                  "# TYPE x_steps_seconds histogram\n"
                                  "# UNIT x_steps_seconds seconds\n"
                                  "# EOF\n");
    metrics_free(metrics);
}

static void what_is_not_known_any_more_is_not_shown(void **state)
{
    struct metrics *metrics = metrics_new(table, METERS);
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, 1 << 16);
    metrics_set(metrics, EXPIRY, 0, 0, 1);
    metrics_set(metrics, EXPIRY, 0, 0, (double)NAN);
    metrics_put(&buf, metrics, METRICS_PROMETHEUS);
    assert_null(strstr(buf.data, "\nx_expiry"));
    metrics_free(metrics);
}

static void without_metrics_nothing_is_kept(void **state)
{
    (void)state;
    metrics_add(NULL, FIRES, 0, 0, 1);
    metrics_set(NULL, JOBS, 0, 0, 1);
    metrics_observe(NULL, LATENESS, 0, 0, 1);
    metrics_free(NULL);
}

enum { THREADS = 4, TIMES = 20000 };

static void *count(void *metrics)
{
    for (int i = 0; i < TIMES; i++) {
        metrics_add(metrics, FIRES, 0, 0, 1);
        metrics_observe(metrics, STEPS, 0, 0, 1);
        metrics_set(metrics, JOBS, 0, 0, i);
    }
    return NULL;
}

static void threads_count_together(void **state)
{
    struct metrics *metrics = metrics_new(table, METERS);
    AUTO_BUF struct buf buf = {0};
    pthread_t threads[THREADS];

    (void)state;
    buf_init(&buf, 1 << 16);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, metrics), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    metrics_put(&buf, metrics, METRICS_PROMETHEUS);
    assert_non_null(strstr(buf.data, "\nx_fires_total 80000\n"));
    assert_non_null(strstr(buf.data, "\nx_steps_seconds_count 80000\n"));
    metrics_free(metrics);
}

struct accept_case {
    const char *name, *accept;
    enum metrics_format format;
};

static struct accept_case accepts[] = {
    {"no Accept", NULL, METRICS_PROMETHEUS},
    {"an empty one", "", METRICS_PROMETHEUS},
    {"anything", "*/*", METRICS_PROMETHEUS},
    {"Prometheus 2.42",
     "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     METRICS_OPENMETRICS},
    {"in any case, with blanks", " Application/OpenMetrics-Text ; version=1.0.0", METRICS_OPENMETRICS},
    {"not at all", "application/openmetrics-text;q=0", METRICS_PROMETHEUS},
    {"rather the other", "application/openmetrics-text;q=0.4, text/plain;q=0.5", METRICS_PROMETHEUS},
    {"only a beginning of it", "application/openmetrics-textile", METRICS_PROMETHEUS},
    {"commas and nothing", ",,,", METRICS_PROMETHEUS},
    {"text only", "text/plain", METRICS_PROMETHEUS},
};

static void check_accept(void **state)
{
    const struct accept_case *c = *state;

    assert_int_equal(metrics_format_wanted(c->accept), c->format);
}

static void formats_have_types(void **state)
{
    (void)state;
    assert_non_null(strstr(metrics_content_type(METRICS_PROMETHEUS), "text/plain; version=0.0.4"));
    assert_non_null(strstr(metrics_content_type(METRICS_OPENMETRICS), "openmetrics-text; version=1.0.0"));
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(nothing_yet),
        cmocka_unit_test(what_has_happened),
        cmocka_unit_test(what_is_not_known_any_more_is_not_shown),
        cmocka_unit_test(without_metrics_nothing_is_kept),
        cmocka_unit_test(threads_count_together),
        cmocka_unit_test(formats_have_types),
    };
    struct CMUnitTest tests[ARRAY_LEN(accepts) + ARRAY_LEN(others)];

    for (size_t i = 0; i < ARRAY_LEN(accepts); i++)
        tests[i] = (struct CMUnitTest){accepts[i].name, check_accept, NULL, NULL, &accepts[i]};
    memcpy(tests + ARRAY_LEN(accepts), others, sizeof others);
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
