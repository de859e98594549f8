/* See run_fsm.h. */
#include "run_fsm.h"

#include "attr.h"

#include <stddef.h>

struct rule {
    enum run_state state;
    enum run_event event;
    struct run_step step;
};

static const struct rule rules[] = {
    {RUN_DUE, RUN_EV_BEGIN, {RUN_CHECKING, RUN_DO_CHECK}},
    {RUN_DUE, RUN_EV_LATE, {RUN_MISSED, RUN_DO_PLAN}},

    {RUN_CHECKING, RUN_EV_AGAIN, {RUN_DUE, RUN_DO_WAIT}},
    {RUN_CHECKING, RUN_EV_NO_PLACE, {RUN_DUE, RUN_DO_STAND}},
    {RUN_CHECKING, RUN_EV_NEEDED, {RUN_PLANNED, RUN_DO_PLAN}},
    {RUN_CHECKING, RUN_EV_NOT_NEEDED, {RUN_NOT_NEEDED, RUN_DO_PLAN}},
    {RUN_CHECKING, RUN_EV_REFUSED, {RUN_LAUNCH_FAILED, RUN_DO_PLAN}},
    {RUN_CHECKING, RUN_EV_LATE, {RUN_MISSED, RUN_DO_PLAN}},

    {RUN_PLANNED, RUN_EV_WRITTEN, {RUN_LAUNCHING, RUN_DO_LAUNCH}},

    {RUN_PLANNED, RUN_EV_UNWRITTEN, {RUN_DUE, RUN_DO_WAIT}},
    {RUN_NOT_NEEDED, RUN_EV_UNWRITTEN, {RUN_DUE, RUN_DO_WAIT}},
    {RUN_LAUNCH_FAILED, RUN_EV_UNWRITTEN, {RUN_DUE, RUN_DO_WAIT}},
    {RUN_MISSED, RUN_EV_UNWRITTEN, {RUN_DUE, RUN_DO_WAIT}},

    {RUN_LAUNCHING, RUN_EV_LAUNCHED, {RUN_STARTED, RUN_DO_RECORD}},
    {RUN_LAUNCHING, RUN_EV_FAILED, {RUN_LAUNCH_FAILED, RUN_DO_RECORD}},
    {RUN_LAUNCHING, RUN_EV_AGAIN, {RUN_RETRYING, RUN_DO_RECORD}},
    {RUN_LAUNCHING, RUN_EV_LATE, {RUN_MISSED, RUN_DO_RECORD}},

    {RUN_RETRYING, RUN_EV_WRITTEN, {RUN_RETRYING, RUN_DO_WAIT}},
    {RUN_RETRYING, RUN_EV_TIME, {RUN_LAUNCHING, RUN_DO_LAUNCH}},
    {RUN_RETRYING, RUN_EV_LATE, {RUN_LAUNCH_FAILED, RUN_DO_RECORD}},

    {RUN_STARTED, RUN_EV_WRITTEN, {RUN_STARTED, RUN_DO_END}},
    {RUN_LAUNCH_FAILED, RUN_EV_WRITTEN, {RUN_LAUNCH_FAILED, RUN_DO_END}},
    {RUN_NOT_NEEDED, RUN_EV_WRITTEN, {RUN_NOT_NEEDED, RUN_DO_END}},
    {RUN_MISSED, RUN_EV_WRITTEN, {RUN_MISSED, RUN_DO_END}},
    {RUN_SKIPPED, RUN_EV_WRITTEN, {RUN_SKIPPED, RUN_DO_END}},
};

bool run_step(enum run_state state, enum run_event event, struct run_step *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (rules[i].state == state && rules[i].event == event) {
            *ret = rules[i].step;
            return true;
        }
    }
    return false;
}

bool run_state_final(enum run_state state)
{
    switch (state) {
    case RUN_STARTED:
    case RUN_LAUNCH_FAILED:
    case RUN_NOT_NEEDED:
    case RUN_MISSED:
    case RUN_SKIPPED:
        return true;
    case RUN_DUE:
    case RUN_CHECKING:
    case RUN_PLANNED:
    case RUN_LAUNCHING:
    case RUN_RETRYING:
    case RUN_STATES:
        break;
    }
    return false;
}

bool run_state_decided(enum run_state state)
{
    return state != RUN_DUE && state != RUN_CHECKING;
}

const char *run_state_ledger(enum run_state state)
{
    switch (state) {
    case RUN_PLANNED:
        return "planned";
    case RUN_LAUNCHING:
    case RUN_RETRYING:
        return "launching";
    case RUN_STARTED:
        return "started";
    case RUN_LAUNCH_FAILED:
        return "launch_failed";
    case RUN_NOT_NEEDED:
        return "not_needed";
    case RUN_MISSED:
        return "missed";
    case RUN_SKIPPED:
        return "skipped";
    case RUN_DUE:
    case RUN_CHECKING:
    case RUN_STATES:
        break;
    }
    return NULL;
}

const char *run_state_name(enum run_state state)
{
    if (state == RUN_DUE)
        return "due";
    if (state == RUN_CHECKING)
        return "checking";
    if (state == RUN_RETRYING)
        return "retrying";
    return run_state_ledger(state);
}

const char *run_event_name(enum run_event event)
{
    static const char *const names[RUN_EVENTS] = {
        [RUN_EV_BEGIN] = "begin",           [RUN_EV_AGAIN] = "again",       [RUN_EV_NEEDED] = "needed",
        [RUN_EV_NOT_NEEDED] = "not_needed", [RUN_EV_REFUSED] = "refused",   [RUN_EV_LATE] = "late",
        [RUN_EV_WRITTEN] = "written",       [RUN_EV_TIME] = "time",         [RUN_EV_LAUNCHED] = "launched",
        [RUN_EV_FAILED] = "failed",         [RUN_EV_NO_PLACE] = "no_place", [RUN_EV_UNWRITTEN] = "unwritten",
    };

    return names[event];
}
