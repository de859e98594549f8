/* The runner after another leader. */
#include "runner_rig.h"

#include <stdio.h>

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

/* Whatever the row says of its epoch, nobody has it: so it is after a leader whose connection was lost while
 * it took over. */
static void an_open_run_of_this_very_epoch_is_taken_over(void **state)
{
    struct rig *rig = *state;

    rig->aws.hold_runs = true;
    rig_due(rig, "a", NOW);
    pg_wait(rig->pg, &rig->aws.run_calls, 1);
    runner_stand_by(rig->runner);
    fake_release(&rig->aws);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    pg_value(admin, "UPDATE runs SET state = 'launching', epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION);
    rig_wait_for(rig, RUNS, "a 0 started 1");
    assert_int_equal(fake_started(&rig->aws), 1);
}

/* Again and again, while it is asked and between its parts. */
static void a_take_over_whose_answers_are_lost_is_asked_again(void **state)
{
    enum { MANY = 20 };
    struct rig *rig = *state;
    char id[20];

    pg_value(admin, "INSERT INTO jobs (id, task_definition, schedule)"
                    " SELECT 'm' || i, 'f', '0' FROM generate_series(0, 19) AS i");
    rig->aws.hold_runs = true;
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "m%d", i);
        rig_due(rig, id, NOW);
    }
    pg_wait(rig->pg, &rig->aws.run_calls, MANY);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION);
    for (int i = 0; i < 30; i++) {
        pg_value(admin, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                        " WHERE pid <> pg_backend_pid() AND datname = current_database()");
        pg_turn(rig->pg, i % 5);
    }
    fake_release(&rig->aws);
    rig_wait_for(rig, "SELECT count(*) FROM runs WHERE state = 'started' AND epoch = 6", "20");
    assert_int_equal(fake_started(&rig->aws), MANY);
    rig_wait_idle(rig);
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
        RIG_TEST(what_is_due_of_a_job_that_is_taken_over_comes_next),
        RIG_TEST(an_open_run_of_this_very_epoch_is_taken_over),
        RIG_TEST(a_take_over_whose_answers_are_lost_is_asked_again),
        RIG_TEST(a_run_edited_by_hand_is_given_up),
    };

    pg_filter();
    return cmocka_run_group_tests_name("runner_takeover", tests, rig_migrate, rig_done);
}
