/*
 * What a due job comes to, pure: its definition, what ECS and the trigger said, and out of both the run.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "job_overrides.h"
#include "job_trigger.h"
#include "run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ecs_task;
struct ecs_tasks;
struct json_object;

/* A job's definition, as its row has it. */
struct plan_job {
    int64_t revision;
    char *task_definition; /* owned */
    int task_count;
    int max_count; /* 0: not given */
    struct job_trigger trigger;
    struct job_overrides overrides;
    struct json_object *ecs; /* owned; with those of all jobs below its own; NULL: no options */
};

void plan_job_free(struct plan_job *job); /* NULL is fine */

/* The columns of a job's row as they are, which somebody may have edited by hand; NULL: not set. */
struct plan_texts {
    const char *id, *trigger, *overrides, *ecs;
};

/* defaults: the options of all jobs, see job_ecs.h; NULL: none. */
bool plan_job_read(struct plan_job *job, const struct plan_texts *texts, const struct json_object *defaults,
                   struct err *err);

/* With overrides only tasks with this job's tag are its own; without, all of the family are. */
bool plan_asks_tags(const struct plan_job *job);
int plan_count_own(const struct ecs_tasks *tasks, const char *job_id);

/* Where a run's tasks go. */
struct plan_target {
    const char *cluster; /* unless the job has another */
    const char *started_by;
};

/* running: tasks of the job that run; answer: what the trigger's question gave. Fills in wanted, running and
 * needed, and if any is needed the request and the chunks. */
void plan_make(struct run *run, const struct plan_job *job, const struct run_identity *identity,
               const struct plan_target *target, int running, const struct job_trigger_answer *answer,
               int64_t now_s);

/* How the tasks of a run are known among those of their family. */
struct plan_mark {
    char *started_by;   /* owned; NULL: none */
    char *override_tag; /* owned; NULL: none, so tasks of other jobs with the same definition look alike */
};
void plan_mark_done(struct plan_mark *mark);
/* From a request. ERR_INVALID: not one. */
bool plan_read_mark(const char *request, struct plan_mark *ret, struct err *err);
/* Such a task, made since then or not long before (our clock and ECS's may differ), or nobody says when. */
bool plan_marked(const struct plan_mark *mark, const struct ecs_task *task, int64_t since_s);

/* What a request was planned for: cluster and family. Both are owned by the caller. ERR_INVALID: not a
 * request. */
bool plan_read_request(const char *request, char **cluster, char **family, struct err *err);
