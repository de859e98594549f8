/* What ECS answers. See ecs_codec.h; what it is asked is in ecs_request.c. */
#include "ecs_codec.h"

#include "job_overrides.h"
#include "json.h"
#include "limits.h"
#include "mem.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void task_done(struct ecs_task *task)
{
    free(task->arn);
    free(task->host_arn);
    free(task->task_definition_arn);
    free(task->last_status);
    free(task->desired_status);
    free(task->started_by);
    free(task->override_tag);
}

void ecs_tasks_done(struct ecs_tasks *tasks)
{
    for (size_t i = 0; i < tasks->count; i++)
        task_done(&tasks->items[i]);
    free(tasks->items);
    for (size_t i = 0; i < tasks->failure_count; i++) {
        free(tasks->failures[i].arn);
        free(tasks->failures[i].reason);
        free(tasks->failures[i].detail);
    }
    free(tasks->failures);
    *tasks = (struct ecs_tasks){0};
}

/* A copy of an optional text; *ret stays NULL without one. */
static bool copy_text(const struct json_object *obj, const char *key, char **ret, struct err *err)
{
    const char *text = NULL;

    if (!json_get_string_opt(obj, key, &text, err))
        return false;
    *ret = mem_strdup_or_null(text);
    return true;
}

static bool item_at(const struct json_object *list, size_t i, const char *what,
                    const struct json_object **ret, struct err *err)
{
    *ret = json_object_array_get_idx(list, i);
    if (!json_object_is_type(*ret, json_type_object))
        return err_set(err, ERR_INVALID, "%s[%zu] is not an object", what, i);
    return true;
}

/* The value of JOB_OVERRIDE_TAG in one container's overrides, if it has it. */
static bool find_tag(const struct json_object *container, char **ret, struct err *err)
{
    struct json_object *list = NULL;

    if (!json_get_array_opt(container, "environment", &list, err))
        return false;
    for (size_t i = 0; list != NULL && i < json_object_array_length(list) && *ret == NULL; i++) {
        const struct json_object *pair;
        const char *name = NULL;

        if (!item_at(list, i, "environment", &pair, err) || !json_get_string_opt(pair, "name", &name, err))
            return false;
        if (name != NULL && strcmp(name, JOB_OVERRIDE_TAG) == 0 && !copy_text(pair, "value", ret, err))
            return false;
    }
    return true;
}

static bool read_tag(const struct json_object *task, char **ret, struct err *err)
{
    struct json_object *overrides = NULL, *list = NULL;

    if (!json_get_object_opt(task, "overrides", &overrides, err))
        return false;
    if (overrides != NULL && !json_get_array_opt(overrides, "containerOverrides", &list, err))
        return false;
    for (size_t i = 0; list != NULL && i < json_object_array_length(list) && *ret == NULL; i++) {
        const struct json_object *container;

        if (!item_at(list, i, "containerOverrides", &container, err) || !find_tag(container, ret, err))
            return false;
    }
    return true;
}

bool ecs_read_mark(const struct json_object *obj, char **started_by, char **override_tag, struct err *err)
{
    return copy_text(obj, "startedBy", started_by, err) && read_tag(obj, override_tag, err);
}

/* A launch is not to be taken for one that nobody answered because of this: what is no time is not told. */
static int64_t read_created(const struct json_object *obj)
{
    double created = 0;
    struct err ignored;

    if (!json_get_double_opt(obj, "createdAt", &created, &ignored))
        return 0;
    return created > 0 && created < (double)INT32_MAX * 1000 ? (int64_t)created : 0;
}

static bool read_task(const struct json_object *obj, struct ecs_task *task, struct err *err)
{
    const char *arn;

    if (!json_get_string(obj, "taskArn", &arn, err))
        return false;
    task->arn = mem_strdup(arn);
    task->created_s = read_created(obj);
    return copy_text(obj, "containerInstanceArn", &task->host_arn, err) &&
           copy_text(obj, "taskDefinitionArn", &task->task_definition_arn, err) &&
           copy_text(obj, "lastStatus", &task->last_status, err) &&
           copy_text(obj, "desiredStatus", &task->desired_status, err) &&
           ecs_read_mark(obj, &task->started_by, &task->override_tag, err);
}

/* What may go better later; all else is a matter of configuration. */
static bool is_retryable(const char *reason)
{
    static const char *const words[] = {"Capacity is unavailable", "limit"};

    if (strncmp(reason, "RESOURCE:", 9) == 0 || strcmp(reason, "AGENT") == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasestr(reason, words[i]) != NULL)
            return true;
    return false;
}

static bool read_failure(const struct json_object *obj, struct ecs_failure *failure, struct err *err)
{
    if (!copy_text(obj, "arn", &failure->arn, err) || !copy_text(obj, "detail", &failure->detail, err) ||
        !copy_text(obj, "reason", &failure->reason, err))
        return false;
    if (failure->reason == NULL)
        failure->reason = mem_strdup("no reason given");
    failure->retryable = is_retryable(failure->reason);
    return true;
}

static bool read_items(const struct json_object *list, struct ecs_tasks *tasks, struct err *err)
{
    size_t n = list == NULL ? 0 : json_object_array_length(list);
    const struct json_object *obj;

    tasks->items = mem_array(n, sizeof *tasks->items);
    while (tasks->count < n)
        if (!item_at(list, tasks->count, "tasks", &obj, err) ||
            !read_task(obj, &tasks->items[tasks->count++], err))
            return false;
    return true;
}

static bool read_failures(const struct json_object *list, struct ecs_tasks *tasks, struct err *err)
{
    size_t n = list == NULL ? 0 : json_object_array_length(list);
    const struct json_object *obj;

    tasks->failures = mem_array(n, sizeof *tasks->failures);
    while (tasks->failure_count < n)
        if (!item_at(list, tasks->failure_count, "failures", &obj, err) ||
            !read_failure(obj, &tasks->failures[tasks->failure_count++], err))
            return false;
    return true;
}

bool ecs_read_tasks(const struct json_object *answer, struct ecs_tasks *ret, struct err *err)
{
    struct json_object *items = NULL, *failures = NULL;
    struct ecs_tasks tasks = {0};

    if (!json_get_array_opt(answer, "tasks", &items, err) ||
        !json_get_array_opt(answer, "failures", &failures, err))
        return false;
    if (items == NULL && failures == NULL)
        return err_set(err, ERR_INVALID, "there are neither tasks nor failures in it");
    if (!read_items(items, &tasks, err) || !read_failures(failures, &tasks, err)) {
        ecs_tasks_done(&tasks);
        return false;
    }
    *ret = tasks;
    return true;
}

bool ecs_read_list(const struct json_object *answer, char ***arns, size_t *count, char **next_token,
                   struct err *err)
{
    struct json_object *list;
    const char *token = NULL;
    size_t n;

    if (!json_get_array(answer, "taskArns", &list, err) ||
        !json_get_string_opt(answer, "nextToken", &token, err))
        return false;
    n = json_object_array_length(list);
    for (size_t i = 0; i < n; i++)
        if (!json_object_is_type(json_object_array_get_idx(list, i), json_type_string))
            return err_set(err, ERR_INVALID, "taskArns[%zu] is not a string", i);
    *arns = mem_grow(*arns, *count + n, sizeof **arns);
    for (size_t i = 0; i < n; i++)
        (*arns)[(*count)++] = mem_strdup(json_object_get_string(json_object_array_get_idx(list, i)));
    *next_token = token == NULL || *token == '\0' ? NULL : mem_strdup(token);
    return true;
}

static bool is_first_of_its_reason(const struct ecs_tasks *tasks, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(tasks->failures[k].reason, tasks->failures[i].reason) == 0)
            return false;
    return true;
}

void ecs_put_failures(struct buf *buf, const struct ecs_tasks *tasks)
{
    for (size_t i = 0; i < tasks->failure_count; i++) {
        const struct ecs_failure *failure = &tasks->failures[i];
        size_t count = 0;

        if (!is_first_of_its_reason(tasks, i))
            continue;
        for (size_t k = i; k < tasks->failure_count; k++)
            count += strcmp(tasks->failures[k].reason, failure->reason) == 0;
        if (i > 0)
            buf_puts(buf, ", ");
        if (tasks->failure_count > 1)
            buf_printf(buf, "%zu of ", count);
        buf_puts(buf, failure->reason);
        if (failure->detail != NULL)
            buf_printf(buf, " (%s)", failure->detail);
    }
}
