/* The runner writes plans and results: when the database is away, refuses a row, or a lock is in the way. */
#include "runner_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"

#define CURSOR_OF_A "SELECT extract(epoch FROM cursor)::bigint - 1700000000 FROM job_state WHERE job_id = 'a'"

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

/* The job is due again while its row is refused, and is not moved past it. */
static void a_plan_that_the_database_refuses_is_tried_again(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "ALTER TABLE runs ADD CONSTRAINT not_a CHECK (job_id <> 'a') NOT VALID");
    rig_due(rig, "a", NOW);
    rig_due(rig, "b", NOW);
    rig_wait_for(rig, RUNS, "b 0 started 1");
    pg_turn(rig->pg, 100);
    rig_due(rig, "a", NOW + 5);
    rig_due(rig, "b", NOW + 5);
    rig_wait_for(rig, RUNS, "b 0 started 1, b 5 started 1");
    pg_value(admin, "ALTER TABLE runs DROP CONSTRAINT not_a");
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1, a 5 skipped 0, b 5 started 1");
    assert_string_equal(pg_value(admin, CURSOR_OF_A), "5");
    assert_int_equal(fake_started(&rig->aws), 3);
}

/* What is refused may be what was planned: the next try is by the definition as it is then. */
static void a_plan_that_is_refused_is_made_anew(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "ALTER TABLE runs ADD CONSTRAINT few CHECK (needed < 5)");
    pg_value(admin, "UPDATE jobs SET task_count = 5 WHERE id = 'a'");
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 3); /* and is asked for each time */
    pg_value(admin, "UPDATE jobs SET task_count = 4 WHERE id = 'a'");
    rig_due(rig, "a", NOW); /* as agenda says of an edit */
    rig_wait_for(rig, RUNS, "a 0 started 4");
    pg_value(admin, "ALTER TABLE runs DROP CONSTRAINT few");
}

static void a_plan_that_is_refused_beyond_the_grace_is_missed(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "ALTER TABLE runs ADD CONSTRAINT none CHECK (state <> 'planned')");
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 2);
    rig_turn_seconds(rig, GRACE_S + 1);
    rig_wait_for(rig, RUNS, "a 0 missed 0");
    pg_value(admin, "ALTER TABLE runs DROP CONSTRAINT none");
    rig_check_error("within the grace of 3600 s: PostgreSQL refused its row: ");
    assert_int_equal(rig->aws.run_calls, 0);
}

static void missed_at(struct rig *rig, const char *job_id, int64_t first_s, int64_t last_s, int64_t count)
{
    runner_due(rig->runner, &(struct agenda_due){.job_id = job_id,
                                                 .revision = rig_revision(job_id),
                                                 .missed_first_s = first_s,
                                                 .missed_s = last_s,
                                                 .missed = count,
                                                 .next_s = NOW,
                                                 .grace_s = 5});
}

static void missed(struct rig *rig, const char *job_id)
{
    missed_at(rig, job_id, NOW - 20, NOW - 10, 3);
}

/* Rows of this state; and counts how often, in what is undone, too. */
static void refuse(const char *run_state)
{
    AUTO_FREE char *sql = mem_printf(
        "ALTER TABLE runs ADD CONSTRAINT none CHECK (state <> '%s' OR nextval('tries') < 0)", run_state);

    pg_value(admin, "CREATE SEQUENCE tries");
    pg_value(admin, "GRANT USAGE ON tries TO ecs_scheduler_scheduld");
    pg_value(admin, sql);
}

static void accept_all(void)
{
    pg_value(admin, "ALTER TABLE runs DROP CONSTRAINT none");
    pg_value(admin, "DROP SEQUENCE tries");
}

/* Of a job that is there it is tried again, of one that is gone it is not owed any more. */
static void a_refused_record_of_what_was_missed_is_tried_again(void **state)
{
    struct rig *rig = *state;

    refuse("missed");
    missed(rig, "a");
    missed(rig, "b");
    rig_wait_for(rig, "SELECT last_value >= 4 FROM tries", "t"); /* each of them alone */
    rig_due(rig, "a", NOW);
    pg_turn(rig->pg, 100);
    assert_string_equal(pg_value(admin, RUNS), "");
    pg_value(admin, "DELETE FROM jobs WHERE id = 'b'");
    accept_all();
    rig_wait_for(rig, RUNS, "a -10 missed 0, a 0 started 1");
    assert_string_equal(pg_value(admin, "SELECT coalesced FROM runs WHERE state = 'missed'"), "2");
    pg_turn(rig->pg, 1500); /* one after the other, a second apart at most */
    assert_string_equal(pg_value(admin, RUNS), "a -10 missed 0, a 0 started 1");
    runner_drain(rig->runner, rig_on_drained, rig);
    pg_wait(rig->pg, &rig->drained, 1);
}

/* Its id. */
static const char *add_job(const char *prefix, int number)
{
    static char id[16];
    AUTO_FREE char *sql = NULL;

    snprintf(id, sizeof id, "%s%d", prefix, number);
    sql = mem_printf("INSERT INTO jobs (id, task_definition, schedule) VALUES ('%s', 'fx', '0')"
                     " ON CONFLICT (id) DO NOTHING",
                     id);
    pg_value(admin, sql);
    return id;
}

static int begin_with_little_room(void **state)
{
    return rig_begin_with(state, 4, 0);
}

/* However many they are: they have no part of the memory that those need who can be planned. */
static void what_is_refused_holds_up_no_other(void **state)
{
    enum { REFUSED = 10, OTHERS = 30, TRIES_MEANWHILE = 10 };
    struct rig *rig = *state;
    int64_t tries;

    refuse("missed");
    for (int i = 0; i < REFUSED; i++)
        missed(rig, add_job("r", i));
    rig_wait_for(rig, "SELECT last_value > 3 * 10 FROM tries", "t"); /* together, alone, and held */
    for (int i = 0; i < REFUSED; i++)
        rig_due(rig, add_job("r", i), NOW); /* goes with what was missed, and waits */
    pg_turn(rig->pg, 100);
    tries = strtoll(pg_value(admin, "SELECT last_value FROM tries"), NULL, 10);
    for (int i = 0; i < OTHERS; i++)
        rig_due(rig, add_job("o", i), NOW);
    rig_wait_for(rig, "SELECT count(*)::text FROM runs WHERE state = 'started' AND job_id LIKE 'o%'", "30");
    tries = strtoll(pg_value(admin, "SELECT last_value FROM tries"), NULL, 10) - tries;
    assert_in_range(tries, 0, TRIES_MEANWHILE); /* one a second, and nobody waited for any of them */
    accept_all();
    rig_wait_for(rig, "SELECT count(*)::text FROM runs WHERE job_id LIKE 'r%'", "20");
}

static void a_refused_plan_of_a_job_that_is_gone_is_forgotten(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "ALTER TABLE runs ADD CONSTRAINT not_a CHECK (job_id <> 'a') NOT VALID");
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 2);
    pg_value(admin, "DELETE FROM jobs WHERE id = 'a'");
    rig_wait_idle(rig);
    pg_value(admin, "ALTER TABLE runs DROP CONSTRAINT not_a");
    rig_due(rig, "b", NOW);
    rig_wait_for(rig, RUNS, "b 0 started 1");
}

static void wait_until_held(struct rig *rig)
{
    for (int i = 0; runner_count(rig->runner).retrying == 0; i++) {
        assert_true(i < PG_DEADLINE_MS);
        pg_turn(rig->pg, 1);
    }
}

/* When it was told to. */
static int64_t drain(struct rig *rig)
{
    runner_drain(rig->runner, rig_on_drained, rig);
    return clock_monotonic_ms(&clock_system);
}

/* Not because its time was over. */
static void wait_until_drained_by_itself(struct rig *rig, int64_t begun_ms)
{
    pg_wait(rig->pg, &rig->drained, 1);
    assert_in_range(clock_monotonic_ms(&clock_system) - begun_ms, 0, RIG_DRAIN_MS - 1);
}

static void who_ends_does_not_wait_for_what_is_refused(void **state)
{
    struct rig *rig = *state;
    int64_t begun_ms;

    pg_value(admin,
             "ALTER TABLE runs ADD CONSTRAINT none CHECK (job_id <> 'a' AND state <> 'missed') NOT VALID");
    rig_due(rig, "a", NOW);
    missed(rig, "b");
    pg_turn(rig->pg, 100);
    rig_due(rig, "b", NOW); /* goes with what was missed */
    pg_turn(rig->pg, 100);
    begun_ms = drain(rig);
    rig_turn_seconds(rig, 1);
    wait_until_drained_by_itself(rig, begun_ms);
    pg_value(admin, "ALTER TABLE runs DROP CONSTRAINT none");
    assert_string_equal(pg_value(admin, RUNS), "");
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    assert_string_equal(pg_value(admin, "SELECT count(*) FROM job_state"), "0"); /* all is found again */
}

/* Its RunTask is on the wire, and the row of what was skipped meanwhile is refused. */
static void who_ends_waits_for_an_answer_beside_what_is_refused(void **state)
{
    struct rig *rig = *state;
    int64_t begun_ms;

    refuse("skipped");
    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    rig_due(rig, "a", NOW + 5);
    wait_until_held(rig);
    rig_turn_seconds(rig, 2);
    begun_ms = drain(rig); /* tries it once more, and leaves it to the next leader */
    for (int i = 0; runner_count(rig->runner).retrying > 0 && i < PG_DEADLINE_MS; i++)
        pg_turn(rig->pg, 1);
    pg_turn(rig->pg, 100);
    assert_int_equal(rig->drained, 0);
    fake_release(&rig->aws);
    wait_until_drained_by_itself(rig, begun_ms);
    accept_all();
    assert_string_equal(pg_value(admin, RUNS), "a 0 started 1");
}

/* Main is being checked, and what was missed before it is refused: main's plan alone would move the job past
 * that. */
static void who_ends_loses_nothing_before_what_is_checked(void **state)
{
    struct rig *rig = *state;
    int64_t begun_ms;

    refuse("missed");
    rig->aws.hold_lists = true;
    missed(rig, "a");
    rig_due(rig, "a", NOW);
    wait_until_held(rig);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    rig_turn_seconds(rig, 2);
    begun_ms = drain(rig);
    pg_turn(rig->pg, 100);
    assert_int_equal(rig->drained, 0);
    fake_release(&rig->aws);
    rig_turn_seconds(rig, 2);
    wait_until_drained_by_itself(rig, begun_ms);
    accept_all();
    assert_string_equal(pg_value(admin, RUNS), "");
    assert_string_equal(pg_value(admin, "SELECT count(*) FROM job_state"), "0"); /* all is found again */
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
    rig_wait_for(rig, RUNS, "b 0 started 1");
    pg_turn(rig->pg, 100);
    pg_value(admin, "DROP FUNCTION deny CASCADE");
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

    for (int i = 0; i < HELD; i++)
        add_job("h", i);
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

/* A row of a's is put by the server as well, which commits it in two seconds. */
static void put_beside(struct pg *server, struct answer *answer, const char *seconds, const char *state)
{
    pg_ask(server, answer,
           "WITH put AS (INSERT INTO runs (job_id, fire_at, state, epoch)"
           " VALUES ('a', to_timestamp(1700000000 + $1::integer), $2, 5) RETURNING job_id, fire_at),"
           " moved AS (INSERT INTO job_state AS s (job_id, cursor, armed_revision)"
           " SELECT p.job_id, p.fire_at, j.revision FROM put p JOIN jobs j ON j.id = p.job_id"
           " ON CONFLICT (job_id) DO UPDATE SET cursor = excluded.cursor RETURNING 1)"
           " SELECT pg_sleep(2) FROM moved",
           (const char *[]){seconds, state}, 2);
    do
        pg_turn(server, 1);
    while (strcmp(pg_value(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"),
                  "1") != 0);
}

static void wait_until_ours_waits(struct rig *rig)
{
    rig_wait_for(rig, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'", "1");
}

static void cut_ours(void)
{
    pg_value(admin,
             "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'transactionid'");
}

/* The plan's row; ours waits for it. */
static void plan_beside(struct rig *rig, struct pg *server, struct answer *answer)
{
    rig->aws.hold_lists = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    put_beside(server, answer, "0", "planned");
    fake_release(&rig->aws);
    wait_until_ours_waits(rig);
}

/* The connection is lost while the server is still at it: the second write finds a row that it cannot see. */
static void a_plan_that_the_server_has_yet_to_commit_is_ours(void **state)
{
    struct rig *rig = *state;
    struct pg *server = pg_open(NULL);
    struct answer answer;

    plan_beside(rig, server, &answer);
    cut_ours();
    pg_wait(server, &answer.times, 1);
    rig_wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(fake_started(&rig->aws), 1);
    pg_close(server);
}

/* The server is still at it when the connection is lost, and somebody's triggers refuse to have the rows once
 * more. Once they are there the run is ours, and launched, whatever the triggers say. */
static void a_plan_that_is_on_record_is_ours_though_it_is_refused_now(void **state)
{
    struct rig *rig = *state;
    struct pg *server = pg_open(NULL);
    struct answer answer;

    pg_value(admin, "CREATE TABLE denied AS SELECT false AS now");
    pg_value(admin, "CREATE OR REPLACE FUNCTION deny() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
                    " $$ BEGIN IF (SELECT now FROM denied) THEN RAISE 'not now'; END IF; RETURN NEW; END $$");
    pg_value(admin, "CREATE TRIGGER deny BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION deny()");
    pg_value(admin, "CREATE TRIGGER deny BEFORE INSERT ON job_state FOR EACH ROW EXECUTE FUNCTION deny()");
    plan_beside(rig, server, &answer);
    pg_value(admin, "UPDATE denied SET now = true");
    cut_ours();
    pg_turn(rig->pg, 500); /* they are refused now */
    pg_wait(server, &answer.times, 1);
    rig_wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(fake_started(&rig->aws), 1);
    assert_int_equal(rig->aws.list_calls, 1); /* it was not decided anew */
    pg_value(admin, "DROP FUNCTION deny CASCADE");
    pg_value(admin, "DROP TABLE denied");
    pg_close(server);
}

#define COALESCED                                                                                            \
    "SELECT string_agg(concat_ws(' ', extract(epoch FROM fire_at)::bigint - 1700000000, coalesced), ', '"    \
    " ORDER BY fire_at) FROM runs"

/* What was skipped is on record, or going to be, when the connection is lost. What is skipped meanwhile has a
 * row of its own: one for all would stand for the first one once more. */
static void what_is_skipped_is_on_record_once(void **state)
{
    struct rig *rig = *state;
    struct pg *server = pg_open(NULL);
    struct answer answer;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    put_beside(server, &answer, "1", "skipped");
    rig_due(rig, "a", NOW + 1);
    wait_until_ours_waits(rig);
    rig_due(rig, "a", NOW + 2);
    cut_ours();
    rig_due(rig, "a", NOW + 3);
    pg_wait(server, &answer.times, 1);
    rig_wait_for(rig, COALESCED, "0 0, 1 0, 3 1");
    rig_due(rig, "a", NOW + 4);
    rig_wait_for(rig, COALESCED, "0 0, 1 0, 3 1, 4 0");
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 started 1, a 1 skipped 0, a 3 skipped 0, a 4 skipped 0");
    pg_close(server);
}

/* And what was missed, likewise. */
static void what_is_missed_is_on_record_once(void **state)
{
    struct rig *rig = *state;
    struct pg *server = pg_open(NULL);
    struct answer answer;

    put_beside(server, &answer, "-10", "missed");
    missed(rig, "a");
    wait_until_ours_waits(rig);
    cut_ours();
    missed_at(rig, "a", NOW - 5, NOW - 4, 2);
    pg_wait(server, &answer.times, 1);
    rig_wait_for(rig, COALESCED, "-10 0, -4 1");
    pg_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(results_wait_for_the_database),
        RIG_TEST(who_locks_a_run_holds_up_that_run_alone),
        RIG_TEST(a_plan_that_the_database_refuses_is_tried_again),
        RIG_TEST(a_plan_that_is_refused_is_made_anew),
        RIG_TEST(a_plan_that_is_refused_beyond_the_grace_is_missed),
        RIG_TEST(a_refused_record_of_what_was_missed_is_tried_again),
        cmocka_unit_test_setup_teardown(what_is_refused_holds_up_no_other, begin_with_little_room, rig_end),
        RIG_TEST(a_refused_plan_of_a_job_that_is_gone_is_forgotten),
        RIG_TEST(who_ends_does_not_wait_for_what_is_refused),
        RIG_TEST(who_ends_waits_for_an_answer_beside_what_is_refused),
        RIG_TEST(who_ends_loses_nothing_before_what_is_checked),
        RIG_TEST(a_plan_that_is_denied_keeps_no_other),
        RIG_TEST(who_keeps_a_row_from_being_planned_holds_up_that_run_alone),
        RIG_TEST(many_rows_that_are_kept_from_being_planned_hold_up_no_other),
        RIG_TEST(a_result_that_the_database_refuses_is_kept),
        RIG_TEST(a_plan_that_the_database_may_have_is_written_once),
        RIG_TEST(a_plan_that_the_server_has_yet_to_commit_is_ours),
        RIG_TEST(a_plan_that_is_on_record_is_ours_though_it_is_refused_now),
        RIG_TEST(what_is_skipped_is_on_record_once),
        RIG_TEST(what_is_missed_is_on_record_once),
    };

    pg_filter();
    return cmocka_run_group_tests_name("runner_ledger", tests, rig_migrate, rig_done);
}
