/*
 * All SQL of the API on jobs. Each call is one statement in whatever group db makes of it, and what is to be
 * expected is an answer and no error: an id that is taken, a job that is gone, a revision that has moved on.
 *
 * Callbacks are db's, with its promises; they read what came by the functions at the end.
 */
#pragma once

#include "db.h"
#include "job_draft.h"
#include "job_list.h"

#include <stdbool.h>
#include <stdint.h>

/* A job as the API shows it: its row, and what the scheduler says of it. All texts are lent by the result. */
struct job_row {
    const char *text[JOB_FIELDS]; /* by enum job_field, NULL if it is not set; suspended is "t" or "f" */
    int64_t revision, ordinal;
    bool has_last_run, has_next_run;
    int64_t last_run_s, next_run_s;
    const char *last_run_tasks; /* JSON, as the API has it; NULL: none */
    const char *problem;        /* NULL: none */
    const char *updated_by;     /* who last changed it */
    bool more;                  /* of a list: there is another one behind it */
};

/* Of what a page of jobs has, the jobs before the last one have no more: they are counted in the database, so
 * that no page is larger in memory, whatever its jobs have in them. */
enum { JOB_LIST_BYTES = 4 * 1024 * 1024, JOB_EXPORT_BYTES = 256 * 1024 };

enum job_outcome {
    JOB_WRITTEN,
    JOB_EXISTS,  /* insert: there is a job with this id */
    JOB_MISSING, /* update, delete: there is none */
    JOB_MOVED,   /* update, delete: it has none of the revisions that were asked for */
};

struct job_write {
    enum job_outcome outcome;
    int64_t revision;              /* if written: of the new row, or of the one that was deleted */
    int32_t task_count, max_count; /* update, if written: of the row; max_count 0: not set */
};

/* What is kept with a key; the texts are lent by the result. */
struct job_once {
    const char *request, *id, *answer;
    bool exists; /* there was a job with this id: nothing was written, and there is no revision */
    int64_t revision;
};

/* The draft is a whole job: job_json_read_new() made it. */
void job_store_insert(struct db *db, const struct job_draft *job, db_fn *done, void *arg);

/* The same, once for each key (idempotency.h) of each job->by: whoever comes with a key that is known gets
 * what its first request got, in a job_once. request stands for what was asked, answer is the body to keep.
 */
void job_store_insert_once(struct db *db, const struct job_draft *job, const char *key, const char *request,
                           const char *answer, db_fn *done, void *arg);

/* Changes the fields that the draft has, and no other, in one step. revisions: "{3,4}", it has to be one of
 * these; NULL: any. */
void job_store_update(struct db *db, const char *id, const struct job_draft *change, const char *revisions,
                      db_fn *done, void *arg);
void job_store_delete(struct db *db, const char *id, const char *revisions, db_fn *done, void *arg);

void job_store_get(struct db *db, const char *id, db_fn *done, void *arg);

/* Jobs of the page, one more than it may have, or fewer if they are large: job_row.more says whether there
 * are others behind the last one that counts. */
void job_store_list(struct db *db, const struct job_list *list, db_fn *done, void *arg);
/* Asked right before the list, it is of the same transaction: how many there are, up to JOB_LIST_TOTAL_MAX
 * + 1. */
void job_store_count(struct db *db, const struct job_list *list, db_fn *done, void *arg);

/* The highest ordinal there is; of what is made from then on none is as low, but where it waited for another
 * session when its number was drawn. */
void job_store_last(struct db *db, db_fn *done, void *arg);
/* Of the first count jobs behind an ordinal and up to another one, as users wrote them, as many as are not
 * too large together; none: there are none. */
void job_store_export(struct db *db, int64_t after, int64_t to, int count, db_fn *done, void *arg);
/* A row of it: nothing of the scheduler's is in there. */
struct job_row job_store_exported(const struct db_result *result, int row);

/* What came of an insert, an update or a delete. */
struct job_write job_store_written(const struct db_result *result);

struct job_once job_store_once(const struct db_result *result);

/* Of job_store_count() and job_store_last(). */
int64_t job_store_number(const struct db_result *result);

/* A row of a get or a list. */
struct job_row job_store_row(const struct db_result *result, int row);

/* Every statement there is, for a test to prepare: count of them. */
const struct db_stmt *const *job_store_statements(size_t *count);
