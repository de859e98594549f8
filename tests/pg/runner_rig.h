/*
 * What the tests of the runner share: a runner that leads, with a real PostgreSQL as scheduld's role, an ECS
 * and an SQS that do what the test says, and a clock that the test turns. What counts is the ledger, and how
 * often what was started.
 */
#pragma once

#include "pg.h"

#include "agenda.h"
#include "clock.h"
#include "fake_aws.h"
#include "runner.h"

#include <stdbool.h>
#include <stdint.h>

enum { NOW = 1700000000, GRACE_S = 3600, RIG_DRAIN_MS = 10000 };

#define INSTALLATION "7d444840-9dc0-11d1-b245-5ffdce74fad2"

struct rig {
    struct pg *pg; /* as scheduld */
    struct fake_aws aws;
    struct runner *runner;
    struct clock clock;
    int64_t wall_us, turned_us; /* what it shows; how far it was turned */
    bool lease, clock_off;
    int fenced, drained;
};

extern struct pg *admin; /* as the owner of the tables */

/* Of a group of tests. */
int rig_migrate(void **state);
int rig_done(void **state);

/* Of each: jobs a and b, of definitions fa and fb, and a runner that leads in epoch 5. */
int rig_begin(void **state);
int rig_begin_with(void **state, size_t runs_max, size_t requests_max); /* 0: the runner's default */
int rig_end(void **state);
#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, rig_begin, rig_end)

/* A job is due as it is now. */
void rig_due(struct rig *rig, const char *job_id, int64_t fire_s);
int64_t rig_revision(const char *job_id);
void rig_turn_seconds(struct rig *rig, int64_t seconds); /* the clock, not the loop */

/* Turns the loop until a query gives this text, or fails. */
void rig_wait_for_(struct rig *rig, const char *sql, const char *wanted, const char *file, int line);
#define rig_wait_for(rig, sql, wanted) rig_wait_for_((rig), (sql), (wanted), __FILE__, __LINE__)
/* Turns the loop until the runner has nothing to do. */
void rig_wait_idle(struct rig *rig);

/* A callback for runner_drain(), which counts. */
void rig_on_drained(void *arg);

/* Fails unless the oldest run's error has these words. */
void rig_check_error(const char *words);

/* "a 0 started 1, b 60 planned 0": job, seconds after NOW, state and number of tasks of each run. */
#define RUNS                                                                                                 \
    "SELECT coalesce(string_agg(concat_ws(' ', job_id, extract(epoch FROM fire_at)::bigint - 1700000000,"    \
    " state, jsonb_array_length(tasks)), ', ' ORDER BY fire_at, job_id), '') FROM runs"
#define ERROR "SELECT coalesce(error, '') FROM runs ORDER BY fire_at LIMIT 1"
