/*
 * ECS and SQS for the runner, as a script says: what each next call is answered, and when. A client token is
 * kept as ECS keeps it: the same token gives the tasks that it started, and starts none.
 */
#pragma once

#include "buf.h"
#include "ecs.h"
#include "sqs.h"

#include <stdbool.h>
#include <stddef.h>

struct event_base;

/* What a RunTask is answered. */
enum fake_answer {
    FAKE_STARTS,      /* all of it */
    FAKE_STARTS_SOME, /* two fewer, for want of memory */
    FAKE_STARTS_NONE, /* for want of memory */
    FAKE_NEVER_FITS,  /* none, and never will */
    FAKE_THROTTLED,
    FAKE_FAILS, /* a 500: who knows */
    FAKE_LOST,  /* it starts all of it, and the answer is lost */
    FAKE_EMPTY, /* there are no instances (a 400 that time mends) */
    FAKE_REFUSED,
    FAKE_CONFLICT, /* the token started two tasks with other parameters */
};

enum { FAKE_SCRIPT_MAX = 16, FAKE_STARTS_MAX = 3000, FAKE_HELD_MAX = 3000 };

struct fake_start {
    char token[64];
    char plan[512];
    int count;
};

struct fake_aws {
    struct event_base *base; /* lent */
    struct buf
        calls; /* a line each: "ListTasks f", "DescribeTasks 2", "GetQueueAttributes q", "RunTask f 3" */
    int list_calls, stopped_calls, depth_calls, run_calls, runs_answered;
    enum aws_error_kind list_error, depth_error; /* AWS_OK: none */
    int errors_left;                             /* so many calls have it; -1: all */
    size_t running;                              /* tasks of each family that run already */
    const char *tag;                             /* their override tag; NULL: none */
    enum {
        FAKE_FORGETS,
        FAKE_LISTS_RUNNING,
        FAKE_LISTS_STOPPED,
        FAKE_LISTS_BOTH
    } listing;                                /* of what it has started */
    int64_t created_s;                        /* when that was */
    int64_t visible, in_flight;               /* messages in each queue */
    enum fake_answer script[FAKE_SCRIPT_MAX]; /* for each next RunTask; beyond it FAKE_STARTS */
    size_t script_len, script_at;
    bool hold_lists, hold_runs, hold_depths; /* keep answers back until fake_release() */
    void (*held[FAKE_HELD_MAX])(void *arg);
    void *held_args[FAKE_HELD_MAX];
    size_t held_count;
    struct fake_start starts[FAKE_STARTS_MAX]; /* what was started, in order */
    size_t start_count;
    struct fake_start last;      /* the last RunTask, whatever came of it */
    bool (*may_send)(void *arg); /* and whether it may be sent (once more) */
    void *may_send_arg;
    const char *full; /* RunTask of this family finds no room, ever; NULL: of none */
    bool limited;     /* so many calls are taken until fake_make_room() is called again */
    size_t launch_room, read_room;
    void (*on_room)(void *arg);
    void *on_room_arg;
    char tokens[FAKE_SCRIPT_MAX][64];
    size_t token_count; /* of the first RunTasks, in order */
};

extern const struct ecs_ops fake_ecs_ops; /* for a struct fake_aws */
extern const struct sqs_ops fake_sqs_ops;

void fake_init(struct fake_aws *fake, struct event_base *base);
void fake_done(struct fake_aws *fake);
void fake_script(struct fake_aws *fake, const enum fake_answer *answers, size_t count);
void fake_release(struct fake_aws *fake); /* answers come, from the loop; what comes now is not held */
void fake_make_room(struct fake_aws *fake, size_t launches, size_t reads);
int fake_started(const struct fake_aws *fake); /* tasks, in all */
