/*
 * What scheduld counts, for /metrics of its admin listener: the numbers of the table in meters.c, by which
 * metrics_add() and its like are called. What is only to be looked at is set when somebody asks
 * (scheduler_measure).
 */
#pragma once

#include "metrics.h"
#include "run_fsm.h"

enum meter {
    METER_BUILD,
    METER_STARTED,
    METER_LEADING,
    METER_EPOCH,
    METER_READY,
    METER_DATABASE_UP,
    METER_QUERIES,
    METER_JOBS,
    METER_ARMED,
    METER_PROBLEMS,
    METER_AGENDA_BYTES,
    METER_TICK_AGE,
    METER_OVERDUE,
    METER_FIRES,
    METER_COALESCED,
    METER_RUNS,
    METER_TASKS,
    METER_RETRIES,
    METER_LATENESS,
    METER_LAUNCH,
    METER_RUNS_NOW,
    METER_AWS_REQUESTS,
    METER_AWS_DURATION,
    METER_AWS_CALLS,
    METER_AWS_TOKENS,
    METER_AWS_RATE,
    METER_CREDENTIALS,
    METERS,
};

enum meter_stage { METER_WAITING, METER_ACTIVE, METER_RETRYING, METER_STAGES };

struct metrics *meters_new(void);

/* METER_RUNS' label for a run that has ended. */
size_t meter_of_state(enum run_state state);
/* METER_AWS_REQUESTS' and METER_AWS_DURATION's first label: "RunTask"; others are "other". */
size_t meter_of_action(const char *operation);
