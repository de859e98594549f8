/*
 * The jobs that the agenda knows, by id and by number. A number is a job's as long as it is in the table: the
 * timer wheel has numbers for entries. No call takes long, however many jobs there are: the index grows by a
 * bucket with each job (linear hashing), never all at once.
 */
#pragma once

#include "job_timing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOB_NONE = UINT32_MAX & 0x7fffffff };

enum timed_flag {
    TIMED_DIRTY = 1,    /* its job_state is to be written */
    TIMED_STALE = 2,    /* its zone changed: compile it again, whatever the revision says */
    TIMED_COUNTING = 4, /* what it owes is being counted: it is not in the wheel */
    TIMED_PROBLEM = 8,  /* it cannot be armed: problem says why */
};

/* 184 bytes and the id, in one piece of memory, as there may be a million. */
struct timed_job {
    int64_t revision;
    int64_t next_s;    /* the first fire time that was not said to be due; 0: none */
    uint32_t hash;     /* of the id */
    uint32_t in_chain; /* next job of the same bucket */
    uint32_t seen;     /* which load saw it last */
    uint32_t flags;    /* of timed_flag */
    int32_t grace_s;   /* a fire that is later than this is missed */
    union {
        struct job_timing timing; /* owned */
        char *problem;            /* owned; if TIMED_PROBLEM */
    };
    char id[];
};

struct job_table {
    struct timed_job **jobs; /* owned, with what it points to; NULL: the number is free */
    uint32_t *free;          /* owned: numbers that are free, below top */
    uint32_t *heads;         /* owned: by bucket */
    uint32_t top, free_count, buckets;
    uint32_t jobs_cap, free_cap, heads_cap;
    uint32_t count, problems;
    uint64_t seed;
    size_t bytes; /* of all jobs, without the arrays */
};

void job_table_init(struct job_table *table);
void job_table_done(struct job_table *table);

uint32_t job_table_find(const struct job_table *table, const char *id); /* JOB_NONE: there is none */
/* A job without timing; there is none with that id yet. */
uint32_t job_table_add(struct job_table *table, const char *id);
void job_table_remove(struct job_table *table, uint32_t number);

/* NULL: the number is free. */
struct timed_job *job_table_get(const struct job_table *table, uint32_t number);

/* Gives a job its times (moved), or says why it has none (copied). */
void job_table_set_timing(struct job_table *table, struct timed_job *job, const struct job_timing *timing);
void job_table_set_problem(struct job_table *table, struct timed_job *job, const char *problem);

size_t job_table_bytes(const struct job_table *table);
