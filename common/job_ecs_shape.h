/* The tables of job_ecs.c and job_overrides.c: what RunTask takes, as far as it can be told without the task
 * definition. From AWS's service model and its prose. */
#pragma once

#include "job_shape.h"

extern const struct job_shape job_ecs_shape;           /* a job's ecs */
extern const struct job_member job_ecs_task_members[]; /* of RunTask's overrides, for the task */
extern const size_t job_ecs_task_member_count;
extern const struct job_member job_ecs_container_members[]; /* of an override, beside those of its own */
extern const size_t job_ecs_container_member_count;
