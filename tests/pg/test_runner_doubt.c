/* What the runner does of launches that nobody answered, when it is too late to make them again. */
#include "runner_rig.h"

#include <stdio.h>
#include <string.h>

#include "run.h"

enum { LAG_S = 60 };

static void due_with_grace(struct rig *rig, const char *job_id, int64_t grace_s)
{
    runner_due(rig->runner, &(struct agenda_due){.job_id = job_id,
                                                 .revision = rig_revision(job_id),
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
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    runner_stand_by(rig->runner);
    fake_release(&rig->aws);
    pg_turn(rig->pg, 20);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
}

/* So many runs are in doubt. Lists may lag: they are not asked for at once. */
static void wait_and_turn(struct rig *rig, size_t runs)
{
    while (runner_count(rig->runner).retrying < runs)
        pg_turn(rig->pg, 2);
    pg_turn(rig->pg, 50);
    assert_int_equal(rig->aws.stopped_calls, 0);
    rig_turn_seconds(rig, LAG_S);
}

static void take_over_after(struct rig *rig, int64_t seconds)
{
    rig_turn_seconds(rig, seconds);
    runner_lead(rig->runner, 6, INSTALLATION);
    wait_and_turn(rig, 1);
}

static void a_run_that_is_taken_over_has_the_grace_of_its_job(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET misfire_grace_seconds = 60 WHERE id = 'a'");
    leave_open(rig, FAKE_THROTTLED);
    take_over_after(rig, 61);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    rig_check_error("within the grace of 60 s");
    assert_int_equal(rig->aws.run_calls, 1); /* and is not launched late */
}

static void after_a_day_what_still_runs_is_found(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 12 WHERE id = 'a'");
    leave_open(rig, FAKE_STARTS);
    fake_script(&rig->aws, (enum fake_answer[]){FAKE_REFUSED}, 1); /* nothing is sent any more */
    rig->aws.listing = FAKE_LISTS_RUNNING;
    take_over_after(rig, 24 * 3600);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 10");
    rig_check_error(
        "it is not known whether 2 of its tasks were started: what RunTask came to was not heard");
    assert_int_equal(rig->aws.run_calls, 1);
    assert_string_equal(pg_value(admin, "SELECT launched_at - fire_at FROM runs"),
                        "00:00:00"); /* as ECS says */
}

static void after_a_day_what_is_gone_cannot_be_told(void **state)
{
    struct rig *rig = *state;

    leave_open(rig, FAKE_STARTS);
    take_over_after(rig, 24 * 3600);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    rig_check_error(
        "it is not known whether 1 of its tasks were started: what RunTask came to was not heard");
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
    rig_turn_seconds(rig, RUN_TOKEN_LIFE_S + 2);
    fake_release(&rig->aws);
    wait_and_turn(rig, 1);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    rig_check_error(
        "it is not known whether 1 of its tasks were started: what RunTask came to was not heard");
    assert_int_equal(rig->aws.run_calls, 1);
}

/* It was sent all through the grace, and when that is over ECS may have forgotten what it did. */
static void what_cannot_be_told_is_not_launched_late(void **state)
{
    struct rig *rig = *state;

    fake_script(&rig->aws, (enum fake_answer[]){FAKE_LOST}, 1);
    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    rig_turn_seconds(rig, GRACE_S + 1);
    fake_release(&rig->aws);
    wait_and_turn(rig, 1);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    rig_check_error(
        "it is not known whether 1 of its tasks were started: what RunTask came to was not heard");
    assert_int_equal(rig->aws.run_calls, 1);
}

/* The answer is lost, and the grace is over before there is another. */
static void lose_the_answer(struct rig *rig, enum fake_answer as)
{
    fake_script(&rig->aws, (enum fake_answer[]){as, FAKE_REFUSED}, 2);
    rig->aws.created_s = NOW;
    rig->aws.hold_runs = true;
    due_with_grace(rig, "a", 60);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    rig_turn_seconds(rig, 61);
    fake_release(&rig->aws);
    wait_and_turn(rig, 1);
}

static void after_the_grace_what_runs_is_found(void **state)
{
    struct rig *rig = *state;

    rig->aws.listing = FAKE_LISTS_RUNNING;
    lose_the_answer(rig, FAKE_LOST);
    rig_wait_for(rig, RUNS, "a 0 started 1");
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
    rig_wait_for(rig, RUNS, "a 0 started 1");
}

static void after_the_grace_nothing_is_launched_late(void **state)
{
    struct rig *rig = *state;

    rig->aws.listing = FAKE_LISTS_RUNNING;
    lose_the_answer(rig, FAKE_FAILS);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    rig_check_error(
        "not all of it could be started within the grace of 60 s: what RunTask came to was not heard, and"
        " ECS lists 0 tasks of it");
    assert_int_equal(rig->aws.run_calls, 1);
}

/* Somebody else's tasks, by another startedBy, of long ago or of another run, are not taken for its own. */
static void what_others_started_is_not_taken_for_its_own(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_definition = 'f'");
    rig_due(rig, "b", NOW);
    rig_wait_for(rig, RUNS, "b 0 started 1"); /* on record */
    rig->aws.run_calls = 0;
    lose_the_answer(rig, FAKE_FAILS);
    rig->aws.listing = FAKE_LISTS_RUNNING;
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0, b 0 started 1");
}

static void while_lists_do_not_work_it_waits(void **state)
{
    struct rig *rig = *state;

    rig->aws.listing = FAKE_LISTS_RUNNING;
    lose_the_answer(rig, FAKE_LOST);
    rig->aws.list_error = AWS_UNKNOWN;
    rig->aws.errors_left = 3;
    rig_wait_for(rig, RUNS, "a 0 started 1");
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
    rig_turn_seconds(rig, 61);
    fake_release(&rig->aws);
    wait_and_turn(rig, 2);
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1");
    assert_int_equal(fake_started(&rig->aws), 2);
    assert_true(rig->aws.run_calls >= 3);
}

/* It stopped between the two lists. */
static void what_is_in_both_lists_is_one_task(void **state)
{
    struct rig *rig = *state;

    rig->aws.listing = FAKE_LISTS_BOTH;
    lose_the_answer(rig, FAKE_LOST);
    rig_wait_for(rig, RUNS, "a 0 started 1");
    assert_non_null(strstr(rig->aws.calls.data, "DescribeTasks 1\n"));
    assert_int_equal(rig->aws.run_calls, 1);
}

/* Its repeat waited for its turn until the grace was over. */
static void who_waits_in_line_beyond_the_grace_is_looked_for(void **state)
{
    struct rig *rig = *state;

    fake_script(&rig->aws, (enum fake_answer[]){FAKE_LOST, FAKE_REFUSED}, 2);
    rig->aws.created_s = NOW;
    rig->aws.listing = FAKE_LISTS_RUNNING;
    fake_make_room(&rig->aws, 1, 10);
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 launching 0");
    pg_turn(rig->pg, 100); /* it is in line again */
    rig_turn_seconds(rig, GRACE_S + 1);
    fake_make_room(&rig->aws, 1, 10);
    rig_wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(rig->aws.run_calls, 1);
}

static void the_second_call_is_not_made_after_the_grace(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 12 WHERE id = 'a'");
    leave_open(rig, FAKE_STARTS);
    rig->aws.hold_runs = true;
    runner_lead(rig->runner, 6, INSTALLATION);
    pg_wait(rig->pg, &rig->aws.run_calls, 2); /* the first once more */
    rig_turn_seconds(rig, GRACE_S + 1);
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 launching 10");
    wait_and_turn(rig, 1);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 10");
    rig_check_error("it is not known whether 2 of its tasks were started");
    assert_int_equal(rig->aws.run_calls, 2);
}

enum { MANY = 20, AT_A_TIME = 4 };

static void many_are_asked_for_a_few_at_a_time(void **state)
{
    struct rig *rig = *state;
    char id[20];
    int before;

    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule)"
                    " SELECT 'm' || i, 'f' || i, '0' FROM generate_series(0, 19) AS i");
    rig->aws.hold_runs = true;
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "m%d", i);
        rig_due(rig, id, NOW);
    }
    pg_wait(rig->pg, &rig->aws.run_calls, MANY);
    runner_stand_by(rig->runner);
    fake_release(&rig->aws);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    rig_turn_seconds(rig, GRACE_S + 1);
    runner_lead(rig->runner, 6, INSTALLATION);
    while (runner_count(rig->runner).retrying < MANY)
        pg_turn(rig->pg, 2);
    before = rig->aws.list_calls;
    fake_make_room(&rig->aws, 10, 0);
    wait_and_turn(rig, MANY);
    pg_turn(rig->pg, 50);
    assert_int_equal(rig->aws.list_calls, before); /* there is no room */
    rig->aws.hold_lists = true;
    fake_make_room(&rig->aws, 10, 1000);
    pg_wait(rig->pg, &rig->aws.list_calls, before + AT_A_TIME);
    pg_turn(rig->pg, 50);
    assert_int_equal(rig->aws.list_calls, before + AT_A_TIME);
    rig_due(rig, "a", NOW + GRACE_S);
    pg_wait(rig->pg, &rig->aws.list_calls, before + AT_A_TIME + 1); /* and does not wait for the others */
    fake_release(&rig->aws);
    rig_wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'launch_failed'", "20");
    assert_int_equal(rig->aws.stopped_calls, MANY);
    assert_int_equal(rig->aws.run_calls, MANY + 1);
    rig_wait_idle(rig);
}

/* ECS lets little be read, and there is always somebody who is due. */
static void who_is_in_doubt_has_his_turn_beside_who_is_due(void **state)
{
    struct rig *rig = *state;
    char id[20];

    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule)"
                    " SELECT 'm' || i, 'f' || i, '0' FROM generate_series(0, 9) AS i");
    leave_open(rig, FAKE_STARTS);
    fake_make_room(&rig->aws, 100, 0);
    take_over_after(rig, GRACE_S + 1);
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof id, "m%d", i);
        rig_due(rig, id, NOW + GRACE_S);
    }
    pg_turn(rig->pg, 100); /* all are in line */
    for (int i = 0; i < 4; i++) {
        fake_make_room(&rig->aws, 100, 1);
        pg_turn(rig->pg, 20);
    }
    pg_wait(rig->pg, &rig->aws.stopped_calls, 1);
    fake_make_room(&rig->aws, 100, 100);
    rig_wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'started'", "10");
    rig_wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'launch_failed'", "1");
}

static void draining_leaves_who_is_in_doubt(void **state)
{
    struct rig *rig = *state;

    leave_open(rig, FAKE_STARTS);
    fake_make_room(&rig->aws, 10, 0);
    take_over_after(rig, GRACE_S + 1);
    pg_turn(rig->pg, 100);
    assert_int_equal(runner_count(rig->runner).retrying, 1);
    runner_drain(rig->runner, rig_on_drained, rig);
    pg_wait(rig->pg, &rig->drained, 1);
    assert_string_equal(pg_value(admin, RUNS), "a 0 planned 0");
}

static void while_the_clock_is_off_nothing_is_judged(void **state)
{
    struct rig *rig = *state;

    rig->clock_off = true;
    leave_open(rig, FAKE_STARTS);
    take_over_after(rig, 24 * 3600);
    pg_turn(rig->pg, 100);
    assert_string_equal(pg_value(admin, RUNS), "a 0 planned 0");
    assert_int_equal(rig->aws.run_calls, 1);
    assert_int_equal(rig->aws.stopped_calls, 0);
    rig->clock_off = false;
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
}

/* Of others' requests, which only the question about tasks reads. */
static void let_read_requests(bool may)
{
    if (may) {
        pg_value(admin, "GRANT SELECT ON runs TO ecs_scheduler_scheduld");
        return;
    }
    pg_value(admin, "REVOKE SELECT ON runs FROM ecs_scheduler_scheduld");
    pg_value(admin, "GRANT SELECT (id, job_id, fire_at, state, tasks, epoch, launched_at) ON runs"
                    " TO ecs_scheduler_scheduld");
}

/* Whose the tasks are cannot be asked, and nobody else has to wait for that. */
static void a_question_that_the_database_does_not_answer_is_asked_again(void **state)
{
    struct rig *rig = *state;
    const char *again =
        "SELECT count(*) FROM runs WHERE error LIKE '%the database cannot be asked whose they are%'";

    rig->aws.listing = FAKE_LISTS_RUNNING;
    lose_the_answer(rig, FAKE_LOST);
    let_read_requests(false);
    rig_wait_for(rig, again, "1");
    assert_false(runner_count(rig->runner).writes_fail);
    assert_string_equal(pg_value(admin, RUNS), "a 0 launching 0");
    let_read_requests(true);
    rig_wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(rig->aws.run_calls, 1);
}

static void a_question_that_is_never_answered_has_an_end(void **state)
{
    struct rig *rig = *state;

    rig->aws.listing = FAKE_LISTS_RUNNING;
    lose_the_answer(rig, FAKE_LOST);
    let_read_requests(false);
    rig_turn_seconds(rig, RUN_TOKEN_LIFE_S);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    let_read_requests(true);
    rig_check_error("it is not known whether 1 of its tasks were started: the database cannot be asked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_run_that_is_taken_over_has_the_grace_of_its_job),
        RIG_TEST(after_a_day_what_still_runs_is_found),
        RIG_TEST(after_a_day_what_is_gone_cannot_be_told),
        RIG_TEST(an_answer_that_was_lost_long_ago_is_not_asked_for),
        RIG_TEST(what_cannot_be_told_is_not_launched_late),
        RIG_TEST(after_the_grace_what_runs_is_found),
        RIG_TEST(after_the_grace_what_has_stopped_is_found),
        RIG_TEST(after_the_grace_nothing_is_launched_late),
        RIG_TEST(what_others_started_is_not_taken_for_its_own),
        RIG_TEST(while_lists_do_not_work_it_waits),
        RIG_TEST(of_two_in_doubt_the_token_tells),
        RIG_TEST(what_is_in_both_lists_is_one_task),
        RIG_TEST(who_waits_in_line_beyond_the_grace_is_looked_for),
        RIG_TEST(the_second_call_is_not_made_after_the_grace),
        RIG_TEST(many_are_asked_for_a_few_at_a_time),
        RIG_TEST(who_is_in_doubt_has_his_turn_beside_who_is_due),
        RIG_TEST(draining_leaves_who_is_in_doubt),
        RIG_TEST(while_the_clock_is_off_nothing_is_judged),
        RIG_TEST(a_question_that_the_database_does_not_answer_is_asked_again),
        RIG_TEST(a_question_that_is_never_answered_has_an_end),
    };

    pg_filter();
    return cmocka_run_group_tests_name("runner_doubt", tests, rig_migrate, rig_done);
}
