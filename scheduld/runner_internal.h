/*
 * What the files of the runner share, and nobody else sees.
 *
 *     runner.c           who leads, what is due, the turns of the loop, the end
 *     runner_turn.c      entries, every change of a state and what follows, whose turn it is
 *     runner_wait.c      when what did not work is tried again
 *     runner_check.c     reads definitions
 *     runner_ask.c       running tasks and queues: what is asked of AWS, for several jobs at once
 *     runner_plan.c      writes of plans
 *     runner_rows.c      the rows of these (runner_rows.h)
 *     runner_record.c    writes of results
 *     runner_ledger.c    what these two share (runner_ledger.h)
 *     runner_launch.c    RunTask
 *     runner_doubt.c     what became of a launch that nobody answered, when it is too late to ask by another
 *     runner_takeover.c  runs that the leader before us left open
 *
 * Only runner_apply() changes a fire's state, by run_fsm's table; the effects put it into a list. What is in
 * the lists is begun by work(), which comes from the loop after the events of a turn, so that all that
 * came in one turn goes into one statement.
 *
 * A fire is in `all`, and in by_job unless another has its job's place (runner_takeover.c); in at most one of
 * due, no_place, ask, launch (lines), retry (a heap), check, record, locked and doubts (by work_link); and
 * beside it in plan or held (by plan_link). While a callback with it is to come it is held; one that is
 * forgotten meanwhile is dead, and freed by the callback.
 *
 * What is scarce is handed out at four points, each with a line of those that wait (fire_line.h): a slot
 * among the runs that are in memory (due), a place among those that have a queue to ask (no_place), a
 * ListTasks (ask) and a RunTask (launch). Few more runs are checked and planned than ECS takes launches in
 * the next seconds, so that what was counted is still so when they are launched. Repeats do not count there:
 * however many runs wait for a full cluster, others begin, and have their share of the launches.
 *
 * SQS may take its time while ECS is well, so who has a place keeps nobody else from beginning; and there are
 * so few places that who waits for one, and has nothing in memory but its entry, keeps nobody from it either.
 * Only its definition tells that a fire has a queue to ask: who finds no place when that is read is due
 * again, in the other line, before anything was asked of ECS.
 */
#pragma once

#include "attr.h"
#include "fire_heap.h"
#include "fire_index.h"
#include "fire_line.h"
#include "fires.h"
#include "run.h"
#include "run_store.h"
#include "runner.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db_result;
struct err;
struct event;

enum runner_mode { RUNNER_STAND_BY, RUNNER_TAKING_OVER, RUNNER_LEADING, RUNNER_DRAINING };

enum { RUNNER_STAMP_SIZE = 24 };

struct runner {
    struct runner_options options;
    char *cluster, *name, *installation; /* owned */
    enum runner_mode mode;
    int64_t epoch;
    uint64_t
        reign; /* counts runner_lead() and runner_stand_by(): an answer of another one is of no interest */

    struct fire_index by_job;
    struct fire_line due;      /* have not begun */
    struct fire_line no_place; /* likewise: they have a queue to ask, and there was no place for them */
    struct fire_line ask;      /* their definitions are known: what runs of their families? */
    struct fire_line launch;   /* RunTask is to be called */
    struct fire_heap retry;    /* by monotonic ms: checks and launches that are to be tried again */
    struct fire_list all;
    struct fire_list check;              /* its turn has come */
    struct fire_list plan;               /* rows to be inserted */
    struct fire_list held;               /* likewise, but they wait for somebody's lock: one by one */
    struct fire_list record;             /* rows to be updated */
    struct fire_list locked;             /* likewise, but somebody had locked them */
    struct fire_list doubts;             /* ECS is to be asked for their tasks, a few at a time */
    LIST_HEAD(, runner_family) families; /* that ECS is being asked about */
    LIST_HEAD(, runner_queue) queues;    /* that SQS is being asked about, or was in this second */
    size_t active;                       /* have a definition or a request in memory, and do not wait */
    size_t at_queues;                    /* those among them that have a queue to ask first */
    size_t parked;                       /* have a request in memory, and wait to be tried again */
    size_t in_line;                      /* likewise, and wait for another RunTask in launch */
    size_t doubts_waiting;               /* likewise, and wait in doubts */
    size_t held_count;                   /* in held, likewise or not, or tried just now */
    size_t request_bytes;                /* of all requests in memory */
    size_t doubts_asked;                 /* of which ECS is being asked */
    size_t calls;                        /* RunTasks on the wire */

    bool taking, planning, recording;   /* a statement is on its way */
    size_t plan_alone, record_alone;    /* so many fires go alone, to find the one that is refused */
    bool no_place_is_next;              /* to begin: one of that line, else one of due */
    bool doubt_is_next;                 /* to be asked for: one of doubts, else one of ask */
    int64_t db_again_ms, send_again_ms; /* monotonic; the database, or RunTask, is left alone until then */
    int64_t locked_again_ms;            /* likewise, rows that somebody had locked; 0: none */
    int64_t held_again_ms;              /* likewise, the next one of held */
    struct run_open_at taken;           /* the last open run that was taken over */
    int db_tries;
    int64_t held_up_ms; /* since then writes only waited for somebody's locks; 0: one worked */

    struct event *kick, *timer, *drain_timer;
    bool tell_fenced;
    void (*drained)(void *arg); /* NULL: nobody waits */
    void *drained_arg;
};

/* runner.c */
void runner_kick(struct runner *runner);   /* the work of this turn comes from the loop */
void runner_fenced(struct runner *runner); /* the epoch is another */

/* runner_turn.c */
void runner_apply(struct runner *runner, struct fire *fire, enum run_event event);
struct fire *runner_add(struct runner *runner, const char *job_id, bool indexed);
void runner_take_slot(struct runner *runner, struct fire *fire, bool take);
void runner_count_request(struct runner *runner, struct fire *fire); /* it has another one, or none */
bool runner_find_place(struct runner *runner, struct fire *fire);    /* false: as many as may have one */
void runner_leave_place(struct runner *runner, struct fire *fire);
void runner_queue_due(struct runner *runner, struct fire *fire);
void runner_queue_plan(struct runner *runner, struct fire *fire);
void runner_queue_launch(struct runner *runner, struct fire *fire);
struct fire *runner_take_launch(struct runner *runner);       /* whose RunTask is next; NULL: nobody's */
void runner_repeat(struct runner *runner, struct fire *fire); /* RETRYING: its RunTask once more */
void runner_begin_some(struct runner *runner);                /* whose turn it is */
void runner_wake_some(struct runner *runner);                 /* whose time to be tried again has come */

/* Main is over, or does not count any more: what came later is next, or the entry goes. */
void runner_main_over(struct runner *runner, struct fire *fire);
/* The entry goes if nothing is left to be written for it. */
void runner_sweep(struct runner *runner, struct fire *fire);
/* In no list but all and by_job. */
void runner_forget(struct runner *runner, struct fire *fire);
/* Undoes a hold. False: the fire was dead, and may be gone. */
bool runner_release(struct fire *fire);

/* The grace is over before it was checked; before it was launched. */
void runner_end_late(struct runner *runner, struct fire *fire);
void runner_end_launch_late(struct runner *runner, struct fire *fire, enum run_event event);

/* While the clock is not right nothing is too late by what it says. */
bool runner_clock_is_right(const struct runner *runner);
bool runner_over_grace(const struct runner *runner, const struct fire *fire);
/* Likewise, or ECS may have forgotten its token. It has a run. */
bool runner_too_late(const struct runner *runner, const struct fire *fire);
struct run_identity runner_identity(const struct runner *runner, const struct fire *fire);
void runner_say_why(struct fire *fire, const char *fmt, ...) PRINTF(2, 3);
const char *runner_stamp(int64_t fire_s, char out[static RUNNER_STAMP_SIZE]); /* 2026-11-24T10:30:42Z */
#define STAMP(fire_s) runner_stamp((fire_s), (char[RUNNER_STAMP_SIZE]){0})

/* What every line of the log about a run begins with; run=0: it has no row in the ledger yet. */
#define RUN_LOG "job=%s fire=%s run=%" PRId64
#define RUN_LOG_OF(fire) (fire)->job_id, STAMP((fire)->main.fire_s), runner_run_id(fire)
int64_t runner_run_id(const struct fire *fire);

/* runner_wait.c */
void runner_park(struct runner *runner, struct fire *fire);   /* until another try */
void runner_unpark(struct runner *runner, struct fire *fire); /* out of retry */
void runner_set_timer(struct runner *runner);
bool runner_db_rests(struct runner *runner);
void runner_db_failed(struct runner *runner, const char *what, const struct err *err);
void runner_db_held_up(struct runner *runner); /* a write waited in vain for somebody's lock; says nothing */
void runner_db_worked(struct runner *runner);
bool runner_db_fails(const struct runner *runner); /* the last write did not work, or none does for a while */
void runner_wait_for_lock(struct runner *runner);  /* somebody has locked rows that we want: again soon */
void runner_unlock(struct runner *runner);         /* again, if it is soon */
int64_t runner_now_ms(const struct runner *runner);

/* runner_check.c */
void runner_check_some(struct runner *runner);

/* runner_ask.c */
void runner_ask_for(struct runner *runner, struct fire *fire);     /* its definition is known */
bool runner_ask_next(struct runner *runner);                       /* of those in line; false: nobody is */
void runner_drop_asking(struct runner *runner, struct fire *fire); /* is in no line: not on record, so left */
void runner_forget_queues(struct runner *runner);

/* runner_plan.c */
void runner_write_plans(struct runner *runner);

/* runner_record.c */
void runner_write_records(struct runner *runner);

/* runner_launch.c */
void runner_launch_some(struct runner *runner);
void runner_drop_launching(struct runner *runner, struct fire *fire); /* is in no line: open, left so */

/* runner_doubt.c */
/* Of a run that may have started tasks, in no line and not parked: its RunTask once more, or, if it is too
 * late for that, ECS is asked for them. */
void runner_resume(struct runner *runner, struct fire *fire);
bool runner_doubt_next(struct runner *runner); /* false: none waits, or as many as may are asked for */
struct fire *runner_take_doubt(struct runner *runner); /* that waits to be asked for; NULL: none does */

/* runner_takeover.c */
void runner_take_over(struct runner *runner);
