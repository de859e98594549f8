/* The runner: the way that a fire goes every day, one run of a job at a time, and the end. */
#include "runner_rig.h"

#include <stdio.h>

/* The way that it goes every day. */

static void a_fire_is_launched_and_recorded(void **state)
{
    struct rig *rig = *state;

    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 started 1");
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
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 not_needed 0");
    assert_string_equal(rig->aws.calls.data, "ListTasks fa\n");
    assert_string_equal(pg_value(admin, "SELECT last_run IS NULL FROM job_state"), "t");
}

static void many_tasks_go_by_tens(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 25 WHERE id = 'a'");
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 started 25");
    assert_string_equal(rig->aws.calls.data, "ListTasks fa\nRunTask fa 10\nRunTask fa 10\nRunTask fa 5\n");
    assert_int_equal(fake_started(&rig->aws), 25);
}

/* One run of a job at a time. */

static void who_comes_while_it_launches_is_skipped(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    rig_due(rig, "a", NOW + 1);
    rig_due(rig, "a", NOW + 2);
    rig_due(rig, "a", NOW + 3);
    rig_wait_for(rig, RUNS, "a 0 planned 0, a 3 skipped 0");
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 started 1, a 3 skipped 0");
    assert_string_equal(
        pg_value(admin, "SELECT concat_ws(' ', coalesced, error) FROM runs WHERE state = 'skipped'"),
        "2 the run of 2023-11-14T22:13:20Z was still launching");
    assert_string_equal(
        pg_value(admin, "SELECT extract(epoch FROM cursor)::bigint - 1700000000 FROM job_state"), "3");
    rig_due(rig, "a", NOW + 4);
    rig_wait_for(rig, RUNS, "a 0 started 1, a 3 skipped 0, a 4 started 1");
}

static void who_comes_while_it_is_checked_waits_for_the_plan(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_lists = rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    rig_due(rig, "a", NOW + 1);
    rig_due(rig, "a", NOW + 2);
    pg_turn(rig->pg, 20);
    assert_string_equal(pg_value(admin, RUNS), ""); /* a crash now loses nothing */
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 started 1, a 2 skipped 0");
}

static void who_waited_for_a_check_that_came_to_nothing_is_next(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_lists = true;
    rig->aws.running = 1;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    rig_due(rig, "a", NOW + 1);
    rig_due(rig, "a", NOW + 2);
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 not_needed 0, a 2 not_needed 0");
}

static void said_again_is_run_once(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    pg_value(admin, "UPDATE jobs SET task_count = 2 WHERE id = 'a'");
    rig_due(rig, "a", NOW); /* agenda has read the row again before the plan was in */
    rig_wait_for(rig, "SELECT armed_revision = (SELECT revision FROM jobs WHERE id = 'a') FROM job_state",
                 "t");
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 started 1");
    rig_due(rig, "a", NOW); /* and even when it is over */
    rig_wait_idle(rig);
    assert_int_equal(rig->aws.run_calls, 1);
    assert_string_equal(pg_value(admin, RUNS), "a 0 started 1");
}

/* Definitions that change. */

static void a_due_of_an_older_definition_is_dropped(void **state)
{
    struct rig *rig = *state;
    struct agenda_due old = {
        .job_id = "a", .revision = rig_revision("a"), .fire_s = NOW, .next_s = NOW + 60, .grace_s = GRACE_S};

    pg_value(admin, "UPDATE jobs SET task_count = 2 WHERE id = 'a'");
    runner_due(rig->runner, &old);
    rig_wait_idle(rig);
    assert_string_equal(pg_value(admin, RUNS), "");
    rig_due(rig, "a", NOW); /* agenda has heard of it */
    rig_wait_for(rig, RUNS, "a 0 started 2");
}

static void a_newer_due_of_a_changed_job_is_kept(void **state)
{
    struct rig *rig = *state;

    rig->aws.list_error = AWS_THROTTLED;
    rig->aws.errors_left = 3;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    pg_value(admin, "UPDATE jobs SET schedule = '1' WHERE id = 'a'");
    rig_due(rig, "a", NOW + 1);
    rig_wait_for(rig, RUNS, "a 1 started 1");
}

static void a_deleted_job_is_dropped(void **state)
{
    struct rig *rig = *state;
    int64_t revision = rig_revision("a");

    pg_value(admin, "DELETE FROM jobs WHERE id = 'a'");
    runner_due(rig->runner,
               &(struct agenda_due){.job_id = "a", .revision = revision, .fire_s = NOW, .next_s = NOW + 60});
    rig_wait_idle(rig);
    assert_string_equal(pg_value(admin, RUNS), "");
}

static void a_job_deleted_during_the_check_is_launched(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_lists = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    pg_value(admin, "DELETE FROM jobs WHERE id = 'a'");
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 started 1");
}

/* The end. */

static void draining_finishes_what_was_begun(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    runner_drain(rig->runner, rig_on_drained, rig);
    rig_due(rig, "b", NOW); /* the next leader's */
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
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    runner_drain(rig->runner, rig_on_drained, rig);
    pg_wait(rig->pg, &rig->drained, 1);
    assert_string_equal(pg_value(admin, RUNS), "a 0 launching 0");
    assert_int_equal(rig->aws.run_calls, 1);
}

static void draining_has_an_end(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    runner_drain(rig->runner, rig_on_drained, rig);
    pg_wait(rig->pg, &rig->drained, 1);
    assert_string_equal(pg_value(admin, RUNS), "a 0 planned 0");
}

static void draining_nothing_ends_at_once(void **state)
{
    struct rig *rig = *state;

    runner_drain(rig->runner, rig_on_drained, rig);
    assert_int_equal(rig->drained, 0); /* from the loop */
    pg_wait(rig->pg, &rig->drained, 1);
}

/* Many. */

enum { MANY = 1000, RETRYING = 500, SECONDS = 20, RUNS_MAX = 200 };

#define ACTIVE                                                                                               \
    "SELECT count(*) FROM pg_stat_activity"                                                                  \
    " WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()"

static void a_thousand_fires_of_one_second(void **state)
{
    struct rig *rig = *state;
    char id[20];

    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule)"
                    " SELECT 'm' || i, 'f' || i % 10, '0' FROM generate_series(0, 999) AS i");
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "m%d", i);
        rig_due(rig, id, NOW);
    }
    rig_wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'started'", "1000");
    assert_int_equal(rig->aws.run_calls, MANY);
    assert_int_equal(fake_started(&rig->aws), MANY);
    assert_true(rig->aws.list_calls <= 40);
}

static int begin_with_few_places(void **state)
{
    return rig_begin_with(state, RUNS_MAX, 0);
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
        rig_due(rig, id, NOW);
    }
    rig_wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'launching'", "500");
    fake_make_room(&rig->aws, 0, 0);
    pg_turn(rig->pg, 50); /* all wait for a RunTask now */
    for (int i = 0; i < SECONDS; i++) {
        rig_turn_seconds(rig, 1);
        rig_due(rig, "b", NOW + 1 + i);
        fake_make_room(&rig->aws, 0, 1);
        rig_wait_for(rig, "SELECT count(*) FROM runs WHERE job_id = 'b' AND state = 'planned'", "1");
        rig_wait_for(rig, ACTIVE, "0");
        pg_turn(rig->pg, 20);            /* and it has heard of that */
        fake_make_room(&rig->aws, 2, 0); /* the oldest and the newest */
        rig_wait_for(rig, "SELECT count(*) FROM runs WHERE job_id = 'b' AND state = 'planned'", "0");
    }
    rig_wait_for(rig, "SELECT count(*) FROM runs WHERE job_id = 'b' AND state = 'started'", "20");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_fire_is_launched_and_recorded),
        RIG_TEST(what_runs_already_is_not_started),
        RIG_TEST(many_tasks_go_by_tens),
        RIG_TEST(who_comes_while_it_launches_is_skipped),
        RIG_TEST(who_comes_while_it_is_checked_waits_for_the_plan),
        RIG_TEST(who_waited_for_a_check_that_came_to_nothing_is_next),
        RIG_TEST(said_again_is_run_once),
        RIG_TEST(a_due_of_an_older_definition_is_dropped),
        RIG_TEST(a_newer_due_of_a_changed_job_is_kept),
        RIG_TEST(a_deleted_job_is_dropped),
        RIG_TEST(a_job_deleted_during_the_check_is_launched),
        RIG_TEST(draining_finishes_what_was_begun),
        RIG_TEST(draining_leaves_what_waits),
        RIG_TEST(draining_has_an_end),
        RIG_TEST(draining_nothing_ends_at_once),
        RIG_TEST(a_thousand_fires_of_one_second),
        cmocka_unit_test_setup_teardown(retries_keep_no_other_from_beginning, begin_with_few_places, rig_end),
    };

    pg_filter();
    return cmocka_run_group_tests_name("runner", tests, rig_migrate, rig_done);
}
