/*
 * The life of a fire, from the moment it is due: check, plan in the ledger, launch, record. The only writer
 * of `runs` and, together with agenda, of `job_state`. What may follow what is in run_fsm.h; the SQL is in
 * run_store.h.
 *
 * Everything goes in batches, and none waits for a timer: what is due in one turn of the loop is read by one
 * statement, what is decided while a write is on its way goes into the next write. A job has at most one run
 * in flight. Of what waits to begin only the job's id and a few numbers are kept, one entry a job;
 * definitions and requests are in memory for a bounded number of runs at a time, and requests of no more than
 * so many bytes; fire_line.h says whose turn it is.
 *
 * Why the ledger is right whenever this process dies (kill -9):
 *   before the plan is committed   no row, the cursor has not moved, next_run is not later than the fire: the
 *                                  next leader's agenda finds it, and it is made up for within the grace
 *   after it, before RunTask       the row is `planned`, with tokens: the next leader sends it
 *   RunTask sent, answer not in    the same; ECS answers the same token with the tasks that it started
 *   answer in, not recorded        the same
 *   another attempt decided        its token is committed before it is sent; what the one before had started
 *                                  is committed with it
 *   recorded                       done
 * A commit whose answer was lost is written again: the plan finds its own row (same epoch, still planned) and
 * takes it for its own, a result finds its run ended and is content. A take-over changes nothing on record:
 * it is asked again. A leader that does not know yet that it was replaced cannot write (every write checks
 * the epoch, under a lock on its row), and what it may still send has the tokens that its successor sends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agenda_due;
struct clock;
struct db;
struct ecs_ops;
struct event_base;
struct metrics;
struct json_object;
struct runner;
struct sqs_ops;

struct runner_options {
    struct event_base *base;   /* lent, as all pointers here, until runner_free() */
    const struct clock *clock; /* NULL: clock_system */
    struct db *db;
    const struct ecs_ops *ecs_ops;
    void *ecs;
    const struct sqs_ops *sqs_ops;
    void *sqs;
    const char *cluster;                    /* name or ARN; of jobs that name none */
    const struct json_object *ecs_defaults; /* options of all jobs, see job_ecs.h; NULL: none */
    const char *name;                       /* RunTask's startedBy */
    int64_t launch_rate;                    /* RunTasks a second that ECS takes; 0: any number */
    int64_t grace_s; /* of a run that is taken over, if its job has none: tried again for so long */

    struct metrics *metrics; /* what is counted, see meters.h; NULL: nothing */

    /* Asked right before each RunTask is on the wire, repeats as well: whether the lease of leadership holds
     * (leader_may_launch). */
    bool (*may_launch)(void *arg);
    /* False: the clock leapt; no grace is over by what it says now. NULL: it is right. */
    bool (*clock_is_right)(void *arg);
    /* The epoch in the database is another: we do not lead any more. The runner has gone to stand-by already.
     * From the loop, once for each runner_lead(). */
    void (*on_fenced)(void *arg);
    void *arg;

    /* For tests; 0: the defaults. */
    int retry_min_ms;    /* first wait before something is tried again, by full jitter; it doubles... */
    int retry_max_ms;    /* ...up to this */
    int drain_ms;        /* how long runner_drain() waits at most */
    size_t calls_max;    /* RunTasks on the wire at a time */
    size_t runs_max;     /* runs whose definition is in memory at a time */
    size_t requests_max; /* bytes of requests in memory, from which on no run begins */
    int take_max;        /* open runs that are read by one statement */
};

/* Begins in stand-by. Options are copied. */
struct runner *runner_new(const struct runner_options *options);

/* After the AWS client and the db were freed, which answer what is on its way. NULL is fine. */
void runner_free(struct runner *runner);

/* The db has a new session, with our schema: has it get ready, so that a take-over need not wait for that. */
void runner_db_up(struct runner *runner);

/* We lead: takes over the runs that are open (planned or launching) and goes on with them; what is due is
 * handled from then on. installation is scheduler.installation, a part of all client tokens; copied. */
void runner_lead(struct runner *runner, int64_t epoch, const char *installation);

/* For agenda's on_due; the due is lent. Ignored in stand-by and while draining: it is not on record, so the
 * next leader finds it. */
void runner_due(struct runner *runner, const struct agenda_due *due);

/* We do not lead any more: forgets all runs. Answers that still come are not written. */
void runner_stand_by(struct runner *runner);

/* Takes nothing new, finishes what it is in the middle of and records it; what waits to be tried again is on
 * record, and left to the next leader. done comes once, from the loop, when all is done or drain_ms have
 * passed; the runner is in stand-by then. done is forgotten by runner_stand_by() and runner_free(). */
void runner_drain(struct runner *runner, void (*done)(void *arg), void *arg);

/* For metrics and tests. */
struct runner_counts {
    size_t waiting;  /* due, not begun */
    size_t active;   /* checked, written or launched right now */
    size_t retrying; /* wait to be tried again, or for their row to be taken by the database */
    bool
        writes_fail; /* the last statement that the ledger was asked did not work; for a lock: none in 10 s */
};
struct runner_counts runner_count(const struct runner *runner);
