/*
 * The runner against a real PostgreSQL, as scheduld's role, with an ECS and an SQS that do what the test
 * says. What counts is the ledger, and how often what was started.
 */
#include "pg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agenda.h"
#include "clock.h"
#include "fake_aws.h"
#include "mem.h"
#include "run.h"
#include "runner.h"

enum { NOW = 1700000000, GRACE_S = 3600, RUNS_MAX = 200, TAKE_MAX = 7 };

#define INSTALLATION "7d444840-9dc0-11d1-b245-5ffdce74fad2"

struct rig {
    struct pg *pg; /* as scheduld */
    struct fake_aws aws;
    struct runner *runner;
    struct clock clock;
    int64_t wall_us;
    bool lease;
    int fenced, dropped, drained;
};

static struct pg *admin; /* as the owner of the tables */

static int64_t wall_us(void *arg)
{
    return ((struct rig *)arg)->wall_us;
}

static int64_t monotonic_us(void *arg UNUSED)
{
    return clock_monotonic_us(&clock_system);
}

static bool may_launch(void *arg)
{
    return ((struct rig *)arg)->lease;
}

static void on_fenced(void *arg)
{
    ((struct rig *)arg)->fenced++;
}

static void on_dropped(void *arg)
{
    ((struct rig *)arg)->dropped++;
}

static void on_drained(void *arg)
{
    ((struct rig *)arg)->drained++;
}

static int migrated(void **state)
{
    (void)state;
    pg_migrate();
    admin = pg_open(NULL);
    return 0;
}

static int done(void **state UNUSED)
{
    pg_close(admin);
    return 0;
}

static struct runner *make_runner(struct rig *rig, size_t runs_max)
{
    return runner_new(&(struct runner_options){
        .base = rig->pg->base,
        .clock = &rig->clock,
        .db = rig->pg->db,
        .ecs_ops = &fake_ecs_ops,
        .ecs = &rig->aws,
        .sqs_ops = &fake_sqs_ops,
        .sqs = &rig->aws,
        .cluster = "test-cluster",
        .name = "ecs-scheduler",
        .grace_s = GRACE_S,
        .may_launch = may_launch,
        .on_fenced = on_fenced,
        .on_dropped = on_dropped,
        .arg = rig,
        .retry_min_ms = 1,
        .retry_max_ms = 20,
        .drain_ms = 2000,
        .runs_max = runs_max,
        .take_max = TAKE_MAX,
    });
}

static int fresh_with(void **state, size_t runs_max)
{
    AUTO_FREE char *url = pg_url_with("options=-c%20role%3Decs_scheduler_scheduld");
    struct db_options options = {.url = url, .lock_timeout_ms = 500};
    struct rig *rig = mem_alloc(sizeof *rig);

    pg_value(admin, "TRUNCATE jobs, job_state, job_tombstones, runs");
    pg_value(admin, "UPDATE scheduler SET epoch = 5");
    pg_value(admin,
             "INSERT INTO jobs (id, task_definition, schedule) VALUES ('a', 'fa', '0'), ('b', 'fb', '0')");
    rig->pg = pg_open(&options);
    rig->clock = (struct clock){wall_us, monotonic_us, rig};
    rig->wall_us = NOW * INT64_C(1000000) + 5000;
    rig->lease = true;
    fake_init(&rig->aws, rig->pg->base);
    rig->runner = make_runner(rig, runs_max);
    runner_lead(rig->runner, 5, INSTALLATION);
    *state = rig;
    return 0;
}

static int fresh(void **state)
{
    return fresh_with(state, 0);
}

static int fresh_with_few_places(void **state)
{
    return fresh_with(state, RUNS_MAX);
}

static int ends(void **state)
{
    struct rig *rig = *state;

    runner_stand_by(rig->runner);
    fake_release(&rig->aws); /* what is on the wire is answered, as by aws_client_free() */
    pg_turn(rig->pg, 1);
    db_free(rig->pg->db);
    rig->pg->db = NULL;
    runner_free(rig->runner);
    fake_done(&rig->aws);
    pg_close(rig->pg);
    free(rig);
    return 0;
}

static int64_t revision_of(const char *job_id)
{
    AUTO_FREE char *sql = mem_printf("SELECT revision FROM jobs WHERE id = '%s'", job_id);

    return strtoll(pg_value(admin, sql), NULL, 10);
}

static void due(struct rig *rig, const char *job_id, int64_t fire_s)
{
    runner_due(rig->runner, &(struct agenda_due){.job_id = job_id,
                                                 .revision = revision_of(job_id),
                                                 .fire_s = fire_s,
                                                 .next_s = fire_s + 60,
                                                 .grace_s = GRACE_S});
}

/* Turns the loop until a query gives this text. */
static void wait_for_(struct rig *rig, const char *sql, const char *wanted, const char *file, int line)
{
    int64_t end = clock_monotonic_ms(&clock_system) + PG_DEADLINE_MS;

    while (strcmp(pg_value(admin, sql), wanted) != 0) {
        if (clock_monotonic_ms(&clock_system) > end) {
            print_error("%s:%d: %s\n is \"%s\", not \"%s\"\ncalls:\n%s", file, line, sql,
                        pg_value(admin, sql), wanted, rig->aws.calls.data);
            _fail(file, line);
        }
        pg_turn(rig->pg, 2);
    }
}
#define wait_for(rig, sql, wanted) wait_for_((rig), (sql), (wanted), __FILE__, __LINE__)

#define RUNS                                                                                                 \
    "SELECT coalesce(string_agg(concat_ws(' ', job_id, extract(epoch FROM fire_at)::bigint - 1700000000,"    \
    " state, jsonb_array_length(tasks)), ', ' ORDER BY fire_at, job_id), '') FROM runs"
#define ACTIVE                                                                                               \
    "SELECT count(*) FROM pg_stat_activity"                                                                  \
    " WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()"
#define ERROR "SELECT coalesce(error, '') FROM runs ORDER BY fire_at LIMIT 1"

static void wait_idle(struct rig *rig)
{
    struct runner_counts counts;

    do {
        pg_turn(rig->pg, 5);
        counts = runner_count(rig->runner);
    } while (counts.waiting + counts.active + counts.retrying > 0);
}

static void check_error(const char *words)
{
    const char *error = pg_value(admin, ERROR);

    if (strstr(error, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, error);
}

/* The way that it goes every day. */

static void a_fire_is_launched_and_recorded(void **state)
{
    struct rig *rig = *state;

    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 started 1");
    assert_string_equal(rig->aws.calls.data, "ListTasks fa\nRunTask fa 1\n");
    assert_string_equal(pg_value(admin,
                                 "SELECT concat_ws(' ', wanted, running, needed, coalesced, epoch, error,"
                                 " request, launched_at - fire_at) FROM runs"),
                        "1 0 1 0 5 {\"cluster\": \"test-cluster\", \"startedBy\": \"ecs-scheduler\","
                        " \"taskDefinition\": \"fa\"} 00:00:00.005");
    assert_string_equal(
        pg_value(admin,
                 "SELECT concat_ws(' ', extract(epoch FROM cursor)::bigint - 1700000000,"
                 " extract(epoch FROM next_run)::bigint - 1700000000, armed_revision = (SELECT revision"
                 " FROM jobs WHERE id = 'a'), last_run = cursor, last_run_tasks -> 0 ->> 'hostId')"
                 " FROM job_state"),
        "0 60 t t arn:host");
}

static void what_runs_already_is_not_started(void **state)
{
    struct rig *rig = *state;

    rig->aws.running = 2;
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 not_needed 0");
    assert_string_equal(rig->aws.calls.data, "ListTasks fa\n");
    assert_string_equal(pg_value(admin, "SELECT last_run IS NULL FROM job_state"), "t");
}

static void many_tasks_go_by_tens(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 25 WHERE id = 'a'");
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 started 25");
    assert_string_equal(rig->aws.calls.data, "ListTasks fa\nRunTask fa 10\nRunTask fa 10\nRunTask fa 5\n");
    assert_int_equal(fake_started(&rig->aws), 25);
}

static void with_overrides_only_its_own_tasks_count(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET overrides = '[{\"containerName\": \"c\"}]', task_count = 3");
    rig->aws.running = 2;
    rig->aws.tag = "a";
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 started 1");
    assert_string_equal(rig->aws.calls.data, "ListTasks fa\nDescribeTasks 2\nRunTask fa 1\n");
    assert_non_null(strstr(rig->aws.last.plan, "ECS_SCHEDULER_OVERRIDE_TAG"));
    due(rig, "b", NOW);
    wait_for(rig, RUNS, "a 0 started 1, b 0 started 3");
}

static void a_queue_decides(void **state)
{
    struct rig *rig = *state;

    pg_value(
        admin,
        "UPDATE jobs SET trigger = '{\"type\": \"sqs\", \"queueName\": \"q\", \"messagesPerTask\": 100}'");
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 not_needed 0");
    assert_string_equal(rig->aws.calls.data, "ListTasks fa\nGetQueueAttributes q\n");
    rig->aws.visible = 101;
    due(rig, "a", NOW + 1);
    wait_for(rig, RUNS, "a 0 not_needed 0, a 1 started 2");
    assert_string_equal(
        rig->aws.calls.data,
        "ListTasks fa\nGetQueueAttributes q\nListTasks fa\nGetQueueAttributes q\nRunTask fa 2\n");
}

static void a_batch_asks_once(void **state)
{
    struct rig *rig = *state;

    pg_value(admin,
             "UPDATE jobs SET task_definition = 'f', trigger = '{\"type\": \"sqs\", \"queueName\": \"q\"}'");
    due(rig, "a", NOW);
    due(rig, "b", NOW);
    wait_for(rig, RUNS, "a 0 not_needed 0, b 0 not_needed 0");
    assert_string_equal(rig->aws.calls.data, "ListTasks f\nGetQueueAttributes q\n");
}

/* Checks that do not work. */

static void a_check_is_tried_again(void **state)
{
    struct rig *rig = *state;

    rig->aws.list_error = AWS_THROTTLED;
    rig->aws.errors_left = 2;
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(rig->aws.list_calls, 3);
    assert_string_equal(pg_value(admin, ERROR), "");
}

static void a_refused_check_is_on_record(void **state)
{
    struct rig *rig = *state;

    rig->aws.depth_error = AWS_REFUSED;
    rig->aws.errors_left = -1;
    pg_value(admin, "UPDATE jobs SET trigger = '{\"type\": \"sqs\", \"queueName\": \"q\"}'");
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 launch_failed 0");
    check_error("QueueDoesNotExist: as the script says");
    assert_int_equal(rig->aws.run_calls, 0);
}

static void a_check_ends_with_the_grace(void **state)
{
    struct rig *rig = *state;

    rig->aws.list_error = AWS_UNKNOWN;
    rig->aws.errors_left = -1;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 3);
    rig->wall_us += (GRACE_S + 1) * INT64_C(1000000);
    wait_for(rig, RUNS, "a 0 missed 0");
    check_error("it could not be checked within the grace of 3600 s: ListError: as the script says");
}

static void who_waited_too_long_is_missed(void **state)
{
    struct rig *rig = *state;

    due(rig, "a", NOW - GRACE_S - 1);
    wait_for(rig, RUNS, "a -3601 missed 0");
    assert_string_equal(rig->aws.calls.data, "");
    check_error("beyond the grace of 3600 s");
}

static void missed_fires_are_on_record(void **state)
{
    struct rig *rig = *state;

    runner_due(rig->runner, &(struct agenda_due){.job_id = "a",
                                                 .revision = revision_of("a"),
                                                 .fire_s = NOW,
                                                 .coalesced = 3,
                                                 .first_s = NOW - 180,
                                                 .missed_first_s = NOW - 4700,
                                                 .missed_s = NOW - 4000,
                                                 .missed = 8,
                                                 .next_s = NOW + 60,
                                                 .grace_s = 600});
    wait_for(rig, RUNS, "a -4000 missed 0, a 0 started 1");
    assert_string_equal(pg_value(admin, "SELECT string_agg(coalesced::text, ' ' ORDER BY fire_at) FROM runs"),
                        "7 3");
    check_error("nobody could act on it within the grace of 600 s");
}

/* Its grace was made shorter while it was being checked. */
static void a_fire_that_became_missed_is_not_launched(void **state)
{
    struct rig *rig = *state;

    rig->aws.list_error = AWS_THROTTLED;
    rig->aws.errors_left = 3;
    due(rig, "a", NOW - 10);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    pg_value(admin, "UPDATE jobs SET misfire_grace_seconds = 5 WHERE id = 'a'");
    runner_due(rig->runner, &(struct agenda_due){.job_id = "a",
                                                 .revision = revision_of("a"),
                                                 .missed_first_s = NOW - 10,
                                                 .missed_s = NOW - 10,
                                                 .missed = 1,
                                                 .next_s = NOW + 50,
                                                 .grace_s = 5});
    wait_for(rig, RUNS, "a -10 missed 0");
    wait_idle(rig);
    assert_string_equal(pg_value(admin, RUNS), "a -10 missed 0");
    assert_int_equal(rig->aws.run_calls, 0);
}

/* One run of a job at a time. */

static void who_comes_while_it_launches_is_skipped(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    due(rig, "a", NOW + 1);
    due(rig, "a", NOW + 2);
    due(rig, "a", NOW + 3);
    wait_for(rig, RUNS, "a 0 planned 0, a 3 skipped 0");
    fake_release(&rig->aws);
    wait_for(rig, RUNS, "a 0 started 1, a 3 skipped 0");
    assert_string_equal(
        pg_value(admin, "SELECT concat_ws(' ', coalesced, error) FROM runs WHERE state = 'skipped'"),
        "2 the run of 2023-11-14T22:13:20Z was still launching");
    assert_string_equal(
        pg_value(admin, "SELECT extract(epoch FROM cursor)::bigint - 1700000000 FROM job_state"), "3");
    due(rig, "a", NOW + 4);
    wait_for(rig, RUNS, "a 0 started 1, a 3 skipped 0, a 4 started 1");
}

static void who_comes_while_it_is_checked_waits_for_the_plan(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_lists = rig->aws.hold_runs = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    due(rig, "a", NOW + 1);
    due(rig, "a", NOW + 2);
    pg_turn(rig->pg, 20);
    assert_string_equal(pg_value(admin, RUNS), ""); /* a crash now loses nothing */
    fake_release(&rig->aws);
    wait_for(rig, RUNS, "a 0 started 1, a 2 skipped 0");
}

static void who_waited_for_a_check_that_came_to_nothing_is_next(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_lists = true;
    rig->aws.running = 1;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    due(rig, "a", NOW + 1);
    due(rig, "a", NOW + 2);
    fake_release(&rig->aws);
    wait_for(rig, RUNS, "a 0 not_needed 0, a 2 not_needed 0");
}

static void said_again_is_run_once(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    due(rig, "a", NOW);
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    pg_value(admin, "UPDATE jobs SET task_count = 2 WHERE id = 'a'");
    due(rig, "a", NOW); /* agenda has read the row again before the plan was in */
    wait_for(rig, "SELECT armed_revision = (SELECT revision FROM jobs WHERE id = 'a') FROM job_state", "t");
    fake_release(&rig->aws);
    wait_for(rig, RUNS, "a 0 started 1");
    due(rig, "a", NOW); /* and even when it is over */
    wait_idle(rig);
    assert_int_equal(rig->aws.run_calls, 1);
    assert_string_equal(pg_value(admin, RUNS), "a 0 started 1");
}

/* Definitions that change. */

static void a_due_of_an_older_definition_is_dropped(void **state)
{
    struct rig *rig = *state;
    struct agenda_due old = {
        .job_id = "a", .revision = revision_of("a"), .fire_s = NOW, .next_s = NOW + 60, .grace_s = GRACE_S};

    pg_value(admin, "UPDATE jobs SET task_count = 2 WHERE id = 'a'");
    runner_due(rig->runner, &old);
    wait_idle(rig);
    assert_string_equal(pg_value(admin, RUNS), "");
    due(rig, "a", NOW); /* agenda has heard of it */
    wait_for(rig, RUNS, "a 0 started 2");
}

static void a_newer_due_of_a_changed_job_is_kept(void **state)
{
    struct rig *rig = *state;

    rig->aws.list_error = AWS_THROTTLED;
    rig->aws.errors_left = 3;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    pg_value(admin, "UPDATE jobs SET schedule = '1' WHERE id = 'a'");
    due(rig, "a", NOW + 1);
    wait_for(rig, RUNS, "a 1 started 1");
}

static void a_deleted_job_is_dropped(void **state)
{
    struct rig *rig = *state;
    int64_t revision = revision_of("a");

    pg_value(admin, "DELETE FROM jobs WHERE id = 'a'");
    runner_due(rig->runner,
               &(struct agenda_due){.job_id = "a", .revision = revision, .fire_s = NOW, .next_s = NOW + 60});
    wait_idle(rig);
    assert_string_equal(pg_value(admin, RUNS), "");
}

static void a_job_deleted_during_the_check_is_launched(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_lists = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    pg_value(admin, "DELETE FROM jobs WHERE id = 'a'");
    fake_release(&rig->aws);
    wait_for(rig, RUNS, "a 0 started 1");
}

/* RunTask that does not work at once. */

static void repeat(struct rig *rig, enum fake_answer first, bool same_token)
{
    fake_script(&rig->aws, &first, 1);
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(rig->aws.run_calls, 2);
    assert_int_equal(strcmp(rig->aws.tokens[0], rig->aws.tokens[1]) == 0, same_token);
    assert_int_equal(fake_started(&rig->aws), 1);
    assert_string_equal(pg_value(admin, "SELECT concat(error, chunks -> 0 ->> 'attempt') FROM runs"),
                        same_token ? "1" : "2");
}

static void a_throttled_call_is_repeated_with_its_token(void **state)
{
    repeat(*state, FAKE_THROTTLED, true);
}

static void a_lost_answer_is_asked_for_with_its_token(void **state)
{
    repeat(*state, FAKE_LOST, true);
}

static void what_did_not_fit_is_tried_with_another_token(void **state)
{
    repeat(*state, FAKE_STARTS_NONE, false);
}

static void what_was_turned_down_is_tried_with_another_token(void **state)
{
    repeat(*state, FAKE_EMPTY, false);
}

static void another_attempt_is_on_record_before_it_is_sent(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 5 WHERE id = 'a'");
    fake_script(&rig->aws, (enum fake_answer[]){FAKE_STARTS_SOME}, 1);
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    rig->aws.hold_runs = true;
    pg_wait(rig->pg, &rig->aws.run_calls, 2);
    assert_string_equal(rig->aws.calls.data, "ListTasks fa\nRunTask fa 5\nRunTask fa 2\n");
    assert_string_equal(pg_value(admin, "SELECT concat_ws(' ', state, jsonb_array_length(tasks),"
                                        " chunks -> 0 ->> 'attempt', chunks -> 0 ->> 'started') FROM runs"),
                        "launching 3 2 3");
    assert_string_equal(pg_value(admin, "SELECT chunks -> 0 ->> 'token' FROM runs"), rig->aws.tokens[1]);
    check_error("RunTask started 3 of 5 tasks: RESOURCE:MEMORY");
    assert_string_equal(pg_value(admin, "SELECT jsonb_array_length(last_run_tasks) FROM job_state"), "3");
    fake_release(&rig->aws);
    wait_for(rig, RUNS, "a 0 started 5");
    assert_string_equal(pg_value(admin, "SELECT jsonb_array_length(last_run_tasks) FROM job_state"), "5");
}

static void a_chunk_that_did_not_fit_does_not_stop_the_others(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 25 WHERE id = 'a'");
    fake_script(&rig->aws, (enum fake_answer[]){FAKE_STARTS_SOME}, 1);
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 started 25");
    assert_string_equal(rig->aws.calls.data,
                        "ListTasks fa\nRunTask fa 10\nRunTask fa 10\nRunTask fa 5\nRunTask fa 2\n");
    assert_int_equal(fake_started(&rig->aws), 25);
}

static void what_was_started_before_a_refusal_is_kept(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 25 WHERE id = 'a'");
    fake_script(&rig->aws, (enum fake_answer[]){FAKE_STARTS, FAKE_REFUSED}, 2);
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 launch_failed 10");
    assert_int_equal(rig->aws.run_calls, 2);
    check_error("ClientException");
    assert_string_equal(pg_value(admin, "SELECT jsonb_array_length(last_run_tasks) FROM job_state"), "10");
}

static void what_will_never_fit_is_not_tried_again(void **state)
{
    struct rig *rig = *state;

    fake_script(&rig->aws, (enum fake_answer[]){FAKE_NEVER_FITS}, 1);
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 launch_failed 0");
    check_error("ATTRIBUTE");
    assert_string_equal(pg_value(admin, "SELECT last_run IS NULL FROM job_state"), "t");
}

static void attempts_end_with_the_grace(void **state)
{
    struct rig *rig = *state;
    static const enum fake_answer never[FAKE_SCRIPT_MAX] = {
        FAKE_THROTTLED, FAKE_THROTTLED, FAKE_THROTTLED, FAKE_THROTTLED, FAKE_THROTTLED, FAKE_THROTTLED,
        FAKE_THROTTLED, FAKE_THROTTLED, FAKE_THROTTLED, FAKE_THROTTLED, FAKE_THROTTLED, FAKE_THROTTLED,
        FAKE_THROTTLED, FAKE_THROTTLED, FAKE_THROTTLED, FAKE_THROTTLED};

    fake_script(&rig->aws, never, FAKE_SCRIPT_MAX);
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 2);
    rig->wall_us += (GRACE_S + 1) * INT64_C(1000000);
    wait_for(rig, RUNS, "a 0 launch_failed 0");
    check_error("not all of it could be started within the grace of 3600 s: ThrottlingException");
    assert_int_equal(fake_started(&rig->aws), 0);
}

static void tasks_of_a_conflict_are_adopted(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 2 WHERE id = 'a'");
    fake_script(&rig->aws, (enum fake_answer[]){FAKE_CONFLICT}, 1);
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 started 2");
    assert_string_equal(pg_value(admin, "SELECT tasks -> 1 ->> 'taskId' FROM runs"), "arn:adopted-2");
}

/* Leaders. */

static void without_a_lease_nothing_is_launched(void **state)
{
    struct rig *rig = *state;

    rig->lease = false;
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 planned 0");
    pg_turn(rig->pg, 150);
    assert_int_equal(rig->aws.run_calls, 0);
    rig->lease = true;
    wait_for(rig, RUNS, "a 0 started 1");
}

static void a_call_that_waits_is_not_sent_without_a_lease(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    assert_true(rig->aws.may_send(rig->aws.may_send_arg));
    rig->lease = false;
    assert_false(rig->aws.may_send(rig->aws.may_send_arg));
    rig->lease = true;
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION); /* which asks for its own */
    assert_false(rig->aws.may_send(rig->aws.may_send_arg));
    fake_release(&rig->aws);
    wait_for(rig, RUNS, "a 0 started 1");
}

static void who_was_replaced_writes_and_launches_nothing(void **state)
{
    struct rig *rig = *state;

    due(rig, "b", NOW); /* the take-over is over */
    wait_for(rig, RUNS, "b 0 started 1");
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->fenced, 1);
    assert_string_equal(pg_value(admin, RUNS), "b 0 started 1");
    assert_int_equal(rig->aws.run_calls, 1);
    due(rig, "a", NOW + 1);
    pg_turn(rig->pg, 20);
    assert_int_equal(rig->aws.list_calls, 2);
    assert_int_equal(rig->fenced, 1);
}

static void an_open_run_is_taken_over_as_it_was_planned(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 12 WHERE id = 'a'");
    fake_script(&rig->aws, (enum fake_answer[]){FAKE_STARTS, FAKE_LOST}, 2);
    rig->aws.hold_runs = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    runner_stand_by(rig->runner);
    fake_release(&rig->aws); /* its answer is not written any more */
    pg_turn(rig->pg, 20);
    assert_string_equal(pg_value(admin, RUNS), "a 0 planned 0");
    pg_value(admin, "UPDATE jobs SET task_definition = 'other', task_count = 1 WHERE id = 'a'");
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION);
    wait_for(rig, RUNS, "a 0 started 12");
    assert_string_equal(rig->aws.tokens[0], rig->aws.tokens[1]);
    assert_int_equal(fake_started(&rig->aws), 12);
    assert_string_equal(pg_value(admin, "SELECT concat(epoch, request ->> 'taskDefinition') FROM runs"),
                        "6fa");
}

static void many_are_taken_over_in_parts(void **state)
{
    struct rig *rig = *state;
    char id[20];

    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule)"
                    " SELECT 'm' || i, 'f', '0' FROM generate_series(0, 19) AS i");
    rig->aws.hold_runs = true;
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "m%d", i);
        due(rig, id, NOW);
    }
    pg_wait(rig->pg, &rig->aws.run_calls, 20);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION);
    due(rig, "m0", NOW + 60);
    pg_wait(rig->pg, &rig->aws.run_calls, 40);
    fake_release(&rig->aws);
    wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'started' AND epoch = 6", "21");
    assert_int_equal(fake_started(&rig->aws), 21);
}

enum { LAG_S = 60 };

static void turn_seconds(struct rig *rig, int64_t seconds)
{
    rig->wall_us += seconds * 1000000;
}

static void due_with_grace(struct rig *rig, const char *job_id, int64_t grace_s)
{
    runner_due(rig->runner, &(struct agenda_due){.job_id = job_id,
                                                 .revision = revision_of(job_id),
                                                 .fire_s = NOW,
                                                 .next_s = NOW + 60,
                                                 .grace_s = grace_s});
}

/* RunTask was sent, we do not know what came of it, and the next leader finds the run. */
static void leave_open(struct rig *rig, enum fake_answer as)
{
    fake_script(&rig->aws, &as, 1);
    rig->aws.created_s = NOW;
    rig->aws.hold_runs = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    runner_stand_by(rig->runner);
    fake_release(&rig->aws);
    pg_turn(rig->pg, 20);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
}

static void take_over_after(struct rig *rig, int64_t seconds)
{
    turn_seconds(rig, seconds);
    runner_lead(rig->runner, 6, INSTALLATION);
    wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'launching' AND epoch = 6", "1");
    pg_turn(rig->pg, 50); /* lists may lag: it is not asked at once */
    assert_int_equal(rig->aws.stopped_calls, 0);
    turn_seconds(rig, LAG_S);
}

static void a_run_that_is_taken_over_has_the_grace_of_its_job(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET misfire_grace_seconds = 60 WHERE id = 'a'");
    leave_open(rig, FAKE_THROTTLED);
    take_over_after(rig, 61);
    wait_for(rig, RUNS, "a 0 launch_failed 0");
    check_error("within the grace of 60 s");
    assert_int_equal(rig->aws.run_calls, 1); /* and is not launched late */
}

static void what_is_due_of_a_job_that_is_taken_over_comes_next(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION);
    due(rig, "a", NOW + 1); /* before the open runs are known */
    pg_wait(rig->pg, &rig->aws.run_calls, 2);
    due(rig, "a", NOW + 2);
    fake_release(&rig->aws);
    wait_for(rig, RUNS, "a 0 started 1, a 2 started 1");
    assert_int_equal(fake_started(&rig->aws), 2);
}

/* What is in doubt. */

static void after_a_day_what_still_runs_is_found(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 12 WHERE id = 'a'");
    leave_open(rig, FAKE_STARTS);
    fake_script(&rig->aws, (enum fake_answer[]){FAKE_REFUSED}, 1); /* nothing is sent any more */
    rig->aws.listing = FAKE_LISTS_RUNNING;
    take_over_after(rig, 24 * 3600);
    wait_for(rig, RUNS, "a 0 launch_failed 10");
    check_error(
        "not all of it could be started within the grace of 3600 s: what RunTask came to was not heard, and"
        " ECS lists 10 tasks of it");
    assert_int_equal(rig->aws.run_calls, 1);
}

static void after_a_day_what_is_gone_cannot_be_told(void **state)
{
    struct rig *rig = *state;

    leave_open(rig, FAKE_STARTS);
    take_over_after(rig, 24 * 3600);
    wait_for(rig, RUNS, "a 0 launch_failed 0");
    check_error("cannot be told (ECS lists 0 that may be its own, where 1 were asked for)");
    assert_int_equal(rig->aws.run_calls, 1);
}

/* Of a job whose grace is as long as a token's life. */
static void an_answer_that_was_lost_long_ago_is_not_asked_for(void **state)
{
    struct rig *rig = *state;

    fake_script(&rig->aws, (enum fake_answer[]){FAKE_LOST}, 1);
    rig->aws.hold_runs = true;
    due_with_grace(rig, "a", 86400);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    turn_seconds(rig, RUN_TOKEN_LIFE_S + 2);
    fake_release(&rig->aws);
    wait_for(rig, RUNS, "a 0 launch_failed 0");
    check_error("cannot be told (ECS lists 0 that may be its own, where 1 were asked for)");
    assert_int_equal(rig->aws.run_calls, 1);
}

/* After the grace, where lists do not tell: until ECS says what became of it, and nothing else of the run is
 * sent. */
static void an_answer_that_was_lost_is_asked_for_until_it_is_known(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 12 WHERE id = 'a'");
    fake_script(&rig->aws,
                (enum fake_answer[]){FAKE_LOST, FAKE_THROTTLED, FAKE_THROTTLED, FAKE_FAILS, FAKE_THROTTLED},
                5);
    rig->aws.hold_runs = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    turn_seconds(rig, GRACE_S + 1);
    fake_release(&rig->aws);
    for (int calls = 2; calls <= 6; calls++) {
        pg_wait(rig->pg, &rig->aws.run_calls, calls);
        turn_seconds(rig, LAG_S);
    }
    wait_for(rig, RUNS, "a 0 launch_failed 10");
    check_error("not all of it could be started within the grace of 3600 s");
    assert_int_equal(rig->aws.run_calls, 6);
    assert_int_equal(fake_started(&rig->aws), 10);
}

/* The answer is lost, and the grace is over before there is another. */
static void lose_the_answer(struct rig *rig, enum fake_answer as)
{
    fake_script(&rig->aws, (enum fake_answer[]){as, FAKE_REFUSED}, 2);
    rig->aws.created_s = NOW;
    rig->aws.hold_runs = true;
    due_with_grace(rig, "a", 60);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    turn_seconds(rig, 61);
    fake_release(&rig->aws);
}

static void after_the_grace_what_runs_is_found(void **state)
{
    struct rig *rig = *state;

    rig->aws.listing = FAKE_LISTS_RUNNING;
    lose_the_answer(rig, FAKE_LOST);
    wait_for(rig, RUNS, "a 0 started 1");
    assert_string_equal(rig->aws.calls.data,
                        "ListTasks fa\nRunTask fa 1\nListTasks fa\nListTasks fa STOPPED\nDescribeTasks 1\n");
    assert_string_equal(pg_value(admin, "SELECT concat(error, chunks -> 0 ->> 'outcome') FROM runs"),
                        "started");
}

static void after_the_grace_what_has_stopped_is_found(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET overrides = '[{\"containerName\": \"c\"}]', task_definition = 'f'");
    rig->aws.tag = "a";
    rig->aws.listing = FAKE_LISTS_STOPPED;
    lose_the_answer(rig, FAKE_LOST);
    wait_for(rig, RUNS, "a 0 started 1");
}

static void after_the_grace_nothing_is_launched_late(void **state)
{
    struct rig *rig = *state;

    rig->aws.listing = FAKE_LISTS_RUNNING;
    lose_the_answer(rig, FAKE_FAILS);
    wait_for(rig, RUNS, "a 0 launch_failed 0");
    check_error(
        "not all of it could be started within the grace of 60 s: what RunTask came to was not heard, and"
        " ECS lists 0 tasks of it");
    assert_int_equal(rig->aws.run_calls, 1);
}

/* Somebody else's tasks, by another startedBy, of long ago or of another run, are not taken for its own. */
static void what_others_started_is_not_taken_for_its_own(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_definition = 'f'");
    due(rig, "b", NOW);
    wait_for(rig, RUNS, "b 0 started 1"); /* on record */
    rig->aws.run_calls = 0;
    lose_the_answer(rig, FAKE_FAILS);
    rig->aws.listing = FAKE_LISTS_RUNNING;
    wait_for(rig, RUNS, "a 0 launch_failed 0, b 0 started 1");
}

static void while_lists_do_not_work_it_waits(void **state)
{
    struct rig *rig = *state;

    rig->aws.listing = FAKE_LISTS_RUNNING;
    lose_the_answer(rig, FAKE_LOST);
    rig->aws.list_error = AWS_UNKNOWN;
    rig->aws.errors_left = 3;
    wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(rig->aws.errors_left, 0);
    assert_int_equal(rig->aws.run_calls, 1);
}

/* Two jobs of one definition: whose is it? ECS tells by the token. */
static void of_two_in_doubt_the_token_tells(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_definition = 'f'");
    fake_script(&rig->aws, (enum fake_answer[]){FAKE_LOST, FAKE_LOST}, 2);
    rig->aws.created_s = NOW;
    rig->aws.listing = FAKE_LISTS_RUNNING;
    rig->aws.hold_runs = true;
    due_with_grace(rig, "a", 60);
    due_with_grace(rig, "b", 60);
    pg_wait(rig->pg, &rig->aws.run_calls, 2);
    turn_seconds(rig, 61);
    fake_release(&rig->aws);
    wait_for(rig, RUNS, "a 0 started 1, b 0 started 1");
    assert_int_equal(fake_started(&rig->aws), 2);
    assert_true(rig->aws.run_calls >= 3);
}

static void a_run_edited_by_hand_is_given_up(void **state)
{
    struct rig *rig = *state;

    runner_stand_by(rig->runner);
    pg_value(admin, "INSERT INTO runs (job_id, fire_at, state, epoch, chunks) VALUES"
                    " ('a', to_timestamp(1700000000), 'planned', 5, '[1]'),"
                    " ('a', to_timestamp(1700000001), 'launching', 5, '[]')");
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION);
    wait_for(rig, RUNS, "a 0 launch_failed 0, a 1 launch_failed 0");
    check_error("found unfinished, and it makes no sense: chunks[0]: a chunk is not an object");
    wait_idle(rig);
}

static void results_wait_for_the_database(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    pg_value(admin, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()");
    fake_release(&rig->aws);
    due(rig, "b", NOW);
    wait_for(rig, RUNS, "a 0 started 1, b 0 started 1");
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
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    pg_ask(slow, &answer,
           "WITH held AS MATERIALIZED (SELECT FROM runs WHERE job_id = 'a' FOR UPDATE)"
           " SELECT pg_sleep(60) FROM held",
           NULL, 0);
    while (strcmp(pg_value(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"),
                  "0") == 0)
        pg_turn(slow, 1);
    fake_release(&rig->aws);
    due(rig, "b", NOW);
    wait_for(rig, RUNS, "a 0 planned 0, b 0 started 1");
    pg_value(admin, "UPDATE scheduler SET epoch = 6"); /* and so it is with the next leader */
    runner_lead(rig->runner, 6, INSTALLATION);
    due(rig, "b", NOW + 1);
    wait_for(rig, RUNS, "a 0 planned 0, b 0 started 1, b 1 started 1");
    pg_value(admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    wait_for(rig, RUNS, "a 0 started 1, b 0 started 1, b 1 started 1");
    assert_int_equal(fake_started(&rig->aws), 3);
    pg_close(slow);
}

static void a_plan_that_the_database_refuses_is_told_of(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "ALTER TABLE runs ADD CONSTRAINT not_a CHECK (job_id <> 'a') NOT VALID");
    due(rig, "a", NOW);
    due(rig, "b", NOW);
    pg_wait(rig->pg, &rig->dropped, 1);
    wait_for(rig, RUNS, "b 0 started 1");
    pg_value(admin, "ALTER TABLE runs DROP CONSTRAINT not_a");
    due(rig, "a", NOW); /* agenda has looked again */
    wait_for(rig, RUNS, "a 0 started 1, b 0 started 1");
}

/* By a trigger of somebody's own, with an error that is not about the row. */
static void a_plan_that_is_denied_keeps_no_other(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "CREATE OR REPLACE FUNCTION deny() RETURNS trigger LANGUAGE plpgsql AS"
                    " $$ BEGIN RAISE insufficient_privilege; END $$");
    pg_value(admin, "CREATE TRIGGER deny BEFORE INSERT ON runs FOR EACH ROW WHEN (NEW.job_id = 'a')"
                    " EXECUTE FUNCTION deny()");
    due(rig, "a", NOW);
    due(rig, "b", NOW);
    pg_wait(rig->pg, &rig->dropped, 1);
    wait_for(rig, RUNS, "b 0 started 1");
    pg_value(admin, "DROP FUNCTION deny CASCADE");
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 started 1, b 0 started 1");
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
    due(rig, "a", NOW);
    due(rig, "b", NOW);
    wait_for(rig, RUNS, "b 0 started 1");
    due(rig, "b", NOW + 1);
    wait_for(rig, RUNS, "b 0 started 1, b 1 started 1");
    pg_value(admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    wait_for(rig, RUNS, "a 0 started 1, b 0 started 1, b 1 started 1");
    assert_int_equal(fake_started(&rig->aws), 3);
    pg_close(slow);
}

static void a_result_that_the_database_refuses_is_kept(void **state)
{
    struct rig *rig = *state;

    pg_value(admin,
             "ALTER TABLE runs ADD CONSTRAINT not_a CHECK (job_id <> 'a' OR state <> 'started') NOT VALID");
    due(rig, "a", NOW);
    due(rig, "b", NOW);
    wait_for(rig, RUNS, "a 0 planned 0, b 0 started 1");
    while (runner_count(rig->runner).retrying == 0)
        pg_turn(rig->pg, 5);
    due(rig, "a", NOW + 60); /* its turn comes when the result is on record */
    pg_value(admin, "ALTER TABLE runs DROP CONSTRAINT not_a");
    wait_for(rig, RUNS, "a 0 started 1, b 0 started 1, a 60 started 1");
    assert_int_equal(rig->aws.run_calls, 3);
}

static void a_plan_that_the_database_may_have_is_written_once(void **state)
{
    struct rig *rig = *state;

    /* The commit takes its time, and the connection is lost before its answer. */
    rig->aws.hold_lists = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    fake_release(&rig->aws);
    for (int i = 0; i < 20; i++) {
        pg_value(admin, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                        " WHERE pid <> pg_backend_pid() AND datname = current_database()");
        pg_turn(rig->pg, 3);
    }
    wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(fake_started(&rig->aws), 1);
}

/* The connection is lost while the server is still at it: the second write finds a row that it cannot see. */
static void a_plan_that_the_server_has_yet_to_commit_is_ours(void **state)
{
    struct rig *rig = *state;
    struct pg *server = pg_open(NULL);
    struct answer answer;

    rig->aws.hold_lists = true;
    due(rig, "a", NOW);
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
    wait_for(rig, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'", "1");
    pg_value(admin,
             "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'transactionid'");
    pg_wait(server, &answer.times, 1);
    wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(fake_started(&rig->aws), 1);
    pg_close(server);
}

/* The end. */

static void draining_finishes_what_was_begun(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    runner_drain(rig->runner, on_drained, rig);
    due(rig, "b", NOW); /* the next leader's */
    pg_turn(rig->pg, 20);
    assert_int_equal(rig->drained, 0);
    fake_release(&rig->aws);
    pg_wait(rig->pg, &rig->drained, 1);
    assert_string_equal(pg_value(admin, RUNS), "a 0 started 1");
}

static void draining_leaves_what_waits(void **state)
{
    struct rig *rig = *state;

    fake_script(&rig->aws, (enum fake_answer[]){FAKE_STARTS_NONE}, 1);
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    runner_drain(rig->runner, on_drained, rig);
    pg_wait(rig->pg, &rig->drained, 1);
    assert_string_equal(pg_value(admin, RUNS), "a 0 launching 0");
    assert_int_equal(rig->aws.run_calls, 1);
}

static void draining_has_an_end(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    runner_drain(rig->runner, on_drained, rig);
    pg_wait(rig->pg, &rig->drained, 1);
    assert_string_equal(pg_value(admin, RUNS), "a 0 planned 0");
}

static void draining_nothing_ends_at_once(void **state)
{
    struct rig *rig = *state;

    runner_drain(rig->runner, on_drained, rig);
    assert_int_equal(rig->drained, 0); /* from the loop */
    pg_wait(rig->pg, &rig->drained, 1);
}

/* ECS takes only so much. */

static void launches_wait_for_room(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule) VALUES ('c', 'fc', '0')");
    turn_seconds(rig, 10);
    fake_make_room(&rig->aws, 0, 10);
    due(rig, "a", NOW + 5);
    due(rig, "b", NOW);
    due(rig, "c", NOW + 10);
    wait_for(rig, RUNS, "b 0 planned 0, a 5 planned 0, c 10 planned 0");
    fake_make_room(&rig->aws, 2, 0);
    wait_for(rig, RUNS, "b 0 started 1, a 5 planned 0, c 10 started 1"); /* the oldest and the newest */
    pg_turn(rig->pg, 20);
    assert_int_equal(rig->aws.run_calls, 2);
    fake_make_room(&rig->aws, 1, 0);
    wait_for(rig, RUNS, "b 0 started 1, a 5 started 1, c 10 started 1");
}

static void who_waits_for_a_read_shares_it(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_definition = 'f'");
    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule) VALUES ('c', 'fc', '0')");
    turn_seconds(rig, 10);
    fake_make_room(&rig->aws, 10, 0);
    due(rig, "a", NOW);
    due(rig, "b", NOW + 5);
    due(rig, "c", NOW + 3);
    pg_turn(rig->pg, 30);
    assert_string_equal(rig->aws.calls.data, "");
    fake_make_room(&rig->aws, 10, 1);
    wait_for(rig, RUNS, "a 0 started 1, b 5 started 1");
    assert_int_equal(rig->aws.list_calls, 1);
    fake_make_room(&rig->aws, 10, 1);
    wait_for(rig, RUNS, "a 0 started 1, c 3 started 1, b 5 started 1");
}

static void who_comes_in_the_same_second_joins_the_question(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_definition = 'f'");
    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule) VALUES ('c', 'f', '0')");
    rig->aws.hold_lists = true;
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    due(rig, "b", NOW);
    pg_turn(rig->pg, 20);
    assert_int_equal(rig->aws.list_calls, 1);
    turn_seconds(rig, 1);
    due(rig, "c", NOW + 1); /* what ran a second ago is not the question */
    pg_wait(rig->pg, &rig->aws.list_calls, 2);
    fake_release(&rig->aws);
    wait_for(rig, RUNS, "a 0 started 1, b 0 started 1, c 1 started 1");
    assert_int_equal(rig->aws.list_calls, 2);
}

static void who_waits_to_be_launched_beyond_the_grace_is_missed(void **state)
{
    struct rig *rig = *state;

    fake_make_room(&rig->aws, 0, 10);
    due(rig, "a", NOW);
    wait_for(rig, RUNS, "a 0 planned 0");
    turn_seconds(rig, GRACE_S + 1);
    fake_make_room(&rig->aws, 1, 0);
    wait_for(rig, RUNS, "a 0 missed 0");
    check_error("its turn to be launched came 3601 s late, beyond the grace of 3600 s");
    assert_string_equal(pg_value(admin, "SELECT finished_at IS NOT NULL AND launched_at IS NULL FROM runs"),
                        "t");
    assert_int_equal(rig->aws.run_calls, 0);
}

static void what_waits_to_be_launched_beyond_the_grace_is_not_all_started(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 12");
    fake_make_room(&rig->aws, 1, 10);
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    pg_turn(rig->pg, 20);
    turn_seconds(rig, GRACE_S + 1);
    fake_make_room(&rig->aws, 1, 0);
    wait_for(rig, RUNS, "a 0 launch_failed 10");
    check_error("not all of it could be started within the grace of 3600 s");
    assert_int_equal(rig->aws.run_calls, 1);
}

static void draining_does_not_wait_for_room(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 12 WHERE id = 'a'");
    fake_make_room(&rig->aws, 1, 1);
    due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    due(rig, "b", NOW); /* waits for a ListTasks */
    pg_turn(rig->pg, 20);
    runner_drain(rig->runner, on_drained, rig);
    pg_wait(rig->pg, &rig->drained, 1);
    assert_string_equal(pg_value(admin, RUNS), "a 0 launching 10");
}

/* Many. */

enum { MANY = 1000, RETRYING = 500, SECONDS = 20 };

static void a_thousand_fires_of_one_second(void **state)
{
    struct rig *rig = *state;
    char id[20];

    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule)"
                    " SELECT 'm' || i, 'f' || i % 10, '0' FROM generate_series(0, 999) AS i");
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "m%d", i);
        due(rig, id, NOW);
    }
    wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'started'", "1000");
    assert_int_equal(rig->aws.run_calls, MANY);
    assert_int_equal(fake_started(&rig->aws), MANY);
    assert_true(rig->aws.list_calls <= 40);
}

/* Their cluster has no room, and all of them are tried again and again: who comes each second is as punctual
 * as ever. */
static void retries_keep_no_other_from_beginning(void **state)
{
    struct rig *rig = *state;
    char id[20];

    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule)"
                    " SELECT 'm' || i, 'full', '0' FROM generate_series(0, 499) AS i");
    rig->aws.full = "full";
    for (int i = 0; i < RETRYING; i++) {
        snprintf(id, sizeof id, "m%d", i);
        due(rig, id, NOW);
    }
    wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'launching'", "500");
    fake_make_room(&rig->aws, 0, 0);
    pg_turn(rig->pg, 50); /* all wait for a RunTask now */
    for (int i = 0; i < SECONDS; i++) {
        turn_seconds(rig, 1);
        due(rig, "b", NOW + 1 + i);
        fake_make_room(&rig->aws, 0, 1);
        wait_for(rig, "SELECT count(*) FROM runs WHERE job_id = 'b' AND state = 'planned'", "1");
        wait_for(rig, ACTIVE, "0");
        pg_turn(rig->pg, 20);            /* and it has heard of that */
        fake_make_room(&rig->aws, 2, 0); /* the oldest and the newest */
        wait_for(rig, "SELECT count(*) FROM runs WHERE job_id = 'b' AND state = 'planned'", "0");
    }
    wait_for(rig, "SELECT count(*) FROM runs WHERE job_id = 'b' AND state = 'started'", "20");
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, fresh, ends)
    const struct CMUnitTest tests[] = {
        FRESH(a_fire_is_launched_and_recorded),
        FRESH(what_runs_already_is_not_started),
        FRESH(many_tasks_go_by_tens),
        FRESH(with_overrides_only_its_own_tasks_count),
        FRESH(a_queue_decides),
        FRESH(a_batch_asks_once),
        FRESH(a_check_is_tried_again),
        FRESH(a_refused_check_is_on_record),
        FRESH(a_check_ends_with_the_grace),
        FRESH(who_waited_too_long_is_missed),
        FRESH(missed_fires_are_on_record),
        FRESH(a_fire_that_became_missed_is_not_launched),
        FRESH(who_comes_while_it_launches_is_skipped),
        FRESH(who_comes_while_it_is_checked_waits_for_the_plan),
        FRESH(who_waited_for_a_check_that_came_to_nothing_is_next),
        FRESH(said_again_is_run_once),
        FRESH(a_due_of_an_older_definition_is_dropped),
        FRESH(a_newer_due_of_a_changed_job_is_kept),
        FRESH(a_deleted_job_is_dropped),
        FRESH(a_job_deleted_during_the_check_is_launched),
        FRESH(a_throttled_call_is_repeated_with_its_token),
        FRESH(a_lost_answer_is_asked_for_with_its_token),
        FRESH(what_did_not_fit_is_tried_with_another_token),
        FRESH(what_was_turned_down_is_tried_with_another_token),
        FRESH(another_attempt_is_on_record_before_it_is_sent),
        FRESH(a_chunk_that_did_not_fit_does_not_stop_the_others),
        FRESH(what_was_started_before_a_refusal_is_kept),
        FRESH(what_will_never_fit_is_not_tried_again),
        FRESH(attempts_end_with_the_grace),
        FRESH(tasks_of_a_conflict_are_adopted),
        FRESH(without_a_lease_nothing_is_launched),
        FRESH(a_call_that_waits_is_not_sent_without_a_lease),
        FRESH(who_was_replaced_writes_and_launches_nothing),
        FRESH(an_open_run_is_taken_over_as_it_was_planned),
        FRESH(many_are_taken_over_in_parts),
        FRESH(a_run_that_is_taken_over_has_the_grace_of_its_job),
        FRESH(what_is_due_of_a_job_that_is_taken_over_comes_next),
        FRESH(after_a_day_what_still_runs_is_found),
        FRESH(after_a_day_what_is_gone_cannot_be_told),
        FRESH(an_answer_that_was_lost_long_ago_is_not_asked_for),
        FRESH(an_answer_that_was_lost_is_asked_for_until_it_is_known),
        FRESH(after_the_grace_what_runs_is_found),
        FRESH(after_the_grace_what_has_stopped_is_found),
        FRESH(after_the_grace_nothing_is_launched_late),
        FRESH(what_others_started_is_not_taken_for_its_own),
        FRESH(while_lists_do_not_work_it_waits),
        FRESH(of_two_in_doubt_the_token_tells),
        FRESH(a_run_edited_by_hand_is_given_up),
        FRESH(results_wait_for_the_database),
        FRESH(who_locks_a_run_holds_up_that_run_alone),
        FRESH(a_plan_that_the_database_refuses_is_told_of),
        FRESH(a_plan_that_is_denied_keeps_no_other),
        FRESH(who_keeps_a_row_from_being_planned_holds_up_that_run_alone),
        FRESH(a_result_that_the_database_refuses_is_kept),
        FRESH(a_plan_that_the_database_may_have_is_written_once),
        FRESH(a_plan_that_the_server_has_yet_to_commit_is_ours),
        FRESH(draining_finishes_what_was_begun),
        FRESH(draining_leaves_what_waits),
        FRESH(draining_has_an_end),
        FRESH(draining_nothing_ends_at_once),
        FRESH(launches_wait_for_room),
        FRESH(who_waits_for_a_read_shares_it),
        FRESH(who_comes_in_the_same_second_joins_the_question),
        FRESH(who_waits_to_be_launched_beyond_the_grace_is_missed),
        FRESH(what_waits_to_be_launched_beyond_the_grace_is_not_all_started),
        FRESH(draining_does_not_wait_for_room),
        FRESH(a_thousand_fires_of_one_second),
        cmocka_unit_test_setup_teardown(retries_keep_no_other_from_beginning, fresh_with_few_places, ends),
    };

    pg_filter();
    return cmocka_run_group_tests_name("runner", tests, migrated, done);
}
