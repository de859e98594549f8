/* The runner after another leader, and what it does of launches that nobody answered. */
#include "runner_rig.h"

#include <stdio.h>

#include "run.h"

/* Leaders. */

static void without_a_lease_nothing_is_launched(void **state)
{
    struct rig *rig = *state;

    rig->lease = false;
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 planned 0");
    pg_turn(rig->pg, 150);
    assert_int_equal(rig->aws.run_calls, 0);
    rig->lease = true;
    rig_wait_for(rig, RUNS, "a 0 started 1");
}

static void a_call_that_waits_is_not_sent_without_a_lease(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    assert_true(rig->aws.may_send(rig->aws.may_send_arg));
    rig->lease = false;
    assert_false(rig->aws.may_send(rig->aws.may_send_arg));
    rig->lease = true;
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION); /* which asks for its own */
    assert_false(rig->aws.may_send(rig->aws.may_send_arg));
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 started 1");
}

static void who_was_replaced_writes_and_launches_nothing(void **state)
{
    struct rig *rig = *state;

    rig_due(rig, "b", NOW); /* the take-over is over */
    rig_wait_for(rig, RUNS, "b 0 started 1");
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->fenced, 1);
    assert_string_equal(pg_value(admin, RUNS), "b 0 started 1");
    assert_int_equal(rig->aws.run_calls, 1);
    rig_due(rig, "a", NOW + 1);
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
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    runner_stand_by(rig->runner);
    fake_release(&rig->aws); /* its answer is not written any more */
    pg_turn(rig->pg, 20);
    assert_string_equal(pg_value(admin, RUNS), "a 0 planned 0");
    pg_value(admin, "UPDATE jobs SET task_definition = 'other', task_count = 1 WHERE id = 'a'");
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION);
    rig_wait_for(rig, RUNS, "a 0 started 12");
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
        rig_due(rig, id, NOW);
    }
    pg_wait(rig->pg, &rig->aws.run_calls, 20);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION);
    rig_due(rig, "m0", NOW + 60);
    pg_wait(rig->pg, &rig->aws.run_calls, 40);
    fake_release(&rig->aws);
    rig_wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'started' AND epoch = 6", "21");
    assert_int_equal(fake_started(&rig->aws), 21);
}

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

static void take_over_after(struct rig *rig, int64_t seconds)
{
    rig_turn_seconds(rig, seconds);
    runner_lead(rig->runner, 6, INSTALLATION);
    rig_wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'launching' AND epoch = 6", "1");
    pg_turn(rig->pg, 50); /* lists may lag: it is not asked at once */
    assert_int_equal(rig->aws.stopped_calls, 0);
    rig_turn_seconds(rig, LAG_S);
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

static void what_is_due_of_a_job_that_is_taken_over_comes_next(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION);
    rig_due(rig, "a", NOW + 1); /* before the open runs are known */
    pg_wait(rig->pg, &rig->aws.run_calls, 2);
    rig_due(rig, "a", NOW + 2);
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 started 1, a 2 started 1");
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
    rig_wait_for(rig, RUNS, "a 0 launch_failed 10");
    rig_check_error(
        "not all of it could be started within the grace of 3600 s: what RunTask came to was not heard, and"
        " ECS lists 10 tasks of it");
    assert_int_equal(rig->aws.run_calls, 1);
}

static void after_a_day_what_is_gone_cannot_be_told(void **state)
{
    struct rig *rig = *state;

    leave_open(rig, FAKE_STARTS);
    take_over_after(rig, 24 * 3600);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    rig_check_error("cannot be told (ECS lists 0 that may be its own, where 1 were asked for)");
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
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    rig_check_error("cannot be told (ECS lists 0 that may be its own, where 1 were asked for)");
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
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    rig_turn_seconds(rig, GRACE_S + 1);
    fake_release(&rig->aws);
    for (int calls = 2; calls <= 6; calls++) {
        pg_wait(rig->pg, &rig->aws.run_calls, calls);
        rig_turn_seconds(rig, LAG_S);
    }
    rig_wait_for(rig, RUNS, "a 0 launch_failed 10");
    rig_check_error("not all of it could be started within the grace of 3600 s");
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
    rig_turn_seconds(rig, 61);
    fake_release(&rig->aws);
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
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1");
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
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0, a 1 launch_failed 0");
    rig_check_error("found unfinished, and it makes no sense: chunks[0]: a chunk is not an object");
    rig_wait_idle(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(without_a_lease_nothing_is_launched),
        RIG_TEST(a_call_that_waits_is_not_sent_without_a_lease),
        RIG_TEST(who_was_replaced_writes_and_launches_nothing),
        RIG_TEST(an_open_run_is_taken_over_as_it_was_planned),
        RIG_TEST(many_are_taken_over_in_parts),
        RIG_TEST(a_run_that_is_taken_over_has_the_grace_of_its_job),
        RIG_TEST(what_is_due_of_a_job_that_is_taken_over_comes_next),
        RIG_TEST(after_a_day_what_still_runs_is_found),
        RIG_TEST(after_a_day_what_is_gone_cannot_be_told),
        RIG_TEST(an_answer_that_was_lost_long_ago_is_not_asked_for),
        RIG_TEST(an_answer_that_was_lost_is_asked_for_until_it_is_known),
        RIG_TEST(after_the_grace_what_runs_is_found),
        RIG_TEST(after_the_grace_what_has_stopped_is_found),
        RIG_TEST(after_the_grace_nothing_is_launched_late),
        RIG_TEST(what_others_started_is_not_taken_for_its_own),
        RIG_TEST(while_lists_do_not_work_it_waits),
        RIG_TEST(of_two_in_doubt_the_token_tells),
        RIG_TEST(a_run_edited_by_hand_is_given_up),
    };

    pg_filter();
    return cmocka_run_group_tests_name("runner_takeover", tests, rig_migrate, rig_done);
}
