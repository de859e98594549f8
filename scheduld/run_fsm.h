/*
 * What may happen to a run, pure: (state, event) gives the next state and what is to be done.
 *
 *   DUE ──begin──▶ CHECKING ──needed──▶ PLANNED ──written──▶ LAUNCHING ──launched──▶ STARTED
 *    ▲ ◀──again──────┤ │                                      ▲  │  └──failed──▶ LAUNCH_FAILED
 *    │ ◀──no place───┘ ├─not needed─▶ NOT_NEEDED          time│  └again─▶ RETRYING ──written──▶ (waits)
 *    │                 ├─refused────▶ LAUNCH_FAILED           └──────────────┤
 *    └─late────────────┴─late───────▶ MISSED      LAUNCH_FAILED ◀──late──────┘
 *
 *   LAUNCHING, of which nothing was sent yet, is MISSED when it is late.
 *
 *   What was decided by a check, or as it was late, is DUE again when the ledger refuses to have it.
 *
 *   A fire that came while the run before it was in flight begins and ends as SKIPPED.
 *
 * A state is what the ledger says, or is to say as soon as it has been written: whoever writes it sends
 * WRITTEN when the commit is known, and only then anything follows. DUE and CHECKING are not on record; if
 * the process dies in them the fire is found again by the job's cursor. RETRYING is `launching` in the
 * ledger.
 */
#pragma once

#include <stdbool.h>

enum run_state {
    RUN_DUE,
    RUN_CHECKING,
    RUN_PLANNED,
    RUN_LAUNCHING,
    RUN_RETRYING,
    RUN_STARTED,
    RUN_LAUNCH_FAILED,
    RUN_NOT_NEEDED,
    RUN_MISSED,
    RUN_SKIPPED,
    RUN_STATES,
};

enum run_event {
    RUN_EV_BEGIN,      /* its turn has come */
    RUN_EV_AGAIN,      /* what was tried did not work now, and may later */
    RUN_EV_NO_PLACE,   /* it has a queue to ask, and as many as may have do so already */
    RUN_EV_NEEDED,     /* tasks are to be started */
    RUN_EV_NOT_NEEDED, /* none are */
    RUN_EV_REFUSED,    /* AWS will never do it, or the job cannot be understood */
    RUN_EV_LATE,       /* the grace is over */
    RUN_EV_WRITTEN,    /* the state is in the ledger */
    RUN_EV_UNWRITTEN,  /* the ledger refused the row, and has none */
    RUN_EV_TIME,       /* it has waited long enough */
    RUN_EV_LAUNCHED,   /* all tasks were started */
    RUN_EV_FAILED,     /* not all were, and there will be no other attempt */
    RUN_EVENTS,
};

enum run_effect {
    RUN_DO_NOTHING,
    RUN_DO_CHECK,  /* read the definition, ask trigger and ECS */
    RUN_DO_WAIT,   /* a timer, then TIME (or BEGIN) */
    RUN_DO_STAND,  /* in line for a place, then BEGIN */
    RUN_DO_PLAN,   /* insert the row and move the cursor */
    RUN_DO_LAUNCH, /* RunTask for what is not started yet */
    RUN_DO_RECORD, /* update the row */
    RUN_DO_END,    /* forget it */
};

struct run_step {
    enum run_state next;
    enum run_effect effect;
};

/* False: the event means nothing in this state; *ret is as it was. */
bool run_step(enum run_state state, enum run_event event, struct run_step *ret);

bool run_state_final(enum run_state state);
/* It has a row in the ledger, or is about to be written there; not DUE or CHECKING. */
bool run_state_decided(enum run_state state);

/* As in runs.state: "planned"; NULL for what is not on record. */
const char *run_state_ledger(enum run_state state);
/* For logs. */
const char *run_state_name(enum run_state state);
const char *run_event_name(enum run_event event);
