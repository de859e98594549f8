/*
 * The setting ECSS_ECS_DEFAULTS: options for RunTask (job_ecs.h) that hold for all jobs, as a JSON object or
 * as @FILE that has one. A job's own go before them. Which cluster and which revision of its task definition
 * a job runs on is not for all jobs: the cluster has a setting of its own.
 */
#pragma once

#include "err.h"

#include <stdbool.h>

struct json_object;

/* *ret is the caller's to release, NULL: no options, as with a setting that is NULL or empty. ERR_INVALID
 * says what is wrong and names the member. */
bool ecs_defaults_read(const char *setting, struct json_object **ret, struct err *err);

/* For the table of settings. */
bool ecs_defaults_check(const char *setting, struct err *err);
