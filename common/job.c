/* See job.h. */
#include "job.h"

#include <string.h>

static const char *const field_names[JOB_FIELDS] = {
    [JOB_ID] = "id",
    [JOB_TASK_DEFINITION] = "taskDefinition",
    [JOB_SCHEDULE] = "schedule",
    [JOB_SCHEDULE_START] = "scheduleStart",
    [JOB_SCHEDULE_END] = "scheduleEnd",
    [JOB_TIMEZONE] = "timezone",
    [JOB_TASK_COUNT] = "taskCount",
    [JOB_MAX_COUNT] = "maxCount",
    [JOB_SUSPENDED] = "suspended",
    [JOB_TRIGGER] = "trigger",
    [JOB_OVERRIDES] = "overrides",
    [JOB_MISFIRE_GRACE] = "misfireGraceSeconds",
    [JOB_ECS] = "ecs",
};

const char *job_field_name(enum job_field field)
{
    return field_names[field];
}

bool job_name_valid(const char *name, size_t max)
{
    size_t len = strspn(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-");

    return len >= 1 && len <= max && name[len] == '\0';
}

bool job_id_reserved(const char *id)
{
    return strcmp(id, "export") == 0 || strcmp(id, "import") == 0;
}

bool job_name_check(const char *name, size_t max, struct err *err)
{
    if (strlen(name) > max)
        return err_set(err, ERR_INVALID, "Longer than maximum length %zu.", max);
    if (!job_name_valid(name, max))
        return err_set(err, ERR_INVALID,
                       "task definition names must contain only alphanumeric, underscore, and hyphen");
    return true;
}

bool job_count_check(int64_t count, struct err *err)
{
    if (count < 1 || count > JOB_TASK_COUNT_MAX)
        return err_set(err, ERR_INVALID, "Must be between 1 and %d.", JOB_TASK_COUNT_MAX);
    return true;
}

bool job_grace_check(int64_t seconds, struct err *err)
{
    if (seconds < 0 || seconds > MISFIRE_GRACE_MAX_S)
        return err_set(err, ERR_INVALID, "Must be between 0 and %d.", MISFIRE_GRACE_MAX_S);
    return true;
}
