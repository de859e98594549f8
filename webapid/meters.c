/* See meters.h. The table is made at the start, as the routes are labels. */
#include "meters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attr.h"
#include "clock.h"
#include "mem.h"

enum {
    METER_BUILD,
    METER_STARTED,
    METER_REQUESTS,
    METER_DURATION,
    METER_REFUSED,
    METER_DROPPED,
    METER_CONNECTIONS,
    METER_MAX_CONNECTIONS,
    METER_DATABASE_READY,
    METER_QUERIES,
    METER_CERTIFICATE,
    METERS,
};

static const char *const version[] = {ECSS_VERSION};

static const char *const statuses[] = {
    "200", "201", "204", "304", "400", "401", "403", "404", "405", "408", "409", "411", "412",   "413",
    "414", "415", "417", "421", "422", "428", "429", "431", "500", "501", "503", "505", "other",
};

/* A GET of a job takes a millisecond; the answer's deadline is 15 s. */
static const int64_t bounds_us[] = {500,    1000,   2500,   5000,    10000,   25000,   50000,
                                    100000, 250000, 500000, 1000000, 2500000, 5000000, 15000000};

static const struct metric table[METERS] = {
    [METER_BUILD] = {.name = "ecss_build_info",
                     .type = METRIC_GAUGE,
                     .help = "Always 1; the version is the label.",
                     .labels = {{"version", version, ARRAY_LEN(version)}}},
    [METER_STARTED] = {.name = "process_start_time_seconds",
                       .type = METRIC_GAUGE,
                       .help = "When the process was started, in seconds since 1970."},
    [METER_REQUESTS] = {.name = "ecss_http_requests_total",
                        .type = METRIC_COUNTER,
                        .sparse = true,
                        .help = "Requests that were answered, by route and status."},
    [METER_DURATION] = {.name = "ecss_http_request_duration_seconds",
                        .type = METRIC_HISTOGRAM,
                        .sparse = true,
                        .help = "Time from the last byte of a request to its answer.",
                        .bounds_us = bounds_us,
                        .bound_count = ARRAY_LEN(bounds_us)},
    [METER_REFUSED] = {.name = "ecss_http_refused_total",
                       .type = METRIC_COUNTER,
                       .sparse = true,
                       .help = "Requests and connections that were refused before a route was looked for: "
                               "malformed, too large, too slow, too many.",
                       .labels = {{"status", statuses, ARRAY_LEN(statuses)}}},
    [METER_DROPPED] = {.name = "ecss_http_dropped_total",
                       .type = METRIC_COUNTER,
                       .help = "Connections that were closed without a word, being far too many."},
    [METER_CONNECTIONS] = {.name = "ecss_http_connections",
                           .type = METRIC_GAUGE,
                           .help = "Connections of clients, without those that are being refused."},
    [METER_MAX_CONNECTIONS] = {.name = "ecss_http_max_connections",
                               .type = METRIC_GAUGE,
                               .help = "How many there may be (ECSS_MAX_CONNECTIONS)."},
    [METER_DATABASE_READY] = {.name = "ecss_database_ready",
                              .type = METRIC_GAUGE,
                              .help = "Whether a worker's connections to the database can be used: 1 or 0."},
    [METER_QUERIES] = {.name = "ecss_database_queries",
                       .type = METRIC_GAUGE,
                       .help = "Queries of a worker that wait for the database's answer."},
    [METER_CERTIFICATE] = {.name = "ecss_tls_certificate_expiry_timestamp_seconds",
                           .type = METRIC_GAUGE,
                           .help = "When the certificate of TLS expires; not shown if there is none."},
};

struct meters {
    struct metric table[METERS];
    struct router router;     /* lent */
    char **routes, **workers; /* owned, and what they point to */
    size_t route_count, worker_count;
    struct metrics *metrics; /* owned */
};

static const char *method_name(enum method method)
{
    switch (method) {
    case METHOD_GET:
        return "GET";
    case METHOD_POST:
        return "POST";
    case METHOD_PUT:
        return "PUT";
    case METHOD_PATCH:
        return "PATCH";
    case METHOD_DELETE:
        return "DELETE";
    }
    return "";
}

static void set_label(struct metric *metric, size_t at, const char *name, char **values, size_t count)
{
    metric->labels[at] = (struct metric_label){name, (const char *const *)values, count};
}

struct meters *meters_new(const struct router *router, int workers, int max_connections)
{
    struct meters *meters = mem_alloc(sizeof *meters);

    *meters =
        (struct meters){.router = *router, .route_count = router->count + 1, .worker_count = (size_t)workers};
    for (size_t i = 0; i < METERS; i++)
        meters->table[i] = table[i];
    meters->routes = mem_array(meters->route_count, sizeof *meters->routes);
    for (size_t i = 0; i < router->count; i++)
        meters->routes[i] =
            mem_printf("%s %s", method_name(router->routes[i].method), router->routes[i].pattern);
    meters->routes[router->count] = mem_strdup("none");
    meters->workers = mem_array(meters->worker_count, sizeof *meters->workers);
    for (size_t i = 0; i < meters->worker_count; i++)
        meters->workers[i] = mem_printf("%zu", i);
    set_label(&meters->table[METER_REQUESTS], 0, "route", meters->routes, meters->route_count);
    meters->table[METER_REQUESTS].labels[1] = (struct metric_label){"status", statuses, ARRAY_LEN(statuses)};
    set_label(&meters->table[METER_DURATION], 0, "route", meters->routes, meters->route_count);
    set_label(&meters->table[METER_DATABASE_READY], 0, "worker", meters->workers, meters->worker_count);
    set_label(&meters->table[METER_QUERIES], 0, "worker", meters->workers, meters->worker_count);
    meters->metrics = metrics_new(meters->table, METERS);
    metrics_set(meters->metrics, METER_BUILD, 0, 0, 1);
    metrics_set(meters->metrics, METER_STARTED, 0, 0, (double)clock_wall_us(&clock_system) / 1e6);
    metrics_set(meters->metrics, METER_MAX_CONNECTIONS, 0, 0, max_connections);
    metrics_set(meters->metrics, METER_CERTIFICATE, 0, 0, (double)NAN);
    return meters;
}

void meters_free(struct meters *meters)
{
    if (meters == NULL)
        return;
    metrics_free(meters->metrics);
    for (size_t i = 0; i < meters->route_count; i++)
        free(meters->routes[i]);
    for (size_t i = 0; i < meters->worker_count; i++)
        free(meters->workers[i]);
    free(meters->routes);
    free(meters->workers);
    free(meters);
}

static size_t label_of(int status)
{
    char text[16];
    size_t i = 0;

    snprintf(text, sizeof text, "%d", status);
    while (i < ARRAY_LEN(statuses) - 1 && strcmp(statuses[i], text) != 0)
        i++;
    return i;
}

void meters_answered(struct meters *meters, const struct route *route, int status, int64_t us)
{
    size_t at;

    if (meters == NULL)
        return;
    at = route == NULL ? meters->router.count : (size_t)(route - meters->router.routes);
    metrics_add(meters->metrics, METER_REQUESTS, at, label_of(status), 1);
    metrics_observe(meters->metrics, METER_DURATION, at, 0, us);
}

void meters_refused(struct meters *meters, int status)
{
    if (meters != NULL)
        metrics_add(meters->metrics, METER_REFUSED, label_of(status), 0, 1);
}

void meters_dropped(struct meters *meters)
{
    if (meters != NULL)
        metrics_add(meters->metrics, METER_DROPPED, 0, 0, 1);
}

void meters_look(struct meters *meters, const struct meters_worker *worker)
{
    const size_t at = (size_t)worker->worker;

    if (meters == NULL)
        return;
    metrics_set(meters->metrics, METER_DATABASE_READY, at, 0, worker->database_ready);
    metrics_set(meters->metrics, METER_QUERIES, at, 0, (double)worker->queries);
    metrics_set(meters->metrics, METER_CONNECTIONS, 0, 0, worker->connections);
}

void meters_certificate(struct meters *meters, int64_t expires_s)
{
    if (meters != NULL)
        metrics_set(meters->metrics, METER_CERTIFICATE, 0, 0, (double)expires_s);
}

const struct metrics *meters_metrics(const struct meters *meters)
{
    return meters->metrics;
}
