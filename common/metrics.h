/*
 * Numbers for Prometheus: counters, gauges and histograms of durations, from one table per daemon.
 *
 *     static const struct metric table[] = {
 *         [METER_FIRES] = {.name = "ecss_fires_total", .type = METRIC_COUNTER, .help = "Fires that came
 * due."}, [METER_CALLS] = {.name = "ecss_aws_requests_total", .type = METRIC_COUNTER, .help = "...", .labels
 * = {{"action", actions, ARRAY_LEN(actions)}, {"result", ...}}},
 *     };
 *     metrics_add(metrics, METER_CALLS, ACTION_RUN_TASK, RESULT_OK, 1);
 *
 * The values of labels are in the table as well, so nothing that comes from outside can make the number of
 * series grow. All may be called from any thread, and by NULL metrics, which keep nothing.
 */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metrics;

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_label {
    const char *name; /* NULL: no label */
    const char *const *values;
    size_t count;
};

enum { METRIC_LABELS_MAX = 2 };

struct metric {
    const char *name; /* by Prometheus' conventions: a counter ends with _total, what has a unit with it */
    const char *help; /* a sentence */
    enum metric_type type;
    bool sparse; /* counters and histograms: what is 0 is not shown */
    struct metric_label labels[METRIC_LABELS_MAX];
    const int64_t *bounds_us; /* histograms only, ascending */
    size_t bound_count;
};

/* The table is lent. Counters and histograms begin with 0; gauges are not shown until they are set. */
struct metrics *metrics_new(const struct metric *table, size_t count);
void metrics_free(struct metrics *metrics); /* NULL is fine */

/* metric: its place in the table. a, b: which of the labels' values; 0 where there is no label. */
void metrics_add(struct metrics *metrics, size_t metric, size_t a, size_t b, uint64_t more);
void metrics_set(struct metrics *metrics, size_t metric, size_t a, size_t b, double value); /* NaN: unknown */
void metrics_observe(struct metrics *metrics, size_t metric, size_t a, size_t b, int64_t us);

/* The text format of Prometheus 0.0.4, or OpenMetrics 1.0. */
enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };

/* By an Accept header; NULL: there is none. */
enum metrics_format metrics_format_wanted(const char *accept);
const char *metrics_content_type(enum metrics_format format);
void metrics_put(struct buf *buf, const struct metrics *metrics, enum metrics_format format);
