/*
 * ECS's requests and answers as JSON, pure: structs in, text out, and back. Members as in the API of
 * 2014-11-13.
 *
 * A run's parameters are planned once, written to the ledger as a JSON object (runs.request) and sent from
 * there, also by another process after a crash: RunTask's client token promises the same answer only for the
 * same parameters. PostgreSQL's jsonb does not keep the order of members, so what is sent is put in order
 * here.
 */
#pragma once

#include "attr.h"
#include "buf.h"
#include "err.h"
#include "job_placeholder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job_overrides;
struct json_object;

struct ecs_task {
    char *arn;                 /* owned, as all here; never NULL */
    char *host_arn;            /* container instance; NULL: none (Fargate) */
    char *task_definition_arn; /* NULL: not told; so are those below */
    char *last_status;         /* "RUNNING"... */
    char *desired_status;
    char *started_by;
    char *override_tag; /* what the overrides set JOB_OVERRIDE_TAG to, in the first container that has it */
    int64_t created_s;  /* ECS's wall time; 0: not told */
};

struct ecs_failure {
    char *arn;      /* owned; NULL: none (Fargate) */
    char *reason;   /* owned; never NULL: "RESOURCE:MEMORY" */
    char *detail;   /* owned; NULL: none */
    bool retryable; /* later may go better (resources, capacity, limits); else it is a matter of configuration
                     */
};

/* What RunTask and DescribeTasks answer: each may hold some of both. */
struct ecs_tasks {
    struct ecs_task *items; /* owned, count of them */
    size_t count;
    struct ecs_failure *failures; /* owned, failure_count of them */
    size_t failure_count;
};

void ecs_tasks_done(struct ecs_tasks *tasks); /* zeroed memory is an empty answer */
#define AUTO_ECS_TASKS CLEANUP(ecs_tasks_done)

struct ecs_plan {
    const char *cluster;         /* name or ARN, unless ecs has another */
    const char *task_definition; /* its family */
    const char *started_by;
    const char *job_id;                    /* value of JOB_OVERRIDE_TAG */
    const struct job_overrides *overrides; /* NULL or empty: none, and no tag */
    const struct json_object *ecs;         /* job_ecs.h; NULL: no options */
};

/* The text for runs.request: all of RunTask but `count` and `clientToken`. */
void ecs_put_plan(struct buf *buf, const struct ecs_plan *plan);

/* One call of RunTask. All is lent. */
struct ecs_run_task {
    const char *plan;         /* runs.request as ecs_put_plan() wrote it */
    int count;                /* 1 to RUN_TASK_COUNT_MAX */
    const char *client_token; /* 1 to CLIENT_TOKEN_MAX characters, ASCII 33 to 126 */
    struct job_placeholders values;
    /* Not of the body: asked right before each request is sent, see aws_client.h. NULL: always. */
    bool (*may_send)(void *arg);
    void *may_send_arg;
};

/* RunTask's body: the plan with its placeholders replaced, count and clientToken added, members in
 * alphabetical order at each level, so that any two texts of the same plan give the same bytes. ERR_INVALID:
 * the plan is not a JSON object, or has a count or a clientToken of its own. */
bool ecs_put_run_task(struct buf *buf, const struct ecs_run_task *task, struct err *err);
/* desired: "RUNNING" or "STOPPED", of the tasks' desired status. */
void ecs_put_list_tasks(struct buf *buf, const char *cluster, const char *family, const char *desired,
                        const char *next_token);
void ecs_put_describe_tasks(struct buf *buf, const char *cluster, const char *const *arns, size_t count);

/* Answers. All of them ERR_INVALID if a member has another type than the API says, or one that has to be
 * there is missing; then *ret is as it was. */
bool ecs_read_tasks(const struct json_object *answer, struct ecs_tasks *ret, struct err *err);
/* Who started a task, and for which job, if it says so: of a task as of a request for one. Both are owned;
 * NULL: not told. */
bool ecs_read_mark(const struct json_object *obj, char **started_by, char **override_tag, struct err *err);
/* Appends the ARNs of one page; *next_token is owned, NULL: no more pages. */
bool ecs_read_list(const struct json_object *answer, char ***arns, size_t *count, char **next_token,
                   struct err *err);

/* "2 of RESOURCE:MEMORY, 1 of AGENT": for runs.error and logs. */
void ecs_put_failures(struct buf *buf, const struct ecs_tasks *tasks);
