/*
 * How the numbers are kept: each series has its cells, one behind the other in the order of the table and of
 * its labels' values. A counter's cell is its value, a gauge's the bits of a double. A histogram has the sum
 * in microseconds, then what fell into each bucket and into none, not added up.
 */
#pragma once

#include "metrics.h"

#include <stdatomic.h>

typedef _Atomic uint64_t metric_cell;

enum { METRIC_SUM_CELL = 0, METRIC_BUCKET_CELLS = 1, METRIC_HISTOGRAM_CELLS = 2 /* the sum, and +Inf */ };

struct metrics {
    const struct metric *table; /* lent */
    size_t count;
    size_t *starts;     /* owned; of each metric's first cell */
    metric_cell *cells; /* owned */
};

size_t metric_label_count(const struct metric *metric, size_t label); /* 1 without the label */
size_t metric_series_count(const struct metric *metric);
size_t metric_series_cells(const struct metric *metric);
uint64_t metric_of_double(double value);
