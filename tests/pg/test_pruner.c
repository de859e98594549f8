/* pruner against a real PostgreSQL: what goes, what stays, and that it lets others work meanwhile. */
#include "pruner.h"

#include "pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "mem.h"

struct stage {
    struct pg *pg;
    struct pruner *pruner;
    char *url; /* owned */
    int passes, failures;
    int64_t runs, tombstones; /* of the last pass */
    char error[ERR_TEXT_SIZE];
};

enum { EPOCH = 5 };

static void on_pass(void *arg, int64_t runs, int64_t tombstones, const struct err *err)
{
    struct stage *stage = arg;

    stage->passes++;
    stage->runs = runs;
    stage->tombstones = tombstones;
    if (err != NULL) {
        stage->failures++;
        snprintf(stage->error, sizeof stage->error, "%s", err->text);
    }
}

static int migrated(void **state UNUSED)
{
    struct pg *pg;

    pg_migrate();
    pg = pg_open(NULL);
    pg_value(pg, "CREATE ROLE test_sched LOGIN IN ROLE ecs_scheduler_scheduld");
    pg_close(pg);
    return 0;
}

static int opens(void **state)
{
    struct stage *stage = mem_alloc(sizeof *stage);

    stage->pg = pg_open(NULL);
    stage->url = pg_url_with("user=test_sched");
    pg_value(stage->pg, "TRUNCATE jobs, job_state, job_tombstones, runs");
    pg_value(stage->pg, "UPDATE scheduler SET epoch = 5");
    *state = stage;
    return 0;
}

static int closes(void **state)
{
    struct stage *stage = *state;

    pruner_free(stage->pruner);
    pg_close(stage->pg);
    free(stage->url);
    free(stage);
    return 0;
}

static void begin(struct stage *stage, int pass_ms, int rows)
{
    const struct pruner_options options = {
        .base = stage->pg->base,
        .database_url = stage->url,
        .retention_days = 30,
        .pass_ms = pass_ms,
        .step_rows = rows,
        .on_pass = on_pass,
        .arg = stage,
    };

    stage->pruner = pruner_new(&options);
}

/* Runs that were due and last changed so long ago, one of each state for each day. */
static void old_runs(struct stage *stage, const char *state, int days, int count)
{
    AUTO_FREE char *sql = mem_printf("INSERT INTO runs (job_id, fire_at, state, epoch, updated_at)"
                                     " SELECT '%s', now() - interval '%d days' - n * interval '1 second', "
                                     "'%s', 1, now() - interval '%d days'"
                                     " FROM generate_series(1, %d) AS n",
                                     state, days, state, days, count);

    pg_value(stage->pg, sql);
}

static void old_runs_go_and_others_stay(void **state)
{
    static const char *const states[] = {"started", "not_needed", "launch_failed", "missed",
                                         "skipped", "succeeded",  "failed"};
    struct stage *stage = *state;

    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        old_runs(stage, states[i], 31, 10);
        old_runs(stage, states[i], 29, 1);
    }
    old_runs(stage, "planned", 31, 1); /* open: whatever its age */
    old_runs(stage, "launching", 31, 1);
    pg_value(stage->pg, "INSERT INTO runs (job_id, fire_at, state, epoch)" /* put on record just now */
                        " VALUES ('yearly', now() - interval '100 days', 'missed', 1)");
    pg_value(stage->pg, "INSERT INTO job_tombstones SELECT 'gone' || n, '3', now() - n * interval '7 hours'"
                        " FROM generate_series(1, 10) AS n");
    begin(stage, 10, 7); /* several steps, the last of which is not full */
    pruner_start(stage->pruner, EPOCH);
    pg_wait(stage->pg, &stage->passes, 1);
    assert_int_equal(stage->failures, 0);
    assert_int_equal(stage->runs, 70);
    assert_int_equal(stage->tombstones, 7);
    assert_string_equal(
        pg_value(stage->pg, "SELECT string_agg(job_id, ' ' ORDER BY job_id) FROM runs"),
        "failed launch_failed launching missed not_needed planned skipped started succeeded yearly");
    assert_string_equal(pg_value(stage->pg, "SELECT count(*) FROM job_tombstones"), "3");
    pg_wait(stage->pg, &stage->passes, 2); /* it goes on, and finds nothing */
    assert_int_equal(stage->runs + stage->tombstones, 0);
}

static void no_connection_is_left_open(void **state)
{
    struct stage *stage = *state;

    begin(stage, 60000, 0);
    pruner_start(stage->pruner, EPOCH);
    pg_wait(stage->pg, &stage->passes, 1);
    while (strcmp(pg_value(stage->pg, "SELECT count(*) FROM pg_stat_activity"
                                      " WHERE application_name = 'scheduld pruner'"),
                  "0") != 0)
        pg_turn(stage->pg, 10);
}

static void stopped_it_does_nothing(void **state)
{
    struct stage *stage = *state;

    old_runs(stage, "started", 31, 500);
    begin(stage, 10, 1);
    pruner_start(stage->pruner, EPOCH);
    while (strcmp(pg_value(stage->pg, "SELECT count(*) < 500 FROM runs"), "t") != 0)
        pg_turn(stage->pg, 5);
    pruner_stop(stage->pruner); /* in the middle of a pass */
    assert_int_equal(stage->passes, 0);
    pruner_start(stage->pruner, EPOCH);
    pruner_stop(stage->pruner);
    pruner_stop(stage->pruner);
    pg_turn(stage->pg, 100);
    assert_int_equal(stage->passes, 0);
    assert_string_equal(pg_value(stage->pg, "SELECT count(*) > 100 FROM runs"), "t");
}

static void who_was_replaced_deletes_nothing(void **state)
{
    struct stage *stage = *state;

    old_runs(stage, "started", 31, 3);
    pg_value(stage->pg, "INSERT INTO job_tombstones VALUES ('gone', '3', now() - interval '7 days')");
    pg_value(stage->pg, "UPDATE scheduler SET epoch = 6");
    begin(stage, 10, 0);
    pruner_start(stage->pruner, EPOCH);
    pg_wait(stage->pg, &stage->passes, 2);
    assert_string_equal(pg_value(stage->pg, "SELECT count(*) FROM runs"), "3");
    assert_string_equal(pg_value(stage->pg, "SELECT count(*) FROM job_tombstones"), "1");
    assert_int_equal(stage->failures, 0);
}

/* What somebody else has locked is left for the next pass. */
static void it_waits_for_nobody(void **state)
{
    struct stage *stage = *state;
    struct pg *other = pg_open(NULL);
    struct answer answer;

    old_runs(stage, "started", 31, 3);
    pg_ask(other, &answer,
           "WITH held AS MATERIALIZED (SELECT FROM runs ORDER BY fire_at LIMIT 1 FOR UPDATE)"
           " SELECT pg_sleep(30) FROM held",
           NULL, 0);
    while (strcmp(pg_value(stage->pg, "SELECT count(*) FROM pg_locks WHERE relation = 'runs'::regclass"
                                      " AND mode = 'RowShareLock'"),
                  "0") == 0)
        pg_turn(other, 5);
    begin(stage, 10, 0);
    pruner_start(stage->pruner, EPOCH);
    pg_wait(stage->pg, &stage->passes, 1);
    assert_int_equal(stage->failures, 0);
    assert_int_equal(stage->runs, 2);
    pg_close(other);
}

static void an_error_ends_the_pass_and_the_next_one_works(void **state)
{
    struct stage *stage = *state;

    old_runs(stage, "started", 31, 3);
    pg_value(stage->pg, "REVOKE DELETE ON runs FROM ecs_scheduler_scheduld");
    begin(stage, 10, 0);
    pruner_start(stage->pruner, EPOCH);
    pg_wait(stage->pg, &stage->failures, 1);
    assert_non_null(strstr(stage->error, "permission denied"));
    pg_value(stage->pg, "GRANT DELETE ON runs TO ecs_scheduler_scheduld");
    while (strcmp(pg_value(stage->pg, "SELECT count(*) FROM runs"), "0") != 0)
        pg_turn(stage->pg, 10);
}

/* A step reads what it deletes, and not again what the steps before it deleted. */
static void many_go_in_small_steps_while_others_write(void **state)
{
    struct stage *stage = *state;
    int64_t begun_ms, took_ms, longest_ms = 0;
    int written = 0;

    old_runs(stage, "started", 31, 50000);
    begin(stage, 60000, 1000);
    pruner_start(stage->pruner, EPOCH);
    while (stage->passes == 0) {
        begun_ms = clock_monotonic_ms(&clock_system);
        pg_value(stage->pg, "INSERT INTO runs (job_id, fire_at, state, epoch)"
                            " VALUES ('new', clock_timestamp(), 'planned', 1)");
        took_ms = clock_monotonic_ms(&clock_system) - begun_ms;
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
        written++;
        pg_turn(stage->pg, 5);
    }
    print_message("%d rows written meanwhile, the slowest in %d ms\n", written, (int)longest_ms);
    assert_int_equal(stage->runs, 50000);
    assert_int_equal(stage->failures, 0);
    assert_true(written >= 50); /* at least one for each step */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, opens, closes)
    const struct CMUnitTest tests[] = {
        TEST(old_runs_go_and_others_stay),
        TEST(no_connection_is_left_open),
        TEST(stopped_it_does_nothing),
        TEST(who_was_replaced_deletes_nothing),
        TEST(it_waits_for_nobody),
        TEST(an_error_ends_the_pass_and_the_next_one_works),
        TEST(many_go_in_small_steps_while_others_write),
    };

    pg_filter();
    return cmocka_run_group_tests(tests, migrated, NULL);
}
