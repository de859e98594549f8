/*
 * A run in memory: what is to be started by which calls of RunTask, and what has been. Pure. The texts are
 * what the columns chunks and tasks of `runs` hold, from which another process goes on after a crash.
 */
#pragma once

#include "attr.h"
#include "buf.h"
#include "err.h"
#include "limits.h"
#include "run_token.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aws_error;
struct ecs_tasks;

enum {
    RUN_CHUNKS_MAX = JOB_TASK_COUNT_MAX / RUN_TASK_COUNT_MAX,
    RUN_TEXT_MAX = 1 << 16,       /* bytes of chunks or tasks as JSON */
    RUN_TASKS_MAX = 200,          /* more than any answers hold; what is beyond is not kept */
    RUN_TOKEN_LIFE_S = 23 * 3600, /* ECS forgets a client token after 24 hours */
};

enum run_chunk_outcome { RUN_CHUNK_PENDING, RUN_CHUNK_STARTED, RUN_CHUNK_FAILED };

/* Tasks of one call of RunTask and its repeats. What attempts before this one started counts in started, and
 * this attempt asks for the rest: so the request for a token can be made again from what is on record. */
struct run_chunk {
    int count;   /* tasks to start, 1 to RUN_TASK_COUNT_MAX */
    int started; /* by attempts that are over */
    int attempt; /* from 1 */
    enum run_chunk_outcome outcome;
    int64_t since_s; /* when this attempt's token was made */
    bool unsure;     /* this attempt may have started tasks that we do not know of; not on record */
    char token[RUN_TOKEN_SIZE];
};

struct run_task {
    char *arn;  /* owned */
    char *host; /* owned; NULL: none (Fargate) */
};

struct run {
    int64_t id;                  /* runs.id; 0: not known yet */
    int wanted, running, needed; /* -1: not known */
    char *request;               /* owned; ecs_put_plan()'s text; NULL: nothing to start */
    struct run_chunk chunks[RUN_CHUNKS_MAX];
    size_t chunk_count;
    struct run_task *tasks; /* owned */
    size_t task_count;
    int64_t launched_us;           /* wall time when RunTask was first sent; 0: not yet */
    char error[RUN_ERROR_MAX + 1]; /* why it is not all well; "": it is */
};

struct run *run_new(void);
void run_free(struct run *run); /* NULL is fine */
void run_free_scoped(struct run **run);
#define AUTO_RUN CLEANUP(run_free_scoped)

/* Divides run->needed into chunks, each with the token of its first attempt. */
void run_divide(struct run *run, const struct run_identity *identity, int64_t now_s);

/* First chunk at or after `from` that is to be sent; -1: none. */
int run_next_chunk(const struct run *run, size_t from);
/* Likewise, that is to be asked for only because it may have started tasks. */
int run_next_unsure(const struct run *run, size_t from);
/* Some chunk will not be started, so nothing more is begun: what may have been started is asked for alone. */
bool run_has_failed(const struct run *run);
int run_chunk_ask(const struct run_chunk *chunk); /* RunTask's count */
bool run_all_started(const struct run *run);

/* The attempt that is about to be sent may be unknown to ECS by now, although it was sent. */
bool run_token_expired(const struct run *run, int64_t now_s);

/* Who takes the run over does not know what was sent. */
void run_mark_unsure(struct run *run);
/* Some chunk that is to be sent again may have started tasks: only asking again tells. */
bool run_is_unsure(const struct run *run);

/* Of what is unsure: how many tasks, and since when they may have been started. */
int run_unsure_tasks(const struct run *run);
int64_t run_unsure_since_s(const struct run *run);
/* ECS was found to have this one, which a call that is unsure started. No more than run_unsure_tasks(). */
void run_take_found(struct run *run, const char *arn, const char *host /* or NULL */);

enum run_verdict {
    RUN_GOES_ON,  /* with the next chunk; this one is done, or will be tried again after the others */
    RUN_PAUSES,   /* nothing can be had from ECS now: later, this chunk again */
    RUN_GIVES_UP, /* it will not work, however often it is tried */
};

/* What RunTask answered for a chunk: keeps the tasks that were started, and if the token is used up, makes
 * the next attempt's. run->error has the words unless all is well. error has another kind than CANCELLED. */
enum run_verdict run_take_answer(struct run *run, size_t chunk, const struct run_identity *identity,
                                 int64_t now_s, const struct ecs_tasks *tasks, const struct aws_error *error);

void run_add_task(struct run *run, const char *arn, const char *host /* or NULL */);
void run_set_error(struct run *run, const char *fmt, ...) PRINTF(2, 3); /* cut at RUN_ERROR_MAX */

/* [{"count": 10, "started": 0, "attempt": 1, "token": "...", "outcome": "pending", "since": 1700000000}] */
void run_put_chunks(struct buf *buf, const struct run *run);
/* [{"taskId": "arn:...", "hostId": "arn:..."}] */
void run_put_tasks(struct buf *buf, const struct run *run);
/* ERR_INVALID says what is wrong; then run is as it was. */
bool run_read_chunks(struct run *run, const char *text, struct err *err);
bool run_read_tasks(struct run *run, const char *text, struct err *err);
