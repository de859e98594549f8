/*
 * Runs that ask a queue first, against a real PostgreSQL: however slow SQS is, they keep nobody else from
 * being launched, and none of them is lost.
 */
#include "runner_rig.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"

enum {
    MANY_PLACES = 100, /* of RUNS_MAX; and of FEW_RUNS_MAX one */
    RUNS_MAX = 4 * MANY_PLACES,
    FEW_RUNS_MAX = 4,
    MANY = 2000,   /* with a queue */
    OTHERS = 500,  /* without */
    FAILURES = 30, /* of SQS */
};

static int begin_with(void **state, size_t runs_max)
{
    int failed = rig_begin_with(state, runs_max, 0);
    struct rig *rig = *state;

    rig->aws.visible = 1;
    return failed;
}

static int begin(void **state)
{
    return begin_with(state, RUNS_MAX);
}

static int begin_with_one_place(void **state)
{
    return begin_with(state, FEW_RUNS_MAX);
}

/* Jobs q0, q1, ... each with a queue of its name; or o0, o1, ... without. */
static void make_jobs(char kind, int count)
{
    AUTO_FREE char *sql = mem_printf(
        "INSERT INTO jobs (id, task_definition, schedule, trigger)"
        " SELECT '%c' || i, '%c' || i %% 10, '0', %s FROM generate_series(0, %d) AS i",
        kind, kind, kind == 'q' ? "jsonb_build_object('type', 'sqs', 'queueName', 'q' || i)" : "NULL",
        count - 1);

    pg_value(admin, sql);
}

static void due(struct rig *rig, char kind, int i, int64_t fire_s)
{
    AUTO_FREE char *id = mem_printf("%c%d", kind, i);

    rig_due(rig, id, fire_s);
}

static void all_due(struct rig *rig, char kind, int count)
{
    for (int i = 0; i < count; i++)
        due(rig, kind, i, NOW);
}

/* Until so many jobs of a kind have a run in this state, one each. */
static void wait_for(struct rig *rig, char kind, const char *state, int count)
{
    AUTO_FREE char *wanted = mem_printf("%d %d", count, count);
    AUTO_FREE char *sql = mem_printf("SELECT count(*) || ' ' || count(DISTINCT job_id) FROM runs"
                                     " WHERE job_id LIKE '%c%%' AND state = '%s'",
                                     kind, state);

    rig_wait_for(rig, sql, wanted);
}

/* Turns the loop until SQS was asked so often and nobody but those is in memory, while so many wait. */
static void wait_for_line(struct rig *rig, int asked, size_t waiting)
{
    int64_t end = clock_monotonic_ms(&clock_system) + PG_DEADLINE_MS;
    struct runner_counts counts = {0};

    do { /* what has just come has begun after one turn, and is active until its definition was read */
        if (clock_monotonic_ms(&clock_system) > end)
            fail_msg("SQS was asked %d times, not %d; %zu wait, not %zu; %zu are active",
                     rig->aws.depth_calls, asked, counts.waiting, waiting, counts.active);
        pg_turn(rig->pg, 2);
        counts = runner_count(rig->runner);
    } while (rig->aws.depth_calls != asked || counts.active != (size_t)asked || counts.waiting != waiting);
}

/* Whom calls were for, in their order: "q0 q2 ". */
static void check_order(const struct rig *rig, const char *call, const char *wanted)
{
    char order[200] = "";
    size_t len = strlen(call);

    for (const char *line = rig->aws.calls.data; (line = strstr(line, call)) != NULL; line += len)
        snprintf(order + strlen(order), sizeof order - strlen(order), "%.2s ", line + len);
    assert_string_equal(order, wanted);
}

static void while_sqs_is_silent_others_are_launched(void **state)
{
    struct rig *rig = *state;
    int lists;

    make_jobs('q', MANY);
    make_jobs('o', OTHERS);
    rig->aws.hold_depths = true;
    all_due(rig, 'q', MANY);
    wait_for_line(rig, MANY_PLACES, MANY - MANY_PLACES);
    lists = rig->aws.list_calls;
    assert_in_range(lists, 1, MANY_PLACES); /* none for who waits in the line */
    due(rig, 'o', 0, NOW);
    wait_for(rig, 'o', "started", 1);
    assert_int_equal(rig->aws.list_calls, lists + 1);
    for (int i = 1; i < OTHERS; i++)
        due(rig, 'o', i, NOW);
    wait_for(rig, 'o', "started", OTHERS);
    wait_for_line(rig, MANY_PLACES, MANY - MANY_PLACES);
    fake_release(&rig->aws);
    wait_for(rig, 'q', "started", MANY);
    assert_int_equal(fake_started(&rig->aws), MANY + OTHERS);
    assert_int_equal(rig->aws.run_calls, MANY + OTHERS);
    assert_int_equal(rig->aws.depth_calls, MANY);
}

static void who_waits_for_a_place_has_his_turn(void **state)
{
    struct rig *rig = *state;

    make_jobs('q', 5);
    rig->aws.hold_depths = true;
    rig_turn_seconds(rig, 10);
    due(rig, 'q', 0, NOW);
    wait_for_line(rig, 1, 0);
    for (int i = 4; i > 0; i--)
        due(rig, 'q', i, NOW + i);
    wait_for_line(rig, 1, 4);
    fake_release(&rig->aws);
    wait_for(rig, 'q', "started", 5);
    check_order(rig, "GetQueueAttributes ", "q0 q1 q4 q2 q3 "); /* the oldest and the newest by turns */
    check_order(rig, "ListTasks ", "q0 q1 q4 q2 q3 ");
}

static void who_fails_leaves_its_place(void **state)
{
    struct rig *rig = *state;

    make_jobs('q', 10);
    rig->aws.depth_error = AWS_UNKNOWN;
    rig->aws.errors_left = FAILURES;
    all_due(rig, 'q', 10);
    wait_for(rig, 'q', "started", 10);
    assert_int_equal(rig->aws.depth_calls, 10 + FAILURES);
    assert_int_equal(fake_started(&rig->aws), 10);
}

/* Its job was edited while it waited for one. */
static void who_needs_no_place_any_more_leaves_it(void **state)
{
    struct rig *rig = *state;

    make_jobs('q', 3);
    rig->aws.hold_depths = true;
    due(rig, 'q', 0, NOW);
    wait_for_line(rig, 1, 0);
    due(rig, 'q', 1, NOW);
    wait_for_line(rig, 1, 1);
    pg_value(admin, "UPDATE jobs SET trigger = NULL WHERE id = 'q1'");
    due(rig, 'q', 1, NOW); /* agenda has read it again */
    fake_release(&rig->aws);
    wait_for(rig, 'q', "started", 2);
    due(rig, 'q', 2, NOW);
    wait_for(rig, 'q', "started", 3);
    check_order(rig, "GetQueueAttributes ", "q0 q2 ");
}

static void who_waits_for_a_place_beyond_the_grace_is_missed(void **state)
{
    struct rig *rig = *state;

    make_jobs('q', 2);
    rig->aws.hold_depths = true;
    due(rig, 'q', 0, NOW);
    wait_for_line(rig, 1, 0);
    due(rig, 'q', 1, NOW);
    wait_for_line(rig, 1, 1);
    rig_turn_seconds(rig, GRACE_S + 1);
    fake_release(&rig->aws);
    wait_for(rig, 'q', "missed", 2);
    assert_string_equal(pg_value(admin, "SELECT error FROM runs WHERE job_id = 'q1'"),
                        "it could not be checked within the grace of 3600 s: too many other runs were waiting"
                        " for SQS");
    assert_int_equal(rig->aws.list_calls, 1);
}

static void draining_leaves_who_waits_for_a_place(void **state)
{
    struct rig *rig = *state;

    make_jobs('q', 3);
    rig->aws.hold_depths = true;
    due(rig, 'q', 0, NOW);
    wait_for_line(rig, 1, 0);
    due(rig, 'q', 1, NOW);
    wait_for_line(rig, 1, 1);
    due(rig, 'q', 2, NOW);
    runner_drain(rig->runner, rig_on_drained, rig);
    fake_release(&rig->aws);
    pg_wait(rig->pg, &rig->drained, 1);
    wait_for(rig, 'q', "started", 1);
    assert_string_equal(pg_value(admin, "SELECT string_agg(job_id, ' ') FROM runs"), "q0");
}

/* What the leader before had asked is answered long after: the places are the next one's all the same. */
static void places_end_with_the_reign(void **state)
{
    struct rig *rig = *state;

    make_jobs('q', 3);
    rig->aws.hold_depths = true;
    all_due(rig, 'q', 3);
    wait_for_line(rig, 1, 2);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    runner_lead(rig->runner, 6, INSTALLATION);
    assert_int_equal(runner_count(rig->runner).active + runner_count(rig->runner).waiting, 0);
    rig_turn_seconds(rig, 1);
    due(rig, 'q', 0, NOW + 1);
    due(rig, 'q', 1, NOW + 1);
    due(rig, 'q', 2, NOW + 1);
    pg_wait(rig->pg, &rig->aws.depth_calls, 2);
    pg_turn(rig->pg, 20);
    assert_int_equal(rig->aws.depth_calls, 2);
    fake_release(&rig->aws);
    wait_for(rig, 'q', "started", 3);
    assert_int_equal(fake_started(&rig->aws), 3);
}

int main(void)
{
#define ONE_PLACE(test) cmocka_unit_test_setup_teardown(test, begin_with_one_place, rig_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(while_sqs_is_silent_others_are_launched, begin, rig_end),
        ONE_PLACE(who_waits_for_a_place_has_his_turn),
        ONE_PLACE(who_fails_leaves_its_place),
        ONE_PLACE(who_needs_no_place_any_more_leaves_it),
        ONE_PLACE(who_waits_for_a_place_beyond_the_grace_is_missed),
        ONE_PLACE(draining_leaves_who_waits_for_a_place),
        ONE_PLACE(places_end_with_the_reign),
    };

    pg_filter();
    return cmocka_run_group_tests_name("runner_queues", tests, rig_migrate, rig_done);
}
