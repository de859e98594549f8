/*
 * All SQL on runs, and what of job_state goes with it; and the one query on jobs that a check needs. Many
 * rows by one statement each.
 *
 * Every write holds the scheduler's row FOR SHARE and wants its epoch to be the given one, so that no write
 * of a leader that was replaced can come after its successor's take-over: run_store_fenced() says that this
 * was so, and then nothing was written. Answers are db.h's; what is in them is read by the functions below.
 */
#pragma once

#include "db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run;

/* The statements, for a test that prepares them all. */
extern const struct db_stmt *const run_store_statements[];
extern const size_t run_store_statement_count;

/* A row to be written by run_store_plan(). Texts are lent for the call. */
struct run_plan_row {
    const char *job_id;
    int64_t fire_s;
    const char *state; /* as runs.state; NULL: no run, only job_state */
    int64_t coalesced;
    int wanted, running, needed; /* -1: NULL */
    const char *request;         /* NULL: none */
    const char *chunks;          /* NULL: [] */
    const char *error;           /* NULL: none */
    int64_t next_s;              /* for job_state; 0: no more fires */
    int64_t revision;            /* for job_state.armed_revision */
};

/* Inserts runs that are not on record yet and moves the cursor of their jobs. What is newer in job_state
 * stays. again: a write of these rows may have succeeded before, so rows of this epoch that are still planned
 * count as written by this one, what is on record is not tried to be inserted (which a constraint, say, might
 * refuse by now), nor is its job moved to where it is already, nor is inserted what was missed or skipped of
 * a job that is gone. brief: it is not worth a wait; who holds a lock that is wanted makes it fail at once.
 */
void run_store_plan(struct db *db, int64_t epoch, const struct run_plan_row *rows, size_t count, bool again,
                    bool brief, db_fn *done, void *arg);
/* Which rows are on record by this write: index into rows, and the run's id. False: no such answer row (a
 * run that was on record already has none). */
bool run_store_planned(const struct db_result *result, int row, size_t *index, int64_t *id);

struct run_record_row {
    int64_t id;
    const char *state;
    const char *chunks, *tasks; /* lent, as JSON */
    const char *error;          /* NULL: none */
    int64_t launched_us;        /* 0: never */
};

/* Updates runs that are open (planned or launching); and their jobs' last run, if a task was started. What
 * somebody else has locked stays as it is. */
void run_store_record(struct db *db, int64_t epoch, const struct run_record_row *rows, size_t count,
                      db_fn *done, void *arg);
/* Which rows: index into rows; whether it was locked, and is to be written again. False: no such answer row
 * (a run that is not open has none). */
bool run_store_recorded(const struct db_result *result, int row, size_t *index, bool *locked);

/* Reads so many runs at most that are open, oldest fire first, behind the one that is given ({0}: from the
 * first on). A leader that has just begun finds by it all that those before him left: none of them writes any
 * more. Nothing is changed, so a question whose answer was lost is asked again; his epoch is on record with
 * what he writes of them. */
struct run_open_at {
    int64_t fire_us, id;
};
void run_store_read_open(struct db *db, int64_t epoch, const struct run_open_at *behind, int most,
                         db_fn *done, void *arg);
struct run_open {
    struct run_open_at at;
    const char *job_id; /* lent by the result, as all texts */
    int64_t coalesced;
    int grace_s;         /* of the job, as it is now; -1: it has none */
    const char *request; /* NULL: none */
    const char *chunks, *tasks;
    const char *error; /* what its last attempt came to; NULL: nothing to tell */
};
/* Fills run but for its texts. False: no such answer row. */
bool run_store_open(const struct db_result *result, int row, struct run *run, struct run_open *ret);

bool run_store_fenced(const struct db_result *result);

/* Tasks of a family that may be a run's: which of them are on record already, and how many other runs are
 * open that may have started some, too. Takes some milliseconds, however much is on record. */
struct run_claims {
    int64_t run_id;
    const char *cluster, *family;
    const char *job_id;      /* whose tasks they are, as they have its tag; NULL: any job's of the family */
    const char *const *arns; /* count of them */
    size_t count;
};
void run_store_claimed(struct db *db, const struct run_claims *claims, db_fn *done, void *arg);
/* Which are on record: index into arns. False: no such answer row. */
bool run_store_claimed_at(const struct db_result *result, int row, size_t *index);
int64_t run_store_open_others(const struct db_result *result);

/* Has the server get ready for all of these, which takes it tens of milliseconds in a new session: asks each
 * of them for nothing, in an epoch that nobody leads. So a standby's first take-over is as fast as its tenth.
 */
void run_store_warm(struct db *db);

/* Definitions of jobs by id; what is not there has no row. */
void run_store_read_jobs(struct db *db, const char *const *ids, size_t count, db_fn *done, void *arg);
struct run_job_row {
    const char *id, *task_definition;
    const char *trigger, *overrides, *ecs; /* lent, as those above; NULL: none */
    int64_t revision;
    int task_count, max_count; /* 0: not given */
};
void run_store_job(const struct db_result *result, int row, struct run_job_row *ret);
