/* The runner counts what runs and what waits in queues: for several jobs at once, and when it cannot. */
#include "runner_rig.h"

#include <string.h>

static void with_overrides_only_its_own_tasks_count(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET overrides = '[{\"containerName\": \"c\"}]', task_count = 3");
    rig->aws.running = 2;
    rig->aws.tag = "a";
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 started 1");
    assert_string_equal(rig->aws.calls.data, "ListTasks fa\nDescribeTasks 2\nRunTask fa 1\n");
    assert_non_null(strstr(rig->aws.last.plan, "ECS_SCHEDULER_OVERRIDE_TAG"));
    rig_due(rig, "b", NOW);
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 3");
}

static void a_queue_decides(void **state)
{
    struct rig *rig = *state;

    pg_value(
        admin,
        "UPDATE jobs SET trigger = '{\"type\": \"sqs\", \"queueName\": \"q\", \"messagesPerTask\": 100}'");
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 not_needed 0");
    assert_string_equal(rig->aws.calls.data, "ListTasks fa\nGetQueueAttributes q\n");
    rig->aws.visible = 101;
    rig_due(rig, "a", NOW + 1);
    rig_wait_for(rig, RUNS, "a 0 not_needed 0, a 1 started 2");
    assert_string_equal(
        rig->aws.calls.data,
        "ListTasks fa\nGetQueueAttributes q\nListTasks fa\nGetQueueAttributes q\nRunTask fa 2\n");
}

static void a_batch_asks_once(void **state)
{
    struct rig *rig = *state;

    pg_value(admin,
             "UPDATE jobs SET task_definition = 'f', trigger = '{\"type\": \"sqs\", \"queueName\": \"q\"}'");
    rig_due(rig, "a", NOW);
    rig_due(rig, "b", NOW);
    rig_wait_for(rig, RUNS, "a 0 not_needed 0, b 0 not_needed 0");
    assert_string_equal(rig->aws.calls.data, "ListTasks f\nGetQueueAttributes q\n");
}

static void who_waits_for_a_read_shares_it(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_definition = 'f'");
    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule) VALUES ('c', 'fc', '0')");
    rig_turn_seconds(rig, 10);
    fake_make_room(&rig->aws, 10, 0);
    rig_due(rig, "a", NOW);
    rig_due(rig, "b", NOW + 5);
    rig_due(rig, "c", NOW + 3);
    pg_turn(rig->pg, 30);
    assert_string_equal(rig->aws.calls.data, "");
    fake_make_room(&rig->aws, 10, 1);
    rig_wait_for(rig, RUNS, "a 0 started 1, b 5 started 1");
    assert_int_equal(rig->aws.list_calls, 1);
    fake_make_room(&rig->aws, 10, 1);
    rig_wait_for(rig, RUNS, "a 0 started 1, c 3 started 1, b 5 started 1");
}

static void who_comes_in_the_same_second_joins_the_question(void **state)
{
    struct rig *rig = *state;

    pg_value(admin, "UPDATE jobs SET task_definition = 'f'");
    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule) VALUES ('c', 'f', '0')");
    rig->aws.hold_lists = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    rig_due(rig, "b", NOW);
    pg_turn(rig->pg, 20);
    assert_int_equal(rig->aws.list_calls, 1);
    rig_turn_seconds(rig, 1);
    rig_due(rig, "c", NOW + 1); /* what ran a second ago is not the question */
    pg_wait(rig->pg, &rig->aws.list_calls, 2);
    fake_release(&rig->aws);
    rig_wait_for(rig, RUNS, "a 0 started 1, b 0 started 1, c 1 started 1");
    assert_int_equal(rig->aws.list_calls, 2);
}

/* Checks that do not work. */

static void a_check_is_tried_again(void **state)
{
    struct rig *rig = *state;

    rig->aws.list_error = AWS_THROTTLED;
    rig->aws.errors_left = 2;
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(rig->aws.list_calls, 3);
    assert_string_equal(pg_value(admin, ERROR), "");
}

static void a_refused_check_is_on_record(void **state)
{
    struct rig *rig = *state;

    rig->aws.depth_error = AWS_REFUSED;
    rig->aws.errors_left = -1;
    pg_value(admin, "UPDATE jobs SET trigger = '{\"type\": \"sqs\", \"queueName\": \"q\"}'");
    rig_due(rig, "a", NOW);
    rig_wait_for(rig, RUNS, "a 0 launch_failed 0");
    rig_check_error("QueueDoesNotExist: as the script says");
    assert_int_equal(rig->aws.run_calls, 0);
}

static void a_check_ends_with_the_grace(void **state)
{
    struct rig *rig = *state;

    rig->aws.list_error = AWS_UNKNOWN;
    rig->aws.errors_left = -1;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.list_calls, 3);
    rig->wall_us += (GRACE_S + 1) * INT64_C(1000000);
    rig_wait_for(rig, RUNS, "a 0 missed 0");
    rig_check_error("it could not be checked within the grace of 3600 s: ListError: as the script says");
}

static void who_waited_too_long_is_missed(void **state)
{
    struct rig *rig = *state;

    rig_due(rig, "a", NOW - GRACE_S - 1);
    rig_wait_for(rig, RUNS, "a -3601 missed 0");
    assert_string_equal(rig->aws.calls.data, "");
    rig_check_error("beyond the grace of 3600 s");
}

static void missed_fires_are_on_record(void **state)
{
    struct rig *rig = *state;

    runner_due(rig->runner, &(struct agenda_due){.job_id = "a",
                                                 .revision = rig_revision("a"),
                                                 .fire_s = NOW,
                                                 .coalesced = 3,
                                                 .first_s = NOW - 180,
                                                 .missed_first_s = NOW - 4700,
                                                 .missed_s = NOW - 4000,
                                                 .missed = 8,
                                                 .next_s = NOW + 60,
                                                 .grace_s = 600});
    rig_wait_for(rig, RUNS, "a -4000 missed 0, a 0 started 1");
    assert_string_equal(pg_value(admin, "SELECT string_agg(coalesced::text, ' ' ORDER BY fire_at) FROM runs"),
                        "7 3");
    rig_check_error("nobody could act on it within the grace of 600 s");
}

/* Its grace was made shorter while it was being checked. */
static void a_fire_that_became_missed_is_not_launched(void **state)
{
    struct rig *rig = *state;

    rig->aws.list_error = AWS_THROTTLED;
    rig->aws.errors_left = 3;
    rig_due(rig, "a", NOW - 10);
    pg_wait(rig->pg, &rig->aws.list_calls, 1);
    pg_value(admin, "UPDATE jobs SET misfire_grace_seconds = 5 WHERE id = 'a'");
    runner_due(rig->runner, &(struct agenda_due){.job_id = "a",
                                                 .revision = rig_revision("a"),
                                                 .missed_first_s = NOW - 10,
                                                 .missed_s = NOW - 10,
                                                 .missed = 1,
                                                 .next_s = NOW + 50,
                                                 .grace_s = 5});
    rig_wait_for(rig, RUNS, "a -10 missed 0");
    rig_wait_idle(rig);
    assert_string_equal(pg_value(admin, RUNS), "a -10 missed 0");
    assert_int_equal(rig->aws.run_calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(with_overrides_only_its_own_tasks_count),
        RIG_TEST(a_queue_decides),
        RIG_TEST(a_batch_asks_once),
        RIG_TEST(who_waits_for_a_read_shares_it),
        RIG_TEST(who_comes_in_the_same_second_joins_the_question),
        RIG_TEST(a_check_is_tried_again),
        RIG_TEST(a_refused_check_is_on_record),
        RIG_TEST(a_check_ends_with_the_grace),
        RIG_TEST(who_waited_too_long_is_missed),
        RIG_TEST(missed_fires_are_on_record),
        RIG_TEST(a_fire_that_became_missed_is_not_launched),
    };

    pg_filter();
    return cmocka_run_group_tests_name("runner_check", tests, rig_migrate, rig_done);
}
