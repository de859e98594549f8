/*
 * The jobs in memory, and when each is next due.
 *
 * An agenda keeps of each job what timing needs and nothing else: who plans a run reads the job's row. It is
 * kept current by NOTIFY ecss_jobs, which is a hint; by a look at what changed, every few seconds; and by
 * reading all jobs after each connect. A row that makes no sense (somebody edited it by hand) disables that
 * job alone, and job_state.problem says why.
 *
 * All agendas do that; the one whose scheduld leads also says what is due, and writes job_state: the next
 * fire time of a job for which nothing is due, or its problem. For a job that is due it writes nothing; who
 * plans the run writes the cursor and the next fire time together with the plan. So job_state.next_run is
 * never later than the first fire time that is not on record, and a new leader finds by it what a dead one
 * left undone. A job with a problem has none, and owes all that passes until it has no problem any more,
 * unless it was scheduled anew since.
 *
 * What is said to be due may be said again, alone or together with what has become due since, when the job's
 * row is read again before the run is on record: who listens knows a fire by (job, fire time).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct db;
struct event_base;
struct agenda;
struct job_timing;

/* What a job owes. At least one of fire_s and missed_s is not 0. */
struct agenda_due { /* lent for the call */
    const char *job_id;
    int64_t revision;       /* jobs.revision that this was computed from */
    int64_t fire_s;         /* the latest fire time that has passed and is within the grace; 0: none */
    int64_t coalesced;      /* earlier fire times within the grace that it stands for, not yet acted on */
    int64_t first_s;        /* the earliest of these; fire_s if there are none */
    int64_t missed_first_s; /* the earliest fire time that is beyond the grace, never acted on; 0: none */
    int64_t missed_s;       /* the latest of these */
    int64_t missed;         /* how many fire times were missed, these included */
    int64_t next_s;         /* what the job is armed for from now on; 0: no more */
    int64_t grace_s;        /* the job's, or the one of agenda_options */
    const struct job_timing *timing; /* lent; to count anew what of it is known already */
};

struct agenda_options {
    struct event_base *base;   /* lent */
    struct db *db;             /* lent: shared with the runner; to be freed before the agenda */
    const struct clock *clock; /* lent; NULL: the system's */
    const char *zoneinfo;      /* folder of the zones, see zone.h; NULL: the system's */
    int grace_s;               /* of jobs that have none: a fire that is later than this is missed */
    int sweep_ms;              /* how often it looks for changes that it was not told of; 0: 3000 */
    int zones_ms;              /* how often it looks for updates of zones; 0: 60000 */

    /* All from the loop. on_due: only between agenda_lead() and agenda_stand_by(); must not free the agenda.
     * on_lost: a write was refused, as the epoch is another by now: this scheduld does not lead any more. */
    void (*on_due)(void *arg, const struct agenda_due *due);
    void (*on_lost)(void *arg);
    /* Asked while it leads, whenever something may be due. False: the clock leapt, or is not to be trusted;
     * nothing is said to be due, and it is asked again in a second. NULL: it is. */
    bool (*clock_is_right)(void *arg);
    void (*on_ready)(void *arg); /* all jobs are loaded, for the first time; NULL: who cares */
    void *arg;
};

/* Listens on the db; loads all jobs when told that it is up. Free the db first: it answers what is still
 * asked. */
struct agenda *agenda_new(const struct agenda_options *options);
void agenda_free(struct agenda *agenda);

/* From the db's on_up and on_down. */
void agenda_db_up(struct agenda *agenda);
void agenda_db_down(struct agenda *agenda);

/* This scheduld leads, from now on until agenda_stand_by(): finds what is due and not on record, then says
 * what is due as time goes by. If the jobs are not loaded yet, that comes first. */
void agenda_lead(struct agenda *agenda, int64_t epoch);
void agenda_stand_by(struct agenda *agenda);

/* For who sets a test's clock: there may be something due. */
void agenda_wake(struct agenda *agenda);

struct agenda_stats {
    size_t jobs;     /* known */
    size_t armed;    /* of these */
    size_t problems; /* that cannot be armed */
    size_t bytes;    /* of memory for all of it */
    int64_t next_s;  /* when something is due next; 0: nothing is */
    int64_t tick_us; /* monotonic: when the wheel was last looked at */
    bool ready;      /* all jobs are loaded */
    bool leading;    /* and what was left undone was found */
};

void agenda_stats(const struct agenda *agenda, struct agenda_stats *ret);
