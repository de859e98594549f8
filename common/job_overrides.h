/*
 * What a job's tasks get that is not in their task definition, by container: environment variables, a
 * command, and what else RunTask takes. Kept in jobs.overrides as
 * [{"containerName": "c", "environment": {"NAME": "value"}, "command": ["x"], "cpu": 256}]; an empty list is
 * the same as none. Values and items of a command may have placeholders (job_placeholder.h).
 *
 * Each container also gets JOB_OVERRIDE_TAG with the job's id as its value when tasks are started, so that
 * jobs that share a task definition can tell their tasks apart. RunTask limits the length of all of this, so
 * that who accepts a job has to count what who runs it will send: job_overrides_put_ecs() is for both.
 */
#pragma once

#include "attr.h"
#include "buf.h"
#include "err.h"
#include "job_report.h"

#include <stdbool.h>
#include <stddef.h>

struct job_placeholders;
struct json_object;

#define JOB_OVERRIDE_TAG "ECS_SCHEDULER_OVERRIDE_TAG"

struct job_env {
    char *name, *value; /* owned */
};

struct job_override {
    char *container_name; /* owned */
    bool has_environment; /* it was given, if only as {} */
    struct job_env *env;  /* owned, env_count of them */
    size_t env_count;
    bool has_command;
    char **command; /* owned, command_count of them */
    size_t command_count;
    struct buf others; /* JSON members, each with a comma before it: named and shaped as RunTask's */
};

struct job_overrides {
    struct job_override *items; /* owned, count of them */
    size_t count;
};

void job_overrides_done(struct job_overrides *overrides); /* zeroed memory is an empty list */
#define AUTO_JOB_OVERRIDES CLEANUP(job_overrides_done)

/* From what a client sent; complaints and warnings go below `at`. job_id counts towards the length: NULL if
 * it is not known as it is wrong itself. */
bool job_overrides_from_json(const struct json_object *value, const char *job_id, struct job_overrides *ret,
                             const struct job_at *at);

/* From what jobs.overrides has, which somebody may have edited by hand. NULL, "" and "null" are an empty
 * list. */
bool job_overrides_parse(const char *text, struct job_overrides *ret, struct err *err);

/* What to keep in jobs.overrides. */
void job_overrides_put(struct buf *buf, const struct job_overrides *overrides);

/* RunTask's `overrides` member: what ecs (job_ecs.h; NULL: none) says of the task, and containerOverrides
 * with the tag unless the list is empty. Nothing if it would be {}. Placeholders are replaced unless values
 * is NULL. */
void job_overrides_put_ecs(struct buf *buf, const struct job_overrides *overrides,
                           const struct json_object *ecs, const char *job_id,
                           const struct job_placeholders *values);

/* Whether these together are short enough for RunTask, whatever the placeholders come to; the complaint says
 * how long they are. */
bool job_overrides_fit(const struct job_overrides *overrides, const struct json_object *ecs,
                       const char *job_id, const struct job_at *at);
