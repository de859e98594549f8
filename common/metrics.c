/* See metrics.h; what is shown is in metrics_text.c. */
#include "metrics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "attr.h"
#include "mem.h"
#include "metrics_internal.h"

size_t metric_label_count(const struct metric *metric, size_t label)
{
    return metric->labels[label].name == NULL ? 1 : metric->labels[label].count;
}

size_t metric_series_cells(const struct metric *metric)
{
    return metric->type == METRIC_HISTOGRAM ? metric->bound_count + METRIC_HISTOGRAM_CELLS : 1;
}

size_t metric_series_count(const struct metric *metric)
{
    return metric_label_count(metric, 0) * metric_label_count(metric, 1);
}

uint64_t metric_of_double(double value)
{
    union {
        double value;
        uint64_t bits;
    } both = {.value = value};

    return both.bits;
}

struct metrics *metrics_new(const struct metric *table, size_t count)
{
    struct metrics *metrics = mem_alloc(sizeof *metrics);
    size_t cells = 0;

    *metrics = (struct metrics){.table = table, .count = count, .starts = mem_array(count, sizeof(size_t))};
    for (size_t i = 0; i < count; i++) {
        metrics->starts[i] = cells;
        cells += metric_series_count(&table[i]) * metric_series_cells(&table[i]);
    }
    metrics->cells = mem_array(cells, sizeof *metrics->cells);
    for (size_t i = 0; i < count; i++)
        for (size_t s = 0; table[i].type == METRIC_GAUGE && s < metric_series_count(&table[i]); s++)
            atomic_store(&metrics->cells[metrics->starts[i] + s], metric_of_double((double)NAN));
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    free(metrics->starts);
    free(metrics->cells);
    free(metrics);
}

/* The first cell of a series; NULL without metrics. */
static metric_cell *find(struct metrics *metrics, size_t metric, enum metric_type type UNUSED, size_t a,
                         size_t b)
{
    const struct metric *known;

    if (metrics == NULL)
        return NULL;
    known = &metrics->table[metric];
    assert(metric < metrics->count && known->type == type);
    assert(a < metric_label_count(known, 0) && b < metric_label_count(known, 1));
    return &metrics->cells[metrics->starts[metric] +
                           (a * metric_label_count(known, 1) + b) * metric_series_cells(known)];
}

static void add(metric_cell *cell, uint64_t more)
{
    atomic_fetch_add_explicit(cell, more, memory_order_relaxed);
}

void metrics_add(struct metrics *metrics, size_t metric, size_t a, size_t b, uint64_t more)
{
    metric_cell *cell = find(metrics, metric, METRIC_COUNTER, a, b);

    if (cell != NULL)
        add(cell, more);
}

void metrics_set(struct metrics *metrics, size_t metric, size_t a, size_t b, double value)
{
    metric_cell *cell = find(metrics, metric, METRIC_GAUGE, a, b);

    if (cell != NULL)
        atomic_store_explicit(cell, metric_of_double(value), memory_order_relaxed);
}

void metrics_observe(struct metrics *metrics, size_t metric, size_t a, size_t b, int64_t us)
{
    metric_cell *cells = find(metrics, metric, METRIC_HISTOGRAM, a, b);
    const struct metric *known;
    size_t bucket = 0;

    if (cells == NULL)
        return;
    known = &metrics->table[metric];
    us = us < 0 ? 0 : us; /* a clock that was set back */
    while (bucket < known->bound_count && us > known->bounds_us[bucket])
        bucket++;
    add(&cells[METRIC_SUM_CELL], (uint64_t)us);
    add(&cells[METRIC_BUCKET_CELLS + bucket], 1);
}
