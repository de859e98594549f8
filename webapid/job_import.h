/*
 * Lines of JSON on their way to being jobs: read and checked like the body of a POST each, gathered into
 * batches for the database, with a word about each line that is wrong or odd. Nothing here asks the database.
 */
#pragma once

#include "buf.h"
#include "db.h"
#include "job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_limits;
struct zones;

enum {
    JOB_IMPORT_BATCH = 2000,   /* jobs; so many are one hint to the scheduler, not one each */
    JOB_IMPORT_RESULTS = 1000, /* lines that an answer tells of; the rest is counted */
};

struct job_import {
    const char *at, *end;             /* lent: what is to be read */
    const struct http_limits *limits; /* lent: what a line may be */
    int64_t line;                     /* number of the last line that was read, from 1 on */
    int64_t failed;                   /* lines that are no job, so far */

    /* The batch: a column for each field, and the number of the line. */
    struct db_array columns[JOB_FIELDS], lines;
    size_t count;

    struct buf results; /* owned: JSON objects with commas between */
    int shown;
    int64_t hidden;
};

void job_import_init(struct job_import *im, const char *body, size_t len, const struct http_limits *limits);
void job_import_done(struct job_import *im);

/* Reads at most so many lines, and no further than a quarter of a MiB but for the end of a line. True: the
 * batch is to be written, being full or the last one, which may be empty. */
bool job_import_read(struct job_import *im, int lines, struct zones *zones, int64_t now_s);
bool job_import_at_end(const struct job_import *im);
/* After the batch has been written. */
void job_import_next_batch(struct job_import *im);

/* A line whose id is taken: by a job that is there, or by a line before. */
struct job_import_taken {
    int64_t line;
    const char *id;
    int64_t twin; /* the line in the same batch that has it; 0: none */
    bool by_us;   /* by a batch before, of the same import */
};
void job_import_exists(struct job_import *im, const struct job_import_taken *taken);

/* Appends `,"results":[...]` and, if there are more than it has, `,"resultsOmitted":n`. */
void job_import_put_results(struct buf *buf, const struct job_import *im);
