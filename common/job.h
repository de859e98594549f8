/*
 * A job's fields: which there are, and what each may be. Both daemons ask here: webapid before it stores a
 * job, scheduld about a row that somebody may have edited by hand, so that what one accepts the other can
 * run. Texts are what the API answers.
 *
 * The composite fields have files of their own: job_trigger.h, job_overrides.h, job_ecs.h.
 */
#pragma once

#include "err.h"
#include "limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum job_field {
    JOB_ID,
    JOB_TASK_DEFINITION,
    JOB_SCHEDULE,
    JOB_SCHEDULE_START,
    JOB_SCHEDULE_END,
    JOB_TIMEZONE,
    JOB_TASK_COUNT,
    JOB_MAX_COUNT,
    JOB_SUSPENDED,
    JOB_TRIGGER,
    JOB_OVERRIDES,
    JOB_MISFIRE_GRACE,
    JOB_ECS,
    JOB_FIELDS,
};

const char *job_field_name(enum job_field field); /* as in JSON: "taskDefinition" */

/* 1 to max of [0-9A-Za-z_-]. */
bool job_name_valid(const char *name, size_t max);

/* Whether a name cannot be an id, as it names a resource of the API: export, import. */
bool job_id_reserved(const char *id);

/* id and taskDefinition. */
bool job_name_check(const char *name, size_t max, struct err *err);

/* taskCount and maxCount. */
bool job_count_check(int64_t count, struct err *err);

/* misfireGraceSeconds. */
bool job_grace_check(int64_t seconds, struct err *err);
