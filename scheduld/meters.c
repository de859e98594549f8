/* See meters.h. */
#include "meters.h"

#include <string.h>

#include "attr.h"
#include "aws_client.h"
#include "aws_error.h"
#include "clock.h"

static const char *const version[] = {ECSS_VERSION};
static const char *const states[] = {"started", "launch_failed", "not_needed", "missed", "skipped"};
static const char *const stages[METER_STAGES] = {
    [METER_WAITING] = "waiting", [METER_ACTIVE] = "active", [METER_RETRYING] = "retrying"};
static const char *const actions[] = {"RunTask",     "ListTasks",          "DescribeTasks",
                                      "GetQueueUrl", "GetQueueAttributes", "other"};
static const char *const results[] = {
    [AWS_OK] = "ok",           [AWS_RETRYABLE] = "unavailable", [AWS_THROTTLED] = "throttled",
    [AWS_REFUSED] = "refused", [AWS_CONFLICT] = "conflict",     [AWS_AUTH] = "auth",
    [AWS_UNKNOWN] = "unknown", [AWS_CANCELLED] = "cancelled",
};
static const char *const lanes[AWS_LANES] = {
    [AWS_LAUNCHES] = "launches", [AWS_READS] = "reads", [AWS_QUEUES] = "queues"};

/* The budget is 20 ms at the median and 100 ms for 99 %; what is caught up with can be an hour late. */
static const int64_t lateness_us[] = {5000,    10000,   20000,    50000,    100000,    250000,    500000,
                                      1000000, 5000000, 15000000, 60000000, 300000000, 900000000, 3600000000};
static const int64_t call_us[] = {10000,   25000,   50000,   100000,   250000,  500000,
                                  1000000, 2500000, 5000000, 15000000, 30000000};

#define LABEL(name, values)                                                                                  \
    {                                                                                                        \
        name, values, ARRAY_LEN(values)                                                                      \
    }
#define BOUNDS(bounds) .bounds_us = (bounds), .bound_count = ARRAY_LEN(bounds)

static const struct metric table[METERS] = {
    [METER_BUILD] = {.name = "ecss_build_info",
                     .type = METRIC_GAUGE,
                     .help = "Always 1; the version is the label.",
                     .labels = {LABEL("version", version)}},
    [METER_STARTED] = {.name = "process_start_time_seconds",
                       .type = METRIC_GAUGE,
                       .help = "When the process was started, in seconds since 1970."},
    [METER_LEADING] = {.name = "ecss_leading",
                       .type = METRIC_GAUGE,
                       .help = "1 if this scheduld leads, 0 if it stands by."},
    [METER_EPOCH] = {.name = "ecss_leader_epoch",
                     .type = METRIC_GAUGE,
                     .help = "The epoch that this scheduld leads in; not shown while it does not."},
    [METER_READY] = {.name = "ecss_ready",
                     .type = METRIC_GAUGE,
                     .help = "1 if it can plan, or take over at once; 0 if not: /health/ready says why."},
    [METER_DATABASE_UP] = {.name = "ecss_database_up",
                           .type = METRIC_GAUGE,
                           .help = "1 if the connection to the database is there."},
    [METER_QUERIES] = {.name = "ecss_database_queries",
                       .type = METRIC_GAUGE,
                       .help = "Queries that wait for the database's answer."},
    [METER_JOBS] = {.name = "ecss_jobs", .type = METRIC_GAUGE, .help = "Jobs in memory."},
    [METER_ARMED] = {.name = "ecss_jobs_armed",
                     .type = METRIC_GAUGE,
                     .help = "Jobs that wait in the wheel for their next fire time."},
    [METER_PROBLEMS] = {.name = "ecss_jobs_with_problem",
                        .type = METRIC_GAUGE,
                        .help = "Jobs that cannot be armed; job_state.problem says why."},
    [METER_AGENDA_BYTES] = {.name = "ecss_agenda_memory_bytes",
                            .type = METRIC_GAUGE,
                            .help = "Memory of jobs and wheel."},
    [METER_TICK_AGE] = {.name = "ecss_last_tick_age_seconds",
                        .type = METRIC_GAUGE,
                        .help = "How long ago the wheel was last looked at; it is when something is due."},
    [METER_OVERDUE] = {.name = "ecss_overdue_seconds",
                       .type = METRIC_GAUGE,
                       .help = "How long ago the first fire that is still in the wheel was due; 0: none is."},
    [METER_FIRES] = {.name = "ecss_fires_total",
                     .type = METRIC_COUNTER,
                     .help =
                         "Fires of the wheel, each to become a run; one may be said again after a change."},
    [METER_COALESCED] = {.name = "ecss_fires_coalesced_total",
                         .type = METRIC_COUNTER,
                         .help = "Earlier fire times that were made up for by one of these."},
    [METER_RUNS] = {.name = "ecss_runs_total",
                    .type = METRIC_COUNTER,
                    .help = "Runs that ended, by the state they have on record.",
                    .labels = {LABEL("state", states)}},
    [METER_TASKS] = {.name = "ecss_tasks_started_total",
                     .type = METRIC_COUNTER,
                     .help = "Tasks that were started, by runs that ended."},
    [METER_RETRIES] = {.name = "ecss_launch_retries_total",
                       .type = METRIC_COUNTER,
                       .help = "Launches that did not work and are tried again."},
    [METER_LATENESS] = {.name = "ecss_run_lateness_seconds",
                        .type = METRIC_HISTOGRAM,
                        .help = "From a run's fire time to its first RunTask.",
                        BOUNDS(lateness_us)},
    [METER_LAUNCH] = {.name = "ecss_run_launch_duration_seconds",
                      .type = METRIC_HISTOGRAM,
                      .help =
                          "From a run's first RunTask until all its tasks were started, and that on record.",
                      BOUNDS(lateness_us)},
    [METER_RUNS_NOW] = {.name = "ecss_runs_in_progress",
                        .type = METRIC_GAUGE,
                        .help =
                            "Runs that are due and have not ended: not begun, in work, to be tried again.",
                        .labels = {LABEL("stage", stages)}},
    [METER_AWS_REQUESTS] = {.name = "ecss_aws_requests_total",
                            .type = METRIC_COUNTER,
                            .help = "Requests to AWS, each repeat for itself.",
                            .labels = {LABEL("action", actions), LABEL("result", results)}},
    [METER_AWS_DURATION] = {.name = "ecss_aws_request_duration_seconds",
                            .type = METRIC_HISTOGRAM,
                            .sparse = true,
                            .help = "Time of a request to AWS, whatever came of it.",
                            .labels = {LABEL("action", actions)},
                            BOUNDS(call_us)},
    [METER_AWS_CALLS] = {.name = "ecss_aws_calls",
                         .type = METRIC_GAUGE,
                         .help = "Calls of AWS without an answer, those that wait for their turn included."},
    [METER_AWS_TOKENS] = {.name = "ecss_aws_bucket_tokens",
                          .type = METRIC_GAUGE,
                          .help = "Requests that may be sent at once.",
                          .labels = {LABEL("lane", lanes)}},
    [METER_AWS_RATE] = {.name = "ecss_aws_bucket_rate",
                        .type = METRIC_GAUGE,
                        .help = "Requests a second by which the bucket is filled; throttling lowers it.",
                        .labels = {LABEL("lane", lanes)}},
    [METER_CREDENTIALS] = {.name = "ecss_aws_credentials_expiry_timestamp_seconds",
                           .type = METRIC_GAUGE,
                           .help = "When the credentials at hand expire; not shown if they never do."},
};

struct metrics *meters_new(void)
{
    struct metrics *metrics = metrics_new(table, METERS);

    metrics_set(metrics, METER_BUILD, 0, 0, 1);
    metrics_set(metrics, METER_STARTED, 0, 0, (double)clock_wall_us(&clock_system) / 1e6);
    return metrics;
}

static size_t find(const char *const *values, size_t count, const char *value)
{
    size_t i = 0;

    while (i < count && strcmp(values[i], value) != 0)
        i++;
    return i;
}

size_t meter_of_state(enum run_state state)
{
    return find(states, ARRAY_LEN(states) - 1, run_state_ledger(state));
}

size_t meter_of_action(const char *operation)
{
    return find(actions, ARRAY_LEN(actions) - 1, operation);
}
