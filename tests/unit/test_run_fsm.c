/* The life of a run: each arrow, and what holds for the table as a whole. */
#include "test.h"

#include <string.h>

#include "attr.h"
#include "run_fsm.h"

struct fsm_case {
    const char *name;
    enum run_state state;
    enum run_event event;
    struct run_step step;
};

static struct fsm_case cases[] = {
    {"a due fire is checked", RUN_DUE, RUN_EV_BEGIN, {RUN_CHECKING, RUN_DO_CHECK}},
    {"a fire that waited too long is missed", RUN_DUE, RUN_EV_LATE, {RUN_MISSED, RUN_DO_PLAN}},
    {"a check that fails is made again", RUN_CHECKING, RUN_EV_AGAIN, {RUN_DUE, RUN_DO_WAIT}},
    {"who finds no place at the queues is due", RUN_CHECKING, RUN_EV_NO_PLACE, {RUN_DUE, RUN_DO_STAND}},
    {"what is needed is planned first", RUN_CHECKING, RUN_EV_NEEDED, {RUN_PLANNED, RUN_DO_PLAN}},
    {"what is not needed is on record", RUN_CHECKING, RUN_EV_NOT_NEEDED, {RUN_NOT_NEEDED, RUN_DO_PLAN}},
    {"a refused check is on record", RUN_CHECKING, RUN_EV_REFUSED, {RUN_LAUNCH_FAILED, RUN_DO_PLAN}},
    {"a check until the grace is over", RUN_CHECKING, RUN_EV_LATE, {RUN_MISSED, RUN_DO_PLAN}},
    {"launched only when planned on record", RUN_PLANNED, RUN_EV_WRITTEN, {RUN_LAUNCHING, RUN_DO_LAUNCH}},
    {"a plan that the ledger refuses is decided anew", RUN_PLANNED, RUN_EV_UNWRITTEN, {RUN_DUE, RUN_DO_WAIT}},
    {"and so is what needs no launch", RUN_NOT_NEEDED, RUN_EV_UNWRITTEN, {RUN_DUE, RUN_DO_WAIT}},
    {"all started", RUN_LAUNCHING, RUN_EV_LAUNCHED, {RUN_STARTED, RUN_DO_RECORD}},
    {"not all started, for good", RUN_LAUNCHING, RUN_EV_FAILED, {RUN_LAUNCH_FAILED, RUN_DO_RECORD}},
    {"what is known is on record before the wait",
     RUN_LAUNCHING,
     RUN_EV_AGAIN,
     {RUN_RETRYING, RUN_DO_RECORD}},
    {"waited for its turn to be sent until the grace was over",
     RUN_LAUNCHING,
     RUN_EV_LATE,
     {RUN_MISSED, RUN_DO_RECORD}},
    {"waits when it is on record", RUN_RETRYING, RUN_EV_WRITTEN, {RUN_RETRYING, RUN_DO_WAIT}},
    {"is launched again", RUN_RETRYING, RUN_EV_TIME, {RUN_LAUNCHING, RUN_DO_LAUNCH}},
    {"waited until the grace was over", RUN_RETRYING, RUN_EV_LATE, {RUN_LAUNCH_FAILED, RUN_DO_RECORD}},
    {"started ends", RUN_STARTED, RUN_EV_WRITTEN, {RUN_STARTED, RUN_DO_END}},
    {"skipped ends", RUN_SKIPPED, RUN_EV_WRITTEN, {RUN_SKIPPED, RUN_DO_END}},
};

static void check_case(void **state)
{
    const struct fsm_case *c = *state;
    struct run_step step;

    assert_true(run_step(c->state, c->event, &step));
    assert_int_equal(step.next, c->step.next);
    assert_int_equal(step.effect, c->step.effect);
}

static void final_is_final(void **state UNUSED)
{
    struct run_step step;

    for (int s = 0; s < RUN_STATES; s++)
        for (int e = 0; e < RUN_EVENTS; e++)
            if (e != RUN_EV_UNWRITTEN && run_state_final((enum run_state)s) &&
                run_step((enum run_state)s, (enum run_event)e, &step))
                assert_true(step.next == (enum run_state)s && step.effect == RUN_DO_END &&
                            e == RUN_EV_WRITTEN);
}

static bool can_end(int state, int depth)
{
    struct run_step step;

    if (run_state_final((enum run_state)state))
        return true;
    for (int e = 0; depth > 0 && e < RUN_EVENTS; e++)
        if (run_step((enum run_state)state, (enum run_event)e, &step) && can_end((int)step.next, depth - 1))
            return true;
    return false;
}

static void all_can_end(void **state UNUSED)
{
    for (int s = 0; s < RUN_STATES; s++)
        assert_true(can_end(s, RUN_STATES));
}

/* The ledger is written before the deed: nothing but WRITTEN and the end of a wait leads to a launch. */
static void nothing_is_launched_off_the_record(void **state UNUSED)
{
    struct run_step step;

    for (int s = 0; s < RUN_STATES; s++) {
        for (int e = 0; e < RUN_EVENTS; e++) {
            if (!run_step((enum run_state)s, (enum run_event)e, &step) || step.effect != RUN_DO_LAUNCH)
                continue;
            assert_true((s == RUN_PLANNED && e == RUN_EV_WRITTEN) || (s == RUN_RETRYING && e == RUN_EV_TIME));
        }
    }
}

/* What is decided has to be written, and what is written has a name in the ledger. */
static void what_is_decided_has_a_name(void **state UNUSED)
{
    for (int s = 0; s < RUN_STATES; s++) {
        assert_int_equal(run_state_ledger((enum run_state)s) != NULL, run_state_decided((enum run_state)s));
        assert_non_null(run_state_name((enum run_state)s));
    }
    assert_string_equal(run_state_ledger(RUN_RETRYING), "launching");
    for (int e = 0; e < RUN_EVENTS; e++)
        assert_non_null(run_event_name((enum run_event)e));
}

int main(void)
{
    const struct CMUnitTest laws[] = {
        cmocka_unit_test(final_is_final),
        cmocka_unit_test(all_can_end),
        cmocka_unit_test(nothing_is_launched_off_the_record),
        cmocka_unit_test(what_is_decided_has_a_name),
    };
    struct CMUnitTest tests[ARRAY_LEN(cases) + ARRAY_LEN(laws)];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i] = (struct CMUnitTest){cases[i].name, check_case, NULL, NULL, &cases[i]};
    memcpy(tests + ARRAY_LEN(cases), laws, sizeof laws);
    return cmocka_run_group_tests_name("run_fsm", tests, NULL, NULL);
}
