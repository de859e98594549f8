/*
 * The SQL of the agenda: reading jobs with how far they are, and writing when they are due next.
 *
 * All statements that read jobs give the same columns, which job_row_read() takes. The statements are public
 * for a test, which prepares each as scheduld's role.
 */
#pragma once

#include "job_timing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db_array;
struct db_result;
struct db_stmt;

enum {
    JOB_LOAD_PAGE = 20000, /* rows of a page: short enough that what else is asked does not wait long */
    JOB_PUT_MAX = 1000,    /* rows of a write */
};

/* What a row says; texts are lent as long as the result. */
struct job_row {
    const char *id;
    int64_t revision;
    int64_t ordinal;
    struct job_timing_texts texts;
    bool suspended;
    int64_t since_s;        /* the first second that counts, by jobs.scheduled_since */
    int64_t cursor_s;       /* INT64_MIN: there is none */
    int64_t next_s;         /* job_state.next_run; 0: none */
    int64_t armed_revision; /* 0: none */
    const char *problem;    /* job_state.problem; NULL: none */
    int grace_s;            /* jobs.misfire_grace_seconds; -1: none */
};

extern const struct db_stmt job_load_mark;    /* -> what came before (see MARK_), now */
extern const struct db_stmt job_load_page;    /* now, ordinal -> jobs behind it, in that order */
extern const struct db_stmt job_load_ids;     /* now, ids -> a row each, without a job only asked_id */
extern const struct db_stmt job_load_changed; /* now, mark -> jobs changed since */
extern const struct db_stmt job_load_gone;    /* mark -> ids of jobs deleted since, and not made again */
extern const struct db_stmt job_load_owing;   /* now -> jobs that may have fire times not acted on */
extern const struct db_stmt job_load_put;     /* epoch and arrays -> PUT_ */
extern const struct db_stmt job_load_prune;   /* deletes some old tombstones */

extern const struct db_stmt *const job_load_all[]; /* NULL at the end */

/* Columns of job_load_put: whether the epoch still is that; a row for each job that somebody has locked, or
 * one with NULL. */
enum { PUT_LEADS, PUT_LOCKED };

/* Columns of job_load_mark. */
enum { MARK_XID, MARK_FILE };

/* False: there is no job with that id (job_load_ids alone). Either way ret->id is set. */
bool job_row_read(const struct db_result *result, int row, struct job_row *ret);
