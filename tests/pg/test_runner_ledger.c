/* The runner writes plans and results: when the database is away, refuses a row, or a lock is in the way. */
#include "runner_rig.h"

#include <string.h>

#include "clock.h"
#include "mem.h"

static void results_wait_for_the_database(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    pg_value(admin, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()");
    fake_release(&rig->aws);
    rig_due(rig, "b", NOW);
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1");
    assert_int_equal(fake_started(&rig->aws), 2);
    assert_true(rig->pg->downs > 0);
}

/* Somebody has locked a row of runs: that run waits, no other does. */
static void who_locks_a_run_holds_up_that_run_alone(void **state)
{
    struct rig *rig = *state;
    struct pg *slow = pg_open(NULL);
    struct answer answer;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    pg_ask(slow, &answer,
           "WITH held AS MATERIALIZED (SELECT FROM runs WHERE job_id = 'a' FOR UPDATE)"
           " SELECT pg_sleep(60) FROM held",
           NULL, 0);
    while (strcmp(pg_value(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"),
                  "0") == 0)
        pg_turn(slow, 1);
    fake_release(&rig->aws);
    rig_due(rig, "b", NOW);
    rig_wait_for(rig, RUNS, "a 0 planned 0, b 0 started 1");
    pg_value(admin, "UPDATE scheduler SET epoch = 6"); /* and so it is with the next leader */
    runner_lead(rig->runner, 6, INSTALLATION);
    rig_due(rig, "b", NOW + 1);
    rig_wait_for(rig, RUNS, "a 0 planned 0, b 0 started 1, b 1 started 1");
    pg_value(admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1, b 1 started 1");
    assert_int_equal(fake_started(&rig->aws), 3);
    pg_close(slow);
}

static void a_plan_that_the_database_refuses_is_told_of(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "ALTER TABLE runs ADD CONSTRAINT not_a CHECK (job_id <> 'a') NOT VALID");
    rig_due(rig, "a", NOW);
    rig_due(rig, "b", NOW);
    pg_wait(rig->pg, &rig->dropped, 1);
    rig_wait_for(rig, RUNS, "b 0 started 1");
    pg_value(admin, "ALTER TABLE runs DROP CONSTRAINT not_a");
    rig_due(rig, "a", NOW); /* agenda has looked again */
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1");
}

/* By a trigger of somebody's own, with an error that is not about the row. */
static void a_plan_that_is_denied_keeps_no_other(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "CREATE OR REPLACE FUNCTION deny() RETURNS trigger LANGUAGE plpgsql AS"
                    " $$ BEGIN RAISE insufficient_privilege; END $$");
    pg_value(admin, "CREATE TRIGGER deny BEFORE INSERT ON runs FOR EACH ROW WHEN (NEW.job_id = 'a')"
                    " EXECUTE FUNCTION deny()");
    rig_due(rig, "a", NOW);
    rig_due(rig, "b", NOW);
    pg_wait(rig->pg, &rig->dropped, 1);
    rig_wait_for(rig, RUNS, "b 0 started 1");
    pg_value(admin, "DROP FUNCTION deny CASCADE");
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1");
}

/* Somebody has inserted its very row, in a transaction that is not over: that run waits, no other does. */
static void who_keeps_a_row_from_being_planned_holds_up_that_run_alone(void **state)
{
    struct rig *rig = *state;
    struct pg *slow = pg_open(NULL);
    struct answer answer;

    pg_ask(slow, &answer,
           "WITH put AS (INSERT INTO runs (job_id, fire_at, state, epoch)"
           " VALUES ('a', to_timestamp(1700000000), 'planned', 5) RETURNING id) SELECT pg_sleep(60) FROM put",
           NULL, 0);
    while (strcmp(pg_value(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"),
                  "0") == 0)
        pg_turn(slow, 1);
    rig_due(rig, "a", NOW);
    rig_due(rig, "b", NOW);
    rig_wait_for(rig, RUNS, "b 0 started 1");
    rig_due(rig, "b", NOW + 1);
    rig_wait_for(rig, RUNS, "b 0 started 1, b 1 started 1");
    pg_value(admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1, b 1 started 1");
    assert_int_equal(fake_started(&rig->aws), 3);
    pg_close(slow);
}

/* Likewise of many rows: what is to be written beside them does not wait for each of them. */
static void many_rows_that_are_kept_from_being_planned_hold_up_no_other(void **state)
{
    enum { HELD = 40 };
    struct rig *rig = *state;
    struct pg *slow = pg_open(NULL);
    struct answer answer;
    int64_t begun_ms;

    for (int i = 0; i < HELD; i++) {
        AUTO_FREE char *sql =
            mem_printf("INSERT INTO jobs (id, task_definition, schedule) VALUES ('h%d', 'fb', '0')", i);

        pg_value(admin, sql);
    }
    pg_ask(slow, &answer,
           "WITH put AS (INSERT INTO runs (job_id, fire_at, state, epoch)"
           " SELECT 'h' || i, to_timestamp(1700000000), 'planned', 5 FROM generate_series(0, 39) AS i"
           " RETURNING id) SELECT pg_sleep(120) FROM (SELECT count(*) FROM put) AS all_of_them",
           NULL, 0);
    while (strcmp(pg_value(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"),
                  "0") == 0)
        pg_turn(slow, 1);
    begun_ms = clock_monotonic_ms(&clock_system);
    for (int i = 0; i < HELD; i++) {
        AUTO_FREE char *id = mem_printf("h%d", i);

        rig_due(rig, id, NOW);
    }
    rig_due(rig, "b", NOW);
    rig_wait_for(rig, RUNS, "b 0 started 1");
    for (int i = 1; i <= 3; i++) {
        AUTO_FREE char *wanted = mem_printf("b %d started 1", i);

        rig_due(rig, "b", NOW + i);
        rig_wait_for(
            rig,
            "SELECT job_id || ' ' || extract(epoch FROM fire_at)::bigint - 1700000000 || ' ' || state"
            " || ' 1' FROM runs ORDER BY fire_at DESC LIMIT 1",
            wanted);
    }
    assert_true(clock_monotonic_ms(&clock_system) - begun_ms < HELD * 500); /* the wait for a lock, each */
    assert_false(runner_count(rig->runner).writes_fail);
    pg_value(admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    rig_wait_for(rig, "SELECT count(*)::text FROM runs WHERE state = 'started' AND job_id LIKE 'h%'", "40");
    pg_close(slow);
}

static void a_result_that_the_database_refuses_is_kept(void **state)
{
    struct rig *rig = *state;

    pg_value(admin,
             "ALTER TABLE runs ADD CONSTRAINT not_a CHECK (job_id <> 'a' OR state <> 'started') NOT VALID");
    rig_due(rig, "a", NOW);
    rig_due(rig, "b", NOW);
    rig_wait_for(rig, RUNS, "a 0 planned 0, b 0 started 1");
    while (runner_count(rig->runner).retrying == 0)
        pg_turn(rig->pg, 5);
    rig_due(rig, "a", NOW + 60); /* its turn comes when the result is on record */
    pg_value(admin, "ALTER TABLE runs DROP CONSTRAINT not_a");
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1, a 60 started 1");
    assert_int_equal(rig->aws.run_calls, 3);
}

static void a_plan_that_the_database_may_have_is_written_once(void **state)
{
    struct rig *rig = *state;

    /* The commit takes its time, and the connection is lost before its answer. */
    rig->aws.hold_lists = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    fake_release(&rig->aws);
    for (int i = 0; i < 20; i++) {
        pg_value(admin, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                        " WHERE pid <> pg_backend_pid() AND datname = current_database()");
        pg_turn(rig->pg, 3);
    }
    rig_wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(fake_started(&rig->aws), 1);
}

/* The connection is lost while the server is still at it: the second write finds a row that it cannot see. */
static void a_plan_that_the_server_has_yet_to_commit_is_ours(void **state)
{
    struct rig *rig = *state;
    struct pg *server = pg_open(NULL);
    struct answer answer;

    rig->aws.hold_lists = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    pg_ask(server, &answer,
           "WITH put AS (INSERT INTO runs (job_id, fire_at, state, epoch)"
           " VALUES ('a', to_timestamp(1700000000), 'planned', 5) RETURNING id) SELECT pg_sleep(2) FROM put",
           NULL, 0);
    do
        pg_turn(server, 1);
    while (strcmp(pg_value(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"),
                  "1") != 0);
    fake_release(&rig->aws);
    rig_wait_for(rig, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'", "1");
    pg_value(admin,
             "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'transactionid'");
    pg_wait(server, &answer.times, 1);
    rig_wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(fake_started(&rig->aws), 1);
    pg_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(results_wait_for_the_database),
        RIG_TEST(who_locks_a_run_holds_up_that_run_alone),
        RIG_TEST(a_plan_that_the_database_refuses_is_told_of),
        RIG_TEST(a_plan_that_is_denied_keeps_no_other),
        RIG_TEST(who_keeps_a_row_from_being_planned_holds_up_that_run_alone),
        RIG_TEST(many_rows_that_are_kept_from_being_planned_hold_up_no_other),
        RIG_TEST(a_result_that_the_database_refuses_is_kept),
        RIG_TEST(a_plan_that_the_database_may_have_is_written_once),
        RIG_TEST(a_plan_that_the_server_has_yet_to_commit_is_ours),
    };

    pg_filter();
    return cmocka_run_group_tests_name("runner_ledger", tests, rig_migrate, rig_done);
}
