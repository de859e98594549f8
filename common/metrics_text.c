/* What Prometheus reads. See metrics.h. */
#include "metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "attr.h"
#include "metrics_internal.h"

enum { US_PER_S = 1000000, ACCEPT_ITEM_MAX = 256 };

static const char total[] = "_total";

/* ---- Which format ---- */

/* The weight of one item of an Accept header: "text/plain;version=0.0.4;q=0.5". */
static double weight_of(const char *item)
{
    const char *at = item;

    while ((at = strchr(at, ';')) != NULL) {
        at += 1 + strspn(at + 1, " \t");
        if (strncasecmp(at, "q=", 2) == 0)
            return strtod(at + 2, NULL);
    }
    return 1;
}

static bool is_type(const char *item, const char *type)
{
    size_t len = strlen(type);

    return strncasecmp(item, type, len) == 0 && strchr("; \t", item[len]) != NULL;
}

enum metrics_format metrics_format_wanted(const char *accept)
{
    double open = 0, plain = 0;
    char item[ACCEPT_ITEM_MAX];

    for (const char *at = accept; at != NULL && *at != '\0';) {
        size_t len;

        at += strspn(at, ", \t");
        len = strcspn(at, ",");
        if (len < sizeof item) {
            memcpy(item, at, len);
            item[len] = '\0';
            if (is_type(item, "application/openmetrics-text"))
                open = fmax(open, weight_of(item));
            else if (is_type(item, "text/plain"))
                plain = fmax(plain, weight_of(item));
        }
        at += len;
    }
    return open > 0 && open >= plain ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
}

const char *metrics_content_type(enum metrics_format format)
{
    return format == METRICS_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                         : "text/plain; version=0.0.4; charset=utf-8";
}

/* ---- The text ---- */

static bool ends_with(const char *name, size_t len, const char *end)
{
    size_t end_len = strlen(end);

    return len >= end_len && strncmp(name + len - end_len, end, end_len) == 0;
}

/* OpenMetrics has a counter's name without the ending of its sample. */
static int family_len(const struct metric *metric, enum metrics_format format)
{
    size_t len = strlen(metric->name);

    if (format == METRICS_OPENMETRICS && metric->type == METRIC_COUNTER &&
        ends_with(metric->name, len, total))
        len -= sizeof total - 1;
    return (int)len;
}

static void put_unit(struct buf *buf, const char *name, int len)
{
    static const char *const units[] = {"seconds", "bytes"};

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (ends_with(name, (size_t)len, units[i]))
            buf_printf(buf, "# UNIT %.*s %s\n", len, name, units[i]);
}

static void put_head(struct buf *buf, const struct metric *metric, enum metrics_format format)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    int len = family_len(metric, format);

    buf_printf(buf, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, metric->name, metric->help, len, metric->name,
               types[metric->type]);
    if (format == METRICS_OPENMETRICS)
        put_unit(buf, metric->name, len);
}

static void put_value(struct buf *buf, const char *value)
{
    buf_putc(buf, '"');
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            buf_putc(buf, '\\');
        buf_putc(buf, *value);
    }
    buf_putc(buf, '"');
}

/* {action="RunTask",le="0.5"}; nothing if there is no label. le: NULL: none. */
static void put_labels(struct buf *buf, const struct metric *metric, size_t series, const char *le)
{
    const size_t at[METRIC_LABELS_MAX] = {series / metric_label_count(metric, 1),
                                          series % metric_label_count(metric, 1)};
    char before = '{';

    for (size_t i = 0; i < METRIC_LABELS_MAX; i++) {
        if (metric->labels[i].name == NULL)
            continue;
        buf_printf(buf, "%c%s=", before, metric->labels[i].name);
        put_value(buf, metric->labels[i].values[at[i]]);
        before = ',';
    }
    if (le != NULL) {
        buf_printf(buf, "%cle=", before);
        put_value(buf, le);
        before = ',';
    }
    if (before == ',')
        buf_putc(buf, '}');
}

/* Microseconds as seconds: always with a point, and without zeros behind that say nothing. */
static void put_seconds(struct buf *buf, uint64_t us)
{
    buf_printf(buf, "%" PRIu64 ".%06" PRIu64, us / US_PER_S, us % US_PER_S);
    while (buf->data[buf->len - 1] == '0' && buf->data[buf->len - 2] != '.')
        buf->data[--buf->len] = '\0';
}

static uint64_t read_cell(const metric_cell *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

static void put_counter(struct buf *buf, const struct metric *metric, size_t series, const metric_cell *cell)
{
    uint64_t value = read_cell(cell);

    if (metric->sparse && value == 0)
        return;
    buf_puts(buf, metric->name);
    put_labels(buf, metric, series, NULL);
    buf_printf(buf, " %" PRIu64 "\n", value);
}

static void put_gauge(struct buf *buf, const struct metric *metric, size_t series, const metric_cell *cell)
{
    union {
        uint64_t bits;
        double value;
    } both = {.bits = read_cell(cell)};

    if (isnan(both.value))
        return;
    buf_puts(buf, metric->name);
    put_labels(buf, metric, series, NULL);
    buf_printf(buf, " %.15g\n", both.value);
}

static void put_bucket(struct buf *buf, const struct metric *metric, size_t series, const char *le,
                       uint64_t count)
{
    buf_printf(buf, "%s_bucket", metric->name);
    put_labels(buf, metric, series, le);
    buf_printf(buf, " %" PRIu64 "\n", count);
}

/* What is observed meanwhile may be in a bucket and not in the sum yet; the buckets agree with the count. */
static void put_histogram(struct buf *buf, const struct metric *metric, size_t series,
                          const metric_cell *cells)
{
    AUTO_BUF struct buf le = {0};
    uint64_t count = 0;

    for (size_t i = 0; i <= metric->bound_count; i++)
        count += read_cell(&cells[METRIC_BUCKET_CELLS + i]);
    if (metric->sparse && count == 0)
        return;
    count = 0;
    buf_init(&le, 64);
    for (size_t i = 0; i <= metric->bound_count; i++) {
        count += read_cell(&cells[METRIC_BUCKET_CELLS + i]);
        buf_clear(&le);
        if (i == metric->bound_count)
            buf_puts(&le, "+Inf");
        else
            put_seconds(&le, (uint64_t)metric->bounds_us[i]);
        put_bucket(buf, metric, series, le.data, count);
    }
    buf_printf(buf, "%s_sum", metric->name);
    put_labels(buf, metric, series, NULL);
    buf_putc(buf, ' ');
    put_seconds(buf, read_cell(&cells[METRIC_SUM_CELL]));
    buf_printf(buf, "\n%s_count", metric->name);
    put_labels(buf, metric, series, NULL);
    buf_printf(buf, " %" PRIu64 "\n", count);
}

static void put_series(struct buf *buf, const struct metric *metric, size_t series, const metric_cell *cells)
{
    switch (metric->type) {
    case METRIC_COUNTER:
        put_counter(buf, metric, series, cells);
        break;
    case METRIC_GAUGE:
        put_gauge(buf, metric, series, cells);
        break;
    case METRIC_HISTOGRAM:
        put_histogram(buf, metric, series, cells);
        break;
    }
}

void metrics_put(struct buf *buf, const struct metrics *metrics, enum metrics_format format)
{
    for (size_t m = 0; m < metrics->count; m++) {
        const struct metric *metric = &metrics->table[m];
        const metric_cell *cells = &metrics->cells[metrics->starts[m]];

        put_head(buf, metric, format);
        for (size_t s = 0; s < metric_series_count(metric); s++)
            put_series(buf, metric, s, cells + s * metric_series_cells(metric));
    }
    if (format == METRICS_OPENMETRICS)
        buf_puts(buf, "# EOF\n");
}
