/* The runner calls RunTask: what does not work at once, and when ECS takes only so much. */
#include "runner_rig.h"

#include <string.h>

/* RunTask that does not work at once. */

static void repeat(struct rig *rig, enum fake_answer first, bool same_token)
{
    fake_script(&rig->aws, &first, 1);
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 started 1");
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
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    rig->aws.hold_runs = true;
    pg_wait(rig->pg, &rig->aws.run_calls, 2);
    assert_string_equal(rig->aws.calls.data, "ListTasks fa\nRunTask fa 5\nRunTask fa 2\n");
    assert_string_equal(pg_value(admin, "SELECT concat_ws(' ', state, jsonb_array_length(tasks),"
                                        " chunks -> 0 ->> 'attempt', chunks -> 0 ->> 'started') FROM runs"),
                        "launching 3 2 3");
    assert_string_equal(pg_value(admin, "SELECT chunks -> 0 ->> 'token' FROM runs"), rig->aws.tokens[1]);
    rig_check_error("RunTask started 3 of 5 tasks: RESOURCE:MEMORY");
    assert_string_equal(pg_value(admin, "SELECT jsonb_array_length(last_run_tasks) FROM job_state"), "3");
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 started 5");
    assert_string_equal(pg_value(admin, "SELECT jsonb_array_length(last_run_tasks) FROM job_state"), "5");
}

static void a_chunk_that_did_not_fit_does_not_stop_the_others(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 25 WHERE id = 'a'");
    fake_script(&rig->aws, (enum fake_answer[]){FAKE_STARTS_SOME}, 1);
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 started 25");
    assert_string_equal(rig->aws.calls.data,
                        "ListTasks fa\nRunTask fa 10\nRunTask fa 10\nRunTask fa 5\nRunTask fa 2\n");
    assert_int_equal(fake_started(&rig->aws), 25);
}

static void what_was_started_before_a_refusal_is_kept(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 25 WHERE id = 'a'");
    fake_script(&rig->aws, (enum fake_answer[]){FAKE_STARTS, FAKE_REFUSED}, 2);
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 10");
    assert_int_equal(rig->aws.run_calls, 2);
    rig_check_error("ClientException");
    assert_string_equal(pg_value(admin, "SELECT jsonb_array_length(last_run_tasks) FROM job_state"), "10");
}

/* The second chunk's answer was lost, and then the first one is refused: what runs is asked for. */
static void refuse_one_and_answer_the_other(struct rig *rig, enum fake_answer other)
{
    pg_value(admin, "UPDATE jobs SET task_count = 30 WHERE id = 'a'");
    fake_script(&rig->aws,
                (enum fake_answer[]){FAKE_STARTS_NONE, FAKE_LOST, FAKE_REFUSED, other, FAKE_REFUSED}, 5);
    rig_due(rig, "a", NOW);
}

static void a_refusal_ends_the_run_when_it_is_known_what_runs(void **state)
{
    struct rig *rig = *state;

    refuse_one_and_answer_the_other(rig, FAKE_STARTS);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 10");
    rig_check_error("ClientException");
    assert_int_equal(fake_started(&rig->aws), 10);
    assert_int_equal(rig->aws.run_calls, 4); /* the third chunk is not begun */
    assert_string_equal(rig->aws.tokens[1], rig->aws.tokens[3]);
}

static void a_refusal_ends_the_run_and_says_what_is_not_known(void **state)
{
    struct rig *rig = *state;

    refuse_one_and_answer_the_other(rig, FAKE_REFUSED);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    rig_check_error("tasks may have been started all the same");
    assert_int_equal(rig->aws.run_calls, 4);
}

static void what_will_never_fit_is_not_tried_again(void **state)
{
    struct rig *rig = *state;

    fake_script(&rig->aws, (enum fake_answer[]){FAKE_NEVER_FITS}, 1);
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    rig_check_error("ATTRIBUTE");
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
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 2);
    rig->wall_us += (GRACE_S + 1) * INT64_C(1000000);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    rig_check_error("not all of it could be started within the grace of 3600 s: ThrottlingException");
    assert_int_equal(fake_started(&rig->aws), 0);
}

static void tasks_of_a_conflict_are_adopted(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 2 WHERE id = 'a'");
    fake_script(&rig->aws, (enum fake_answer[]){FAKE_CONFLICT}, 1);
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 started 2");
    assert_string_equal(pg_value(admin, "SELECT tasks -> 1 ->> 'taskId' FROM runs"), "arn:adopted-2");
}

/* ECS takes only so much. */

static void launches_wait_for_room(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule) VALUES ('c', 'fc', '0')");
    rig_turn_seconds(rig, 10);
    fake_make_room(&rig->aws, 0, 10);
    rig_due(rig, "a", NOW + 5);
    rig_due(rig, "b", NOW);
    rig_due(rig, "c", NOW + 10);
    rig_wait_for(rig, RUNS, "b 0 planned 0, a 5 planned 0, c 10 planned 0");
    fake_make_room(&rig->aws, 2, 0);
    rig_wait_for(rig, RUNS, "b 0 started 1, a 5 planned 0, c 10 started 1"); /* the oldest and the newest */
    pg_turn(rig->pg, 20);
    assert_int_equal(rig->aws.run_calls, 2);
    fake_make_room(&rig->aws, 1, 0);
    rig_wait_for(rig, RUNS, "b 0 started 1, a 5 started 1, c 10 started 1");
}

static void who_waits_to_be_launched_beyond_the_grace_is_missed(void **state)
{
    struct rig *rig = *state;

    fake_make_room(&rig->aws, 0, 10);
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 planned 0");
    rig_turn_seconds(rig, GRACE_S + 1);
    fake_make_room(&rig->aws, 1, 0);
    rig_wait_for(rig, RUNS, "a 0 missed 0");
    rig_check_error("its turn to be launched came 3601 s late, beyond the grace of 3600 s");
    assert_string_equal(pg_value(admin, "SELECT finished_at IS NOT NULL AND launched_at IS NULL FROM runs"),
                        "t");
    assert_int_equal(rig->aws.run_calls, 0);
}

static void what_waits_to_be_launched_beyond_the_grace_is_not_all_started(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 12");
    fake_make_room(&rig->aws, 1, 10);
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    pg_turn(rig->pg, 20);
    rig_turn_seconds(rig, GRACE_S + 1);
    fake_make_room(&rig->aws, 1, 0);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 10");
    rig_check_error("not all of it could be started within the grace of 3600 s");
    assert_int_equal(rig->aws.run_calls, 1);
}

static void draining_does_not_wait_for_room(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_count = 12 WHERE id = 'a'");
    fake_make_room(&rig->aws, 1, 1);
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    rig_due(rig, "b", NOW); /* waits for a ListTasks */
    pg_turn(rig->pg, 20);
    runner_drain(rig->runner, rig_on_drained, rig);
    pg_wait(rig->pg, &rig->drained, 1);
    assert_string_equal(pg_value(admin, RUNS), "a 0 launching 10");
}

/* Requests are kept until their runs end, and may be large: others wait, on nobody's record yet. */

static int begin_with_room_for_one(void **state)
{
    return rig_begin_with(state, 0, 1);
}

static void while_requests_fill_the_memory_no_run_begins(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    rig_due(rig, "b", NOW);
    pg_turn(rig->pg, 100);
    assert_string_equal(pg_value(admin, RUNS), "a 0 planned 0");
    assert_int_equal(runner_count(rig->runner).waiting, 1);
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1");
}

static void what_is_taken_over_fills_the_memory_too(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION);
    pg_wait(rig->pg, &rig->aws.run_calls, 2);
    rig_due(rig, "b", NOW);
    pg_turn(rig->pg, 100);
    assert_int_equal(runner_count(rig->runner).waiting, 1);
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1");
}

#define WITH_ROOM_FOR_ONE(test) cmocka_unit_test_setup_teardown(test, begin_with_room_for_one, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_throttled_call_is_repeated_with_its_token),
        RIG_TEST(a_lost_answer_is_asked_for_with_its_token),
        RIG_TEST(what_did_not_fit_is_tried_with_another_token),
        RIG_TEST(what_was_turned_down_is_tried_with_another_token),
        RIG_TEST(another_attempt_is_on_record_before_it_is_sent),
        RIG_TEST(a_chunk_that_did_not_fit_does_not_stop_the_others),
        RIG_TEST(what_was_started_before_a_refusal_is_kept),
        RIG_TEST(a_refusal_ends_the_run_when_it_is_known_what_runs),
        RIG_TEST(a_refusal_ends_the_run_and_says_what_is_not_known),
        RIG_TEST(what_will_never_fit_is_not_tried_again),
        RIG_TEST(attempts_end_with_the_grace),
        RIG_TEST(tasks_of_a_conflict_are_adopted),
        RIG_TEST(launches_wait_for_room),
        RIG_TEST(who_waits_to_be_launched_beyond_the_grace_is_missed),
        RIG_TEST(what_waits_to_be_launched_beyond_the_grace_is_not_all_started),
        RIG_TEST(draining_does_not_wait_for_room),
        WITH_ROOM_FOR_ONE(while_requests_fill_the_memory_no_run_begins),
        WITH_ROOM_FOR_ONE(what_is_taken_over_fills_the_memory_too),
    };

    pg_filter();
    return cmocka_run_group_tests_name("runner_launch", tests, rig_migrate, rig_done);
}
